"""What ``spinedart train`` does: the library's work with a bar around it. Imported when a command runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .errors import InputError
from .io.files import check_writable
from .simulate.supply import Supply
from .train.cases import case_samples, write_packs
from .train.detector import CHECKPOINT, Training, store_of
from .train.parallel import Team, team
from .train.produce import simulation
from .train.running import Validated, budgeted, train
from .train.settings import DetectorTraining

DATA, CASES = "data", "cases"
"""Folders of what ``pack_detector`` writes."""
SHOWN = ("found", "false", "level", "level_one", "iou", "projection", "centre_px", "landmark_mm", "inside_95")


def train_detector(
    settings: DetectorTraining, supply: Supply | None, workers: int, resume: bool, parts: int | None = None
) -> int:
    """Train, with a simulation beside where workers are given; in the team that torchrun started, if it did.

    Args:
        parts: of a step; one for each process of the team if None.

    Raises:
        InputError: an earlier training in the folder that is not to be resumed, no pictures, fewer parts than
            processes.
    """
    with team(settings.device) as own:
        settings = replace(settings, device=own.device, parts=own.world if parts is None else parts)
        if settings.parts < own.world:
            raise InputError("--parts", "", settings.parts, f"at least {own.world}: one for each process")
        _check_out(settings, resume)
        own.wait()  # the first process may be the first to write there: nobody looks once it has begun
        beside = settings.data[0] / "beside"
        console = Console(quiet=not own.leads)
        training = _prepared(settings, own, resume, console)
        if supply is None or not own.leads:
            _run(training, console)
            return 0
        with simulation(supply, beside, settings.architecture.size_px, settings.device, workers):
            _run(training, console)
    return 0


def _check_out(settings: DetectorTraining, resume: bool) -> None:
    check_writable(settings.out)
    settings.out.mkdir(parents=True, exist_ok=True)
    if not resume and (settings.out / CHECKPOINT).exists():
        raise InputError("--out", "", settings.out, "a folder without a training, or --resume to go on with this one")


def _prepared(settings: DetectorTraining, own: Team, resume: bool, console: Console) -> Training:
    """A training that has its pictures, and its checkpoint where it goes on."""
    store = store_of(settings, own)
    for words in store.broken:
        _say(console, f"left out: {words}")
    training = Training(settings, store, own)
    if resume and training.resume():
        _say(console, f"going on from step {training.progress.step}")
    if own.world > 1:
        _say(console, f"{own.world} processes train together")
    _say(console, f"{budgeted(settings)}; {len(store.train)} pictures to learn from, {len(store.validation)} held back")
    return training


def pack_detector(settings: DetectorTraining, out: Path) -> int:
    """Write all that a training would read, small and at its working size, for a machine that has no simulator.

    Raises:
        InputError: a folder that cannot be written, a case that cannot be read.
    """
    check_writable(out)
    store, size = store_of(settings), settings.architecture.size_px
    write_packs(out / DATA, [*store.train, *store.validation], size)
    cases = list(case_samples(settings.cases, size)) if settings.cases is not None else []
    write_packs(out / CASES, cases, size)
    megabytes = sum(path.stat().st_size for path in out.rglob("pack-*.npz")) / 1e6
    pictures = len(store.train) + len(store.validation)
    _say(Console(), f"{pictures} pictures and {len(cases)} of cases in {out}, {megabytes:.0f} MB")
    return 0


def _run(training: Training, console: Console) -> None:
    """A bar, and a line for every validation."""
    error = Console(stderr=True)
    quiet = console.quiet or not error.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=error, transient=True, disable=quiet) as bar:
        task = bar.add_task("training", total=1.0)
        for state in train(training):
            if isinstance(state, Validated):
                _tell(console, state.entry, training.settings.out)
            else:
                words = f"step {state.step}, loss {state.losses['total']:.2f}"
                bar.update(task, completed=state.share, description=words)


def _tell(console: Console, entry: dict[str, Any], out: Path) -> None:
    total = entry["losses"].get("total")
    loss = f", loss {total:.2f}" if total is not None else ""
    _say(console, f"{entry['minutes']:.1f} min, step {entry['step']}, {entry['learned_from']} pictures{loss} -> {out}")
    for name in ("validation", "cases", "cases_unseen"):
        figures = entry.get(name)
        if figures:
            known = {key: figures[key] for key in SHOWN if figures.get(key) is not None}
            words = "  ".join(f"{key} {value:.2f}" for key, value in known.items())
            _say(console, f"  {name.replace('_', ', ')}: {figures['vertebrae']:.0f} vertebrae  {words}")


def _say(console: Console, words: str) -> None:
    console.print(words, highlight=False, soft_wrap=True, markup=False)
