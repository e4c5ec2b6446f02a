"""A training of the similarity with its validations and its rounds of harvest: what is kept of it, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...similarity.learned.architecture import LARGE
from ...similarity.learned.weights import NAME, save_similarity
from ..card import command_words, origin_of
from ..card_page import keep_page
from ..keeping import Panel, Validated, entry_of, figures_of, finite, keep_history, validated_run
from ..loop import TrainingState
from .examples import Example, Setup
from .gather import owner
from .harvest import Harvested, harvest, read_courses
from .page import PAGE, page_of
from .settings import SimilarityTraining
from .training import Training, validation_examples
from .validate import validate, validate_gradient

LIMITS = (
    "Trained on simulated X-rays alone; says the distance of states like those it saw (cameras as given, a vertebra "
    "within about 20 mm). Not for clinical use."
)
ON_STATES = {"error": "error, log mm", "rank": "rank corr.", "sign": "sign told", "inside_1": "inside 1 SD",
             "inside_2": "inside 2 SD"}  # fmt: skip
PANELS = (
    Panel("Loss, by part", {("losses", name): name for name in ("likelihood", "difference", "sign")}),
    Panel("Drawn states, people held back", figures_of("validation", ON_STATES)),
    Panel("States that fits visit, people held back", figures_of("visited", ON_STATES)),
    Panel("Where the gradient leads", {("gradient", name): name for name in ("cosine", "downhill", "slope")}),
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
    checkpoint, weights, history and curves are kept in ``out``, harvested states as they come. In a team the first
    process fits, validates and keeps.

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

    def keep(losses: dict[str, float]) -> Validated:
        return _keep(training, held, losses)

    training.take_courses()
    while True:
        if settings.rounds:
            yield from _harvest(training)
            training.take_courses()
        ends = (training.round + 1) / max(settings.rounds, 1)
        yield from validated_run(training, keep, ends)
        if ends >= 1.0 or training.over():
            return
        training.round += 1
        if training.team.leads:
            training.save()


def _harvest(training: Training) -> Iterator[Harvested]:
    """A round of fits of people to learn from, and a few of those held back, by the first process; their time
    counts, for those that wait, too."""
    began = time.monotonic()
    if training.team.leads:
        yield from harvest(training.people, training.settings, training.round, _driver(training))
    training.spend(time.monotonic() - began)


def _driver(training: Training) -> Path | None:
    """Weights of the moment in a folder of the round's own, which stays to compare rounds; None before the first
    step."""
    if training.progress.step == 0:
        return None
    folder = Path(training.settings.out) / "driver" / f"round-{training.round:02d}"
    save_similarity(folder, training.network, training.average, {"subjects": sorted(training.progress.subjects)})
    return folder


def _held(training: Training) -> Held:
    settings, people = training.settings, training.people.validation if training.team.leads else []
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
    entry = entry_of(training, losses) | {"people": len(training.people.train), "round": training.round}
    entry["courses"] = len(training.source.courses)
    visited = _visited(training)
    entry["validation"] = finite(validate(network, held.examples, settings.device)) if held.examples else None
    entry["visited"] = finite(validate(network, visited, settings.device)) if visited else None
    gradient = validate_gradient(network.cpu(), training.maker, held.setups) if held.setups else None
    entry["gradient"] = finite(gradient) if gradient else None
    progress.history.append(entry)
    training.save()
    keep_history(Path(settings.out), progress.history, PANELS)
    save_similarity(Path(settings.out), network, training.average, card_of(training, entry))
    keep_page(Path(settings.out), NAME, PAGE, page_of)
    return Validated(entry)


def card_of(training: Training, entry: dict[str, Any]) -> dict[str, Any]:
    """What the weights' card says of where they come from."""
    settings = training.settings
    return {
        **origin_of(settings, command_of(settings), training.progress.subjects, entry),
        "people": entry["people"],
        "rounds": min(training.round + 1, settings.rounds),
        "metrics": {name: entry[name] for name in ("validation", "visited", "gradient")},
        "limits": LIMITS,
    }


def command_of(settings: SimilarityTraining) -> str:
    """What to type for the same training."""
    return command_words("similarity", settings, settings.architecture != LARGE, [f"--rounds {settings.rounds}"])


def budgeted(settings: SimilarityTraining) -> str:
    """The budget in words."""
    vertebrae, width = settings.batch * settings.parts, settings.architecture.width
    length = f"{settings.minutes:g} minutes" if settings.steps is None else f"{settings.steps} steps"
    return (
        f"{length} on {settings.device}, {settings.rounds} rounds of {settings.fits} fits: "
        f"{vertebrae} vertebrae in {settings.states} states a step, tokens of {width}"
    )
