"""The training of the similarity: what a step learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...atlas.model import ShapeModel
from ...errors import InputError
from ...similarity.learned.network import Similarity
from ..loop import Loop
from .examples import Batch, Example, Maker, collate
from .gather import Gatherer, Source
from .losses import losses, weighted
from .people import People, Person
from .settings import SimilarityTraining


class Training(Loop[Similarity, Batch]):
    """A similarity being trained.

    Args:
        people: to learn from.
        models: level to shape model, to render with.
    """

    def __init__(self, settings: SimilarityTraining, people: People, models: Mapping[str, ShapeModel]) -> None:
        torch.manual_seed(settings.seed)
        if settings.device.startswith("cuda"):
            torch.set_float32_matmul_precision("high")
        super().__init__(settings, Similarity(settings.architecture), settings.architecture.as_json())
        self.source = Source(settings, people, models)
        self.people, self.maker = people, self.source.maker
        self._gatherer = Gatherer(self.source)
        self.round = 0

    def batch(self, step: int) -> Batch:
        """The examples of a step: they hang on seed and step alone, on who is there and on what was harvested."""
        generator = np.random.default_rng([self.settings.seed, step])
        counts, shares = zip(*self.settings.views, strict=True)
        views = int(generator.choice(counts, p=shares))
        seeds = generator.integers(0, 2**31, self.settings.batch).tolist()
        examples = self._gatherer.examples(seeds, views)
        if not examples:
            raise InputError(self.settings.data[0], "", "no vertebra seen well", "pictures that show whole vertebrae")
        return collate(examples)

    def take_courses(self) -> None:
        """What was harvested so far is learned from, here and by whoever gathers."""
        self.source.take_courses()
        self.source.round = self.round

    def close(self) -> None:
        """End the processes that gather."""
        self._gatherer.close()

    def losses_of(self, fetched: Batch, seed: int) -> dict[str, Tensor]:
        """In float32 (TF32 on CUDA): bfloat16 would hide the differences between neighbouring states."""
        batch = on_device(fetched, self.settings.device)
        estimate = self.network(batch.images, batch.valid, batch.rays, batch.levels, batch.present, batch.drawn)
        return losses(estimate, batch.distances_mm)

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        return weighted(dict(losses), self.settings.weights)

    def untrained(self) -> Similarity:
        return Similarity(self.settings.architecture)

    def check_data(self) -> None:
        if not self.people.train:
            raise InputError(
                self.settings.data[0],
                "",
                "nobody to learn from",
                "shards with truths (spinedart simulate shards)",
            )

    def subjects(self) -> set[str]:
        return self.people.subjects

    def grow(self) -> None:
        self.people.grow(32)

    def kept(self) -> dict[str, Any]:
        return {"round": self.round}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.round = int(kept["round"])


def on_device(batch: Batch, device: str) -> Batch:
    """The same batch where it is computed."""
    return Batch(*(getattr(batch, name).to(device, non_blocking=True) for name in Batch.__dataclass_fields__))


def validation_examples(maker: Maker, people: Sequence[Person], count: int, seed: int = 20_000) -> list[Example]:
    """Always the same ones of the same people: two views, every kind of state."""
    found: list[Example] = []
    for number in range(3 * count if people else 0):
        generator = np.random.default_rng([seed, number])
        example = maker.drawn(people[number % len(people)], 2, generator)
        if example is not None:
            found.append(example)
        if len(found) == count:
            break
    return found
