"""Blurs and derivatives of batches of pictures."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@lru_cache(maxsize=64)
def _blurring(sigma_px: float, side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(side, side) matrix that blurs a column of so many pixels; the border pixel continues outside."""
    reach = max(1, round(2.5 * sigma_px))
    steps = torch.arange(-reach, reach + 1, device=device)
    kernel = torch.exp(-0.5 * (steps.to(dtype) / sigma_px) ** 2)
    places = (torch.arange(side, device=device)[:, None] + steps).clamp(0, side - 1)
    return torch.zeros(side, side, dtype=dtype, device=device).scatter_add_(
        1, places, (kernel / kernel.sum()).expand(side, -1)
    )


def blur(pictures: Float[Tensor, "*batch height width"], sigma_px: float) -> Float[Tensor, "*batch height width"]:
    """Gaussian blur; the border pixel continues outside.

    As two matrix products: for the many small pictures of a fit that takes a tenth of what torch's convolution of one
    channel does on a CPU, and as much less backward.
    """
    down, across = (_blurring(sigma_px, side, pictures.dtype, pictures.device) for side in pictures.shape[-2:])
    return down @ (pictures @ across.mT)


def halve(pictures: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch half_height half_width"]:
    """Mean of every 2 x 2 pixels (an odd last row or column is dropped)."""
    flat = pictures.reshape(-1, 1, *pictures.shape[-2:])
    halved = functional.avg_pool2d(flat, 2)
    return halved.view(*pictures.shape[:-2], *halved.shape[-2:])


def gradient(pictures: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch 2 height width"]:
    """Central differences to the right and down, zero on the border."""
    right = functional.pad(0.5 * (pictures[..., :, 2:] - pictures[..., :, :-2]), (1, 1))
    down = functional.pad(0.5 * (pictures[..., 2:, :] - pictures[..., :-2, :]), (0, 0, 1, 1))
    return torch.stack([right, down], dim=-3)
