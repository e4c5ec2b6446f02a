"""The training of the detector."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..detect.decode import cells, check_size
from ..detect.network import Network
from ..errors import InputError
from .augment import Augmentation, Draw, augment
from .batch import Batch, collate, on_device
from .loop import CHECKPOINT, Loop, TrainingState
from .losses import crop_losses, dense_losses, total_loss
from .samples import Store
from .settings import DetectorTraining
from .targets import crop_targets, dense_targets

__all__ = ["CHECKPOINT", "Training", "TrainingState", "store_of"]

JITTER = 0.06
"""Standard deviation of how far the first stage's boxes are off, share of their sides."""


class Training(Loop[Network, Batch]):
    """A detector being trained."""

    def __init__(self, settings: DetectorTraining, store: Store) -> None:
        """
        Raises:
            ValueError: sizes that do not go together.
        """
        check_size(settings.architecture)
        torch.manual_seed(settings.seed)
        super().__init__(settings, Network(settings.architecture), settings.architecture.as_json())
        self.store = store

    def batch(self, step: int) -> Batch:
        """The pictures of a step: they hang on seed and step alone, and on what is in the store."""
        generator = np.random.default_rng([self.settings.seed, step])
        size = min(self.settings.batch, len(self.store.train))
        chosen = generator.choice(len(self.store.train), size, replace=False)
        return collate([self.store.train[index] for index in chosen])

    def losses_of(self, fetched: Batch, seed: int) -> dict[str, Tensor]:
        """Of a batch, varied."""
        varied = augment(on_device(fetched, self.settings.device), Augmentation(), seed)
        return self.losses(varied, seed + 7)

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        return total_loss(dict(losses))

    def untrained(self) -> Network:
        return Network(self.settings.architecture)

    def check_data(self) -> None:
        if not self.store.train:
            raise InputError(self.settings.data[0], "", "no pictures", "shards of people who are not held back")

    def subjects(self) -> set[str]:
        return self.store.subjects

    def grow(self) -> None:
        self.store.grow(256)

    def losses(self, batch: Batch, seed: int) -> dict[str, Tensor]:
        """Of a batch as it is; bfloat16 on CUDA."""
        device = self.settings.device
        jitter = JITTER * Draw(seed, device).normal(len(batch.levels), 4)
        wanted = crop_targets(batch, self.settings.architecture.crop_px, jitter)
        half = torch.autocast("cuda", dtype=torch.bfloat16) if device.startswith("cuda") else nullcontext()
        with half:
            dense, crops, level = self.network(batch.images, wanted.rois)
        found = dense_losses(dense, dense_targets(batch, cells(dense)))
        return {**found, **crop_losses(crops, level, wanted, batch)} if len(wanted.index) else found


def store_of(settings: DetectorTraining) -> Store:
    """The settings' data, read; packs of shards are kept in ``out/packs``."""
    size = settings.architecture.size_px
    for folder in settings.data:
        if not folder.is_dir():
            raise InputError("--data", "", folder, "a folder with shards (spinedart simulate shards)")
    store = Store(settings.data, Path(settings.out) / "packs", size, settings.held_back, settings.held_back_every)
    store.grow()
    return store
