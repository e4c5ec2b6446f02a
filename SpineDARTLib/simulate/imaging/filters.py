"""Blurs of pictures in torch, the same on every device."""

from __future__ import annotations

from typing import Any

import numpy as np

Tensor = Any
"""A torch tensor, float32; whoever only imports these modules does not wait for torch."""

SMALLEST_PX = 0.15
"""A narrower Gaussian changes nothing that can be seen."""
COARSE_PX = 6.0
"""A wider Gaussian is made on a picture of half the size, and so on."""


def blur(image: Tensor, deviation_px: float, edge: str = "replicate") -> Tensor:
    """Gaussian blur; broad ones on a smaller picture, which nobody can tell.

    Args:
        image: (height, width).
        deviation_px: standard deviation; 0 for none.
        edge: how the picture goes on beyond its border: "replicate", or "constant" for zeros.
    """
    import torch.nn.functional as functional

    if deviation_px < SMALLEST_PX:
        return image
    if deviation_px > COARSE_PX and min(image.shape) >= 16:
        small = functional.avg_pool2d(image[None, None], 2, ceil_mode=True, count_include_pad=False)[0, 0]
        # Shrinking to half and growing again blurs by itself.
        small = blur(small, float(np.sqrt(max(deviation_px**2 - 1.0, 0.0))) / 2, edge)
        size = (image.shape[0] + image.shape[0] % 2, image.shape[1] + image.shape[1] % 2)
        grown = functional.interpolate(small[None, None], size, mode="bilinear", align_corners=False)
        return grown[0, 0, : image.shape[0], : image.shape[1]]
    kernel = _gaussian(image, deviation_px)
    reach = len(kernel) // 2
    padded = functional.pad(image[None, None], (reach, reach, reach, reach), mode=edge)
    across = functional.conv2d(padded, kernel[None, None, None, :])
    return functional.conv2d(across, kernel[None, None, :, None])[0, 0]


def shrink_and_grow(image: Tensor, factor: float) -> Tensor:
    """What is left of a picture that was saved at 1/``factor`` of its size and blown up again."""
    import torch.nn.functional as functional

    if factor <= 1.0:
        return image
    size = [max(round(side / factor), 8) for side in image.shape]
    small = functional.interpolate(image[None, None], size, mode="bilinear", align_corners=False, antialias=True)
    return functional.interpolate(small, image.shape, mode="bilinear", align_corners=False)[0, 0]


def shifted(image: Tensor, right_px: float, down_px: float) -> Tensor:
    """The picture moved by a part of a pixel or some, its border repeated."""
    import torch
    import torch.nn.functional as functional

    reach = int(np.ceil(max(abs(right_px), abs(down_px)))) + 1
    padded = functional.pad(image[None, None], (reach, reach, reach, reach), mode="replicate")[0, 0]
    for axis, move in ((1, right_px), (0, down_px)):
        whole = int(np.floor(move))
        part = move - whole
        padded = (1 - part) * torch.roll(padded, whole, axis) + part * torch.roll(padded, whole + 1, axis)
    return padded[reach:-reach, reach:-reach]


def _gaussian(image: Tensor, deviation_px: float) -> Tensor:
    """(2 n + 1,) weights that add up to 1, three deviations to either side."""
    import torch

    reach = max(int(np.ceil(3.0 * deviation_px)), 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation_px) ** 2)
    return torch.from_numpy((weights / weights.sum()).astype(np.float32)).to(image)
