"""Pinhole cameras: from a 3x4 matrix or from a C-arm (``c_arm``), checked, projected with and cropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..types import View
from .c_arm import c_arm_camera as c_arm_camera

FOCAL_TOLERANCE = 0.02
"""Relative disagreement allowed between focal lengths, pixel spacing and source-detector distance."""

SKEW_TOLERANCE = 0.005
"""Largest skew relative to the focal length; flat-panel pixels are square to far better than this."""


def decompose_projection(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a projection matrix into intrinsics and a rigid motion, whatever its scale and sign.

    Args:
        matrix: (3, 4), RAS mm to pixels, homogeneous.

    Returns:
        intrinsics (3, 3) with positive focal lengths and last row (0, 0, 1); world_to_camera (4, 4), rigid.

    Raises:
        ValueError: wrong shape, not finite, rank below 3, or skewed pixels.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (3, 4):
        raise ValueError(f"got shape {matrix.shape}; expected 3 rows of 4 numbers")
    if not np.isfinite(matrix).all():
        raise ValueError("got a number that is not finite; expected finite numbers")
    # Rows differ by orders of magnitude (pixels against mm): compare directions, not lengths.
    rows = matrix[:, :3]
    lengths = np.linalg.norm(rows, axis=1)
    if (lengths < 1e-12 * max(1.0, lengths.max())).any() or np.linalg.svd(rows / lengths[:, None])[1][-1] < 1e-4:
        raise ValueError("got a matrix whose left 3x3 block has rank below 3; expected rank 3 (a point source)")
    matrix = matrix * np.sign(np.linalg.det(rows)) / lengths[2]
    intrinsics, rotation = _rq(matrix[:, :3])
    translation = np.linalg.solve(intrinsics, matrix[:, 3])
    if abs(intrinsics[0, 1]) > SKEW_TOLERANCE * intrinsics[0, 0]:
        raise ValueError(f"got a pixel skew of {intrinsics[0, 1]:.3g}; expected square pixels (skew 0)")
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3], world_to_camera[:3, 3] = rotation, translation
    return intrinsics, world_to_camera


def _rq(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper triangular times rotation, the triangle with a positive diagonal and a last element of 1."""
    flip = np.eye(3)[::-1]
    q, r = np.linalg.qr((flip @ block).T)
    upper, rotation = flip @ r.T @ flip, flip @ q.T
    signs = np.sign(np.diag(upper))
    upper, rotation = upper * signs, rotation * signs[:, None]
    return upper / upper[2, 2], rotation


def check_camera(
    intrinsics: np.ndarray, pixel_spacing_mm: tuple[float, float], source_to_detector_mm: float, shape: tuple[int, int]
) -> None:
    """Raise a ValueError that names the first of focal lengths and principal point that cannot belong to this detector.

    Args:
        intrinsics: (3, 3) pixels.
        pixel_spacing_mm: (between rows, between columns).
        source_to_detector_mm: focal distance.
        shape: (height, width) of the image.
    """
    for name, focal, spacing in (
        ("horizontal", intrinsics[0, 0], pixel_spacing_mm[1]),
        ("vertical", intrinsics[1, 1], pixel_spacing_mm[0]),
    ):
        if abs(focal * spacing / source_to_detector_mm - 1.0) > FOCAL_TOLERANCE:
            raise ValueError(
                f"got a {name} focal length of {focal:.1f} px x {spacing:g} mm = {focal * spacing:.1f} mm; "
                f"expected the source-detector distance, {source_to_detector_mm:g} mm, within 2 %"
            )
    height, width = shape
    u, v = intrinsics[0, 2], intrinsics[1, 2]
    if not (-width <= u <= 2 * width and -height <= v <= 2 * height):
        raise ValueError(f"got a principal point of ({u:.1f}, {v:.1f}); expected it near the {width} x {height} image")


def project(points_mm: np.ndarray, view: View) -> np.ndarray:
    """(n, 3) RAS mm to (n, 2) pixels (u, v)."""
    return project_with_depth(points_mm, view)[0]


def project_with_depth(points_mm: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) RAS mm to (n, 2) pixels and (n,) depth in mm from the source along the beam's axis."""
    homogeneous = np.asarray(points_mm) @ view.projection[:, :3].T + view.projection[:, 3]
    return homogeneous[:, :2] / homogeneous[:, 2:], homogeneous[:, 2]


def rays(pixels: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
    """The source (3,) RAS mm and the unit directions (n, 3) of the rays through (n, 2) pixels."""
    ones = np.ones((len(pixels), 1))
    in_camera = np.hstack([pixels, ones]) @ np.linalg.inv(view.intrinsics).T
    directions = in_camera @ view.world_to_camera[:3, :3]
    return view.source_mm, directions / np.linalg.norm(directions, axis=1, keepdims=True)


def angle_between_deg(first: View, second: View) -> float:
    """Angle between two beams as lines, 0 to 90 degrees: 0 and 180 apart carry the same information."""
    return float(np.rad2deg(np.arccos(np.clip(abs(first.axis @ second.axis), 0.0, 1.0))))


def crop_view(view: View, centre_px: tuple[float, float], step_px: float, image: np.ndarray) -> View:
    """A region of a view as a view of its own: intrinsics move and scale with the pixels.

    Args:
        centre_px: (u, v) of the region's centre in the full image.
        step_px: side of one crop pixel in pixels of the full image.
        image: (height, width) what was sampled there (see ``geometry.region``), bone bright.
    """
    u, v = first_pixel(centre_px, step_px, image.shape)
    to_crop = np.array([[1 / step_px, 0, -u / step_px], [0, 1 / step_px, -v / step_px], [0, 0, 1.0]])
    spacing = (view.pixel_spacing_mm[0] * step_px, view.pixel_spacing_mm[1] * step_px)
    return replace(view, image=image, intrinsics=to_crop @ view.intrinsics, pixel_spacing_mm=spacing)


def first_pixel(centre_px: tuple[float, float], step_px: float, shape: tuple[int, int]) -> tuple[float, float]:
    """(u, v) in the full image of the centre of a crop's first pixel."""
    height, width = shape
    return centre_px[0] - step_px * (width - 1) / 2, centre_px[1] - step_px * (height - 1) / 2
