"""What all trainings keep to look at: means of losses, validations, curves."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..io.files import write_atomically
from .loop import Loop, TrainingState

Group = tuple[str, str, tuple[str, ...]]
"""Of the curves: title, part of an entry, figures in it."""


@dataclass(frozen=True)
class Validated:
    """One validation.

    Attributes:
        entry: minutes, step, losses (means since the last one), and figures by part and name, None where there was
            nothing to measure.
    """

    entry: dict[str, Any]


@runtime_checkable
class Validate(Protocol):
    """Measures, keeps and tells."""

    def __call__(self, losses: dict[str, float]) -> Validated:
        """Of the training as it stands; ``losses``: means since the last time."""
        ...


@dataclass
class Means:
    """Of the losses between two validations."""

    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, losses: Mapping[str, float]) -> None:
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        means = {name: value / max(self.count, 1) for name, value in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def validated_run(training: Loop, validate: Validate) -> Iterator[TrainingState | Validated]:
    """Run a training with a validation every so often, the first one early, and one at the end."""
    settings, means = training.settings, Means()
    due_seconds = training.progress.seconds + 60.0 * min(settings.validate_minutes, 2.0)
    for state in training.run():
        means.add(state.losses)
        yield state
        if training.progress.seconds >= due_seconds or state.step % settings.validate_steps == 0:
            yield validate(means.take())
            due_seconds = training.progress.seconds + 60.0 * settings.validate_minutes
    yield validate(means.take())


def finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def keep_history(folder: Path, history: Sequence[Mapping[str, Any]], groups: Sequence[Group]) -> None:
    """Write ``history.json`` and draw ``curves.png``."""
    draw_curves(history, groups, folder / "curves.png")
    text = json.dumps(list(history), indent=1, allow_nan=False) + "\n"
    write_atomically(folder / "history.json", text.encode("utf-8"))


def draw_curves(history: Sequence[Mapping[str, Any]], groups: Sequence[Group], path: Path) -> None:
    """Losses and figures of the validations against minutes."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.25 * len(groups), 3.4), layout="constrained")
    for axis, (title, part, names) in zip(figure.subplots(1, len(groups)), groups, strict=True):
        for name in names:
            points = [(one["minutes"], one[part][name]) for one in history if name in (one.get(part) or {})]
            points = [(x, y) for x, y in points if y is not None]
            if points:
                axis.plot(*np.array(points).T, ".-", label=name)
        axis.set(title=title, xlabel="minutes")
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=6)
    figure.savefig(path, dpi=80)
