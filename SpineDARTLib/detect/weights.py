"""A detector's weights: float16 safetensors beside a model card that has their hash. No pickle is ever read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..resources import shipped_weights
from ..weights import device_of, load_weights, save_weights
from .architecture import FORMAT, NAME, from_json
from .network import Network

CLICKS = "click each vertebral body's centre in two views instead, or train one: spinedart train detector"


@dataclass(frozen=True)
class Detector:
    """A network with its card.

    Attributes:
        network: in evaluation mode, on its device.
        card: what it learned from and how well it does.
    """

    network: Network
    card: Mapping[str, Any]

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return device_of(self.network)


def save_detector(folder: Path, network: Network, state: Mapping[str, Tensor], card: Mapping[str, Any]) -> Path:
    """Write ``detector.safetensors`` and ``detector.json``; returns the first's path.

    Args:
        state: the network's, or its average over the training.
        card: data, seeds, subjects, metrics, limits; architecture and hash are added.

    Raises:
        InputError: the folder cannot be written.
    """
    return save_weights(folder, NAME, FORMAT, network.architecture.as_json(), state, card)


def load_detector(folder: Path | None = None, device: str = "cpu") -> Detector:
    """Read a detector; of the shipped ones if no folder is given.

    Raises:
        InputError: there is none (says what to do instead), or it is not what its card says.
    """
    folder = shipped_weights() if folder is None else folder

    def make(described: Mapping[str, Any]) -> Network:
        return Network(from_json(described))

    network, card = load_weights(folder, NAME, FORMAT, make, "a detector", CLICKS)
    return Detector(network.to(device).eval(), card)
