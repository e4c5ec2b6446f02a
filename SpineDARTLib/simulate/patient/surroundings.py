"""A scan set into a drawn body so that no edge of the scan shows in a picture.

Beyond the scan the body goes on with what the scan shows at its border, smoothed, and only little by little becomes the
drawn body; within the scan's border the two are blended. All soft tissue comes onto one grid: were there two, their
shares would not quite add up, and a ray along a face of the scan would show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import affine_transform, distance_transform_edt, gaussian_filter, map_coordinates

from ..nouns import Volume
from .grids import empty_volume

EDGE_SMOOTHING_MM = 5.0
"""How much the scan's border is smoothed before it is carried on outside."""
GAS, GAS_CARRY_MM = 0.08, 14.0
"""Less than this share of soft tissue is gas (lung holds more), and how far gas in the bowel is carried on: a loop that
the scan's border cut ends round, and does not become a straight bar."""
NEAR_STEP_MM = 2.5
"""Of the grid on which distances to bones are measured."""


def set_in(
    soft: Volume,
    seen: np.ndarray,
    bones: Sequence[Volume],
    body: Sequence[Volume],
    fade_mm: float,
    carry_mm: float,
    spacing_mm: float,
) -> tuple[Volume, ...]:
    """Blend a scan into a body.

    Args:
        soft: the scan's soft tissue; its grid is the scan's box.
        seen: (x, y, z) bool, what of the box is really scanned.
        bones: of the scan, other than the vertebrae.
        body: drawn volumes that cover more than the scan; the largest soft one becomes one with the scan's.
        fade_mm: depth below the scan's border in which the body fades out.
        carry_mm: how far beyond its border the scan is carried on.
        spacing_mm: of the merged soft tissue.

    Returns:
        Everything, the merged soft tissue first, then the scan's bones.
    """
    main = max((volume for volume in body if volume.material == "soft"), key=lambda volume: volume.values.size)
    soft = _filled_in(soft, seen)
    depth, edge, gas = _depth_and_edge(main, soft, seen)
    scan = replace(main, values=_smooth_step(depth / fade_mm))
    carried = _smooth_step(1.0 + depth / (carry_mm + gas * (min(GAS_CARRY_MM, carry_mm) - carry_mm)))
    around = replace(main, values=carried * edge + (1.0 - carried) * main.values)
    merged = _regridded(main, spacing_mm)
    share = sampled(scan, merged)
    merged.values[...] = share * sampled(soft, merged) + (1.0 - share) * sampled(around, merged)
    kept = [replace(bone, values=bone.values * sampled(scan, bone)) for bone in bones]
    others = [volume for volume in body if volume is not main]
    faded = [replace(volume, values=volume.values * (1.0 - sampled(scan, volume))) for volume in others]
    return (merged, *kept, *faded)


def _regridded(volume: Volume, spacing_mm: float) -> Volume:
    """An empty grid over the box of an axis-aligned volume."""
    first = volume.voxel_to_world[:3, 3]
    last = first + volume.voxel_to_world[:3, :3] @ (np.array(volume.values.shape) - 1)
    return empty_volume(np.minimum(first, last), np.maximum(first, last), spacing_mm, volume.material)


def without_bones(volume: Volume, points: np.ndarray, within_mm: float, fade_mm: float) -> Volume:
    """A volume of bone without whatever is near given points.

    Args:
        points: (n, 3) RAS mm, a few millimetres apart: the vertices of the bones to take out.
        within_mm: nearer than this nothing is left.
        fade_mm: over which it comes back.
    """
    step = np.maximum(np.round(NEAR_STEP_MM / _spacing(volume)), 1.0)
    index = _indices(volume, points) / step
    shape = np.ceil(np.array(volume.values.shape) / step).astype(int) + 1
    reach = np.ceil((within_mm + fade_mm) / (_spacing(volume) * step)) + 1
    # Bones beyond the grid still reach into it.
    index = index[((index > -reach) & (index < shape + reach)).all(axis=1)]
    away = np.ones(shape + 2 * reach.astype(int), dtype=bool)
    away[tuple((np.round(index) + reach).astype(int).clip(0, np.array(away.shape) - 1).T)] = False
    if away.all():
        return volume
    distance = np.asarray(distance_transform_edt(away, sampling=_spacing(volume) * step), dtype=np.float32)
    left = np.clip((distance - within_mm) / fade_mm, 0.0, 1.0)
    to_coarse = np.diag([*(1.0 / step), 1.0])
    to_coarse[:3, 3] = reach
    fine = affine_transform(left, to_coarse, output_shape=volume.values.shape, order=1, mode="nearest")
    return replace(volume, values=volume.values * fine)


