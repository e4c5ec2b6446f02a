"""A training with its validations: what is kept of it, and when."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..detect.network import Network
from ..detect.weights import NAME, save_detector
from ..io.files import write_atomically
from .card import card_of, group_of_person, learned_or_unseen
from .card_page import PAGE, page_of
from .cases import case_samples
from .detector import Training, TrainingState
from .pictures import draw_curves, draw_examples
from .samples import Sample
from .settings import DetectorTraining
from .validate import validate_groups


@dataclass(frozen=True)
class Validated:
    """One validation.

    Attributes:
        entry: minutes, step, skipped, losses (means since the last one), validation, cases: figures by name, None where
            there was nothing to measure; validation_scanned, validation_drawn, cases_learned, cases_unseen: the same of
            parts of them, where there are pictures.
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
    settings, means, leads = training.settings, _Means(), training.team.leads
    size = settings.architecture.size_px
    cases = tuple(case_samples(settings.cases, size)) if settings.cases is not None and leads else ()
    due_seconds = training.progress.seconds + 60.0 * min(settings.validate_minutes, 2.0)
    for state in training.run():
        means.add(dict(state.losses))
        yield state
        if leads and (training.progress.seconds >= due_seconds or state.step % settings.validate_steps == 0):
            yield _validate(training, cases, means.take())
            due_seconds = training.progress.seconds + 60.0 * settings.validate_minutes
    if leads:
        yield _validate(training, cases, means.take())


def _validate(training: Training, cases: Sequence[Sample], losses: dict[str, float]) -> Validated:
    """Measure the averaged weights, keep everything."""
    settings, progress, store = training.settings, training.progress, training.store
    network = training.averaged()
    held = _spread(store.validation, settings.validation_pictures)
    entry: dict[str, Any] = {"minutes": progress.seconds / 60, "step": progress.step, "skipped": progress.skipped}
    entry |= {"losses": _finite(losses), "learned_from": len(store.train), "validation": None, "cases": None}
    for name, samples in (("validation", held), ("cases", cases)):
        if samples:
            entry |= _figures(training, network, name, samples)
            draw_examples(network, samples, settings.device, settings.out / f"examples_{name}.png")
    progress.history.append(entry)
    training.save()
    draw_curves(progress.history, settings.out / "curves.png")
    text = json.dumps(progress.history, indent=1, allow_nan=False) + "\n"
    write_atomically(settings.out / "history.json", text.encode("utf-8"))
    card = card_of(settings, progress.subjects, entry, store.train, store.validation, cases)
    save_detector(settings.out, network, training.average, card)
    written = json.loads((settings.out / f"{NAME}.json").read_text(encoding="utf-8"))
    write_atomically(settings.out / PAGE, page_of(written).encode("utf-8"))
    return Validated(entry)


def _figures(training: Training, network: Network, name: str, samples: Sequence[Sample]) -> dict[str, Any]:
    """Of all the pictures, and apart of those of people who tell more than the others."""
    learned = training.progress.subjects
    if name == "cases":
        groups = [learned_or_unseen(one.subject, learned) for one in samples]
    else:
        groups = [group_of_person(one.subject) for one in samples]
    found = validate_groups(network, samples, groups, training.settings.device)
    return {f"{name}_{group}" if group else name: _finite(figures) for group, figures in found.items()}


def _spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many, from beginning to end."""
    step = max(math.ceil(len(samples) / most), 1)
    return list(samples[::step])


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def budgeted(settings: DetectorTraining) -> str:
    """The budget in words."""
    size, pictures = settings.architecture, settings.batch * settings.parts
    length = f"{settings.minutes:g} minutes" if settings.steps is None else f"{settings.steps} steps"
    return (
        f"{length} on {settings.device}: pictures of {size.size_px} px, {pictures} a step, "
        f"a backbone of {size.embedding} channels"
    )
