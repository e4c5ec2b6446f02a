"""From a source and a detector in space, or from any projection matrix, to a camera, mirrored or not, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import View
from .camera import decompose_projection, rays
from .triangulate import nearest_to_lines


def projection_of_detector(
    source_mm: np.ndarray, first_pixel_mm: np.ndarray, per_column_mm: np.ndarray, per_row_mm: np.ndarray
) -> np.ndarray:
    """The projection matrix (3, 4) of a source and a detector that stand anywhere in space.

    Args:
        source_mm: (3,).
        first_pixel_mm: (3,) centre of pixel (0, 0).
        per_column_mm: (3,) step from one column to the next, along a row.
        per_row_mm: (3,) step from one row to the next, along a column.

    Returns:
        World mm to pixels; its last row is the depth as a share of the source's distance to the detector, so points
        between source and detector have 0 to 1.

    Raises:
        ValueError: the source lies in the detector's plane, or the steps are parallel.
    """
    steps = np.stack([per_column_mm, per_row_mm, np.asarray(first_pixel_mm) - source_mm], axis=1).astype(np.float64)
    lengths = np.linalg.norm(steps, axis=0)
    if lengths.min() <= 0 or abs(np.linalg.det(steps / lengths)) < 1e-9:
        raise ValueError("got a source in the detector's plane or parallel steps; expected a detector that faces it")
    # A point X is seen at (u, v) if X - source is a multiple of u column + v row + (first pixel - source).
    inverse = np.linalg.inv(steps)
    return np.hstack([inverse, -inverse @ np.asarray(source_mm, dtype=np.float64)[:, None]])


def camera_of_projection(matrix: np.ndarray, width: int | None) -> tuple[np.ndarray, np.ndarray, bool]:
    """The camera of a projection matrix whose last row is positive for what lies in front of the source.

    Args:
        matrix: (3, 4), RAS mm to pixels.
        width: columns of the picture; only a mirrored one needs it.

    Returns:
        intrinsics (3, 3) and world_to_camera (4, 4), and whether the picture is mirrored against what the source sees:
        then the camera is that of the picture turned over, left to right.

    Raises:
        ValueError: as ``decompose_projection``, or mirrored and no width.
    """
    mirrored = bool(np.linalg.det(np.asarray(matrix, dtype=np.float64)[:, :3]) < 0)
    if mirrored and width is None:
        raise ValueError("got a mirrored picture of unknown width; expected its number of columns")
    if mirrored:
        assert width is not None
        matrix = mirror(width) @ matrix
    return *decompose_projection(matrix), mirrored


def mirror(width: int) -> np.ndarray:
    """(3, 3) pixels of a picture to those of the same picture turned over, left to right."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def detector_of_camera(
    intrinsics: np.ndarray, world_to_camera: np.ndarray, source_to_detector_mm: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Source, centre of the first pixel, step per column and step per row, each (3,) mm: the way back."""
    rotation = world_to_camera[:3, :3]
    source = -rotation.T @ world_to_camera[:3, 3]
    in_plane = source_to_detector_mm * np.linalg.inv(intrinsics)
    column, row, first = (rotation.T @ in_plane).T
    return source, source + first, column, row


def meeting_point(matrices: np.ndarray) -> np.ndarray:
    """The point (3,) nearest to the axes of some cameras: where a C-arm's beams cross, near the patient.

    Args:
        matrices: (n, 3, 4) of any scale and sign, n at least 2.

    Raises:
        ValueError: axes that are parallel.
    """
    axes = [matrix[2, :3] / np.linalg.norm(matrix[2, :3]) for matrix in matrices]
    sources = [-np.linalg.solve(matrix[:, :3], matrix[:, 3]) for matrix in matrices]
    return nearest_to_lines(np.array(sources), np.array(axes))


def looks_away(views: Sequence[View]) -> tuple[str, ...]:
    """Names of the views behind whose source the beams meet: their picture or their matrix is mirrored.

    Beams through the middles of the pictures are taken. With fewer than two views, or parallel ones, nothing is said.
    """
    middles = [np.array([[view.image.shape[1] - 1, view.image.shape[0] - 1]]) / 2 for view in views]
    beams = [rays(middle, view) for middle, view in zip(middles, views, strict=True)]
    try:
        point = nearest_to_lines(
            np.reshape([source for source, _ in beams], (-1, 3)), np.reshape([one for _, one in beams], (-1, 3))
        )
    except ValueError:
        return ()
    return tuple(view.name for view in views if (view.world_to_camera @ np.append(point, 1.0))[2] <= 0)
