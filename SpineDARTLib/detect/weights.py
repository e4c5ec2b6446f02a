"""A detector's weights: float16 safetensors beside a model card that has their hash. No pickle is ever read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..errors import InputError
from ..io.files import write_atomically
from ..resources import resource_folder
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
        return next(self.network.parameters()).device


def save_detector(folder: Path, network: Network, state: Mapping[str, Tensor], card: Mapping[str, Any]) -> Path:
    """Write ``detector.safetensors`` and ``detector.json``; returns the first's path.

    Args:
        state: the network's, or its average over the training.
        card: data, seeds, subjects, metrics, limits; architecture and hash are added.

    Raises:
        InputError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = save({name: _half(value) for name, value in state.items()})
    full = {
        "format": FORMAT,
        "architecture": network.architecture.as_json(),
        **card,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
    write_atomically(folder / f"{NAME}.safetensors", data)
    write_atomically(folder / f"{NAME}.json", (json.dumps(full, indent=1, allow_nan=False) + "\n").encode("utf-8"))
    return folder / f"{NAME}.safetensors"


def _half(value: Tensor) -> Tensor:
    return (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()


def load_detector(folder: Path | None = None, device: str = "cpu") -> Detector:
    """Read a detector; of the shipped ones if no folder is given.

    Raises:
        InputError: there is none (says what to do instead), or it is not what its card says.
    """
    folder = _shipped() if folder is None else folder
    card_path, path = folder / f"{NAME}.json", folder / f"{NAME}.safetensors"
    if not (card_path.is_file() and path.is_file()):
        raise InputError(folder, "", "no weights of a detector", f"{path.name} with {card_path.name}; {CLICKS}")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        data = path.read_bytes()
        if card.get("format") != FORMAT:
            raise InputError(card_path, "format", card.get("format"), f'"{FORMAT}"')
        if hashlib.sha256(data).hexdigest() != card.get("sha256"):
            raise InputError(
                path, "sha256", hashlib.sha256(data).hexdigest(), f"{card.get('sha256')}, as its card says"
            )
        network = Network(from_json(card["architecture"]))
        network.load_state_dict({name: _single(value) for name, value in load(data).items()})
    except InputError:
        raise
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, SafetensorError) as error:
        raise InputError(path, "", f"{type(error).__name__}: {error}", f"weights of a detector; {CLICKS}") from None
    return Detector(network.to(device).eval(), card)


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _shipped() -> Path:
    """The folder of shipped weights, there or not."""
    try:
        return resource_folder("weights")
    except InputError:
        return Path("Resources") / "weights"
