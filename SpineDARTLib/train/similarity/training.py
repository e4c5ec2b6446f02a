"""The training of the similarity: what a step learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...atlas.model import ShapeModel
from ...errors import InputError
from ...similarity.learned.network import Similarity
from ..loop import Loop
from .drawing import Drawer
from .examples import Batch, Course, Example, Maker, collate
from .losses import losses, weighted
from .people import People, Person
from .settings import SimilarityTraining

TRIES = 20
"""People asked for an example before a step goes without it."""


class Training(Loop[Similarity, Batch]):
    """A similarity being trained.

    Args:
        people: to learn from.
        models: level to shape model, to render with.
    """

    def __init__(self, settings: SimilarityTraining, people: People, models: Mapping[str, ShapeModel]) -> None:
        torch.manual_seed(settings.seed)
        super().__init__(settings, Similarity(settings.architecture), settings.architecture.as_json())
        self.people = people
        drawer = Drawer(models, settings.splats)
        self.maker = Maker(drawer, settings.architecture, settings.perturbation, settings.states)
        self.courses: list[tuple[Person, Course]] = []
        self.round = 0

    def batch(self, step: int) -> Batch:
        """The examples of a step: they hang on seed and step alone, on who is there and on what was harvested."""
        generator = np.random.default_rng([self.settings.seed, step])
        counts, shares = zip(*self.settings.views, strict=True)
        views = int(generator.choice(counts, p=shares))
        seeds = generator.integers(0, 2**31, self.settings.batch).tolist()
        with ThreadPoolExecutor(self.settings.gather_workers) as pool:
            found = list(pool.map(lambda seed: self.one(seed, views), seeds))
        examples = [one for one in found if one is not None]
        if not examples:
            raise InputError(self.settings.data[0], "", "no vertebra seen well", "pictures that show whole vertebrae")
        return collate(examples)

    def one(self, seed: int, views: int) -> Example | None:
        """An example of one seed: of a harvested course, or drawn."""
        generator = np.random.default_rng(seed)
        for _ in range(TRIES):
            if self.courses and generator.random() < self.settings.harvested:
                person, course = self.courses[int(generator.integers(len(self.courses)))]
                found = self.maker.harvested(person, course, generator)
            else:
                person = self.people.train[int(generator.integers(len(self.people.train)))]
                found = self.maker.drawn(person, views, generator)
            if found is not None:
                return found
        return None

    def losses_of(self, fetched: Batch, seed: int) -> dict[str, Tensor]:
        """bfloat16 on CUDA; the losses themselves in float32."""
        device = self.settings.device
        batch = on_device(fetched, device)
        half = torch.autocast("cuda", dtype=torch.bfloat16) if device.startswith("cuda") else nullcontext()
        with half:
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


def people_of(settings: SimilarityTraining) -> People:
    """The settings' data, read; persons are packed in ``out/packs``.

    Raises:
        InputError: no such folder.
    """
    for folder in settings.data:
        if not folder.is_dir():
            raise InputError("--data", "", folder, "a folder with shards (spinedart simulate shards)")
    people = People(settings.data, Path(settings.out) / "packs", settings.held_back, settings.held_back_every)
    people.grow()
    return people


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
