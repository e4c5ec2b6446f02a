"""States that real fits go through: rounds of fits of simulated people, driven by gradients or by the network of the
moment, one file a fit, so that an interrupted round goes on (DAgger: Ross et al. 2011)."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...atlas.model import ShapeModel
from ...atlas.workers import Workers
from ...config import Settings, SimilarityName, StageSettings
from ...fit.initialise import initialise
from ...fit.optimise import fit
from ...geometry.camera import project
from ...io.files import write_atomically
from ...similarity.learned.nouns import Learned
from ...similarity.learned.weights import load_similarity
from ...simulate.patient.spine import models_of
from ...types import LEVELS, FitState, Seed, Vertebra
from .examples import LEAST_SEEN, Course, choose_target
from .people import People, Person
from .settings import SimilarityTraining

CLICK_PX = 3.0
"""Standard deviation of a click, pixels of a kept picture (1 mm at the spine)."""
OFF_SHARE = 0.1
"""Of the fits that are started one level off."""
KEPT_STATES = 16
HELD_EVERY = 6
"""One fit in so many is of somebody held back: to measure on."""
STAGES = (
    StageSettings("coarse", pixel_mm=2.0, steps=30, rank=0, keep=3, splats=600, rate=2.0, column=2.0),
    StageSettings("shape", pixel_mm=1.5, steps=30, rank=8, keep=1, splats=1000),
    StageSettings("fine", pixel_mm=1.5, steps=30, rank=18, keep=1, splats=1000, rate=0.7, column=0.5),
)
"""Shorter and coarser than a plan's: many fits of many people say more than few good ones."""


@dataclass(frozen=True)
class Harvested:
    """One fit.

    Attributes:
        path: of its courses. courses: one a vertebra; 0 where it was there already or could not be started.
    """

    path: Path
    courses: int


@dataclass(frozen=True)
class Kept:
    """A course as it was kept.

    Attributes:
        subject: whose. camera: (4, 4) of the person's first picture: of one person there may be several packs.
    """

    subject: str
    camera: np.ndarray
    course: Course

    def fits(self, person: Person) -> bool:
        """Whether it is a course of this pack."""
        same = person.subject == self.subject and self.course.level in person.truths
        return same and np.allclose(person.views[0].world_to_camera, self.camera)


def harvest(people: People, settings: SimilarityTraining, number: int, weights: Path | None) -> Iterator[Harvested]:
    """A round of fits into ``out/courses/round-NN``, by ``fit_workers`` processes; those that are there stay.

    Args:
        number: of the round.
        weights: folder with the network that drives the fits; gradient NCC without.
    """
    folder = Path(settings.out) / "courses" / f"round-{number:02d}"
    tasks = []
    for index in range(settings.fits):
        path = folder / f"fit-{index:04d}.npz"
        if path.is_file():
            yield Harvested(path, 0)
            continue
        seed = (settings.seed, 7, number, index)
        held = index % HELD_EVERY == HELD_EVERY - 1 and people.validation
        pool = people.validation if held else people.train
        person = pool[int(np.random.default_rng(seed).integers(len(pool)))]
        tasks.append((path, person, seed, settings.fit_steps, weights))
    if settings.fit_workers == 1 or len(tasks) < 2:
        for task in tasks:
            yield fit_one(*task)
        return
    with Workers(settings.fit_workers) as workers:
        yield from workers.map(fit_one, tasks)


def fit_one(path: Path, person: Person, seed: Sequence[int], steps: int, weights: Path | None) -> Harvested:
    """Fit and keep; half of the fits that a network drives follow it alone: that is where it is wrong."""
    generator = np.random.default_rng([*seed, 1])
    name: SimilarityName = "gradient-ncc" if weights is None else ("hybrid", "learned")[seed[-1] % 2]
    learned = None if weights is None else _weights(weights, (weights / "similarity.json").stat().st_mtime_ns)
    courses = courses_of(person, _models(), steps, name, generator, learned)
    write_courses(path, person, courses)
    return Harvested(path, len(courses))


@lru_cache(maxsize=1)
def _models() -> dict[str, ShapeModel]:
    """Every level's shape model."""
    return models_of(LEVELS)


@lru_cache(maxsize=1)
def _weights(folder: Path, stamp: int) -> Learned:
    """On the CPU: a fit's renderings are small, and there are many fits at once."""
    return load_similarity(folder)


def courses_of(
    person: Person,
    models: Mapping[str, ShapeModel],
    steps: int,
    similarity: SimilarityName,
    generator: np.random.Generator,
    learned: Learned | None = None,
) -> list[Course]:
    """Fit some neighbouring vertebrae of a person; the course of each. None where nothing is seen twice.

    Args:
        steps: at most so many, over all stages.
    """
    share = steps / sum(stage.steps for stage in STAGES)
    stages = tuple(replace(stage, steps=max(int(share * stage.steps), 1)) for stage in STAGES)
    options = Settings(similarity=similarity, renderer="torch", seed=int(generator.integers(2**31)))
    options = replace(options, fit=replace(options.fit, stages=stages))
    found = fit_person(person, models, options, generator, learned)
    return [] if found is None else _courses(*found)


