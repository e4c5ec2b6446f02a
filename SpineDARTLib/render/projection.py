"""Gaussians onto a detector, in closed form and differentiable."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .gaussians import Gaussians


def project_gaussians(
    gaussians: Gaussians,
    intrinsics: Float[Tensor, "views 3 3"],
    world_to_camera: Float[Tensor, "views 4 4"],
    blur_px: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Centres, covariances and peaks of Gaussians on each view's detector.

    The covariance goes through the perspective's Jacobian at the mean. The peak is the mass over the projected area: with
    a camera at distance z and a ray at angle theta to the axis, a mass m spreads m fx fy / (z^2 cos theta) over pixels, so
    the picture's sum is the mass (divergent-beam line integrals, not depth-weighted colour).

    Args:
        gaussians: means (starts, n, 3) and so on, RAS mm.
        blur_px: standard deviation of the detector's and focal spot's blur, pixels.

    Returns:
        centres (starts, views, n, 2) px, covariances (starts, views, n, 3) as (uu, uv, vv) px2, peaks (starts, views, n).
    """
    rotation, translation = world_to_camera[:, :3, :3], world_to_camera[:, :3, 3]
    points = torch.einsum("vij,snj->svni", rotation, gaussians.means) + translation[:, None, :]
    x, y, z = points.unbind(-1)
    z = z.clamp_min(1.0)  # behind or in the source: no picture, but no infinity either
    fx, fy = intrinsics[:, 0, 0, None], intrinsics[:, 1, 1, None]
    inverse = 1.0 / z
    centres = torch.stack(
        [fx * x * inverse + intrinsics[:, 0, 2, None], fy * y * inverse + intrinsics[:, 1, 2, None]], dim=-1
    )
    # Rows of the Jacobian d(u, v)/d(world), one (3,) vector for u and one for v.
    to_u = (fx * inverse)[..., None] * (rotation[:, None, 0] - (x * inverse)[..., None] * rotation[:, None, 2])
    to_v = (fy * inverse)[..., None] * (rotation[:, None, 1] - (y * inverse)[..., None] * rotation[:, None, 2])
    through_u = torch.einsum("snij,svnj->svni", gaussians.covariances, to_u)
    through_v = torch.einsum("snij,svnj->svni", gaussians.covariances, to_v)
    uu = (to_u * through_u).sum(-1) + blur_px**2
    uv = (to_v * through_u).sum(-1)
    vv = (to_v * through_v).sum(-1) + blur_px**2
    cosine = z * torch.rsqrt(x * x + y * y + z * z)
    spread = gaussians.masses[:, None] * fx * fy * inverse * inverse / cosine
    peaks = spread / (2 * torch.pi * torch.sqrt((uu * vv - uv * uv).clamp_min(1e-12)))
    return centres, torch.stack([uu, uv, vv], dim=-1), peaks
