"""What a learned similarity takes and says. Nothing here needs timm, so that a fit without a network does not wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .architecture import Architecture
from .shifts import Shifted


@dataclass(frozen=True)
class Encoded:
    """What is kept of the real pieces for a whole fit.

    Attributes:
        maps: for each scale of the stem (vertebrae, views, 2 x channels, height, width): factor and summand.
        shifted: for each scale that looks at shifts, all views' pieces under every shift.
        tokens: (vertebrae, views, tokens, width).
        query: (vertebrae, width) what asks for the distance: level and region.
        present: (vertebrae, views) whether there is such a view of the vertebra.
    """

    maps: tuple[Tensor, ...]
    shifted: tuple[Shifted, ...]
    tokens: Float[Tensor, "vertebrae views tokens width"]
    query: Float[Tensor, "vertebrae width"]
    present: Bool[Tensor, "vertebrae views"]


@dataclass(frozen=True)
class Estimate:
    """How far a fit is from the truth: a log-normal distribution.

    Attributes:
        log_mm: (vertebrae, states) mean of the logarithm of the mean surface distance in mm.
        log_sigma: (vertebrae, states) logarithm of the logarithm's standard deviation.
    """

    log_mm: Float[Tensor, "vertebrae states"]
    log_sigma: Float[Tensor, "vertebrae states"]


@runtime_checkable
class Judge(Protocol):
    """A network that judges (``network.Similarity``)."""

    architecture: Architecture

    def encode(self, images: Tensor, valid: Tensor, rays: Tensor, levels: Tensor, present: Tensor) -> Encoded:
        """Take in the real pieces."""
        ...

    def compare(self, encoded: Encoded, drawn: Tensor) -> Estimate:
        """The distance of each state."""
        ...


@dataclass(frozen=True)
class Learned:
    """A network with its card.

    Attributes:
        network: in evaluation mode, its weights fixed.
        card: what it learned from and how well it does.
        device: where it computes.
    """

    network: Judge
    card: Mapping[str, Any]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
