"""From pixels of two or more views back to one point, with how sure it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import View


def triangulate(
    pixels: np.ndarray,
    views: Sequence[View],
    sigma_px: float | np.ndarray = 1.0,
    covariances_px2: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The point whose projections are nearest to the given pixels (weighted least squares, Gauss-Newton).

    Args:
        pixels: (views, 2) u, v of the same point in each view.
        sigma_px: standard deviation of a pixel, one for all or (views,).
        covariances_px2: (views, 2, 2) in its place, where u and v are not equally well known.

    Returns:
        point (3,) RAS mm; covariance (3, 3) mm2 (the inverse of the normal matrix); residuals (views,) pixels.

    Raises:
        ValueError: fewer than two views, or rays so parallel that the depth is not determined.
    """
    if len(views) < 2:
        raise ValueError(f"got {len(views)} view; expected two or more to triangulate")
    pixels = np.asarray(pixels, dtype=np.float64)
    whitening = _whitening(len(views), sigma_px, covariances_px2)
    projections = [view.projection for view in views]
    rows = [
        white @ (pixel[:, None] * matrix[2] - matrix[:2])
        for pixel, matrix, white in zip(pixels, projections, whitening, strict=True)
    ]
    linear = np.concatenate(rows)
    if np.linalg.cond(linear[:, :3]) > 1e6:
        raise ValueError("got rays that are almost parallel; expected views at least 20 degrees apart")
    point = np.linalg.lstsq(linear[:, :3], -linear[:, 3], rcond=None)[0]
    normal = np.eye(3)
    for _ in range(5):
        residual, jacobian = _reprojection(point, pixels, projections)
        jacobian = (whitening @ jacobian.reshape(-1, 2, 3)).reshape(-1, 3)
        residual = (whitening @ residual.reshape(-1, 2, 1)).reshape(-1)
        normal = jacobian.T @ jacobian
        point = point - np.linalg.solve(normal, jacobian.T @ residual)
    residual = _reprojection(point, pixels, projections)[0].reshape(-1, 2)
    return point, np.linalg.inv(normal), np.linalg.norm(residual, axis=1)


def _whitening(count: int, sigma_px: float | np.ndarray, covariances_px2: np.ndarray | None) -> np.ndarray:
    """(views, 2, 2) that make pixel errors independent with deviation 1."""
    if covariances_px2 is None:
        sigma = np.broadcast_to(np.asarray(sigma_px, dtype=np.float64), (count,))
        return np.eye(2) / sigma[:, None, None]
    return np.linalg.inv(np.linalg.cholesky(np.asarray(covariances_px2, dtype=np.float64)))


def _reprojection(
    point: np.ndarray, pixels: np.ndarray, projections: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Residuals (2 views,) and their Jacobian (2 views, 3) with respect to the point."""
    residuals, jacobians = [], []
    for pixel, matrix in zip(pixels, projections, strict=True):
        homogeneous = matrix[:, :3] @ point + matrix[:, 3]
        projected = homogeneous[:2] / homogeneous[2]
        residuals.append(projected - pixel)
        jacobians.append((matrix[:2, :3] - projected[:, None] * matrix[2, :3]) / homogeneous[2])
    return np.concatenate(residuals), np.concatenate(jacobians)


def nearest_to_lines(points: np.ndarray, directions: np.ndarray, condition: float = 1e6) -> np.ndarray:
    """The point (3,) nearest to some lines, in least squares.

    Args:
        points: (n, 3) one on each line.
        directions: (n, 3) unit vectors.
        condition: of the equations; beyond it the lines count as parallel (1e6: to a tenth of a degree).

    Raises:
        ValueError: parallel lines.
    """
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    normal = across.sum(axis=0)
    if not np.linalg.cond(normal) < condition:
        raise ValueError("got beams that are almost parallel; expected beams that cross")
    return np.linalg.solve(normal, (across @ points[:, :, None]).sum(axis=0)[:, 0])
