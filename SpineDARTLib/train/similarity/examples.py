"""What the network learns from: one vertebra's regions, several states of it as rendered, and how far each is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...geometry.camera import angle_between_deg
from ...render import Detectors
from ...similarity.learned.architecture import Architecture
from ...similarity.learned.regions import Region, cut_regions, token_rays
from ...types import LEVELS, Vertebra
from .drawing import Drawer
from .people import Person
from .settings import Perturbation
from .states import HARD, Delta, between, draw_delta, goal, hard_negative, moved, perturbed

LEAST_SEEN = 0.85
"""Share of a vertebra in a picture's exposed field from which on it may be compared there."""
LEAST_ANGLE_DEG = 20.0
TRIES = 12
SMALL = (0.02, 0.4)
"""Factors on the usual errors, for states beside a state."""


@dataclass(frozen=True)
class Course:
    """States that one vertebra's fit went through.

    Attributes:
        pictures: numbers of the person's pictures that it was fitted in.
        level: the vertebra's true level.
        start: (4, 4) pose that the regions hang on.
        target: its states, of one model. others: the neighbours at the same steps, place to states.
    """

    pictures: tuple[int, ...]
    level: str
    start: np.ndarray
    target: tuple[Vertebra, ...]
    others: Mapping[str, tuple[Vertebra, ...]]


@dataclass(frozen=True)
class Setup:
    """A vertebra in a state.

    Attributes:
        pictures: numbers of the person's pictures. level: the true one.
        start: (4, 4) pose that the regions hang on.
        state: of the target. others: the neighbours that are drawn beside it.
        hard: index in ``HARD`` plus one, or 0.
    """

    person: Person
    pictures: tuple[int, ...]
    level: str
    start: np.ndarray
    state: Vertebra
    others: tuple[Vertebra, ...]
    hard: int = 0

    def aim(self) -> Delta:
        """From the state to the truth."""
        return between(self.state, goal(self.state, self.person.truths[self.level].vertebra))


@dataclass(frozen=True)
class Example:
    """One vertebra; the first state leads towards the second on a line to the truth, and to the third at random.

    Attributes:
        images, valid: (views, height, width) real regions. rays: (views, tokens, 9). level: of the model drawn.
        drawn: (states, views, 2, height, width) optical depth, own and the others'.
        distances_mm: (states,) true mean surface distance.
        hard: index in ``HARD`` plus one, or 0. harvested: whether from a real fit.
    """

    images: np.ndarray
    valid: np.ndarray
    rays: np.ndarray
    level: int
    drawn: np.ndarray
    distances_mm: np.ndarray
    hard: int = 0
    harvested: bool = False


@dataclass(frozen=True)
class Batch:
    """Examples brought together (``Example`` says what each is)."""

    images: Float[Tensor, "vertebrae views height width"]
    valid: Float[Tensor, "vertebrae views height width"]
    rays: Float[Tensor, "vertebrae views tokens 9"]
    levels: Int[Tensor, " vertebrae"]
    present: Bool[Tensor, "vertebrae views"]
    drawn: Float[Tensor, "vertebrae states views 2 height width"]
    distances_mm: Float[Tensor, "vertebrae states"]
    hard: Int[Tensor, " vertebrae"]
    harvested: Bool[Tensor, " vertebrae"]


def collate(examples: Sequence[Example], device: str = "cpu") -> Batch:
    """A batch on the device; views that an example lacks are zeros and marked absent."""
    most = max(len(one.images) for one in examples)

    def padded(values: np.ndarray, axis: int) -> np.ndarray:
        widths = [(0, 0)] * values.ndim
        widths[axis] = (0, most - values.shape[axis])
        return np.pad(values, widths)

    def joined(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(values)).to(device, non_blocking=True)

    present = [np.arange(most) < len(one.images) for one in examples]
    return Batch(
        joined([padded(one.images, 0) for one in examples]),
        joined([padded(one.valid, 0) for one in examples]),
        joined([padded(one.rays, 0) for one in examples]),
        torch.tensor([one.level for one in examples], device=device),
        joined(present),
        joined([padded(one.drawn, 1) for one in examples]),
        joined([one.distances_mm for one in examples]),
        torch.tensor([one.hard for one in examples], device=device),
        torch.tensor([one.harvested for one in examples], device=device),
    )


