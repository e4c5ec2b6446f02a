"""The loop that all trainings share: an iterator of states, resumable at any step it kept, alone or in a team."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from ..errors import InputError
from .checkpoint import CHECKPOINT, Progress, progress_of, read_checkpoint, write_checkpoint
from .parallel import Team
from .settings import LoopSettings

FETCHED = 4
"""Batches brought together ahead of the step that needs them."""
LARGEST_GRADIENT = 5.0

Net = TypeVar("Net", bound=nn.Module)
Fetched = TypeVar("Fetched")


@dataclass(frozen=True)
class TrainingState:
    """After one step.

    Attributes:
        step: number of steps done.
        share: of the training that is done, 0 to 1.
        losses: name to value, of what this process learned from.
    """

    step: int
    share: float
    losses: Mapping[str, float]


class Loop(ABC, Generic[Net, Fetched]):
    """A network being trained: what is drawn, the average of its weights, and where it stands.

    Args:
        architecture: the network's, as JSON: a checkpoint of another is refused.
        team: this process's place among several; None: it is alone.

    Raises:
        ValueError: fewer parts than processes.
    """

    def __init__(
        self, settings: LoopSettings, network: Net, architecture: dict[str, Any], team: Team | None = None
    ) -> None:
        if team is not None and settings.parts < team.world:
            raise ValueError(f"got {settings.parts} parts a step; expected one for each of {team.world} processes")
        self.settings: Any = settings
        self.architecture = architecture
        self.team = Team(device=settings.device) if team is None else team
        self.network = network.to(settings.device)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            _groups(self.network, settings.decay), lr=settings.rate, betas=(0.9, 0.98), eps=1e-8
        )
        self.progress = Progress()

    @abstractmethod
    def batch(self, step: int, part: int) -> Fetched:
        """What a part of a step learns from: it hangs on seed, step and part alone, and on what data there is. Runs in
        a thread."""

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
        """Keep all that a resumed run needs; the old checkpoint stays until the new one is whole.

        Raises:
            InputError: no space, or no leave, to write it.
        """
        weights = {"network": self.network.state_dict(), "average": self.average}
        content = {**weights, "optimizer": self.optimizer.state_dict(), **self.progress.as_kept(), **self.kept()}
        write_checkpoint(Path(self.settings.out) / CHECKPOINT, self.architecture, content)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises:
            InputError: a checkpoint of another network, none at all behind its name, or not the same one for every
                process of a team.
        """
        path = Path(self.settings.out) / CHECKPOINT
        if path.is_file():
            self._read(path)
        step = self.team.agreed(float(self.progress.step))
        if step != self.progress.step:
            raise InputError(path, "step", self.progress.step, f"{step:g}, as the first process reads: a folder of all")
        return path.is_file()

    def _read(self, path: Path) -> None:
        try:
            kept = read_checkpoint(path, self.architecture, self.settings.device)
            self.network.load_state_dict(kept["network"])
            self.average = kept["average"]
            self.optimizer.load_state_dict(kept["optimizer"])
            self.progress = progress_of(kept)
            self.restore(kept)
        except InputError:
            raise
        except Exception as error:
            raise InputError(path, "", f"{type(error).__name__}: {error}", "a checkpoint of this training") from None

    def share(self) -> float:
        """Of the training that is done, by steps where they are counted, else by time."""
        if self.settings.steps is not None:
            return min(self.progress.step / max(self.settings.steps, 1), 1.0)
        return min(self.progress.seconds / (60.0 * self.settings.minutes), 1.0)

    def over(self) -> bool:
        """Whether the steps or the minutes are."""
        return self.share() >= 1.0 or self.progress.seconds >= 60.0 * self.settings.minutes

    def rate(self) -> float:
        """The step size: up in a line, down in half a cosine."""
        warm = min((self.progress.step + 1) / self.settings.warm_up, 1.0)
        return self.settings.rate * warm * max(0.5 * (1 + math.cos(math.pi * self.share())), 0.01)

    def precision(self) -> torch.autocast:
        """In which a network multiplies: bfloat16 where settings and device have it, else float32."""
        device = self.settings.device
        return torch.autocast(torch.device(device).type, torch.bfloat16, self.settings.half and halves(device))

    def batches(self, step: int) -> list[tuple[int, Fetched]]:
        """This process's parts of a step, by number."""
        own = range(self.team.rank, self.settings.parts, self.team.world)
        return [(part, self.batch(step, part)) for part in own]

    def learn(self, batches: Sequence[tuple[int, Fetched]]) -> dict[str, Tensor]:
        """One step of the whole team; returns the means of this process's losses, on the device."""
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.zero_grad(set_to_none=True)
        found = [self._learn_part(part, batch) for part, batch in batches]
        self.team.sum_gradients(self.network.parameters())
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
        else:
            self.progress.skipped += 1
        self._average()
        names = dict.fromkeys(name for one in found for name in one)
        return {name: torch.stack([one[name] for one in found if name in one]).mean() for name in names}

    def _learn_part(self, part: int, batch: Fetched) -> dict[str, Tensor]:
        """Add a part's share to the gradients."""
        seed = self.settings.seed * 1_000_003 + self.progress.step + 7_000_003 * part
        with torch.random.fork_rng(enabled=True):
            torch.manual_seed(seed)  # of the paths dropped: a resumed run drops the same ones
            losses = self.losses_of(batch, seed)
        total = self.total(losses)
        (total / self.settings.parts).backward()
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

        In a team all processes follow the first one's clock, and so stop after the same step.

        Raises:
            InputError: nothing to learn from.
        """
        self.check_data()
        with ThreadPoolExecutor(1) as pool:
            coming: dict[int, Future[list[tuple[int, Fetched]]]] = {}
            grown = time.monotonic()
            while not self.over():
                began = time.monotonic()
                for ahead in range(self.progress.step, self.progress.step + FETCHED):
                    if ahead not in coming:
                        coming[ahead] = pool.submit(self.batches, ahead)
                losses = self.learn(coming.pop(self.progress.step).result())
                self.progress.step += 1
                self.progress.subjects |= self.subjects()
                if self.settings.grow_seconds and began - grown > self.settings.grow_seconds:
                    pool.submit(self.grow)
                    grown = began
                numbers = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
                self.spend(time.monotonic() - began)
                yield TrainingState(self.progress.step, self.share(), numbers)

    def spend(self, seconds: float) -> None:
        """Count time as training: in a team the first process's; the others wait for it."""
        self.progress.seconds = self.team.agreed(self.progress.seconds + seconds)

    def averaged(self) -> Net:
        """A network of the averaged weights, for looking."""
        network = self.untrained().to(self.settings.device)
        network.load_state_dict(self.average)
        return network.eval()


def halves(device: str) -> bool:
    """Whether a device multiplies bfloat16 faster than float32: GPUs, and processors with instructions for it."""
    if device.startswith("cuda"):
        return True
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older ones cannot tell
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights decay, biases and normalisations do not."""
    decays = [value for name, value in network.named_parameters() if value.ndim > 1 and "bias_table" not in name]
    others = [value for name, value in network.named_parameters() if value.ndim <= 1 or "bias_table" in name]
    return [{"params": decays, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
