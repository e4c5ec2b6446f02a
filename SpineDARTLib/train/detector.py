"""The training of the detector: an iterator of states, resumable at any step it kept."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..detect.decode import cells, check_size
from ..detect.network import Network
from ..errors import InputError
from ..io.files import write_atomically
from .augment import Augmentation, Draw, augment
from .batch import Batch, collate, on_device
from .losses import crop_losses, dense_losses, total_loss
from .parallel import Team
from .samples import Store
from .settings import DetectorTraining
from .targets import crop_targets, dense_targets

CHECKPOINT = "checkpoint.pt"
FORMAT = "spinedart-training/1"
JITTER = (0.02, 0.2)
"""Least and greatest standard deviation of how far a box is off that the second stage looks into, share of its sides:
its second look is at boxes that its first one has refined."""
FETCHED = 4
"""Batches brought together ahead of the step that needs them."""
LARGEST_GRADIENT = 5.0


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


@dataclass(frozen=True)
class TrainingState:
    """After one step.

    Attributes:
        step: number of steps done.
        share: of the training that is done, 0 to 1.
        losses: name to value, of this step's pictures in this process.
    """

    step: int
    share: float
    losses: Mapping[str, float]


class Training:
    """A network being trained: what is drawn, the average of its weights, and where it stands."""

    def __init__(self, settings: DetectorTraining, store: Store, team: Team | None = None) -> None:
        """
        Args:
            team: this process's place among several; None: it is alone.

        Raises:
            ValueError: sizes that do not go together, or fewer parts than processes.
        """
        if team is not None and settings.parts < team.world:
            raise ValueError(f"got {settings.parts} parts a step; expected one for each of {team.world} processes")
        check_size(settings.architecture)
        torch.manual_seed(settings.seed)
        self.settings, self.store = settings, store
        self.team = Team(device=settings.device) if team is None else team
        self.network = Network(settings.architecture).to(settings.device)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            _groups(self.network, settings.decay), lr=settings.rate, betas=(0.9, 0.98), eps=1e-8
        )
        self.progress = Progress()

    def save(self) -> None:
        """Keep all that a resumed run needs; the old checkpoint stays until the new one is whole.

        Raises:
            InputError: no space, or no leave, to write it.
        """
        whole, progress = io.BytesIO(), self.progress
        torch.save(
            {
                "format": FORMAT,
                "architecture": self.settings.architecture.as_json(),
                "network": self.network.state_dict(),
                "average": self.average,
                "optimizer": self.optimizer.state_dict(),
                "step": progress.step,
                "seconds": progress.seconds,
                "history": progress.history,
                "subjects": sorted(progress.subjects),
                "skipped": progress.skipped,
            },
            whole,
        )
        write_atomically(self.settings.out / CHECKPOINT, whole.getvalue())

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises:
            InputError: a checkpoint of another network, none at all behind its name, or not the same one for every
                process of a team.
        """
        path = self.settings.out / CHECKPOINT
        if path.is_file():
            self._read(path)
        step = self.team.agreed(float(self.progress.step))
        if step != self.progress.step:
            raise InputError(path, "step", self.progress.step, f"{step:g}, as the first process reads: a folder of all")
        return path.is_file()

    def _read(self, path: Path) -> None:
        try:
            kept = torch.load(path, map_location=self.settings.device, weights_only=True)
            if kept.get("architecture") != self.settings.architecture.as_json():
                raise InputError(path, "architecture", kept.get("architecture"), f"{self.settings.architecture}")
            self.network.load_state_dict(kept["network"])
            self.average = kept["average"]
            self.optimizer.load_state_dict(kept["optimizer"])
            subjects, skipped = set(kept["subjects"]), kept.get("skipped", 0)
            self.progress = Progress(kept["step"], kept["seconds"], kept["history"], subjects, skipped)
        except InputError:
            raise
        except Exception as error:
            raise InputError(path, "", f"{type(error).__name__}: {error}", "a checkpoint of this training") from None

    def share(self) -> float:
        """Of the training that is done, by steps where they are counted, else by time."""
        if self.settings.steps is not None:
            return min(self.progress.step / max(self.settings.steps, 1), 1.0)
        return min(self.progress.seconds / (60.0 * self.settings.minutes), 1.0)

    def rate(self) -> float:
        """The step size: up in a line, down in half a cosine."""
        warm = min((self.progress.step + 1) / self.settings.warm_up, 1.0)
        return self.settings.rate * warm * max(0.5 * (1 + math.cos(math.pi * self.share())), 0.01)

    def batches(self, step: int) -> list[tuple[int, Batch]]:
        """This process's parts of a step, by number: they hang on seed, step and part alone, and on the store."""
        settings, train = self.settings, self.store.train
        generator = np.random.default_rng([settings.seed, step])
        size = max(min(settings.batch * settings.parts, len(train)), settings.parts)
        chosen = generator.choice(len(train), size, replace=size > len(train))
        own = range(self.team.rank, settings.parts, self.team.world)
        return [(part, collate([train[index] for index in chosen[part :: settings.parts]])) for part in own]

    def learn(self, batches: Sequence[tuple[int, Batch]]) -> dict[str, Tensor]:
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

    def _learn_part(self, part: int, batch: Batch) -> dict[str, Tensor]:
        """Add a part's share to the gradients."""
        settings = self.settings
        seed = settings.seed * 1_000_003 + self.progress.step + 7_000_003 * part
        with torch.random.fork_rng(enabled=True):
            torch.manual_seed(seed)  # of the paths dropped: a resumed run drops the same ones
            losses = self.losses(augment(on_device(batch, settings.device), Augmentation(), seed), seed + 7)
        total = total_loss(losses)
        (total / settings.parts).backward()
        return {**{name: value.detach() for name, value in losses.items()}, "total": total.detach()}

    def losses(self, batch: Batch, seed: int) -> dict[str, Tensor]:
        """Of a batch as it is."""
        device = self.settings.device
        draw, count = Draw(seed, device), len(batch.levels)
        jitter = draw.uniform(count, 1, low=JITTER[0], high=JITTER[1]) * draw.normal(count, 4)
        wanted = crop_targets(batch, self.settings.architecture.crop_px, jitter)
        with torch.autocast(torch.device(device).type, torch.bfloat16, self.settings.half and halves(device)):
            dense, crops, level = self.network(batch.images, wanted.rois)
        found = dense_losses(dense, dense_targets(batch, cells(dense)))
        return {**found, **crop_losses(crops, level, wanted, batch)} if len(wanted.index) else found

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
        if not self.store.train:
            words = f"shards (spinedart simulate shards); {self.store.why_nothing()}"
            raise InputError("--data", "", "no pictures to learn from", words)
        with ThreadPoolExecutor(1) as pool:
            coming: dict[int, Future[list[tuple[int, Batch]]]] = {}
            grown = time.monotonic()
            while self.share() < 1.0 and self.progress.seconds < 60.0 * self.settings.minutes:
                began = time.monotonic()
                for ahead in range(self.progress.step, self.progress.step + FETCHED):
                    if ahead not in coming:
                        coming[ahead] = pool.submit(self.batches, ahead)
                losses = self.learn(coming.pop(self.progress.step).result())
                self.progress.step += 1
                self.progress.subjects |= self.store.subjects
                if self.settings.grow_seconds and began - grown > self.settings.grow_seconds:
                    pool.submit(self.store.grow, 256)
                    grown = began
                numbers = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
                self.progress.seconds = self.team.agreed(self.progress.seconds + time.monotonic() - began)
                yield TrainingState(self.progress.step, self.share(), numbers)

    def averaged(self) -> Network:
        """A network of the averaged weights, for looking."""
        network = Network(self.settings.architecture).to(self.settings.device)
        network.load_state_dict(self.average)
        return network.eval()


def halves(device: str) -> bool:
    """Whether a device multiplies bfloat16 faster than float32: GPUs, and processors with instructions for it."""
    if device.startswith("cuda"):
        return True
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older ones cannot tell
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _groups(network: Network, decay: float) -> list[dict[str, Any]]:
    """Weights decay, biases and normalisations do not."""
    decays = [value for name, value in network.named_parameters() if value.ndim > 1 and "bias_table" not in name]
    others = [value for name, value in network.named_parameters() if value.ndim <= 1 or "bias_table" in name]
    return [{"params": decays, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def store_of(settings: DetectorTraining, team: Team | None = None) -> Store:
    """The settings' data, read; packs of shards are kept in ``out/packs``, made by a team's first process.

    Raises:
        InputError: no such folder.
    """
    size = settings.architecture.size_px
    for folder in settings.data:
        if not folder.is_dir():
            raise InputError("--data", "", folder, "a folder with shards (spinedart simulate shards)")
    store = Store(settings.data, Path(settings.out) / "packs", size, settings.held_back, settings.held_back_every)
    if team is not None and not team.leads:
        team.wait()
    store.grow()
    if team is not None and team.leads:
        team.wait()
    return store
