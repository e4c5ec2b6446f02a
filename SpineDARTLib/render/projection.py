"""Gaussians onto a detector, in closed form and differentiable."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .gaussians import Gaussians

NEAREST_MM = 1.0
"""What lies nearer to the source than this, or behind it, gives no picture."""


def project_gaussians(
    gaussians: Gaussians,
    intrinsics: Float[Tensor, "views 3 3"],
    world_to_camera: Float[Tensor, "views 4 4"],
    blur_px: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Centres, covariances and peaks of Gaussians on each view's detector.

    The covariance goes through the perspective's Jacobian at the mean. The peak is the mass over the projected area:
    with a camera at distance z and a ray at angle theta to the axis, a mass m spreads m fx fy / (z^2 cos theta) over
    pixels, so the picture's sum is the mass (divergent-beam line integrals, not depth-weighted colour).

    Args:
        gaussians: means (starts, n, 3) and so on, RAS mm.
        blur_px: standard deviation of the detector's and focal spot's blur, pixels.

    Returns:
        centres (starts, views, n, 2) px, covariances (starts, views, n, 3) as (uu, uv, vv) px2 and peaks
        (starts, views, n).
    """
    starts, splats = gaussians.masses.shape
    rotation, translation = world_to_camera[:, :3, :3], world_to_camera[:, :3, 3]
    # Matrix products leave each coordinate contiguous over the splats: [start, view, coordinate, splat].
    points = (rotation.reshape(-1, 3) @ gaussians.means.mT).view(starts, -1, 3, splats) + translation[..., None]
    spreads = _rotated(gaussians.covariances, rotation)
    x, y, depth = points.unbind(2)
    inverse = 1.0 / depth.clamp_min(NEAREST_MM)
    x, y = x * inverse, y * inverse
    fx, fy = intrinsics[:, 0, 0, None], intrinsics[:, 1, 1, None]
    centres = torch.stack([fx * x + intrinsics[:, 0, 2, None], fy * y + intrinsics[:, 1, 2, None]], dim=-1)
    # The Jacobian of (u, v) has the rows fx / z (1, 0, -x) and fy / z (0, 1, -y), x and y on the plane at distance 1.
    xx, xy, xz, yy, yz, zz = spreads
    to_u, to_v = fx * inverse, fy * inverse
    uu = to_u * to_u * (xx - x * (2 * xz - x * zz)) + blur_px**2
    uv = to_u * to_v * (xy - y * xz - x * (yz - y * zz))
    vv = to_v * to_v * (yy - y * (2 * yz - y * zz)) + blur_px**2
    determinant = (uu * vv - uv * uv).clamp_min(1e-12)
    spread = gaussians.masses[:, None] * to_u * to_v * torch.sqrt(1.0 + x * x + y * y)
    peaks = torch.where(depth > NEAREST_MM, spread * torch.rsqrt(determinant) / (2 * torch.pi), 0.0)
    return centres, torch.stack([uu, uv, vv], dim=-1), peaks


def _rotated(covariances: Tensor, rotation: Tensor) -> tuple[Tensor, ...]:
    """xx, xy, xz, yy, yz, zz of R C R^T, each (starts, views, n): one matrix product for all splats and views."""
    starts, splats = covariances.shape[:2]
    products = torch.einsum("vik,vjl->vijkl", rotation, rotation).flatten(3)  # [view, i, j, 3k + l]
    upper = torch.triu_indices(3, 3, device=rotation.device)
    wanted = products[:, upper[0], upper[1]].reshape(-1, 9)
    return (wanted @ covariances.reshape(starts, splats, 9).mT).view(starts, -1, 6, splats).unbind(2)
