"""What the fit minimises: image terms for each vertebra where it shows, and priors on shape, size and place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..config import FitSettings
from ..similarity import Similarity
from ..similarity.filters import blur
from .scene import Parameters

SUPPORT_DEPTH = 0.02
"""Optical depth above which a vertebra counts as showing in its own picture (a single facing cortex gives 0.05)."""


@dataclass(frozen=True)
class Prior:
    """Where the vertebrae were before any picture was looked at.

    Attributes:
        translation_mm: (vertebrae, 3) start.
        rotation: (vertebrae, 3, 3) start.
        translation_sigma_mm: (vertebrae,) how far off a start may be: a click's error, more for unasked neighbours.
        rotation_sigma_rad: (vertebrae,).
        log_scale_sigma: of the whole column's size, and of one vertebra's departure from it.
    """

    translation_mm: Float[Tensor, "vertebrae 3"]
    rotation: Float[Tensor, "vertebrae 3 3"]
    translation_sigma_mm: Float[Tensor, " vertebrae"]
    rotation_sigma_rad: Float[Tensor, " vertebrae"]
    log_scale_sigma: tuple[float, float]


def support(
    pictures: Float[Tensor, "starts vertebrae views height width"],
    valid: Float[Tensor, "views height width"],
    margin_px: float,
) -> Float[Tensor, "starts vertebrae views height width"]:
    """Weights 0 to 1 of the region each vertebra's terms may look at: its own shadow with a soft margin."""
    with torch.no_grad():
        shadow = (pictures > SUPPORT_DEPTH).to(pictures.dtype)
        return (3.0 * blur(shadow, margin_px)).clamp(max=1.0) * valid


def image_term(
    similarity: Similarity, pictures: Tensor, valid: Tensor, margin_px: float
) -> Float[Tensor, "starts vertebrae views"]:
    """Similarity of the whole scene's picture with the X-ray in each vertebra's region; 1 is the best."""
    return similarity(pictures.sum(1), support(pictures, valid, margin_px))


def prior_terms(parameters: Parameters, prior: Prior, settings: FitSettings) -> dict[str, Tensor]:
    """Terms (starts, vertebrae), already weighted; each is half a squared distance in standard deviations."""
    moved = (parameters.translation_mm - prior.translation_mm) / prior.translation_sigma_mm[:, None]
    relative = prior.rotation.transpose(-1, -2) @ parameters.rotations()
    # 2 (1 - cos angle) from the trace: the squared angle for small angles, and smooth at zero.
    squared_angle = 3.0 - relative.diagonal(dim1=-2, dim2=-1).sum(-1)
    column = parameters.log_scale.mean(1, keepdim=True)
    common, own = prior.log_scale_sigma
    return {
        "shape": settings.shape_weight * 0.5 * parameters.coefficients.square().sum(-1),
        "scale": settings.scale_weight
        * 0.5
        * ((column / common).square() + ((parameters.log_scale - column) / own).square()),
        "pose": settings.pose_weight * 0.5 * (moved.square().sum(-1) + squared_angle / prior.rotation_sigma_rad**2),
    }


def landmark_term(
    vertices: Mapping[int, Tensor], observations: Mapping[int, list], settings: FitSettings, like: Tensor
) -> Float[Tensor, "starts vertebrae"]:
    """Confidence-weighted reprojection error of landmarks, robust (Huber at 2 standard deviations).

    Args:
        vertices: vertebra's column to (starts, n, 3) RAS mm.
        observations: column to a list of (vertex indices, weights, projection (3, 4), pixel (2,), sigma_px).
        like: (starts, vertebrae) tensor of the result's shape.
    """
    total = torch.zeros_like(like)
    for column, seen in observations.items():
        terms = []
        for indices, weights, projection, pixel, sigma_px in seen:
            point = (vertices[column][:, indices] * weights[:, None]).sum(1)
            homogeneous = point @ projection[:, :3].T + projection[:, 3]
            offset = (homogeneous[:, :2] / homogeneous[:, 2:] - pixel) / sigma_px
            terms.append(torch.nn.functional.huber_loss(offset, torch.zeros_like(offset), reduction="none", delta=2.0))
        total[:, column] = settings.landmark_weight * torch.stack(terms).sum(-1).mean(0)
    return total
