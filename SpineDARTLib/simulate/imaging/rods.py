"""Exact path lengths through wires, needles and screws, which no grid could hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...geometry.camera import project_with_depth, rays
from ...types import View
from ..nouns import Crop, Rod
from .silhouettes import pixels_in_boxes

PIECE_RADII, PIECE_MM = 6.0, 5.0
"""Segments are cut into pieces no longer than the greater of so many radii and so many mm, so that few pixels beside
the rod are asked."""
FINE_PX = 2.0
"""Rods of a smaller radius on the picture are sampled several times a pixel, up to ``MOST_SAMPLES`` along each axis."""
MOST_SAMPLES = 6
BEND_COSINE = 0.9994
"""Joints that turn by less than two degrees need no ball."""
APART_MM = 1.0e4
"""Longer than any ray; keeps the intervals of different rays apart when all are sorted at once."""


def rod_path(rod: Rod, view: View) -> Crop:
    """How much of a rod each ray passes through.

    Each segment between two points is a cylinder with flat ends, whose radius is the mean of its points'; a ball where
    it bends rounds the outside. Where parts overlap they count once.

    Returns:
        (rows, columns) float32 mm, the part of the picture that the rod may reach (0 x 0 if none). Where the rod is
        thinner than ``FINE_PX`` it is the mean over the pixel, else at its centre.

    Raises:
        ValueError: a rod without a segment, with radii that do not belong to its points, or a bore as wide as itself.
    """
    points, radii = np.asarray(rod.points_mm, dtype=np.float64), np.asarray(rod.radius_mm, dtype=np.float64)
    if len(points) < 2 or points.shape[1:] != (3,) or radii.shape != (len(points),):
        raise ValueError(
            f'rod "{rod.name}": got points of shape {points.shape} and radii of shape {radii.shape}; '
            "expected (n, 3) and (n,), n at least 2"
        )
    if not 0 <= rod.bore_mm < radii.min():
        raise ValueError(f'rod "{rod.name}": got a bore of {rod.bore_mm:g} mm; expected 0 to {radii.min():g}')
    depths = project_with_depth(points, view)[1]
    if depths.min() <= radii.max():
        return Crop(0, 0, np.zeros((0, 0), dtype=np.float32))  # at or behind the source
    radius_px = radii.min() * abs(view.intrinsics[1, 1]) / depths.mean()
    samples = int(np.clip(np.ceil(FINE_PX / radius_px), 1, MOST_SAMPLES))
    outer = _union_path(_parts(points, radii), view, samples)
    if rod.bore_mm == 0 or outer.values.size == 0:
        return outer
    inner = _union_path(_parts(points, np.full(len(points), float(rod.bore_mm))), view, samples)
    return _minus(outer, inner)


def _minus(outer: Crop, inner: Crop) -> Crop:
    """A crop less what of another lies within it: near the picture's edges the two need not be cut alike."""
    values = outer.values.copy()
    top, left = inner.row - outer.row, inner.column - outer.column
    bottom, right = top + inner.values.shape[0], left + inner.values.shape[1]
    rows = slice(max(top, 0), max(min(bottom, len(values)), 0))
    columns = slice(max(left, 0), max(min(right, values.shape[1]), 0))
    if rows.start < rows.stop and columns.start < columns.stop:
        within = inner.values[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        values[rows, columns] -= within
    return Crop(outer.row, outer.column, np.maximum(values, 0.0))


@dataclass(frozen=True)
class _Cylinders:
    """With flat ends; starts and ends (n, 3), radii (n,)."""

    starts: np.ndarray
    ends: np.ndarray
    radii: np.ndarray

    def crossings(self, item: np.ndarray, source: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where rays (k, 3) enter and leave the cylinders ``item`` (k,), mm from the source; none if leave < enter."""
        axes = self.ends - self.starts
        lengths = np.linalg.norm(axes, axis=1)
        axes = axes / lengths[:, None]
        offsets = source - self.starts
        heights = (offsets * axes).sum(1)
        offsets = offsets - heights[:, None] * axes
        climb = (along * axes[item]).sum(1)
        across = along - climb[:, None] * axes[item]
        enter, leave = _roots(
            (across**2).sum(1), (across * offsets[item]).sum(1), ((offsets**2).sum(1) - self.radii**2)[item]
        )
        climb = np.where(np.abs(climb) < 1e-12, 1e-12, climb)
        ends = np.stack([-heights[item], (lengths - heights)[item]]) / climb
        return np.maximum(enter, ends.min(0)), np.minimum(leave, ends.max(0))


@dataclass(frozen=True)
class _Balls:
    """Centres (n, 3), radii (n,)."""

    starts: np.ndarray
    radii: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """The same as the starts."""
        return self.starts

    def crossings(self, item: np.ndarray, source: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As of ``_Cylinders``."""
        offsets = source - self.starts
        return _roots(np.ones(len(item)), (along * offsets[item]).sum(1), ((offsets**2).sum(1) - self.radii**2)[item])


def _roots(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a t^2 + 2 b t + c falls below and rises above 0; (0, -1) where it never does."""
    a = np.maximum(a, 1e-12)
    inside = b**2 - a * c
    root = np.sqrt(np.maximum(inside, 0.0))
    return np.where(inside > 0, (-b - root) / a, 0.0), np.where(inside > 0, (-b + root) / a, -1.0)


def _parts(points: np.ndarray, radii: np.ndarray) -> list[_Cylinders | _Balls]:
    """A chain as short cylinders, and balls where it bends."""
    steps = np.diff(points, axis=0)
    lengths, widths = np.linalg.norm(steps, axis=1), (radii[1:] + radii[:-1]) / 2
    real = lengths > 1e-9
    numbers = np.where(real, np.ceil(lengths / np.maximum(PIECE_RADII * widths, PIECE_MM)), 0).astype(int)
    owner = np.repeat(np.arange(len(steps)), numbers)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    starts = points[owner] + steps[owner] * (place / numbers[owner])[:, None]
    ends = points[owner] + steps[owner] * ((place + 1) / numbers[owner])[:, None]
    directions = steps / np.maximum(lengths, 1e-9)[:, None]
    bends = np.flatnonzero((directions[1:] * directions[:-1]).sum(1) < BEND_COSINE)
    balls = _Balls(points[1:-1][bends], np.minimum(widths[1:], widths[:-1])[bends])
    return [_Cylinders(starts, ends, widths[owner]), *([balls] if len(bends) else [])]


def _union_path(parts: list[_Cylinders | _Balls], view: View, samples: int) -> Crop:
    """Path lengths through a union of parts, the mean of ``samples`` x ``samples`` rays a pixel."""
    boxes = [_boxes(part, view, samples) for part in parts]
    kept = [box[(box[:, 2:] > box[:, :2]).all(1)] for box in boxes]
    corners = np.concatenate(kept)
    if not len(corners):
        return Crop(0, 0, np.zeros((0, 0), dtype=np.float32))
    low, high = corners[:, :2].min(0) // samples, -(-corners[:, 2:].max(0) // samples)
    columns, rows = ((high - low) * samples).tolist()
    intervals = []
    for part, box in zip(parts, boxes, strict=True):
        item, column, row = pixels_in_boxes(box)
        source, along = rays((np.stack([column, row], axis=1) + 0.5) / samples - 0.5, view)
        enter, leave = part.crossings(item, source, along)
        hit = leave > enter
        ray = (row - low[1] * samples) * columns + column - low[0] * samples
        intervals.append(np.stack([ray[hit], enter[hit], leave[hit]]))
    total = _united(np.concatenate(intervals, axis=1), rows * columns)
    total = total.reshape(rows // samples, samples, columns // samples, samples).mean(axis=(1, 3))
    return Crop(int(low[1]), int(low[0]), total.astype(np.float32))


def _boxes(part: _Cylinders | _Balls, view: View, samples: int) -> np.ndarray:
    """(n, 4) first column and row, end column and row in samples of the picture that each part may reach."""
    height, width = view.image.shape
    low, high = np.full((len(part.radii), 2), np.inf), np.full((len(part.radii), 2), -np.inf)
    for points in (part.starts, part.ends):
        pixels, depths = project_with_depth(points, view)
        # A ball's shadow is an ellipse, longer than this radius by a few per cent far from the axis.
        reach = 1.1 * part.radii * abs(view.intrinsics[1, 1]) / (depths - part.radii)
        low, high = np.minimum(low, pixels - reach[:, None]), np.maximum(high, pixels + reach[:, None])
    first = np.floor((low + 0.5) * samples).astype(int)
    end = np.ceil((high + 0.5) * samples).astype(int) + 1
    most = np.array([width, height]) * samples
    return np.hstack([np.clip(first, 0, most), np.clip(end, 0, most)])


def _united(intervals: np.ndarray, rays_number: int) -> np.ndarray:
    """(rays,) length of the union of each ray's intervals, given as rows (ray, from, to)."""
    ray, enter, leave = intervals
    order = np.lexsort((enter, ray))
    ray, enter, leave = ray[order], enter[order] + ray[order] * APART_MM, leave[order] + ray[order] * APART_MM
    covered = np.concatenate([[-np.inf], np.maximum.accumulate(leave)[:-1]]) if len(leave) else leave
    added = np.maximum(leave - np.maximum(enter, covered), 0.0)
    return np.bincount(ray.astype(int), weights=added, minlength=rays_number)
