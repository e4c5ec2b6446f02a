"""A training of the similarity with its validations and its rounds of harvest: what is kept of it, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...similarity.learned.weights import save_similarity
from ..keeping import Group, Validated, finite, keep_history, validated_run
from ..loop import TrainingState
from .examples import Example, Setup
from .gather import owner
from .harvest import Harvested, harvest, read_courses
from .settings import SimilarityTraining
from .training import Training, validation_examples
from .validate import validate, validate_gradient

LIMITS = (
    "Trained on simulated X-rays alone; says the distance of states like those it saw (cameras as given, a vertebra "
    "within about 20 mm). Not for clinical use."
)
CURVES: tuple[Group, ...] = (
    ("loss", "losses", ("likelihood", "difference", "sign")),
    ("held back", "validation", ("error", "rank", "sign", "inside_1", "inside_2")),
    ("harvested, held back", "visited", ("error", "rank", "sign", "inside_1", "inside_2")),
    ("gradient", "gradient", ("cosine", "downhill", "slope")),
)
SETUPS = 24
"""Held-back states whose gradient is measured at each validation."""


@dataclass(frozen=True)
class Held:
    """What is measured on at every validation: the same for all of one training."""

    examples: Sequence[Example]
    setups: Sequence[Setup]


def train(training: Training) -> Iterator[TrainingState | Validated | Harvested]:
    """Run a training in its rounds: harvest, learn, harvest with what was learned, ...; after every validation
    checkpoint, weights, history and curves are kept in ``out``, harvested states as they come.

    Raises:
        InputError: nobody to learn from, a folder that cannot be written.
    """
    training.check_data()
    try:
        yield from _rounds(training, _held(training))
    finally:
        training.close()


def _rounds(training: Training, held: Held) -> Iterator[TrainingState | Validated | Harvested]:
    settings: SimilarityTraining = training.settings
    rounds = max(settings.rounds, 1)
    training.take_courses()
    while training.round < rounds:
        if settings.rounds:
            yield from _harvest(training)
            training.take_courses()
        ends = (training.round + 1) / rounds

        def keep(losses: dict[str, float]) -> Validated:
            return _keep(training, held, losses)

        for state in validated_run(training, keep):
            yield state
            if isinstance(state, TrainingState) and state.share >= ends and ends < 1.0:
                yield keep({})
                break
        training.round += 1
        training.save()


def _harvest(training: Training) -> Iterator[Harvested]:
    """A round of fits of people to learn from, and a few of those held back; their time counts."""
    began, weights = time.monotonic(), None
    if training.progress.step > 0:
        weights = Path(training.settings.out) / "driver"
        save_similarity(weights, training.network, training.average, {"subjects": sorted(training.progress.subjects)})
    yield from harvest(training.people, training.settings, training.round, weights)
    training.progress.seconds += time.monotonic() - began


def _held(training: Training) -> Held:
    settings, people = training.settings, training.people.validation
    examples = validation_examples(training.maker, people, settings.validation_examples)
    setups = []
    for number in range(min(SETUPS, settings.validation_examples) if people else 0):
        generator = np.random.default_rng([30_000, number])
        setups.append(training.maker.setup(people[number % len(people)], 2, generator))
    return Held(examples, [one for one in setups if one is not None and one.hard == 0])


def _visited(training: Training) -> list[Example]:
    """Examples of harvested states of people held back."""
    found = []
    for number, one in enumerate(read_courses(Path(training.settings.out) / "courses")):
        person = owner(one, training.people.validation)
        if person is not None:
            example = training.maker.harvested(person, one.course, np.random.default_rng([40_000, number]))
            found += [] if example is None else [example]
    return found[: training.settings.validation_examples]


def _keep(training: Training, held: Held, losses: dict[str, float]) -> Validated:
    """Measure the averaged weights, keep everything."""
    settings, progress = training.settings, training.progress
    network = training.averaged().requires_grad_(False)
    entry: dict[str, Any] = {"minutes": progress.seconds / 60, "step": progress.step, "losses": finite(losses)}
    entry |= {"people": len(training.people.train), "round": training.round, "courses": len(training.source.courses)}
    visited = _visited(training)
    entry["validation"] = finite(validate(network, held.examples, settings.device)) if held.examples else None
    entry["visited"] = finite(validate(network, visited, settings.device)) if visited else None
    gradient = validate_gradient(network.cpu(), training.maker, held.setups) if held.setups else None
    entry["gradient"] = finite(gradient) if gradient else None
    progress.history.append(entry)
    training.save()
    keep_history(Path(settings.out), progress.history, CURVES)
    save_similarity(Path(settings.out), network, training.average, card_of(training, entry))
    return Validated(entry)


def card_of(training: Training, entry: dict[str, Any]) -> dict[str, Any]:
    """What the weights' card says of where they come from."""
    settings = training.settings
    people = sorted(one for one in training.progress.subjects if not one.startswith("synthetic-"))
    return {
        "software": __version__,
        "minutes": entry["minutes"],
        "steps": entry["step"],
        "rounds": training.round,
        "subjects": people,
        "drawn_subjects": len(training.progress.subjects) - len(people),
        "held_back": list(settings.held_back),
        "held_back_every": settings.held_back_every,
        "seed": settings.seed,
        "batch": settings.batch,
        "rate": settings.rate,
        "metrics": {name: entry[name] for name in ("validation", "visited", "gradient")},
        "limits": LIMITS,
    }


def budgeted(settings: SimilarityTraining) -> str:
    """The budget in words."""
    size = settings.architecture
    return (
        f"{settings.minutes:g} minutes on {settings.device}, {settings.rounds} rounds of {settings.fits} fits: "
        f"{settings.batch} vertebrae in {settings.states} states a step, tokens of {size.width}"
    )