def fit_person(
    person: Person,
    models: Mapping[str, ShapeModel],
    settings: Settings,
    generator: np.random.Generator,
    learned: Learned | None = None,
    off_share: float = OFF_SHARE,
) -> tuple[list[FitState], Mapping[str, Vertebra], tuple[int, ...]] | None:
    """Fit two or three neighbouring vertebrae from noisy clicks in two or three pictures.

    Args:
        off_share: of the fits that are started one level off.

    Returns:
        the states, the starts and the numbers of the pictures; None where nothing is seen twice.
    """
    found = choose_target(person, int(generator.choice((2, 3), p=(0.75, 0.25))), generator)
    found = found or choose_target(person, 2, generator)
    if found is None:
        return None
    level, pictures = found
    views = [replace(person.view(number), name=f"V{number}") for number in pictures]
    off = 0 if generator.random() >= off_share else int(generator.choice((-1, 1)))
    seeds = []
    for one in _together(person, level, pictures):
        centre = _centre(person, one, off)
        clicks = {view.name: project(centre[None], view)[0] + generator.normal(0, CLICK_PX, 2) for view in views}
        seeds.append(Seed(one, {name: (float(u), float(v)) for name, (u, v) in clicks.items()}))
    starts = initialise(seeds, views, models).vertebrae
    return list(fit(views, starts, models, settings, "cpu", learned=learned))[:-1], starts, pictures


def _together(person: Person, level: str, pictures: Sequence[int]) -> list[str]:
    """The level and its next neighbours, as far as all pictures show them."""
    number = LEVELS.index(level)
    near = [one for one in LEVELS[max(number - 1, 0) : number + 2] if one in person.truths]
    return [one for one in near if (person.truths[one].seen[list(pictures)] >= LEAST_SEEN).all()]


def _centre(person: Person, level: str, off: int) -> np.ndarray:
    """(3,) RAS mm: the body's centre, or a neighbour's."""
    number = LEVELS.index(level) + off
    other = person.truths.get(LEVELS[number]) if 0 <= number < len(LEVELS) else None
    return (other or person.truths[level]).vertebra.pose[:3, 3]


def _courses(history: Sequence[FitState], starts: Mapping[str, Vertebra], pictures: Sequence[int]) -> list[Course]:
    """One a vertebra, thinned to ``KEPT_STATES``."""
    if not history:
        return []
    steps = np.unique(np.linspace(0, len(history) - 1, KEPT_STATES).round().astype(int))
    levels = [one.level for one in history[0].vertebrae]
    states = {level: tuple(history[step].vertebrae[place] for step in steps) for place, level in enumerate(levels)}
    return [
        Course(
            tuple(pictures),
            level,
            starts[level].pose,
            states[level],
            {place: states[place] for place in levels if place != level},
        )
        for level in levels
    ]


def write_courses(path: Path, person: Person, courses: Sequence[Course]) -> None:
    """Keep the courses of one fit; an empty one, too: it need not be tried again."""
    arrays: dict[str, np.ndarray] = {}
    for course in courses:
        arrays[f"{course.level}/start"] = course.start
        arrays[f"{course.level}/pose"] = np.stack([one.pose for one in course.target])
        arrays[f"{course.level}/scale"] = np.array([one.scale for one in course.target])
        arrays[f"{course.level}/coefficients"] = np.stack([one.coefficients for one in course.target])
    arrays["levels"] = np.array([course.level for course in courses], dtype=str)
    arrays["pictures"] = np.array(courses[0].pictures if courses else (), dtype=np.int64)
    arrays["subject"], arrays["camera"] = np.array(person.subject), person.views[0].world_to_camera
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def read_courses(folder: Path) -> list[Kept]:
    """All courses under a folder, in the order of names; a file that is not whole is passed over (a round makes it
    anew)."""
    found = []
    for path in sorted(folder.rglob("fit-*.npz")):
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found += _read(dict(arrays))
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError):
            path.unlink(missing_ok=True)
    return found


def _read(arrays: Mapping[str, np.ndarray]) -> list[Kept]:
    levels = [str(level) for level in arrays["levels"]]
    states = {
        level: tuple(
            Vertebra(level, pose, float(scale), coefficients)
            for pose, scale, coefficients in zip(
                arrays[f"{level}/pose"], arrays[f"{level}/scale"], arrays[f"{level}/coefficients"], strict=True
            )
        )
        for level in levels
    }
    pictures = tuple(int(number) for number in arrays["pictures"])
    return [
        Kept(
            str(arrays["subject"]),
            arrays["camera"],
            Course(
                pictures,
                one,
                arrays[f"{one}/start"],
                states[one],
                {place: states[place] for place in levels if place != one},
            ),
        )
        for one in levels
    ]
