"""The loop that all trainings share: an iterator of states, resumable at any step it kept."""

from __future__ import annotations

import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from ..errors import InputError

CHECKPOINT = "checkpoint.pt"
FORMAT = "spinedart-training/1"
FETCHED = 4
"""Batches brought together ahead of the step that needs them."""
LARGEST_GRADIENT = 5.0

Net = TypeVar("Net", bound=nn.Module)
Fetched = TypeVar("Fetched")


@runtime_checkable
class LoopSettings(Protocol):
    """What of its settings the loop itself reads (``DetectorTraining`` says what each is)."""

    @property
    def out(self) -> Path: ...
    @property
    def minutes(self) -> float: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def rate(self) -> float: ...
    @property
    def warm_up(self) -> int: ...
    @property
    def decay(self) -> float: ...
    @property
    def averaging(self) -> float: ...
    @property
    def device(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def grow_seconds(self) -> float: ...


@dataclass
class Progress:
    """What a checkpoint keeps beside the weights; grows as the training goes on.

    Attributes:
        step: steps done.
        seconds: of training so far, over all runs.
        history: one entry a validation, and one mean of the losses between two.
        subjects: whom the network learned from.
    """

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class TrainingState:
    """After one step.

    Attributes:
        step: number of steps done.
        share: of the training that is done, 0 to 1.
        losses: name to value, of this step.
    """

    step: int
    share: float
    losses: Mapping[str, float]


class Loop(ABC, Generic[Net, Fetched]):
    """A network being trained: what is drawn, the average of its weights, and where it stands.

    Args:
        architecture: the network's, as JSON: a checkpoint of another is refused.
    """

    def __init__(self, settings: LoopSettings, network: Net, architecture: dict[str, Any]) -> None:
        self.settings: Any = settings
        self.architecture = architecture
        self.network = network.to(settings.device)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            _groups(self.network, settings.decay), lr=settings.rate, betas=(0.9, 0.98), eps=1e-8
        )
        self.progress = Progress()

    @abstractmethod
    def batch(self, step: int) -> Fetched:
        """What a step learns from: it hangs on seed and step alone, and on what data there is. Runs in a thread."""

    @abstractmethod
    def losses_of(self, fetched: Fetched, seed: int) -> dict[str, Tensor]:
        """Name to loss, on the device."""

    @abstractmethod
    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """What is minimised."""

    @abstractmethod
    def untrained(self) -> Net:
        """A network of the same sizes, on the CPU."""

    @abstractmethod
    def check_data(self) -> None:
        """Raise an InputError where there is nothing to learn from."""

    @abstractmethod
    def subjects(self) -> set[str]:
        """Whom the network learns from now."""

    @abstractmethod
    def grow(self) -> None:
        """Look for new data."""

    def kept(self) -> dict[str, Any]:
        """What else a checkpoint keeps."""
        return {}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Take ``kept`` back."""

    def save(self) -> None:
        """Keep all that a resumed run needs; the old checkpoint stays until the new one is whole."""
        path = Path(self.settings.out) / CHECKPOINT
        partial = path.with_suffix(".partial")
        progress = self.progress
        torch.save(
            {
                "format": FORMAT,
                "architecture": self.architecture,
                "network": self.network.state_dict(),
                "average": self.average,
                "optimizer": self.optimizer.state_dict(),
                "step": progress.step,
                "seconds": progress.seconds,
                "history": progress.history,
                "subjects": sorted(progress.subjects),
                **self.kept(),
            },
            partial,
        )
        os.replace(partial, path)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises:
            InputError: a checkpoint of another network, or none at all behind its name.
        """
        path = Path(self.settings.out) / CHECKPOINT
        if not path.is_file():
            return False
        try:
            kept = torch.load(path, map_location=self.settings.device, weights_only=True)
            if kept.get("architecture") != self.architecture:
                raise InputError(path, "architecture", kept.get("architecture"), f"{self.architecture}")
            self.network.load_state_dict(kept["network"])
            self.average = kept["average"]
            self.optimizer.load_state_dict(kept["optimizer"])
            self.progress = Progress(kept["step"], kept["seconds"], kept["history"], set(kept["subjects"]))
            self.restore(kept)
        except InputError:
            raise
        except Exception as error:
            raise InputError(path, "", f"{type(error).__name__}: {error}", "a checkpoint of this training") from None
        return True

    def share(self) -> float:
        """Of the training that is done, by steps where they are counted, else by time."""
        if self.settings.steps is not None:
            return min(self.progress.step / max(self.settings.steps, 1), 1.0)
        return min(self.progress.seconds / (60.0 * self.settings.minutes), 1.0)

    def rate(self) -> float:
        """The step size: up in a line, down in half a cosine."""
        warm = min((self.progress.step + 1) / self.settings.warm_up, 1.0)
        return self.settings.rate * warm * max(0.5 * (1 + math.cos(math.pi * self.share())), 0.01)

    def learn(self, fetched: Fetched) -> dict[str, Tensor]:
        """One step; returns its losses, on the device."""
        seed = self.settings.seed * 1_000_003 + self.progress.step
        self.network.train()
        with torch.random.fork_rng(enabled=True):
            torch.manual_seed(seed)  # of the paths dropped: a resumed run drops the same ones
            losses = self.losses_of(fetched, seed)
        total = self.total(losses)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
        self._average()
        return {**{name: value.detach() for name, value in losses.items()}, "total": total.detach()}

    @torch.no_grad()
    def _average(self) -> None:
        """Follow the weights; quickly at the start, when they are still poor."""
        step = self.progress.step
        keep = min(self.settings.averaging, (1 + step) / (10 + step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - keep)
            else:
                self.average[name].copy_(value)

    def run(self) -> Iterator[TrainingState]:
        """Train until the steps or the minutes are over; a caller may stop, keep or validate between two states.

        Raises:
            InputError: nothing to learn from.
        """
        self.check_data()
        with ThreadPoolExecutor(1) as pool:
            coming: dict[int, Future[Fetched]] = {}
            grown = time.monotonic()
            while self.share() < 1.0 and self.progress.seconds < 60.0 * self.settings.minutes:
                began = time.monotonic()
                for ahead in range(self.progress.step, self.progress.step + FETCHED):
                    coming.setdefault(ahead, pool.submit(self.batch, ahead)) if ahead not in coming else None
                losses = self.learn(coming.pop(self.progress.step).result())
                self.progress.step += 1
                self.progress.subjects |= self.subjects()
                if self.settings.grow_seconds and began - grown > self.settings.grow_seconds:
                    pool.submit(self.grow)
                    grown = began
                numbers = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
                self.progress.seconds += time.monotonic() - began
                yield TrainingState(self.progress.step, self.share(), numbers)

    def averaged(self) -> Net:
        """A network of the averaged weights, for looking."""
        network = self.untrained().to(self.settings.device)
        network.load_state_dict(self.average)
        return network.eval()


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights decay, biases and normalisations do not."""
    decays = [value for name, value in network.named_parameters() if value.ndim > 1 and "bias_table" not in name]
    others = [value for name, value in network.named_parameters() if value.ndim <= 1 or "bias_table" in name]
    return [{"params": decays, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
