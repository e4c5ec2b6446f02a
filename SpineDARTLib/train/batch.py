"""Samples brought together on the device that computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .samples import Sample


@dataclass(frozen=True)
class Batch:
    """Pictures and all their vertebrae; working pixels, integer at the pixel's centre.

    Attributes:
        images: (pictures, size, size).
        fields: (pictures, 4) left, top, right, bottom of what is known of each picture.
        picture: (vertebrae,) which picture each is in.
        boxes: (vertebrae, 4).
        landmarks: (vertebrae, 10, 2).
        visibility: (vertebrae, 10).
        levels: (vertebrae,).
        shares: (vertebrae,).
        crops: (vertebrae, 2, 96, 96), 0 to 1: silhouette and projection in the box as it was kept.
        kept_boxes: (vertebrae, 4) that box, in the pixels of the kept picture.
        to_kept: (pictures, 2, 3) from this picture's pixels to the kept one's.
    """

    images: Tensor
    fields: Tensor
    picture: Tensor
    boxes: Tensor
    landmarks: Tensor
    visibility: Tensor
    levels: Tensor
    shares: Tensor
    crops: Tensor
    kept_boxes: Tensor
    to_kept: Tensor

    def centres(self) -> Tensor:
        """(vertebrae, 2) of the bodies: the mean of the four landmarks around each."""
        return self.landmarks[:, :4].mean(1)


def collate(samples: Sequence[Sample]) -> Batch:
    """A batch in the computer's memory."""

    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(sample, name) for sample in samples]))

    counts = torch.tensor([len(sample.levels) for sample in samples])
    boxes = joined("boxes")
    identity = torch.eye(3)[:2].expand(len(samples), 2, 3)
    return Batch(
        images=torch.from_numpy(np.stack([sample.image for sample in samples])),
        fields=torch.from_numpy(np.stack([sample.field_px for sample in samples])),
        picture=torch.repeat_interleave(torch.arange(len(samples)), counts),
        boxes=boxes,
        landmarks=joined("landmarks"),
        visibility=joined("visibility"),
        levels=joined("levels"),
        shares=joined("shares"),
        crops=joined("crops"),
        kept_boxes=boxes,
        to_kept=identity,
    )


def on_device(batch: Batch, device: str) -> Batch:
    """The same batch where it is computed; small types become float32 there."""
    moved = {name: getattr(batch, name).to(device, non_blocking=True) for name in Batch.__dataclass_fields__}
    return replace(Batch(**moved), images=moved["images"].float() / 255.0, crops=moved["crops"].float() / 255.0)
