"""What ``spinedart train`` does: the library's work with a bar around it. Imported when a command runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .errors import InputError
from .io.files import check_writable
from .simulate.supply import Supply
from .train.cases import case_samples, write_packs
from .train.detector import CHECKPOINT, Training, store_of
from .train.keeping import Validated
from .train.loop import Loop, TrainingState
from .train.produce import simulation
from .train.running import budgeted, train
from .train.settings import DetectorTraining
from .train.similarity.settings import SimilarityTraining

DATA, CASES = "data", "cases"
"""Folders of what ``pack_detector`` writes."""
SHOWN = ("found", "false", "level", "level_one", "iou", "projection", "centre_px", "landmark_mm", "inside_95")
SHOWN += ("error", "rank", "sign", "inside_1", "inside_2", "taken_for_good", "cosine", "downhill", "slope")
PARTS = ("validation", "cases", "visited", "gradient")


def train_detector(settings: DetectorTraining, supply: Supply | None, workers: int, resume: bool) -> int:
    """Train, with a simulation beside where workers are given.

    Raises:
        InputError: an earlier training in the folder that is not to be resumed, no pictures.
    """
    _open(settings.out, resume)
    console = Console()
    store = store_of(settings)
    for words in store.broken:
        _say(console, f"left out: {words}")
    training = Training(settings, store)
    if resume and training.resume():
        _say(console, f"going on from step {training.progress.step}")
    _say(console, f"{budgeted(settings)}; {len(store.train)} pictures to learn from, {len(store.validation)} held back")
    if supply is None:
        _show(train(training), training, console)
        return 0
    with simulation(supply, settings.data[0] / "beside", settings.architecture.size_px, settings.device, workers):
        _show(train(training), training, console)
    return 0


def train_similarity(settings: SimilarityTraining, resume: bool) -> int:
    """Train in rounds.

    Raises:
        InputError: an earlier training in the folder that is not to be resumed, nobody to learn from.
    """
    from .pipeline import load_models
    from .train.similarity.gather import people_of
    from .train.similarity.running import budgeted, train
    from .train.similarity.training import Training

    _open(settings.out, resume)
    console = Console()
    people = people_of(settings)
    for words in people.broken:
        _say(console, f"left out: {words}")
    training = Training(settings, people, load_models())
    if resume and training.resume():
        _say(console, f"going on from step {training.progress.step}, round {training.round}")
    held = len(people.validation)
    _say(console, f"{budgeted(settings)}; {len(people.train)} people to learn from, {held} held back")
    _show(train(training), training, console)
    return 0


def pack_similarity(settings: SimilarityTraining, out: Path) -> int:
    """Write the people that a training would read, small, for a machine that has no simulator.

    Raises:
        InputError: a folder that cannot be written.
    """
    from .train.similarity.gather import people_of
    from .train.similarity.people import write_person

    check_writable(out)
    people = people_of(settings)
    everybody = [*people.train, *people.validation]
    for number, person in enumerate(everybody):
        write_person(out / f"person-{number:06d}.npz", person)
    megabytes = sum(path.stat().st_size for path in out.glob("person-*.npz")) / 1e6
    _say(Console(), f"{len(everybody)} people in {out}, {megabytes:.0f} MB")
    return 0


def _open(out: Path, resume: bool) -> None:
    """A folder for a training."""
    check_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    if not resume and (out / CHECKPOINT).exists():
        raise InputError("--out", "", out, "a folder without a training, or --resume to go on with this one")


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


def _show(states: Iterable[Any], training: Loop, console: Console) -> None:
    """A bar, and a line for every validation."""
    error = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=error, transient=True, disable=not error.is_terminal) as bar:
        task = bar.add_task("training", total=1.0)
        for state in states:
            if isinstance(state, Validated):
                _tell(console, state.entry, training.settings.out)
            elif isinstance(state, TrainingState):
                words = f"step {state.step}, loss {state.losses['total']:.2f}"
                bar.update(task, completed=state.share, description=words)
            else:
                bar.update(task, completed=training.share(), description=f"fitted {state.path.stem}")


def _tell(console: Console, entry: dict[str, Any], out: Path) -> None:
    total = entry["losses"].get("total")
    loss = f", loss {total:.2f}" if total is not None else ""
    learned = ", ".join(f"{entry[name]} {name}" for name in ("people", "courses") if name in entry)
    learned = learned or f"{entry['learned_from']} pictures"
    _say(console, f"{entry['minutes']:.1f} min, step {entry['step']}, {learned}{loss} -> {out}")
    for name in PARTS:
        figures = entry.get(name)
        if figures:
            known = {key: figures[key] for key in SHOWN if figures.get(key) is not None}
            words = "  ".join(f"{key} {value:.2f}" for key, value in known.items())
            count = f"{figures['vertebrae']:.0f} vertebrae  " if "vertebrae" in figures else ""
            _say(console, f"  {name}: {count}{words}")


def _say(console: Console, words: str) -> None:
    console.print(words, highlight=False, soft_wrap=True, markup=False)
