"""What the fit minimises: image terms for each vertebra where it shows, and priors on shape, size and place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..atlas.files import RANK
from ..atlas.model import ShapeModel
from ..config import FitSettings
from ..similarity import Similarity
from ..similarity.filters import blur
from ..types import Seed, View
from .landmark_start import model_px2
from .scene import Parameters

BODY = "body_"
"""How the names of landmarks on the body begin; the others are of the posterior elements and the pedicles."""

FAR_OFF = 16.0
"""Squared deviation, in standard deviations, at which a landmark costs half of what it costs at most."""

SUPPORT_DEPTH = 0.02
"""Optical depth above which a vertebra counts as showing in its own picture (a single facing cortex gives 0.05)."""


@dataclass(frozen=True)
class Prior:
    """Where the vertebrae were before any picture was looked at.

    Attributes:
        translation_mm: (vertebrae, 3) start.
        rotation: (vertebrae, 3, 3) start.
        translation_white: (vertebrae, 3, 3) makes a shift in mm one in standard deviations of how far off a start may
            be: a click's error or less, more for unasked neighbours.
        rotation_sigma_rad: (vertebrae,).
        log_scale_sigma: of the whole column's size, and of one vertebra's departure from it.
    """

    translation_mm: Float[Tensor, "vertebrae 3"]
    rotation: Float[Tensor, "vertebrae 3 3"]
    translation_white: Float[Tensor, "vertebrae 3 3"]
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
    moved = (prior.translation_white @ (parameters.translation_mm - prior.translation_mm)[..., None])[..., 0]
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
    """Reprojection error of landmarks, each in its own standard deviations; what is far off loses its pull (Geman and
    McClure 1985), for a detector may be sure and wrong.

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
        rows = []
        for seed in seeds:
            for view in views if seed.level in levels else ():
                for name, (u, v, sigma_px) in seed.landmarks_px.get(view.name, {}).items():
                    anchor = models[seed.level].landmarks.get(name)
                    if anchor is not None:
                        modes = np.einsum("kpi,p->ki", models[seed.level].basis[:RANK, anchor.indices], anchor.weights)
                        basis = np.pad(modes, ((0, RANK - len(modes)), (0, 0)))
                        covariance = seed.covariance_px2(view.name, name, sigma_px) + model_px2(view)
                        white = np.linalg.inv(np.linalg.cholesky(covariance))
                        share = 1.0 if name.startswith(BODY) else posterior
                        place, column = anchor.on(models[seed.level].means[seed.level]), list(levels).index(seed.level)
                        rows.append((column, place, basis, view.projection, (u, v), white, share))
        self.empty = not rows
        if rows:
            columns, *parts = zip(*rows, strict=True)
            self.columns = torch.as_tensor(columns, device=like.device)
            stacked = (like.new_tensor(np.stack([np.asarray(one) for one in part])) for part in parts)
            self.places, self.basis, self.projections, self.pixels, self.white, shares = stacked
            self.shares = shares / like.new_zeros(len(levels)).index_add(0, self.columns, shares)[self.columns]

    def __call__(self, parameters: Parameters, weight: float) -> Float[Tensor, "starts vertebrae"]:
        """Weighted mean over a vertebra's landmarks and views, times the weight; zero where nothing was seen."""
        total = torch.zeros_like(parameters.log_scale)
        if self.empty or weight <= 0:
            return total
        coefficients = parameters.coefficients[:, self.columns]
        rank = min(coefficients.shape[-1], self.basis.shape[1])
        local = self.places + torch.einsum("sok,oki->soi", coefficients[..., :rank], self.basis[:, :rank])
        turned = (parameters.rotations()[:, self.columns] @ local[..., None])[..., 0]
        scale = parameters.log_scale[:, self.columns, None].exp()
        points = scale * turned + parameters.translation_mm[:, self.columns]
        homogeneous = (self.projections[:, :, :3] @ points[..., None])[..., 0] + self.projections[:, :, 3]
        offset = homogeneous[..., :2] / homogeneous[..., 2:] - self.pixels
        squared = (self.white @ offset[..., None])[..., 0].square().sum(-1)
        return total.index_add(1, self.columns, weight * self.shares * 0.5 * squared / (1.0 + squared / FAR_OFF))