def trimmed(volume: Volume, pad: int = 1) -> Volume | None:
    """A volume without the empty planes around it; None when it is all empty."""
    filled = [np.flatnonzero(volume.values.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    if not len(filled[0]):
        return None
    low = np.array([max(int(planes[0]) - pad, 0) for planes in filled])
    high = [int(planes[-1]) + pad + 1 for planes in filled]
    affine = volume.voxel_to_world.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    box = tuple(slice(int(start), stop) for start, stop in zip(low, high, strict=True))
    return replace(volume, values=np.ascontiguousarray(volume.values[box]), voxel_to_world=affine)


def sampled(volume: Volume, grid: Volume) -> np.ndarray:
    """(x, y, z) of ``grid``: a volume's values there, trilinear; those at its border beyond it."""
    matrix = np.linalg.inv(volume.voxel_to_world) @ grid.voxel_to_world
    return affine_transform(volume.values, matrix, output_shape=grid.values.shape, order=1, mode="nearest")


def _filled_in(soft: Volume, seen: np.ndarray) -> Volume:
    """The scan with its nearest tissue wherever nothing was scanned."""
    if seen.all():
        return soft
    nearest = distance_transform_edt(~seen, sampling=_spacing(soft), return_distances=False, return_indices=True)
    return replace(soft, values=soft.values[tuple(np.asarray(nearest))])


def _depth_and_edge(grid: Volume, soft: Volume, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is at, or nearest to, the places of a grid, each (x, y, z) of it.

    Returns:
        Depth below the border of what is seen, mm, negative outside; the scan, smoothed; whether it is gas, 0 to 1.
    """
    spacing = _spacing(soft)
    inside = np.asarray(distance_transform_edt(np.pad(seen, 1), sampling=spacing))[1:-1, 1:-1, 1:-1]
    signed = inside if seen.all() else inside - distance_transform_edt(~seen, sampling=spacing)
    smooth = gaussian_filter(soft.values, EDGE_SMOOTHING_MM / spacing, mode="nearest")
    matrix = np.linalg.inv(soft.voxel_to_world) @ grid.voxel_to_world
    places = np.indices(grid.values.shape, dtype=np.float32).reshape(3, -1)
    index = matrix[:3, :3].astype(np.float32) @ places + matrix[:3, 3:].astype(np.float32)
    last = np.array(soft.values.shape, dtype=np.float32)[:, None] - 1.0
    beyond = np.linalg.norm((index - np.clip(index, 0.0, last)) * spacing[:, None].astype(np.float32), axis=0)
    depth = map_coordinates(signed.astype(np.float32), index, order=1, mode="nearest")
    depth = np.where(beyond > 0, np.minimum(depth, 0.0) - beyond, depth - float(spacing.min()))
    shape = grid.values.shape
    gas = gaussian_filter((soft.values < GAS).astype(np.float32), EDGE_SMOOTHING_MM / spacing, mode="nearest")
    edge, gas = (map_coordinates(one, index, order=1, mode="nearest").reshape(shape) for one in (smooth, gas))
    return depth.reshape(shape), edge, np.minimum(2.0 * gas, 1.0)


def _smooth_step(values: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, without a kink between."""
    values = np.clip(values, 0.0, 1.0)
    return values * values * (3.0 - 2.0 * values)


def _indices(volume: Volume, points: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(volume.voxel_to_world)
    return points @ inverse[:3, :3].T + inverse[:3, 3]


def _spacing(volume: Volume) -> np.ndarray:
    return np.linalg.norm(volume.voxel_to_world[:3, :3], axis=0)
