"""The piece of an X-ray that belongs to one vertebra: head up, of one size at the spine, fixed for a whole fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ...types import View

RAY_UNIT_MM = 50.0
"""Half a region: what rays are measured in."""

UP_MM = 20.0
"""How far up the vertebra's own axis a second point is projected to see where in the picture up is."""


@dataclass(frozen=True)
class Region:
    """A square piece of a view.

    Attributes:
        view: its camera, the piece its whole picture; the vertebra's axis points up, and nothing is mirrored, also
            where the X-ray is.
        valid: (height, width) bool, the pixels that lie on the X-ray.
        to_image: (3, 3) pixels of the region, homogeneous, to pixels of the X-ray that it was cut from.
        side_mm: at the vertebra's depth.
    """

    view: View
    valid: np.ndarray
    to_image: np.ndarray
    side_mm: float


def cut_region(view: View, pose: np.ndarray, side_mm: float, side_px: int) -> Region:
    """The region around a vertebra's start.

    Args:
        view: of the case; its focal lengths may be negative (a mirrored picture).
        pose: (4, 4) of the start, model frame to RAS mm.
        side_mm: at the vertebra's depth. side_px: of the region's picture.

    Raises:
        ValueError: a start that is not in front of the source.
    """
    motion, focal, corner = _camera(view, pose, side_mm, side_px)
    intrinsics = np.array([[focal, 0.0, corner[0]], [0.0, focal, corner[1]], [0.0, 0.0, 1.0]])
    roll = motion[:3, :3] @ view.world_to_camera[:3, :3].T
    to_image = view.intrinsics @ roll.T @ np.linalg.inv(intrinsics)
    image, valid = _sampled(view.image, to_image, side_px)
    spacing = view.source_to_detector_mm / focal
    cut = replace(view, image=image, intrinsics=intrinsics, world_to_camera=motion, pixel_spacing_mm=(spacing, spacing))
    return Region(cut, valid, to_image, side_mm)


def _camera(view: View, pose: np.ndarray, side_mm: float, side_px: int) -> tuple[np.ndarray, float, np.ndarray]:
    """The camera rolled about its axis until the vertebra stands upright; its focal length and principal point, px."""
    ends = np.stack([pose[:3, 3], pose[:3, 3] + UP_MM * pose[:3, 2]])
    seen = ends @ view.world_to_camera[:3, :3].T + view.world_to_camera[:3, 3]
    if seen.min(0)[2] <= 1.0:
        raise ValueError(f"got a start at a depth of {seen[0, 2]:.0f} mm; expected it in front of the source")
    flat = seen[:, :2] / seen[:, 2:]
    up = flat[1] - flat[0]
    # Seen along its own axis a vertebra has no upright; the picture then stays as it is.
    angle = -math.pi / 2 - math.atan2(up[1], up[0]) if np.linalg.norm(up) * seen[0, 2] > 0.1 * UP_MM else 0.0
    roll = np.eye(4)
    roll[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    focal = side_px / side_mm * float(seen[0, 2])
    return roll @ view.world_to_camera, focal, (side_px - 1) / 2 - focal * (roll[:2, :2] @ flat[0])


def _sampled(image: np.ndarray, to_image: np.ndarray, side_px: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture and which of its pixels lie on the X-ray, whose border continues outside."""
    line = np.arange(side_px, dtype=np.float64)
    pixels = np.stack([*np.meshgrid(line, line, indexing="xy"), np.ones((side_px, side_px))], axis=-1) @ to_image.T
    u, v = pixels[..., 0] / pixels[..., 2], pixels[..., 1] / pixels[..., 2]
    height, width = image.shape
    valid = (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    left, top = (int(np.clip(one.min() - 4, 0, most - 1)) for one, most in ((u, width), (v, height)))
    right, bottom = (int(np.clip(one.max() + 5, 1, most)) for one, most in ((u, width), (v, height)))
    part = image[min(top, bottom - 1) : bottom, min(left, right - 1) : right].astype(np.float32)
    top, left = min(top, bottom - 1), min(left, right - 1)
    # As in ``geometry.region``: a box of n pixels, less what the pixel itself has averaged.
    step = math.hypot(u[0, 1] - u[0, 0], v[0, 1] - v[0, 0])
    sigma = math.sqrt(max(step**2 - 1.0, 0.0) / 12.0)
    smooth = ndimage.gaussian_filter(part, sigma) if sigma > 0 else part
    found = ndimage.map_coordinates(smooth, np.stack([v - top, u - left]), order=1, mode="nearest")
    return found.astype(np.float32), valid


def token_rays(region: Region, pose: np.ndarray, patch: int) -> np.ndarray:
    """The ray through each token's middle, in the start's frame.

    Args:
        pose: (4, 4) of the start. patch: side of a token, px.

    Returns:
        (tokens, 9): direction, the point nearest to the start's centre, and the moment about it (Plücker; the point
        crossed with the direction), the last two in units of ``RAY_UNIT_MM``.
    """
    side = region.view.image.shape[0] // patch
    line = (np.arange(side) + 0.5) * patch - 0.5
    pixels = np.stack([*np.meshgrid(line, line, indexing="xy"), np.ones((side, side))], axis=-1).reshape(-1, 3)
    directions = pixels @ np.linalg.inv(region.view.intrinsics).T @ region.view.world_to_camera[:3, :3]
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True) @ pose[:3, :3]
    source = (region.view.source_mm - pose[:3, 3]) @ pose[:3, :3]
    feet = source - (directions @ source)[:, None] * directions
    moments = np.cross(feet, directions)
    return np.concatenate([directions, feet / RAY_UNIT_MM, moments / RAY_UNIT_MM], axis=1).astype(np.float32)


def sampling_grid(region: Region, other: View) -> np.ndarray:
    """Where the region's pixels lie in another crop of the same X-ray, for ``torch.nn.functional.grid_sample``.

    Args:
        other: a crop (``geometry.region``) of the view that the region was cut from: the same source and detector.

    Returns:
        (height, width, 2) from -1 (the first pixel's outer edge) to 1.
    """
    side, (height, width) = region.view.image.shape[0], other.image.shape
    roll = region.view.world_to_camera[:3, :3] @ other.world_to_camera[:3, :3].T
    through = other.intrinsics @ roll.T @ np.linalg.inv(region.view.intrinsics)
    line = np.arange(side, dtype=np.float64)
    pixels = np.stack([*np.meshgrid(line, line, indexing="xy"), np.ones((side, side))], axis=-1) @ through.T
    places = (pixels[..., :2] / pixels[..., 2:] + 0.5) / np.array([width, height])
    return (2.0 * places - 1.0).astype(np.float32)


def cut_regions(views: Sequence[View], pose: np.ndarray, side_mm: float, side_px: int) -> tuple[Region, ...]:
    """Of all views, for one vertebra."""
    return tuple(cut_region(view, pose, side_mm, side_px) for view in views)
