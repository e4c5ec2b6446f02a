"""Cannulas as they were drawn, by points or as masks, which first become lines, to cannulas in 3D."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import label

from ..geometry.camera import project_with_depth, rays
from ..io.drawn import DrawnCannula
from ..types import Cannula, View
from .two_view import STATUSES, Triangulated, refused, triangulate

SPECK = 0.2
"""Parts of a mask smaller than this share of its largest are taken for noise; larger ones for a shaft in pieces."""

OUTLIER = 3.0
"""Pixels farther from the line than this many times the mean distance do not belong to a shaft (a hub, a clamp)."""

BORDER_PX = 2.0
"""A line that ends this near to the image's border is cut off there."""


def of_drawn(drawn: DrawnCannula, views: Sequence[View], diameter_mm: float) -> Triangulated:
    """The cannula that a clinician or a network drew, by points, by masks, or by both.

    A mask does not say which of its ends is the entry: it is the dorsal one, and between the views ends are paired so
    that they agree and the path converges to the midline.

    Args:
        diameter_mm: outer, where the drawing does not say it and no mask shows it.

    Raises:
        ValueError: as ``two_view.triangulate``.
    """
    thick = drawn.diameter_mm or diameter_mm
    try:
        found = {name: line_of_mask(mask) for name, mask in drawn.masks.items()}
    except ValueError as error:
        return refused("no_line", np.nan, f"{STATUSES['no_line']}: {error}")
    points = {**drawn.points_px, **{name: line for name, (line, _) in found.items()}}
    ends = {**drawn.ends, **{name: shown(line, drawn.masks[name].shape) for name, (line, _) in found.items()}}
    first = _in_best_order(points, ends, tuple(found), drawn, views, thick)
    if not found or first.cannula is None:
        return first
    by_name = {view.name: view for view in views}
    wide = {name: widened(first.cannula, by_name[name], width) for name, (_, width) in found.items()}
    for name, (_, beyond_px) in wide.items():
        line = points[name]
        points[name] = line + np.outer((beyond_px, -beyond_px), (line[1] - line[0]) / np.linalg.norm(line[1] - line[0]))
    thick = drawn.diameter_mm or float(np.median([width_mm for width_mm, _ in wide.values()]))
    return _in_best_order(points, ends, tuple(found), drawn, views, thick)


def _in_best_order(
    points: Mapping[str, np.ndarray],
    ends: Mapping[str, tuple[bool, bool]],
    free: Sequence[str],
    drawn: DrawnCannula,
    views: Sequence[View],
    diameter_mm: float,
) -> Triangulated:
    """Triangulated with the ends of the ``free`` views in the order that fits best."""
    orders = []
    for turns in itertools.product((False, True), repeat=len(free)):
        lines, marks = dict(points), dict(ends)
        for name in itertools.compress(free, turns):
            lines[name], marks[name] = points[name][::-1], (ends[name][1], ends[name][0])
        orders.append(triangulate(lines, views, drawn.side, diameter_mm, marks))
    return min(orders, key=lambda one: (one.cannula is None, one.status == "diverging", sum(one.residual_px.values())))


def line_of_mask(mask: np.ndarray) -> tuple[np.ndarray, float]:
    """The middle line of an elongated mask: (2, 2) px (u, v) of its ends, in no particular order, and its width in px.

    Ends are where the width falls to half of its median.

    Args:
        mask: (height, width), true or not 0 where the cannula is.

    Raises:
        ValueError: the mask is empty, or no longer than wide.
    """
    points = _pixels(np.asarray(mask) != 0)
    centre, direction = _axis(points)
    across = np.abs((points - centre) @ (-direction[1], direction[0]))
    kept = points[across <= OUTLIER * max(float(across.mean()), 0.5)]
    centre, direction = _axis(kept)
    along = (kept - centre) @ direction
    first = int(np.floor(along.min()))
    counts = np.bincount((along - first).astype(int))
    width = float(np.median(counts[counts > 0]))
    wide = np.flatnonzero(counts >= width / 2)
    low, high = first + wide[0], first + wide[-1] + 1
    if high - low < 1.2 * width:
        raise ValueError(f"got a mask {high - low} px long and {width:g} px wide; expected a cannula, longer than wide")
    return centre + np.outer((low, high), direction), width


def shown(ends_px: np.ndarray, shape: tuple[int, ...]) -> tuple[bool, bool]:
    """Whether each of (2, 2) ends is the cannula's own, not where the border of the image cuts it off."""
    last = np.array([shape[1] - 1, shape[0] - 1])
    within = np.all((ends_px > BORDER_PX) & (ends_px < last - BORDER_PX), axis=1)
    return bool(within[0]), bool(within[1])


def widened(cannula: Cannula, view: View, width_px: float) -> tuple[float, float]:
    """What a mask's width says: the diameter in mm, and by how many pixels its ends stick out beyond the axis's.

    A needle's flat end is a disc; seen at an angle it is an ellipse round the end of the axis. The mask falls to half
    its width at sqrt(3)/2 of that ellipse's half axis.
    """
    middle = (cannula.entry_mm + cannula.target_mm) / 2
    pixels, depths = project_with_depth(middle[None], view)
    ray = rays(pixels, view)[1][0]
    direction = cannula.target_mm - cannula.entry_mm
    foreshortened = abs(float(direction @ ray)) / float(np.linalg.norm(direction))
    return width_px * float(depths[0]) / float(view.intrinsics[0, 0]), np.sqrt(0.75) * width_px / 2 * foreshortened


def _pixels(mask: np.ndarray) -> np.ndarray:
    """(n, 2) u, v of the mask without its specks."""
    if not mask.any():
        raise ValueError("got an empty mask; expected a cannula in it")
    parts = np.asarray(label(mask, structure=np.ones((3, 3)))[0])  # pyright: ignore[reportIndexIssue]
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    rows, columns = np.nonzero((sizes >= SPECK * sizes.max())[parts])
    return np.stack([columns, rows], axis=1).astype(np.float64)


def _axis(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2,) the middle and (2,) unit direction of the longest extent."""
    centre = points.mean(axis=0)
    return centre, np.linalg.svd(points - centre, full_matrices=False)[2][0]
