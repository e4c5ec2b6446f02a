"""The one file that a training goes on from: weights, their average, the optimiser's state, and how far it came."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..io.files import write_atomically

CHECKPOINT = "checkpoint.pt"
FORMAT = "spinedart-training/1"


@dataclass
class Progress:
    """What a checkpoint keeps beside the weights; grows as the training goes on.

    Attributes:
        step: steps done.
        seconds: of training so far, over all runs.
        history: one entry a validation, and one mean of the losses between two.
        subjects: whom the network learned from.
        skipped: steps not taken, because their gradient was not finite.
    """

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)
    skipped: int = 0

    def as_kept(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {**vars(self), "subjects": sorted(self.subjects)}


def progress_of(kept: Mapping[str, Any]) -> Progress:
    """What ``as_kept`` gave; checkpoints of before steps were skipped have none."""
    return Progress(kept["step"], kept["seconds"], kept["history"], set(kept["subjects"]), kept.get("skipped", 0))


def write_checkpoint(path: Path, architecture: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Keep all of it; the old checkpoint stays until the new one is whole.

    Args:
        architecture: the network's, as JSON.

    Raises:
        InputError: no space, or no leave, to write it.
    """
    whole = io.BytesIO()
    torch.save({"format": FORMAT, "architecture": dict(architecture), **content}, whole)
    write_atomically(path, whole.getvalue())


def read_checkpoint(path: Path, architecture: Mapping[str, Any], device: str) -> dict[str, Any]:
    """What was kept, on the device.

    Raises:
        InputError: of another network. Exception: whatever torch finds wrong with a file that is no checkpoint.
    """
    kept = torch.load(path, map_location=device, weights_only=True)
    if kept.get("architecture") != dict(architecture):
        raise InputError(path, "architecture", kept.get("architecture"), f"{dict(architecture)}")
    return kept
