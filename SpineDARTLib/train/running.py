"""A training of the detector with its validations: what is kept of it, and when."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..detect.network import Network
from ..detect.weights import NAME, save_detector
from ..io.files import write_atomically
from .card import card_of, group_of_person, learned_or_unseen
from .card_page import PAGE, page_of
from .cases import case_samples
from .detector import Training
from .keeping import Panel, Validated, entry_of, figures_of, finite, keep_history, validated_run
from .loop import TrainingState
from .pictures import draw_examples
from .samples import Sample
from .settings import DetectorTraining
from .validate import validate_groups

ON_CASES = {"found": "found", "level": "level right", "level_one": "level ±1", "iou": "outline IoU"}
ON_PEOPLE = {**ON_CASES, "projection": "projection corr.", "inside_95": "inside 95 %"}
LOSSES = {"heat": "where", "box": "box", "mask": "outline", "projection": "projection", "place": "landmark",
          "level": "level"}  # fmt: skip
LANDMARKS = {"landmark_mm": "median, mm", "centre_px": "centre, px", "landmark_px": "median, px",
             "landmark_px_90": "90th percentile, px"}  # fmt: skip
PANELS = (
    Panel("Loss, by part", figures_of("losses", LOSSES), "log"),
    Panel("People held back", figures_of("validation", ON_PEOPLE), limits=(0.0, 1.0)),
    Panel("Case folders", figures_of("cases", ON_CASES), limits=(0.0, 1.0)),
    Panel("Cases of people never seen", figures_of("cases_unseen", ON_CASES), limits=(0.0, 1.0)),
    Panel("Landmarks, people held back", figures_of("validation", LANDMARKS), "log"),
    Panel("Wrong detections a picture", {("validation", "false"): "held back", ("cases", "false"): "cases"}),
)


def train(training: Training) -> Iterator[TrainingState | Validated]:
    """Run a training; after every validation checkpoint, weights, curves and example pictures are kept in ``out``.

    Raises:
        InputError: nothing to learn from, a folder that cannot be written, a case that cannot be read.
    """
    settings, leads = training.settings, training.team.leads
    size = settings.architecture.size_px
    cases = tuple(case_samples(settings.cases, size)) if settings.cases is not None and leads else ()

    def validate(losses: dict[str, float]) -> Validated:
        return _validate(training, cases, losses)

    yield from validated_run(training, validate)


def _validate(training: Training, cases: Sequence[Sample], losses: dict[str, float]) -> Validated:
    """Measure the averaged weights, keep everything.

    The entry has figures of ``validation`` and ``cases``, and the same of parts of them where there are pictures:
    validation_scanned, validation_drawn, cases_learned, cases_unseen.
    """
    settings, progress, store = training.settings, training.progress, training.store
    network = training.averaged()
    held = _spread(store.validation, settings.validation_pictures)
    entry = entry_of(training, losses) | {"learned_from": len(store.train), "validation": None, "cases": None}
    for name, samples in (("validation", held), ("cases", cases)):
        if samples:
            entry |= _figures(training, network, name, samples)
            draw_examples(network, samples, settings.device, settings.out / f"examples_{name}.png")
    progress.history.append(entry)
    training.save()
    keep_history(settings.out, progress.history, PANELS)
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
    return {f"{name}_{group}" if group else name: finite(figures) for group, figures in found.items()}


def _spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many, from beginning to end."""
    step = max(math.ceil(len(samples) / most), 1)
    return list(samples[::step])


def budgeted(settings: DetectorTraining) -> str:
    """The budget in words."""
    size, pictures = settings.architecture, settings.batch * settings.parts
    length = f"{settings.minutes:g} minutes" if settings.steps is None else f"{settings.steps} steps"
    return (
        f"{length} on {settings.device}: pictures of {size.size_px} px, {pictures} a step, "
        f"a backbone of {size.embedding} channels"
    )
