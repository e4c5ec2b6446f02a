"""The detector's network: one pass over the pictures, then one over the vertebrae found in them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .architecture import Architecture
from .backbone import Backbone, prepare
from .heads import STRIDE, CropHead, Crops, Dense, DenseHead, LevelHead

WIDEN = 1.25
"""A box is cut this much wider and higher than it is said to be, for it may be off by a tenth of its sides."""
LEAST_SIDE_PX = 4.0


@dataclass(frozen=True)
class Seen:
    """Pictures as the network's first part sees them.

    Attributes:
        prepared: (pictures, 2, size, size).
        features: at strides 1, 2, 4 and 8 times the patch.
        dense: where vertebrae are.
    """

    prepared: Tensor
    features: tuple[Tensor, ...]
    dense: Dense


class Network(nn.Module):
    """Swin, feature pyramid, and three heads on them."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.backbone = Backbone(architecture)
        self.dense = DenseHead(architecture.channels)
        self.crops = CropHead(architecture)
        self.levels = LevelHead(architecture)

    def see(self, images: Float[Tensor, "pictures size size"]) -> Seen:
        """The first stage."""
        prepared = prepare(images)
        features = self.backbone(prepared)
        return Seen(prepared, features, self.dense(features[0 if self.architecture.patch == STRIDE else 1]))

    def look(self, seen: Seen, rois: Float[Tensor, "vertebrae 5"]) -> tuple[Crops, Float[Tensor, "vertebrae 17"]]:
        """The second stage: what is in each box, and logits of its level.

        Args:
            rois: number of the picture, then left, top, right, bottom in working pixels, as they are to be cut.
        """
        crops = self.crops(seen.features[0], seen.prepared, rois)
        return crops, self.levels(crops, seen.dense, seen.features[3], rois, self.architecture.size_px)

    def refined(self, seen: Seen, rois: Float[Tensor, "vertebrae 5"]) -> Float[Tensor, "vertebrae 4"]:
        """Boxes (left, top, right, bottom, working pixels) as the second stage sees them in what was cut: twice as near
        the truth as the first stage's."""
        said = self.crops(seen.features[0], seen.prepared, rois).box
        corner, span = rois[:, 1:3], rois[:, 3:] - rois[:, 1:3]
        low, high = corner + said[:, :2] * span, corner + said[:, 2:] * span
        return torch.cat([low, torch.maximum(high, low + LEAST_SIDE_PX)], 1) - 0.5

    def forward(self, images: Tensor, rois: Tensor) -> tuple[Dense, Crops, Tensor]:
        """Both stages, on given boxes: what a training does."""
        seen = self.see(images)
        return seen.dense, *self.look(seen, rois)


def widened(boxes: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Boxes left, top, right, bottom, ``WIDEN`` times as large about their middles."""
    middle, half = (boxes[..., :2] + boxes[..., 2:]) / 2, WIDEN * (boxes[..., 2:] - boxes[..., :2]) / 2
    return torch.cat([middle - half, middle + half], -1)