class Maker:
    """Makes examples.

    Args:
        drawer: renders the states.
        architecture: of the network: its regions.
        settings: of what is drawn at random.
        states: of an example, 3 or more.
    """

    def __init__(self, drawer: Drawer, architecture: Architecture, settings: Perturbation, states: int = 4) -> None:
        self.drawer, self.architecture, self.settings, self.states = drawer, architecture, settings, states

    def drawn(self, person: Person, views: int, generator: np.random.Generator) -> Example | None:
        """One with random states; None where the person has no vertebra that is seen so often."""
        setup = self.setup(person, views, generator)
        if setup is None:
            return None
        chain = {setup.level: person.truths[setup.level].vertebra}
        return self.example(setup, [perturbed(chain, generator, self.settings)[setup.level]], generator)

    def setup(self, person: Person, views: int, generator: np.random.Generator) -> Setup | None:
        """A vertebra, pictures of it, and a random state of it and of its neighbours."""
        found = choose_target(person, views, generator)
        if found is None:
            return None
        level, pictures = found
        chain = {place: truth.vertebra for place, truth in person.truths.items()}
        column, kind = perturbed(chain, generator, self.settings), ""
        if generator.random() < self.settings.hard:
            kind = str(generator.choice(HARD))
            gentle = replace(self.settings, sizes=(0.03, 0.5))
            wrong = hard_negative(kind, chain, level, self.drawer.models, generator)
            column, kind = (perturbed(wrong, generator, gentle), kind) if wrong else (column, "")
        start = self._start(chain[level], column[level], kind, generator)
        others = self._beside(column, level, generator)
        return Setup(person, pictures, level, start, column[level], others, HARD.index(kind) + 1 if kind else 0)

    def harvested(self, person: Person, course: Course, generator: np.random.Generator) -> Example | None:
        """One with states of a real fit; half of the time as if in other pictures of the same person, so that the few
        pictures that were fitted are not learned by heart."""
        count = len(course.target)
        pictures = course.pictures
        if generator.random() < 0.5:
            pictures = choose_pictures(person, course.level, len(pictures), generator) or pictures
        step, other = int(generator.integers(count)), int(generator.integers(count))
        column = {place: states[step] for place, states in course.others.items()}
        others = self._beside(column, course.level, generator)
        setup = Setup(person, pictures, course.level, course.start, course.target[step], others)
        example = self.example(setup, [course.target[other]], generator)
        return None if example is None else replace(example, harvested=True)

    def _start(self, truth: Vertebra, state: Vertebra, kind: str, generator: np.random.Generator) -> np.ndarray:
        """(4, 4) what the regions hang on: near the truth, or where a wrong fit was started."""
        near = state if kind in HARD[:3] and generator.random() < 0.7 else truth
        shifts, turns = (self.settings.start_mm,) * 3, (self.settings.start_deg,) * 3
        spread = replace(self.settings, translation_mm=shifts, rotation_deg=turns)
        return moved(near, draw_delta(generator, 1, spread, np.array([1.0, 1.0, 0.0, 0.0]))).pose

    def example(self, setup: Setup, further: Sequence[Vertebra], generator: np.random.Generator) -> Example | None:
        """Of a setup: its state, a step of it to the truth, a step aside, and further states of the vertebra."""
        state, truth = setup.state, setup.person.truths[setup.level]
        share = float(np.exp(generator.uniform(np.log(0.05), 0.0)))
        states = [state, moved(state, setup.aim().times(share)), self._aside(state, generator)]
        states += [one for one in further if one.level == state.level]
        states += [self._aside(state, generator) for _ in range(self.states - len(states))]
        regions = self.regions(setup)
        if regions is None:
            return None
        distances = [truth.surface.distance_mm(*self.drawer.surface(one)) for one in states]
        return Example(
            np.stack([region.view.image for region in regions]),
            np.stack([region.valid for region in regions]).astype(np.float32),
            np.stack([token_rays(region, setup.start, self.architecture.patch) for region in regions]),
            LEVELS.index(state.level),
            self.render(regions, states, setup.others),
            np.array(distances, dtype=np.float32),
            setup.hard,
        )

    def _aside(self, state: Vertebra, generator: np.random.Generator) -> Vertebra:
        gentle = replace(self.settings, sizes=SMALL)
        return moved(state, draw_delta(generator, len(state.coefficients), gentle))

    def _beside(
        self, column: Mapping[str, Vertebra], level: str, generator: np.random.Generator
    ) -> tuple[Vertebra, ...]:
        """The neighbours that are drawn: those that reach into a region, but for a few that are forgotten."""
        reach, number = (2 if level in LEVELS[:10] else 1), LEVELS.index(level)
        near = [one for place, one in column.items() if 0 < abs(LEVELS.index(place) - number) <= reach]
        return tuple(one for one in near if generator.random() >= self.settings.alone)

    def regions(self, setup: Setup) -> tuple[Region, ...] | None:
        """Of all views; None where the start is not in front of a source."""
        try:
            views = [setup.person.view(number) for number in setup.pictures]
            return cut_regions(views, setup.start, self.architecture.region_mm, self.architecture.region_px)
        except ValueError:
            return None

    @torch.no_grad()
    def render(self, regions: Sequence[Region], states: Sequence[Vertebra], others: Sequence[Vertebra]) -> np.ndarray:
        """(states, views, 2, height, width) optical depth, own and the others'."""
        detectors = Detectors.of([region.view for region in regions])
        own = self.drawer.draw(states, detectors)
        rest = torch.zeros_like(own[:1])
        for other in others:
            rest = rest + self.drawer.draw([other], detectors)
        return torch.stack([own, rest.expand_as(own)], dim=2).numpy()


def choose_target(person: Person, views: int, generator: np.random.Generator) -> tuple[str, tuple[int, ...]] | None:
    """A level and the numbers of pictures that show it, from directions that differ."""
    levels = [level for level, truth in person.truths.items() if (truth.seen >= LEAST_SEEN).sum() >= views]
    for _ in range(TRIES if levels else 0):
        level = str(generator.choice(levels))
        pictures = choose_pictures(person, level, views, generator, 1)
        if pictures is not None:
            return level, pictures
    return None


def choose_pictures(
    person: Person, level: str, views: int, generator: np.random.Generator, tries: int = TRIES
) -> tuple[int, ...] | None:
    """Numbers of so many pictures that show a level, from directions that differ; None where none were found."""
    seen = np.flatnonzero(person.truths[level].seen >= LEAST_SEEN)
    for _ in range(tries if len(seen) >= views else 0):
        pictures = tuple(int(number) for number in generator.choice(seen, views, replace=False))
        if apart(person, pictures):
            return pictures
    return None


def apart(person: Person, pictures: Sequence[int]) -> bool:
    """Whether no two of the pictures were taken from (almost) the same direction or its opposite."""
    chosen = [person.views[number] for number in pictures]
    return all(
        angle_between_deg(first, second) >= LEAST_ANGLE_DEG
        for place, first in enumerate(chosen)
        for second in chosen[:place]
    )
