"""A training with its validations: what is kept of it, and when."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import __version__
from ..detect.weights import save_detector
from ..io.files import write_atomically
from .cases import case_samples
from .detector import Training, TrainingState
from .pictures import draw_curves, draw_examples
from .samples import Sample
from .settings import DetectorTraining
from .validate import validate

LIMITS = (
    "Trained on simulated X-rays alone. Levels are proposals: a column may be shifted by one. Not for clinical use."
)


@dataclass(frozen=True)
class Validated:
    """One validation.

    Attributes:
        entry: minutes, step, losses (means since the last one), validation, cases: figures by name, None where there
            was nothing to measure.
    """

    entry: dict[str, Any]


@dataclass
class _Means:
    """Of the losses between two validations."""

    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, losses: dict[str, float]) -> None:
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        means = {name: value / max(self.count, 1) for name, value in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def train(training: Training) -> Iterator[TrainingState | Validated]:
    """Run a training; after every validation checkpoint, weights, curves and example pictures are kept in ``out``.

    Raises:
        InputError: nothing to learn from, a folder that cannot be written, a case that cannot be read.
    """
    settings, means = training.settings, _Means()
    size = settings.architecture.size_px
    cases = tuple(case_samples(settings.cases, size)) if settings.cases is not None else ()
    due_seconds = training.progress.seconds + 60.0 * min(settings.validate_minutes, 2.0)
    for state in training.run():
        means.add(dict(state.losses))
        yield state
        if training.progress.seconds >= due_seconds or state.step % settings.validate_steps == 0:
            yield _validate(training, cases, means.take())
            due_seconds = training.progress.seconds + 60.0 * settings.validate_minutes
    yield _validate(training, cases, means.take())


def _validate(training: Training, cases: Sequence[Sample], losses: dict[str, float]) -> Validated:
    """Measure the averaged weights, keep everything."""
    settings, progress = training.settings, training.progress
    network = training.averaged()
    held = _spread(training.store.validation, settings.validation_pictures)
    entry: dict[str, Any] = {"minutes": progress.seconds / 60, "step": progress.step, "losses": _finite(losses)}
    entry |= {"learned_from": len(training.store.train)}
    for name, samples in (("validation", held), ("cases", cases)):
        entry[name] = _finite(validate(network, samples, settings.device)) if samples else None
        if samples:
            draw_examples(network, samples, settings.device, settings.out / f"examples_{name}.png")
    progress.history.append(entry)
    training.save()
    draw_curves(progress.history, settings.out / "curves.png")
    text = json.dumps(progress.history, indent=1, allow_nan=False) + "\n"
    write_atomically(settings.out / "history.json", text.encode("utf-8"))
    save_detector(settings.out, network, training.average, card_of(training, entry, cases))
    return Validated(entry)


def _spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many, from beginning to end."""
    step = max(math.ceil(len(samples) / most), 1)
    return list(samples[::step])


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def card_of(training: Training, entry: dict[str, Any], cases: Sequence[Sample]) -> dict[str, Any]:
    """What the weights' card says of where they come from."""
    settings = training.settings
    people = sorted(one for one in training.progress.subjects if not one.startswith("synthetic-"))
    return {
        "software": __version__,
        "minutes": entry["minutes"],
        "steps": entry["step"],
        "pictures": len(training.store.train),
        "subjects": people,
        "drawn_subjects": len(training.progress.subjects) - len(people),
        "held_back": list(settings.held_back),
        "held_back_every": settings.held_back_every,
        "seed": settings.seed,
        "batch": settings.batch,
        "rate": settings.rate,
        "metrics": {name: entry[name] for name in ("validation", "cases")},
        "case_subjects_learned_from": sorted({one.subject for one in cases} & set(people)),
        "limits": LIMITS,
    }


def budgeted(settings: DetectorTraining) -> str:
    """The budget in words."""
    size = settings.architecture
    return (
        f"{settings.minutes:g} minutes on {settings.device}: pictures of {size.size_px} px, {settings.batch} a step, "
        f"a backbone of {size.embedding} channels"
    )
