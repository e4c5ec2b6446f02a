"""How large a detector is: one frozen value, kept with its weights. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from ..architectures import Sizes

FORMAT = "spinedart-detector/1"
NAME = "detector"
"""Of the weights' file and of the card beside it (``detect.weights``)."""


@dataclass(frozen=True)
class Architecture(Sizes):
    """The sizes of a detector.

    Attributes:
        size_px: side of the square working picture.
        embedding: channels of the Swin backbone's first stage; every next one has twice as many.
        depths, attention_heads: blocks and heads of the four stages.
        window: side of a window, in tokens; the coarsest map's side must be a multiple of it, or fit in it.
        channels: of the feature pyramid and of what stands on it.
        crop_px: side of a vertebra's mask, projection and heatmaps; its box is stretched to that.
        patch: side of what becomes one token of the first stage, 4 or 8 px: 8 costs a fourth.
        token: width of the attention between the vertebrae of one picture, which tells their levels.
    """

    size_px: int = 512
    embedding: int = 64
    depths: tuple[int, ...] = (2, 2, 6, 2)
    attention_heads: tuple[int, ...] = (2, 4, 8, 16)
    window: int = 8
    channels: int = 96
    crop_px: int = 64
    token: int = 128
    patch: int = 4


GPU = Architecture()
"""For a training on CUDA."""

CPU = Architecture(320, 48, (2, 4, 2, 1), (2, 4, 8, 16), 10, 64, 40, 96, patch=8)
"""For a training of two hours on two cores."""

TINY = Architecture(64, 8, (1, 1, 1, 1), (1, 1, 2, 2), 2, 16, 16, 32)
"""For tests."""
