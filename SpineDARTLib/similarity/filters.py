"""Blurs and derivatives of batches of pictures."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@lru_cache(maxsize=32)
def _kernel(sigma_px: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    reach = max(1, round(2.5 * sigma_px))
    steps = torch.arange(-reach, reach + 1, dtype=dtype, device=device)
    kernel = torch.exp(-0.5 * (steps / sigma_px) ** 2)
    return kernel / kernel.sum()


def blur(pictures: Float[Tensor, "*batch height width"], sigma_px: float) -> Float[Tensor, "*batch height width"]:
    """Gaussian blur; the border pixel continues outside."""
    kernel = _kernel(sigma_px, pictures.dtype, pictures.device)
    reach = len(kernel) // 2
    flat = pictures.reshape(-1, 1, *pictures.shape[-2:])
    flat = functional.conv2d(functional.pad(flat, (reach, reach, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    flat = functional.conv2d(functional.pad(flat, (0, 0, reach, reach), mode="replicate"), kernel.view(1, 1, -1, 1))
    return flat.view(pictures.shape)


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
