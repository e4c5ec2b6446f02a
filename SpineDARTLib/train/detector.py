"""The training of the detector: what a step learns from, and how far it is off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..detect.decode import cells, check_size
from ..detect.network import Network
from ..errors import InputError
from .augment import Augmentation, Draw, augment
from .batch import Batch, collate, on_device
from .loop import Loop
from .losses import crop_losses, dense_losses, total_loss
from .parallel import Team
from .samples import Store
from .settings import DetectorTraining
from .shard_files import check_folders
from .targets import crop_targets, dense_targets

JITTER = (0.02, 0.2)
"""Least and greatest standard deviation of how far a box is off that the second stage looks into, share of its sides:
its second look is at boxes that its first one has refined."""


class Training(Loop[Network, Batch]):
    """A detector being trained."""

    def __init__(self, settings: DetectorTraining, store: Store, team: Team | None = None) -> None:
        """
        Args:
            team: this process's place among several; None: it is alone.

        Raises:
            ValueError: sizes that do not go together, or fewer parts than processes.
        """
        check_size(settings.architecture)
        torch.manual_seed(settings.seed)
        super().__init__(settings, Network(settings.architecture), settings.architecture.as_json(), team)
        self.store = store

    def batch(self, step: int, part: int) -> Batch:
        """The pictures of a part: no other part of the step has them while there are enough."""
        settings, train = self.settings, self.store.train
        generator = np.random.default_rng([settings.seed, step])
        size = max(min(settings.batch * settings.parts, len(train)), settings.parts)
        chosen = generator.choice(len(train), size, replace=size > len(train))
        return collate([train[index] for index in chosen[part :: settings.parts]])

    def losses_of(self, fetched: Batch, seed: int) -> dict[str, Tensor]:
        """Of a batch, varied."""
        varied = augment(on_device(fetched, self.settings.device), Augmentation(), seed)
        return self.losses(varied, seed + 7)

    def losses(self, batch: Batch, seed: int) -> dict[str, Tensor]:
        """Of a batch as it is."""
        device = self.settings.device
        draw, count = Draw(seed, device), len(batch.levels)
        jitter = draw.uniform(count, 1, low=JITTER[0], high=JITTER[1]) * draw.normal(count, 4)
        wanted = crop_targets(batch, self.settings.architecture.crop_px, jitter)
        with self.precision():
            dense, crops, level = self.network(batch.images, wanted.rois)
        found = dense_losses(dense, dense_targets(batch, cells(dense)))
        return {**found, **crop_losses(crops, level, wanted, batch)} if len(wanted.index) else found

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        return total_loss(dict(losses))

    def untrained(self) -> Network:
        return Network(self.settings.architecture)

    def check_data(self) -> None:
        if not self.store.train:
            words = f"shards (spinedart simulate shards); {self.store.why_nothing()}"
            raise InputError("--data", "", "no pictures to learn from", words)

    def subjects(self) -> set[str]:
        return self.store.subjects

    def grow(self) -> None:
        self.store.grow(256)


def store_of(settings: DetectorTraining, team: Team | None = None) -> Store:
    """The settings' data, read; packs of shards are kept in ``out/packs``, made by a team's first process.

    Raises:
        InputError: no such folder.
    """
    check_folders(settings.data)
    size = settings.architecture.size_px
    store = Store(settings.data, Path(settings.out) / "packs", size, settings.held_back, settings.held_back_every)
    with (team or Team()).leader_first():
        store.grow()
    return store
