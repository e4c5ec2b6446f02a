"""Terms from detected outlines and from each vertebra's own projection (Yu et al. 2025, arXiv 2503.14573, decompose an
X-ray into the projections of single vertebrae; here both are compared with what the scene draws of each alone).

The silhouette term is a mean squared distance between outlines: the shadow times the signed distance from the detected
outline, summed (the boundary loss of Kervadec et al., MIDL 2019), is half that distance times the outline's length. It
has a slope however far the outlines are apart, up to ``detected.CAP_MM``, costs a product a pixel, and its minimum is
the overlap that soft Dice has its maximum at. A view in which the two are far apart (a wrong mask, another vertebra's)
loses its pull (Geman and McClure 1985).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..config import Settings
from ..similarity import similarity_by_name
from ..types import Seed, View
from .detected import Grid, Outline, Window, outlines_of, same_size, windows_of
from .pictures import Pictures

WRONG_MM = 5.0
"""Distance between outlines at which a view has lost three quarters of its pull: starts are off by less."""


EDGE_DEPTH = 0.04
"""Optical depth at which a pixel counts as half covered (a single facing cortex gives 0.05)."""

REACH_MM = (0.4, 0.5)
"""How far a shadow reaches beyond the surface's own outline, for splats and pixels are blunt: a constant, and what each
mm of a pixel adds. At the default stages, in two views of two vertebrae, the term is then least within 2 per cent of
the size that the detected silhouette was made with; without it 4 per cent below."""


def shadow(pictures: Tensor) -> Tensor:
    """How much of each pixel a vertebra covers, 0 to 1, from its optical depth."""
    return 1.0 - torch.exp2(-pictures / EDGE_DEPTH)


class SilhouetteTerm:
    """Distance of each vertebra's outline from the one that was detected in each view.

    Args:
        outlines: what was detected.
        size: vertebrae, views, height, width of what will be drawn.
        pixel_mm: side of a pixel at the spine.
        like: a tensor of the scene's type and device.
    """

    def __init__(
        self,
        outlines: Sequence[Outline],
        size: tuple[int, int, int, int],
        pixel_mm: float,
        like: Tensor,
    ) -> None:
        self.empty = not outlines
        if self.empty:
            return
        probability, distance = np.zeros((2, *size), dtype=np.float32)
        inside, weight = np.zeros((2, *size[:2]))
        for one in outlines:
            place, scale = (one.vertebra, one.view), 2.0 * pixel_mm**2 / one.length_mm
            probability[place], weight[place] = one.probability, one.weight
            distance[place] = scale * one.distance
            # What the detected silhouette itself would give.
            inside[place] = scale * one.distance[one.distance < 0].sum()
        self.distance, self.inside, self.weight = (like.new_tensor(part) for part in (distance, inside, weight))
        self.probability = like.new_tensor(probability)

    def squared_mm2(self, shadows: Tensor) -> Float[Tensor, "starts vertebrae views"]:
        """Mean squared distance between the outlines."""
        return (shadows * self.distance).sum((-1, -2)) - self.inside

    def __call__(
        self, pictures: Float[Tensor, "starts vertebrae views height width"], weight: float
    ) -> Float[Tensor, "starts vertebrae"]:
        """Weighted mean over the views of squared / (squared + ``WRONG_MM``²), times the weight."""
        if self.empty:
            return pictures.new_zeros(pictures.shape[:2])
        squared = self.squared_mm2(shadow(pictures)).clamp_min(0.0)
        return weight * (self.weight * squared / (squared + WRONG_MM**2)).mean(-1)

    def overlap(self, pictures: Float[Tensor, "starts vertebrae views height width"]) -> np.ndarray:
        """(starts, vertebrae, views) soft Dice of shadow and detected silhouette; NaN where none was detected."""
        if self.empty:
            return np.full(pictures.shape[:3], np.nan)
        with torch.no_grad():
            seen, drawn = self.probability, shadow(pictures)
            both = 2.0 * (seen * drawn).sum((-1, -2)) / (seen.sum((-1, -2)) + drawn.sum((-1, -2))).clamp_min(1e-6)
            return torch.where(self.weight > 0, both, torch.nan).cpu().double().numpy()


class DecompositionTerm:
    """Unlikeness of each vertebra's own picture and what was detected of it alone.

    Args:
        windows: of one size.
        settings: whose similarity is used.
        like: a tensor of the scene's type and device.
    """

    def __init__(self, windows: Sequence[Window], settings: Settings, like: Tensor) -> None:
        self.windows = tuple(windows)
        if self.windows:
            real = like.new_tensor(np.stack([window.picture for window in windows]))
            self.similarity = similarity_by_name(settings.similarity, real, settings.image)
            self.regions = like.new_tensor(np.stack([window.region for window in windows]))
            self.weights = like.new_tensor([window.weight for window in windows])
            self.vertebrae = torch.as_tensor([window.vertebra for window in windows], device=like.device)

    def __call__(
        self, pictures: Float[Tensor, "starts vertebrae views height width"], weight: float
    ) -> Float[Tensor, "starts vertebrae"]:
        """Mean over the views of 1 - similarity, each as far as it is believed, times the weight."""
        total = pictures.new_zeros(pictures.shape[:2])
        if not self.windows:
            return total
        height, width = self.regions.shape[-2:]
        drawn = torch.stack(
            [
                pictures[:, one.vertebra, one.view, one.row : one.row + height, one.column : one.column + width]
                for one in self.windows
            ],
            dim=1,
        )
        likeness = self.similarity(drawn, self.regions[None, None].expand(len(drawn), -1, -1, -1, -1))[:, 0]
        return total.index_add(1, self.vertebrae, weight * self.weights * (1.0 - likeness) / pictures.shape[2])


def detected_terms(
    seeds: Sequence[Seed],
    levels: Sequence[str],
    views: Sequence[View],
    pictures: Pictures,
    pixel_mm: float,
    margin_px: float,
    settings: Settings,
) -> tuple[SilhouetteTerm, DecompositionTerm]:
    """Both terms on a stage's pictures; what has no weight, or was not detected, costs nothing."""
    options = settings.fit
    wanted = options.silhouette_weight > 0 or options.decomposition_weight > 0
    grid = Grid(views, pictures.views, pictures.valid.cpu().numpy(), pixel_mm)
    outlines = outlines_of(seeds if wanted else (), levels, grid, REACH_MM[0] + REACH_MM[1] * pixel_mm)
    windows = windows_of(seeds, levels, grid, outlines, margin_px) if options.decomposition_weight > 0 else []
    height, width = pictures.images.shape[-2:]
    size = (len(levels), len(views), height, width)
    return (
        SilhouetteTerm(outlines if options.silhouette_weight > 0 else (), size, pixel_mm, pictures.images),
        DecompositionTerm(same_size(windows, 2**settings.image.scales), settings, pictures.images),
    )
