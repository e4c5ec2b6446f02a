"""Where examples come from: people and harvested courses, by one process or by many.

An example costs some hundredths of a second of rendering and measuring; a large GPU learns from more than one process
makes. Each process reads the people itself, once, and the courses again after each round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...atlas.model import ShapeModel
from ...atlas.workers import Workers
from ...simulate.patient.spine import models_of
from ...types import LEVELS
from ..parallel import Team
from ..shard_files import check_folders
from .drawing import Drawer
from .examples import Course, Example, Maker
from .harvest import Kept, read_courses
from .people import People, Person
from .settings import SimilarityTraining

TRIES = 20
"""People asked for an example before a step goes without it."""


class Source:
    """People and their courses.

    Args:
        models: level to shape model, to render with.
    """

    def __init__(self, settings: SimilarityTraining, people: People, models: Mapping[str, ShapeModel]) -> None:
        self.settings, self.people = settings, people
        drawer = Drawer(models, settings.splats)
        self.maker = Maker(drawer, settings.architecture, settings.perturbation, settings.states)
        self.courses: list[tuple[Person, Course]] = []
        self.round = -1

    def take_courses(self) -> None:
        """All that was harvested so far, of people to learn from."""
        found = read_courses(Path(self.settings.out) / "courses")
        self.courses = [(person, one.course) for one in found if (person := owner(one, self.people.train))]

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


def owner(one: Kept, people: Sequence[Person]) -> Person | None:
    """Whose course it is."""
    return next((person for person in people if one.fits(person)), None)


def people_of(settings: SimilarityTraining, team: Team | None = None) -> People:
    """The settings' data, read; persons are packed in ``out/packs``, by a team's first process.

    Raises:
        InputError: no such folder.
    """
    check_folders(settings.data)
    people = People(settings.data, Path(settings.out) / "packs", settings.held_back, settings.held_back_every)
    with (team or Team()).leader_first():
        people.grow()
    return people


class Gatherer:
    """Examples of seeds, by this process's own source or by ``gather_workers`` others."""

    def __init__(self, source: Source) -> None:
        self.source, self._count = source, source.settings.gather_workers
        self._workers: Workers | None = None

    def examples(self, seeds: Sequence[int], views: int) -> list[Example]:
        """Those that could be made, in the order of the seeds."""
        if self._count == 1:
            found = [self.source.one(seed, views) for seed in seeds]
            return [one for one in found if one is not None]
        if self._workers is None:
            self._workers = Workers(self._count).__enter__()
        parts = [list(seeds[start :: self._count]) for start in range(self._count)]
        tasks = [(self.source.settings, part, views, self.source.round) for part in parts if part]
        return [one for found in self._workers.map(gather, tasks) for one in found]

    def close(self) -> None:
        """End the processes."""
        if self._workers is not None:
            self._workers.__exit__(None, None, None)
            self._workers = None


def gather(settings: SimilarityTraining, seeds: Sequence[int], views: int, number: int) -> list[Example]:
    """Examples of seeds, in a process of its own; ``number`` of the round: a new one brings new courses."""
    source = _opened(settings)
    if source.round != number:
        source.people.grow()
        source.take_courses()
        source.round = number
    found = [source.one(seed, views) for seed in seeds]
    return [one for one in found if one is not None]


@lru_cache(maxsize=1)
def _opened(settings: SimilarityTraining) -> Source:
    import torch

    torch.set_num_threads(1)
    return Source(settings, people_of(settings), models_of(LEVELS))
