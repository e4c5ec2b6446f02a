"""Weights of any network: float16 safetensors beside a model card that has their hash. No pickle is ever read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from .errors import InputError
from .io.files import write_atomically

Net = TypeVar("Net", bound=nn.Module)


def save_weights(
    folder: Path,
    name: str,
    kind: str,
    architecture: Mapping[str, Any],
    state: Mapping[str, Tensor],
    card: Mapping[str, Any],
) -> Path:
    """Write ``<name>.safetensors`` and ``<name>.json``; returns the first's path.

    Args:
        kind: the card's format ("spinedart-detector/1").
        architecture: as JSON.
        state: the network's, or its average over the training.
        card: data, seeds, subjects, metrics, limits; format, architecture and hash are added.

    Raises:
        InputError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = save({key: _half(value) for key, value in state.items()})
    hashed = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    full = {"format": kind, "architecture": dict(architecture), **card, **hashed}
    write_atomically(folder / f"{name}.safetensors", data)
    write_atomically(folder / f"{name}.json", (json.dumps(full, indent=1, allow_nan=False) + "\n").encode("utf-8"))
    return folder / f"{name}.safetensors"


def load_weights(
    folder: Path, name: str, kind: str, make: Callable[[Mapping[str, Any]], Net], what: str, instead: str
) -> tuple[Net, dict[str, Any]]:
    """A network with its card, in evaluation mode on the CPU.

    Args:
        make: architecture as JSON to an untrained network.
        what: "a detector", for errors. instead: what to do where there is none.

    Raises:
        InputError: there is none, or it is not what its card says.
    """
    card_path, path = folder / f"{name}.json", folder / f"{name}.safetensors"
    if not (card_path.is_file() and path.is_file()):
        raise InputError(folder, "", f"no weights of {what}", f"{path.name} with {card_path.name}; {instead}")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        data = path.read_bytes()
        if card.get("format") != kind:
            raise InputError(card_path, "format", card.get("format"), f'"{kind}"')
        found = hashlib.sha256(data).hexdigest()
        if found != card.get("sha256"):
            raise InputError(path, "sha256", found, f"{card.get('sha256')}, as its card says")
        network = make(card["architecture"])
        network.load_state_dict({key: _single(value) for key, value in load(data).items()})
    except InputError:
        raise
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, SafetensorError) as error:
        raise InputError(path, "", f"{type(error).__name__}: {error}", f"weights of {what}; {instead}") from None
    return network.eval(), card


def _half(value: Tensor) -> Tensor:
    return (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def device_of(network: nn.Module) -> torch.device:
    """Where it computes."""
    return next(network.parameters()).device
