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


@dataclass(frozen=True)
class Validated:
    """One validation.

    Attributes:
        entry: minutes, step, skipped, losses (means since the last one), and figures by part and name, None where there
            was nothing to measure.
    """

    entry: dict[str, Any]


@runtime_checkable
class Validate(Protocol):
    """Measures, keeps and tells."""

    def __call__(self, losses: dict[str, float]) -> Validated:
        """Of the training as it stands; ``losses``: means since the last time."""
        ...


@dataclass(frozen=True)
class Panel:
    """Curves in one frame.

    Attributes:
        title: above it.
        curves: (part of an entry, figure in it) to what the legend calls it.
        scale: of the figures, "linear" or "log".
        limits: least and greatest that is shown; None: whatever there is.
    """

    title: str
    curves: Mapping[tuple[str, str], str]
    scale: str = "linear"
    limits: tuple[float, float] | None = None


def figures_of(part: str, words: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Curves of one part of the entries, by figure."""
    return {(part, name): said for name, said in words.items()}


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


def validated_run(training: Loop, validate: Validate, share: float = 1.0) -> Iterator[TrainingState | Validated]:
    """Run a training with a validation every so often, the first one early, and one at the end; in a team the first
    process validates.

    Args:
        share: of the training that is to be done at the end.
    """
    settings, means, leads = training.settings, Means(), training.team.leads
    due_seconds = training.progress.seconds + 60.0 * min(settings.validate_minutes, 2.0)
    for state in training.run():
        means.add(state.losses)
        yield state
        if leads and (training.progress.seconds >= due_seconds or state.step % settings.validate_steps == 0):
            yield validate(means.take())
            due_seconds = training.progress.seconds + 60.0 * settings.validate_minutes
        if state.share >= share:
            break
    if leads:
        yield validate(means.take())


def entry_of(training: Loop, losses: Mapping[str, float]) -> dict[str, Any]:
    """The beginning of every validation's entry."""
    progress = training.progress
    entry = {"minutes": progress.seconds / 60, "step": progress.step, "skipped": progress.skipped}
    return {**entry, "losses": finite(losses)}


def finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def keep_history(folder: Path, history: Sequence[Mapping[str, Any]], panels: Sequence[Panel]) -> None:
    """Write ``history.json`` and draw ``curves.png``.

    Raises:
        InputError: the folder cannot be written.
    """
    draw_curves(history, panels, folder / "curves.png")
    text = json.dumps(list(history), indent=1, allow_nan=False) + "\n"
    write_atomically(folder / "history.json", text.encode("utf-8"))


def draw_curves(history: Sequence[Mapping[str, Any]], panels: Sequence[Panel], path: Path) -> None:
    """Losses and figures of the validations against minutes."""
    from matplotlib.figure import Figure

    columns = math.ceil(math.sqrt(len(panels)))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(14 / 3 * columns, 3.5 * rows), layout="constrained", facecolor="white")
    for axis, panel in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=False):
        for (part, name), words in panel.curves.items():
            points = _points(history, part, name)
            if points:
                axis.plot(*np.array(points).T, ".-", label=words)
        axis.set(title=panel.title, xlabel="minutes", yscale=panel.scale)
        axis.grid(alpha=0.3)
        if panel.limits is not None:
            axis.set_ylim(*panel.limits)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8)
    figure.savefig(path, dpi=80)


def _points(history: Sequence[Mapping[str, Any]], part: str, name: str) -> list[tuple[float, float]]:
    """(minutes, figure) of the validations that have it."""
    found = [(one["minutes"], (one.get(part) or {}).get(name)) for one in history]
    return [(minutes, value) for minutes, value in found if value is not None]
