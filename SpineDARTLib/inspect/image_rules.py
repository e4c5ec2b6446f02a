"""Rules about a vertebra on its X-rays: mirrored, cut off, disagreeing, landmarks elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude, map_coordinates
from scipy.spatial import KDTree

from ..geometry.camera import project
from ..types import Plan, View
from .finding import Finding, Subject
from .geometry_rules import mm_per_pixel
from .landmarks import landmark_errors

OUTSIDE_SHARE = 0.05
"""Of a vertebra's vertices beyond the picture's edge, above which it is said."""

LOW_SIMILARITY, ONE_VIEW_LESS = 0.45, 0.32
"""Good fits (52, real people, and the sample) had 0.52 and more in each view, and views within 0.21 of each other."""

MIRRORED_GAIN = 1.1
"""How much stronger the edges below a mirrored outline must be; good fits (27, real people) had 0.1 to 1.0."""

APART_MM = 3.0
"""Parts of the two outlines that are nearer to each other are left out."""

EDGE_MM = 0.7
"""Blur of the X-ray in which edges are looked for, at the patient."""

LANDMARK_SIGMAS, LANDMARK_MM = 4.0, 4.0
"""A landmark this far from where it was seen, by its own deviation and in millimetres, is off."""


def cut_by_the_edge(subject: Subject) -> Iterator[Finding]:
    """A part of the vertebra is beyond the picture."""
    for view in _views(subject):
        height, width = view.image.shape
        u, v = project(subject.plan.vertices_mm, view).T  # type: ignore[arg-type]
        outside = float(((u < -0.5) | (u > width - 0.5) | (v < -0.5) | (v > height - 0.5)).mean())
        if outside > OUTSIDE_SHARE:
            yield subject.finding(
                "edge", "check",
                f"The edge of {view.name} cuts off {100 * outside:.0f} % of it.",
                "What is not in the picture is guessed from the rest; take an X-ray that shows all of it.",
            )  # fmt: skip


def one_view_disagrees(subject: Subject) -> Iterator[Finding]:
    """One X-ray is explained far worse than the others, or all are explained badly."""
    quality = subject.plan.fitted.quality
    found = {name: value for name, value in (quality.similarity if quality else {}).items() if np.isfinite(value)}
    if subject.vertebra is None or len(found) < 2:
        return
    worst, best = min(found, key=lambda name: found[name]), max(found.values())
    numbers = f"{found[worst]:.2f} in {worst}, up to {best:.2f} elsewhere"
    if best - found[worst] > ONE_VIEW_LESS:
        yield subject.finding(
            "one_view", "check",
            f"It agrees with the X-rays unevenly: {numbers} (1 is perfect).",
            f"Look at {worst}: its geometry, whether it is mirrored or inverted, or something lies over the bone.",
        )  # fmt: skip
    elif best < LOW_SIMILARITY:
        yield subject.finding(
            "similarity", "check",
            f"It agrees badly with all X-rays: {numbers} (1 is perfect).",
            "Check level, clicks and geometry; then fit again.",
        )  # fmt: skip


def mirrored(subject: Subject) -> Iterator[Finding]:
    """A view whose edges lie below the mirrored outline rather than below the outline."""
    for view in _views(subject):
        gain = mirrored_gain(subject.plan, view)
        if gain > MIRRORED_GAIN:
            yield subject.finding(
                "mirrored", "wrong",
                f"In {view.name} the mirrored outline fits the bone's edges better ({gain:.1f} times stronger).",
                f"Mirror {view.name} in step 1 and fit again.",
            )  # fmt: skip


def mirrored_gain(plan: Plan, view: View) -> float:
    """Edge strength below the outline mirrored left to right at the body's centre, over that below the outline."""
    assert plan.vertices_mm is not None and plan.faces is not None and plan.fitted.vertebra is not None
    centre_mm = plan.fitted.vertebra.pose[:3, 3]
    pixel_mm = mm_per_pixel(view, centre_mm)
    outline = limb_px(plan.vertices_mm, plan.faces, view)
    flipped = outline.copy()
    flipped[:, 0] = 2 * project(centre_mm[None], view)[0, 0] - outline[:, 0]
    # Where both run together they say nothing, and from the front they mostly do.
    apart = KDTree(flipped).query(outline)[0] * pixel_mm > APART_MM
    below, mirror = _edges_below((outline[apart], flipped[apart]), view.image, EDGE_MM / pixel_mm)
    return mirror / below if below > 0 else 1.0


def limb_px(vertices_mm: np.ndarray, faces: np.ndarray, view: View) -> np.ndarray:
    """(n, 2) pixels: middles of the edges between what faces the source and what does not (n may be 0)."""
    corners = vertices_mm[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = ((corners[:, 0] - view.source_mm) * normals).sum(axis=1) < 0
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    sides = np.tile(facing, 3)
    order = np.lexsort(edges.T)
    edges, sides = edges[order], sides[order]
    pair = (edges[1:] == edges[:-1]).all(axis=1) & (sides[1:] != sides[:-1])
    return project(vertices_mm[edges[1:][pair]].mean(axis=1), view)


def _edges_below(outlines: tuple[np.ndarray, np.ndarray], image: np.ndarray, blur_px: float) -> tuple[float, float]:
    """Mean strength of the image's edges along both; 0 where hardly anything is on the picture. Only the part of the
    picture that holds them is looked at, thinned out where its pixels are finer than the blur."""
    step, both = max(int(blur_px), 1), np.concatenate(outlines)
    if len(both) < 40:
        return 0.0, 0.0
    low = np.clip(np.floor(both.min(axis=0)) - 4 * blur_px, 0, None).astype(int)
    high = np.clip(np.ceil(both.max(axis=0)) + 4 * blur_px, 0, None).astype(int)
    part = image[low[1] : high[1] : step, low[0] : high[0] : step].astype(np.float32)
    if min(part.shape) < 8:
        return 0.0, 0.0
    edges = gaussian_gradient_magnitude(part, blur_px / step)
    first, second = (_mean_at(edges, (outline - low) / step) for outline in outlines)
    return first, second


def _mean_at(edges: np.ndarray, points_px: np.ndarray) -> float:
    height, width = edges.shape
    inside = (points_px >= 0).all(axis=1) & (points_px[:, 0] < width) & (points_px[:, 1] < height)
    return float(map_coordinates(edges, points_px[inside][:, ::-1].T, order=1).mean()) if inside.sum() > 20 else 0.0


def landmarks_off(subject: Subject) -> Iterator[Finding]:
    """Landmarks that were seen somewhere else."""
    if subject.case is None:
        return
    far = [one for one in landmark_errors(subject.plan, subject.case) if one.far(LANDMARK_SIGMAS, LANDMARK_MM)]
    if far:
        worst = max(far, key=lambda one: one.error_mm)
        yield subject.finding(
            "landmarks", "check",
            f"{len(far)} landmark{'s' * (len(far) != 1)} lie elsewhere than seen; "
            f"{worst.name.replace('_', ' ')} is {worst.error_mm:.0f} mm off in {worst.view}.",
            "Look at them in Inspect; a wrongly seen landmark can be left out, else the fit is on the wrong bone.",
        )  # fmt: skip


def _views(subject: Subject) -> tuple[View, ...]:
    plan = subject.plan
    known = plan.vertices_mm is not None and plan.faces is not None and plan.fitted.vertebra is not None
    return subject.case.views if subject.case is not None and known else ()
