"""Rules about the views: their angle, their scale, and whether the clicks belong together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from ..config import MINIMUM_VIEW_ANGLE_DEG
from ..geometry.camera import angle_between_deg
from ..geometry.triangulate import triangulate
from ..types import Seed, View
from .finding import Finding, Subject

COMFORTABLE_ANGLE_DEG = 30.0
"""Below it a pixel's error in depth is more than doubled (1 / sin)."""

USUAL_SCALE = (0.87, 1.15)
"""Of 52 good fits of real people all were within 0.93 and 1.09; a vertebra's own deviation is about 0.07."""

CLICK_MM = 6.0
"""Rays of two clicks on one body's centre that pass each other by more were not of one vertebra: a hand is within 3."""


def too_little_parallax(subject: Subject) -> Iterator[Finding]:
    """Beams too close to tell depth."""
    views = subject.case.views if subject.case else ()
    if len(views) < 2 or subject.vertebra is None:
        return
    angle = max(angle_between_deg(*pair) for pair in combinations(views, 2))
    if angle < COMFORTABLE_ANGLE_DEG:
        severity = "wrong" if angle < MINIMUM_VIEW_ANGLE_DEG else "check"
        yield subject.finding(
            "parallax", severity,
            f"The beams are only {angle:.0f}° apart, so depth is known {1 / np.sin(np.deg2rad(max(angle, 1.0))):.1f} "
            "times worse than position.",
            "Add a view 60 to 90° from the others.",
        )  # fmt: skip


def wrong_scale(subject: Subject) -> Iterator[Finding]:
    """A size that comes from the geometry rather than from the patient."""
    vertebra = subject.vertebra
    if vertebra is None or USUAL_SCALE[0] <= vertebra.scale <= USUAL_SCALE[1]:
        return
    scales = [one.fitted.vertebra.scale for one in subject.others if one.fitted.vertebra is not None]
    same_way = [scale for scale in scales if (scale > 1.0) == (vertebra.scale > 1.0) and abs(scale - 1.0) > 0.08]
    together = f" and {len(same_way)} of {len(scales)} others are off the same way" if same_way else ""
    size = "larger" if vertebra.scale > 1 else "smaller"
    yield subject.finding(
        "scale", "wrong" if same_way or not scales else "check",
        f"It came out {abs(vertebra.scale - 1) * 100:.0f} % {size} than {subject.level} usually is{together}.",
        "Check pixel spacing (on the detector, not calibrated to the patient) and source-to-detector distance."
        if same_way or not scales else "Check its level and its outline; if all are off, check the pixel spacing.",
    )  # fmt: skip


def clicks_disagree(subject: Subject) -> Iterator[Finding]:
    """Rays of the clicks that miss each other."""
    miss = click_miss_mm(subject)
    if miss > CLICK_MM:
        yield subject.finding(
            "clicks", "wrong",
            f"The clicks in the views miss each other by {miss:.0f} mm.",
            "Click the same vertebra in every view; if it is, the views do not share one geometry "
            "(moved table, mirrored image).",
        )  # fmt: skip


def click_miss_mm(subject: Subject) -> float:
    """By how much the rays of the clicks miss their common point, mm at the patient; 0 where nothing says."""
    found = _clicks(subject)
    if len(found) < 2:
        return 0.0
    views, pixels = [view for view, _ in found], np.array([pixel for _, pixel in found])
    try:
        point, _, off_px = triangulate(pixels, views)
    except ValueError:
        return 0.0
    return max(off * mm_per_pixel(view, point) for off, view in zip(off_px, views, strict=True))


def mm_per_pixel(view: View, point_mm: np.ndarray) -> float:
    """Size of a detector's pixel at a point of the patient."""
    depth = float(view.axis @ (point_mm - view.source_mm))
    return depth / float(view.intrinsics[0, 0])


def seed_of(subject: Subject) -> Seed | None:
    """The clicks and landmarks of this level."""
    seeds = subject.case.seeds if subject.case else ()
    return next((seed for seed in seeds if seed.level == subject.level), None)


def _clicks(subject: Subject) -> list[tuple[View, tuple[float, float]]]:
    seed = seed_of(subject)
    if seed is None or subject.case is None:
        return []
    return [(view, seed.clicks_px[view.name]) for view in subject.case.views if view.name in seed.clicks_px]
