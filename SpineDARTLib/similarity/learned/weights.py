"""A learned similarity's weights: ``similarity.safetensors`` beside its card ``similarity.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...resources import shipped_weights
from ...weights import device_of, load_weights, save_weights
from .architecture import from_json
from .network import Similarity
from .nouns import Learned

FORMAT = "spinedart-similarity/1"
NAME = "similarity"
INSTEAD = "fit with --similarity gradient-ncc instead, or train one: spinedart train similarity"


def save_similarity(folder: Path, network: Similarity, state: Mapping[str, Tensor], card: Mapping[str, Any]) -> Path:
    """Write ``similarity.safetensors`` and ``similarity.json``; returns the first's path.

    Raises:
        InputError: the folder cannot be written.
    """
    return save_weights(folder, NAME, FORMAT, network.architecture.as_json(), state, card)


def load_similarity(folder: Path | None = None, device: str = "cpu") -> Learned:
    """Read a learned similarity; the shipped one if no folder is given.

    Raises:
        InputError: there is none (says what to do instead), or it is not what its card says.
    """

    def make(described: Mapping[str, Any]) -> Similarity:
        return Similarity(from_json(described))

    folder = shipped_weights() if folder is None else folder
    network, card = load_weights(folder, NAME, FORMAT, make, "a learned similarity", INSTEAD)
    return learned_of(network.to(device), card)


def learned_of(network: Similarity, card: Mapping[str, Any]) -> Learned:
    """A network that is at hand, ready to judge: its weights are fixed from now on."""
    return Learned(network.eval().requires_grad_(False), card, torch.device(device_of(network)))
