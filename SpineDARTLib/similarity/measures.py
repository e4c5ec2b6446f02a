"""Similarities between real and rendered X-rays, one value for each region and view; 1 is the best."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from ..config import SimilarityName, SimilaritySettings
from .filters import blur, gradient, halve


@runtime_checkable
class Similarity(Protocol):
    """Compares rendered pictures with the real ones it was made from."""

    def __call__(
        self,
        rendered: Float[Tensor, "starts views height width"],
        regions: Float[Tensor, "starts regions views height width"],
    ) -> Float[Tensor, "starts regions views"]:
        """How alike they are where each region (weights 0 to 1) lies."""
        ...


class NCC:
    """Zero-mean normalised cross-correlation of intensities: the baseline."""

    def __init__(self, real: Float[Tensor, "views height width"], settings: SimilaritySettings) -> None:
        self.real = real
        self.settings = settings

    def __call__(self, rendered: Tensor, regions: Tensor) -> Tensor:
        total = regions.sum((-1, -2), keepdim=True).clamp_min(1e-6)

        def centred(pictures: Tensor) -> Tensor:
            return pictures - (regions * pictures).sum((-1, -2), keepdim=True) / total

        real, drawn = centred(self.real), centred(rendered[:, None])
        return _correlation(real, drawn, regions, (-1, -2))


class GradientNCC:
    """Correlation of gradients at several scales, the real ones divided by their local strength.

    Gradients do not see soft tissue's slow changes; dividing by the local root mean square keeps strong edges that are
    not bone (the torso's border, collimators, gas) from outvoting a faint pedicle; the sign of the gradients is kept,
    since polarity is known. One scale is one step of an image pyramid.
    """

    def __init__(self, real: Float[Tensor, "views height width"], settings: SimilaritySettings) -> None:
        self.settings = settings
        self.levels = []
        for _ in range(settings.scales):
            slopes = gradient(blur(real, settings.blur_px))
            strength = blur(slopes.square().sum(-3), settings.window_px)
            floor = settings.strength_floor * strength.mean((-1, -2), keepdim=True)
            self.levels.append(slopes / torch.sqrt(strength + floor + 1e-12)[..., None, :, :])
            real = halve(real)

    def __call__(self, rendered: Tensor, regions: Tensor) -> Tensor:
        total = torch.zeros(regions.shape[:3], dtype=rendered.dtype, device=rendered.device)
        for real in self.levels:
            slopes = gradient(blur(rendered, self.settings.blur_px))[:, None]
            total = total + _correlation(real, slopes, regions[..., None, :, :], (-1, -2, -3))
            rendered, regions = halve(rendered), halve(regions)
        return total / len(self.levels)


def _correlation(first: Tensor, second: Tensor, weights: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Weighted sum of products over the root of the weighted sums of squares."""
    product = (weights * first * second).sum(dims)
    return product * torch.rsqrt((weights * first * first).sum(dims) * (weights * second * second).sum(dims) + 1e-12)


def similarity_by_name(name: SimilarityName, real: Tensor, settings: SimilaritySettings) -> Similarity:
    """The similarity that the command line names.

    Raises:
        ValueError: one that needs weights that are not there.
    """
    if name == "ncc":
        return NCC(real, settings)
    if name == "gradient-ncc":
        return GradientNCC(real, settings)
    raise ValueError(f'got similarity "{name}"; expected "gradient-ncc" or "ncc" (no learned weights are installed)')
