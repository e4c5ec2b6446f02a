"""Similarities between real and rendered X-rays, one value for each region and view; 1 is the best."""

from __future__ import annotations

from collections.abc import Sequence
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
        real, ones = self.real.expand_as(rendered), torch.ones_like(rendered)
        products = real * rendered, real * real, rendered * rendered
        total, first, second, *squares = _sums(regions, (ones, real, rendered, *products))
        total = total.clamp_min(1e-6)
        means = first * second / total, first * first / total, second * second / total
        return _correlation(*(square - mean for square, mean in zip(squares, means, strict=True)))


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
            slopes = gradient(blur(rendered, self.settings.blur_px))
            products = (first * second for first, second in ((real, slopes), (real, real[None]), (slopes, slopes)))
            sums = _sums(regions, [product.sum(-3).expand(len(rendered), -1, -1, -1) for product in products])
            total = total + _correlation(*sums)
            rendered, regions = halve(rendered), halve(regions)
        return total / len(self.levels)


def _sums(
    regions: Float[Tensor, "starts regions views height width"],
    pictures: Sequence[Float[Tensor, "starts views height width"]],
) -> tuple[Float[Tensor, "starts regions views"], ...]:
    """The weighted sum of each picture's pixels in each region, as one product of matrices a start and view."""
    columns = torch.stack([picture.flatten(-2) for picture in pictures], dim=-1)
    return (regions.flatten(-2).transpose(1, 2) @ columns).transpose(1, 2).unbind(-1)


def _correlation(product: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """From the weighted sums of products and of squares."""
    return product * torch.rsqrt(first.clamp_min(0.0) * second.clamp_min(0.0) + 1e-12)


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
