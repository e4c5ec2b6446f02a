"""The learned similarity as a term of the fit: regions of the X-rays once, renderings as often as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from ..similarity.learned.nouns import Estimate, Learned
from ..similarity.learned.regions import Region, cut_regions, sampling_grid, token_rays
from ..types import LEVELS, Vertebra, View
from .pictures import Pictures

LEAST_ON_DETECTOR = 0.35
"""A region of which less lies on the X-ray counts as no view of the vertebra."""


@dataclass(frozen=True)
class Sampling:
    """Where the regions' pixels lie in a stage's pictures, for ``grid_sample``."""

    grids: Float[Tensor, "vertebrae views height width 2"]


class LearnedTerm:
    """Predicted distance of vertebrae from the truth.

    Args:
        learned: network and card; its weights stay as they are.
        views: of the case, full images.
        starts: the vertebrae that are judged, as they are started: their regions stay there for the whole fit.
        columns: their places in the scene.
    """

    def __init__(
        self, learned: Learned, views: Sequence[View], starts: Sequence[Vertebra], columns: Sequence[int]
    ) -> None:
        self.network, self.columns = learned.network, list(columns)
        sizes = self.network.architecture
        self.regions = [cut_regions(views, one.pose, sizes.region_mm, sizes.region_px) for one in starts]
        rays = [
            [token_rays(region, one.pose, sizes.patch) for region in own]
            for one, own in zip(starts, self.regions, strict=True)
        ]
        device = learned.device
        valid = self._stacked([[region.valid for region in own] for own in self.regions], device)
        with torch.no_grad():
            self.encoded = self.network.encode(
                self._stacked([[region.view.image for region in own] for own in self.regions], device),
                valid,
                self._stacked(rays, device),
                torch.tensor([LEVELS.index(one.level) for one in starts], device=device),
                _present(valid),
            )
        self.corners_mm = np.concatenate([_corners(region) for own in self.regions for region in own])

    @staticmethod
    def _stacked(values: Sequence[Sequence[np.ndarray]], device: torch.device) -> Tensor:
        return torch.from_numpy(np.stack([np.stack(list(own)) for own in values]).astype(np.float32)).to(device)

    def sampling(self, pictures: Pictures) -> Sampling:
        """For the pictures of one stage, which are crops of the same views."""
        grids = [[sampling_grid(r, v) for r, v in zip(own, pictures.views, strict=True)] for own in self.regions]
        return Sampling(self._stacked(grids, self.encoded.tokens.device))

    def __call__(self, drawn: Float[Tensor, "starts vertebrae views height width"], sampling: Sampling) -> Estimate:
        """(vertebrae of ``columns``, starts); differentiable with respect to the pictures.

        Args:
            drawn: optical depth of each vertebra of the scene on its own, in a stage's pictures.
        """
        own = drawn[:, self.columns]
        pairs = torch.stack([own, drawn.sum(1, keepdim=True) - own], dim=3)  # starts members views 2 height width
        starts, members, views = pairs.shape[:3]
        grids = sampling.grids.expand(starts, -1, -1, -1, -1, -1).flatten(0, 2)
        cut = grid_sample(pairs.flatten(0, 2), grids, align_corners=False)
        cut = cut.view(starts, members, views, *cut.shape[1:]).transpose(0, 1)
        return self.network.compare(self.encoded, cut)

    def cost(
        self, estimate: Estimate | None, like: Float[Tensor, "starts vertebrae"], weight: float
    ) -> Float[Tensor, "starts vertebrae"]:
        """The weight times the logarithm of the expected distance in mm; zero for vertebrae that nobody asked for, and
        for all where nothing was said."""
        total = torch.zeros_like(like)
        if estimate is None:
            return total
        where = torch.as_tensor(self.columns, device=like.device)
        return total.index_copy(1, where, weight * estimate.log_mm.T)


def _present(valid: Tensor) -> Tensor:
    """(vertebrae, views) where enough of the region lies on the X-ray; the best view where none does."""
    share = valid.mean((-1, -2))
    best = share >= share.amax(1, keepdim=True)
    return (share >= LEAST_ON_DETECTOR) | best


def _corners(region: Region) -> np.ndarray:
    """(4, 3) RAS mm: the region's corners at the vertebra's depth."""
    view, side = region.view, region.view.image.shape[0]
    ends = np.array([-0.5, side - 0.5])
    pixels = np.stack([*np.meshgrid(ends, ends), np.ones((2, 2))], axis=-1).reshape(-1, 3)
    # At this depth the region has its nominal size: side in mm = side in pixels x depth / focal length.
    depth = view.intrinsics[0, 0] * region.side_mm / side
    in_camera = depth * pixels @ np.linalg.inv(view.intrinsics).T
    return in_camera @ view.world_to_camera[:3, :3] + view.source_mm
