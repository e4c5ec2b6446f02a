"""What the fit minimises: image terms for each vertebra where it shows, and priors on shape, size and place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import huber_loss

from ..atlas.model import ShapeModel
from ..config import FitSettings
from ..similarity import Similarity
from ..similarity.filters import blur
from ..types import Seed, View
from .scene import Parameters, Scene

BODY = "body_"
"""How the names of landmarks on the body begin; the others are of the posterior elements and the pedicles."""

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


class LandmarkTerm:
    """Reprojection error of landmarks, each in its own standard deviations, robust (Huber at 2 of them).

    Args:
        seeds: with ``landmarks_px``; those without cost nothing.
        levels: of the scene.
        models: level to its model; a name that the model does not know is passed over.
        views: of the case, full images.
        like: a tensor of the scene's type and device.
        posterior: how many times a landmark that is not on the body counts.
    """

    def __init__(
        self,
        seeds: Sequence[Seed],
        levels: Sequence[str],
        models: Mapping[str, ShapeModel],
        views: Sequence[View],
        like: Tensor,
        posterior: float = 1.0,
    ) -> None:
        self.seen: dict[int, list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor, float]]] = {}
        for seed in seeds:
            for view in views:
                for name, (u, v, sigma_px) in seed.landmarks_px.get(view.name, {}).items():
                    anchor = models[seed.level].landmarks.get(name) if seed.level in levels else None
                    if anchor is not None:
                        indices = torch.as_tensor(anchor.indices, device=like.device)
                        weights, projection = like.new_tensor(anchor.weights), like.new_tensor(view.projection)
                        covariance = seed.covariance_px2(view.name, name, sigma_px)
                        white = like.new_tensor(np.linalg.inv(np.linalg.cholesky(covariance)))
                        share = 1.0 if name.startswith(BODY) else posterior
                        mark = (indices, weights, projection, like.new_tensor((u, v)), white, share)
                        self.seen.setdefault(list(levels).index(seed.level), []).append(mark)

    def __call__(self, scene: Scene, parameters: Parameters, weight: float) -> Float[Tensor, "starts vertebrae"]:
        """Weighted mean over a vertebra's landmarks and views, times the weight; zero where nothing was seen."""
        total = torch.zeros_like(parameters.log_scale)
        for family in scene.families if self.seen else ():
            vertices = family.vertices(parameters)
            for member, column in enumerate(family.columns):
                terms, shares = [], []
                for indices, weights, projection, pixel, white, share in self.seen.get(column, ()):
                    point = (vertices[:, member, indices] * weights[:, None]).sum(1)
                    homogeneous = point @ projection[:, :3].T + projection[:, 3]
                    offset = (homogeneous[:, :2] / homogeneous[:, 2:] - pixel) @ white.T
                    huber = huber_loss(offset, torch.zeros_like(offset), reduction="none", delta=2.0)
                    terms.append(share * huber.sum(-1))
                    shares.append(share)
                if terms:
                    where = torch.as_tensor([column], device=total.device)
                    total = total.index_add(1, where, weight * (torch.stack(terms).sum(0) / sum(shares))[:, None])
        return total
