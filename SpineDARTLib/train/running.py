"""A training with its validations: what is kept of it, and when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from .. import __version__
from ..detect.weights import save_detector
from .cases import case_samples
from .detector import Training, TrainingState
from .keeping import Group, Validated, finite, keep_history, validated_run
from .pictures import draw_examples
from .samples import Sample
from .settings import DetectorTraining
from .validate import validate

LIMITS = (
    "Trained on simulated X-rays alone. Levels are proposals: a column may be shifted by one. Not for clinical use."
)


CURVES: tuple[Group, ...] = (
    ("loss", "losses", ("heat", "box", "mask", "place", "projection", "level")),
    ("held back", "validation", ("found", "level", "level_one", "iou", "projection", "inside_95")),
    ("cases", "cases", ("found", "level", "level_one", "iou")),
    ("px", "validation", ("centre_px", "landmark_px", "landmark_px_90")),
)


def train(training: Training) -> Iterator[TrainingState | Validated]:
    """Run a training; after every validation checkpoint, weights, curves and example pictures are kept in ``out``.

    Raises:
        InputError: nothing to learn from, a folder that cannot be written, a case that cannot be read.
    """
    settings = training.settings
    size = settings.architecture.size_px
    cases = tuple(case_samples(settings.cases, size)) if settings.cases is not None else ()

    def validate(losses: dict[str, float]) -> Validated:
        return _validate(training, cases, losses)

    yield from validated_run(training, validate)


def _validate(training: Training, cases: Sequence[Sample], losses: dict[str, float]) -> Validated:
    """Measure the averaged weights, keep everything."""
    settings, progress = training.settings, training.progress
    network = training.averaged()
    held = _spread(training.store.validation, settings.validation_pictures)
    entry: dict[str, Any] = {"minutes": progress.seconds / 60, "step": progress.step, "losses": finite(losses)}
    entry |= {"learned_from": len(training.store.train)}
    for name, samples in (("validation", held), ("cases", cases)):
        entry[name] = finite(validate(network, samples, settings.device)) if samples else None
        if samples:
            draw_examples(network, samples, settings.device, settings.out / f"examples_{name}.png")
    progress.history.append(entry)
    training.save()
    keep_history(settings.out, progress.history, CURVES)
    save_detector(settings.out, network, training.average, card_of(training, entry, cases))
    return Validated(entry)


def _spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many, from beginning to end."""
    step = max(math.ceil(len(samples) / most), 1)
    return list(samples[::step])


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
