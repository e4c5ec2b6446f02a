"""Variation of a batch, on the device that computes: mirrored patients, and other grey values in the X-rays.

Of a mirrored patient in front of mirrored machines every region is turned over, and so are the rays; distances stay.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..augment import Augmentation, Draw, vary_grey
from .examples import Batch

GREY = Augmentation(gamma=0.2, inverted=0.0, noise=0.15)
"""Regions are read with the right polarity; their noise was averaged when they were cut, so there may be more of it."""
MIRRORED_SHARE = 0.5
MIRRORED_RAY = (-1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0, -1.0)
"""Across the start's x: directions and points lose their x's sign, moments (a cross product) keep only x's."""


def vary(batch: Batch, seed: int) -> Batch:
    """A varied batch; the same seed gives the same one."""
    draw = Draw(seed, str(batch.images.device))
    turned = draw.chance(len(batch.images), MIRRORED_SHARE)
    found = mirrored(batch, turned)
    vertebrae, views = found.images.shape[:2]
    valid = found.valid.flatten(0, 1)
    total = valid.sum((1, 2), keepdim=True).clamp_min(1.0)
    flat = found.images.flatten(0, 1)
    flat = (flat - (flat * valid).sum((1, 2), keepdim=True) / total) * valid
    spread = torch.sqrt(flat.square().sum((1, 2), keepdim=True) / total + 1e-6)
    return replace(found, images=vary_grey(flat / spread, GREY, draw).unflatten(0, (vertebrae, views)))


def mirrored(batch: Batch, turned: Tensor) -> Batch:
    """Those of ``turned`` (vertebrae,) from mirrored patients."""

    def chosen(values: Tensor, flipped: Tensor) -> Tensor:
        return torch.where(turned.view(-1, *(1,) * (values.ndim - 1)), flipped, values)

    return replace(
        batch,
        images=chosen(batch.images, batch.images.flip(-1)),
        valid=chosen(batch.valid, batch.valid.flip(-1)),
        drawn=chosen(batch.drawn, batch.drawn.flip(-1)),
        rays=chosen(batch.rays, _mirrored_rays(batch.rays)),
    )


def _mirrored_rays(rays: Float[Tensor, "vertebrae views tokens 9"]) -> Float[Tensor, "vertebrae views tokens 9"]:
    side = round(rays.shape[2] ** 0.5)
    turned = rays.unflatten(2, (side, side)).flip(3).flatten(2, 3)
    return turned * rays.new_tensor(MIRRORED_RAY)
