"""Drawing on grids: soft-edged chains of balls, points with a mass, and smooth lumps; all without staircases."""

from __future__ import annotations

import numpy as np

from ..nouns import Volume

FAR_MM = -1e3
"""Depth where nothing is near."""
INNER_LAYERS = 4
"""Of points that fill a plate, each anywhere between its sheets."""


def axes_of(volume: Volume) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Open mesh (x, 1, 1), (1, y, 1), (1, 1, z) float32 RAS mm of an axis-aligned grid's voxels."""
    spacing, low = volume.voxel_to_world[0, 0], volume.voxel_to_world[:3, 3]
    lines = [np.float32(low[axis]) + np.float32(spacing) * np.arange(n) for axis, n in enumerate(volume.values.shape)]
    x, y, z = np.meshgrid(*(line.astype(np.float32) for line in lines), indexing="ij", sparse=True)
    return x, y, z


def coverage(depth_mm: np.ndarray, blur_mm: float) -> np.ndarray:
    """How much of a voxel lies inside, from its centre's depth below a surface; the edge is ``blur_mm`` wide."""
    return np.clip(0.5 + depth_mm / np.float32(blur_mm), 0.0, 1.0)


def chain_depth(
    volume: Volume, centres: np.ndarray, radii: np.ndarray, stretch: np.ndarray | tuple[float, ...] = (1.0, 1.0, 1.0)
) -> np.ndarray:
    """(x, y, z) float32 depth below the surface of a chain of balls, mm; ``FAR_MM`` away from it.

    Args:
        centres: (n, 3) RAS mm; near enough to each other they make a tube.
        radii: (n,) mm.
        stretch: of every ball along x, y and z.
    """
    depth = np.full(volume.values.shape, FAR_MM, dtype=np.float32)
    spacing, low = float(volume.voxel_to_world[0, 0]), volume.voxel_to_world[:3, 3]
    stretch = np.asarray(stretch, dtype=np.float64)
    lines = [axis.ravel() for axis in axes_of(volume)]
    for centre, radius in zip(np.asarray(centres), np.asarray(radii), strict=True):
        reach = radius * stretch + 2.0 * spacing
        first = np.maximum(np.floor((centre - reach - low) / spacing).astype(int), 0)
        last = np.minimum(np.ceil((centre + reach - low) / spacing).astype(int) + 1, depth.shape)
        if (last <= first).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        parts = [line[part] for line, part in zip(lines, box, strict=True)]
        squares = [((part - middle) / wide) ** 2 for part, middle, wide in zip(parts, centre, stretch, strict=True)]
        distance = np.sqrt(squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :])
        np.maximum(depth[box], (radius - distance) * stretch.min(), out=depth[box])
    return depth


def splat(volume: Volume, points: np.ndarray, mass_mm3: np.ndarray) -> None:
    """Add points to a volume in place, each shared out over the eight voxels around it; what is beyond is left out.

    Args:
        points: (n, 3) RAS mm.
        mass_mm3: (n,) how many cubic millimetres of the material each stands for.
    """
    shape, spacing = volume.values.shape, float(volume.voxel_to_world[0, 0])
    place = ((points - volume.voxel_to_world[:3, 3]) / spacing).astype(np.float32)
    inside = ((place >= 0) & (place < np.array(shape) - 1)).all(axis=1)
    place, mass = place[inside], (mass_mm3[inside] / spacing**3).astype(np.float32)
    if not len(place):
        return
    corner = place.astype(np.int64)
    part = place - corner
    low, high = corner.min(0), corner.max(0) + 2
    box = high - low
    corner = corner - low
    total = np.zeros(int(box.prod()))
    for dx in (0, 1):
        for dy in (0, 1):
            for dz in (0, 1):
                share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1]) * np.abs(1 - dz - part[:, 2])
                index = ((corner[:, 0] + dx) * box[1] + corner[:, 1] + dy) * box[2] + corner[:, 2] + dz
                total += np.bincount(index, share * mass, minlength=len(total))
    volume.values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] += total.reshape(box).astype(np.float32)


def lumps(volume: Volume, size_mm: float, generator: np.random.Generator, knots: int = 32) -> np.ndarray:
    """(x, y, z) float32 smooth noise of unit deviation; repeats after ``knots`` times its size.

    The number of draws depends on ``knots`` alone, not on the grid.

    Args:
        size_mm: between its knots, so lumps are about twice as large.
    """
    noise = generator.standard_normal((knots, knots, knots), dtype=np.float32)
    for axis, line in enumerate(axes_of(volume)):
        apart = (line.ravel()[:, None] / size_mm - np.arange(knots) + knots / 2) % knots - knots / 2
        weights = np.exp(-0.5 * (apart / 0.7) ** 2).astype(np.float32)
        weights /= np.sqrt((weights**2).sum(1, keepdims=True))
        noise = np.moveaxis(np.tensordot(weights, np.moveaxis(noise, axis, 0), axes=1), 0, axis)
    return np.ascontiguousarray(noise)


def along(points: np.ndarray, step_mm: float) -> np.ndarray:
    """(m, 3) places on a smooth curve through (n, 3) points, evenly apart by about ``step_mm``."""
    from scipy.interpolate import CubicSpline

    points = np.asarray(points, dtype=np.float64)
    length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    curve = CubicSpline(length, points, axis=0)
    fine = curve(np.linspace(0.0, length[-1], 4 * len(points) + int(length[-1])))
    walked = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))]
    wanted = np.arange(0.0, walked[-1], step_mm)
    return np.stack([np.interp(wanted, walked, fine[:, axis]) for axis in range(3)], axis=1)


def resampled(points: np.ndarray, count: int) -> np.ndarray:
    """(count, 3) on the smooth curve through the points."""
    fine = along(points, 0.5)
    return fine[np.linspace(0, len(fine) - 1, count).astype(int)]


def splat_plate(
    volume: Volume,
    middle: np.ndarray,
    half_mm: np.ndarray,
    cortex_mm: float,
    spongiosa: float,
    generator: np.random.Generator,
) -> None:
    """Add a bent plate of bone in place: two sheets of cortex and spongiosa between them.

    Args:
        middle: (rows, columns, 3) RAS mm, a fine lattice on the plate's middle surface.
        half_mm: (rows, columns) half of its thickness.
        spongiosa: share of bone between the sheets.
    """
    normal = np.cross(np.gradient(middle, axis=0), np.gradient(middle, axis=1))
    area = np.linalg.norm(normal, axis=2)
    outward = normal / np.maximum(area, 1e-9)[..., None] * half_mm[..., None]

    # Moved at random by half a step, so that the lattice does not beat with the grid.
    for place in (-1.0, 1.0):
        points = middle + place * outward + generator.uniform(-0.3, 0.3, middle.shape)
        splat(volume, points.reshape(-1, 3), (area * cortex_mm).ravel())
    for _ in range(INNER_LAYERS):
        points = middle + generator.uniform(-1.0, 1.0, area.shape)[..., None] * outward
        mass = area * half_mm * (2.0 / INNER_LAYERS) * spongiosa
        splat(volume, points.reshape(-1, 3), mass.ravel())
