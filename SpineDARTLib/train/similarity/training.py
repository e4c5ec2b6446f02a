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
from ..parallel import Team
from .examples import Batch, Example, Maker, collate
from .gather import Gatherer, Source
from .losses import losses, weighted
from .people import People, Person
from .settings import SimilarityTraining
from .vary import vary


class Training(Loop[Similarity, Batch]):
    """A similarity being trained.

    Args:
        people: to learn from.
        models: level to shape model, to render with.
        team: this process's place among several; None: it is alone.

    Raises:
        ValueError: sizes that do not go together, or fewer parts than processes.
    """

    def __init__(
        self,
        settings: SimilarityTraining,
        people: People,
        models: Mapping[str, ShapeModel],
        team: Team | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        if settings.device.startswith("cuda"):
            torch.set_float32_matmul_precision("high")
        super().__init__(settings, Similarity(settings.architecture), settings.architecture.as_json(), team)
        self.source = Source(settings, people, models)
        self.people, self.maker = people, self.source.maker
        self._gatherer = Gatherer(self.source)
        self.round = 0
        self._echoed: dict[int, tuple[int, Batch]] = {}

    def batch(self, step: int, part: int) -> Batch:
        """The examples of a part: those of the step before, or new ones."""
        number = step // self.settings.echo
        if self._echoed.get(part, (-1,))[0] != number:
            self._echoed[part] = number, self._gathered(number, part)
        return self._echoed[part][1]

    def _gathered(self, number: int, part: int) -> Batch:
        """New examples, all of as many views as the whole step's; what was harvested is among them."""
        settings = self.settings
        generator = np.random.default_rng([settings.seed, number])
        counts, shares = zip(*settings.views, strict=True)
        views = int(generator.choice(counts, p=shares))
        seeds = generator.integers(0, 2**31, settings.batch * settings.parts).tolist()
        examples = self._gatherer.examples(seeds[part :: settings.parts], views)
        if not examples:
            raise InputError("--data", "", "no vertebra seen well", "pictures that show whole vertebrae")
        return collate(examples)

    def take_courses(self) -> None:
        """What was harvested so far is learned from, here and by whoever gathers."""
        self.source.take_courses()
        self.source.round = self.round

    def close(self) -> None:
        """End the processes that gather."""
        self._gatherer.close()

    def losses_of(self, fetched: Batch, seed: int) -> dict[str, Tensor]:
        batch = vary(on_device(fetched, self.settings.device), seed)
        with self.precision():
            estimate = self.network(batch.images, batch.valid, batch.rays, batch.levels, batch.present, batch.drawn)
        return losses(estimate, batch.distances_mm)

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        return weighted(dict(losses), self.settings.weights)

    def untrained(self) -> Similarity:
        return Similarity(self.settings.architecture)

    def check_data(self) -> None:
        if not self.people.train:
            words = f"shards with truths (spinedart simulate shards); {self.people.why_nothing()}"
            raise InputError("--data", "", "nobody to learn from", words)

    def subjects(self) -> set[str]:
        return self.people.subjects

    def grow(self) -> None:
        self.people.grow(32)

    def kept(self) -> dict[str, Any]:
        return {"round": self.round}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.round = min(int(kept["round"]), max(self.settings.rounds - 1, 0))


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
