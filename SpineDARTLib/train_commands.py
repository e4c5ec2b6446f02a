"""What ``spinedart train`` does: the library's work with a bar around it. Imported when a command runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .errors import InputError
from .io.files import check_writable
from .simulate.supply import Supply
from .train.cases import case_samples, write_packs
from .train.checkpoint import CHECKPOINT
from .train.detector import Training, store_of
from .train.keeping import Validated
from .train.loop import Loop, TrainingState
from .train.parallel import Team, team
from .train.produce import simulation
from .train.running import budgeted, train
from .train.settings import DetectorTraining
from .train.similarity.settings import SimilarityTraining

DATA, CASES = "data", "cases"
"""Folders of what ``pack_detector`` writes."""
SHOWN = ("found", "false", "level", "level_one", "iou", "projection", "centre_px", "landmark_mm", "inside_95")
SHOWN += ("error", "rank", "sign", "inside_1", "inside_2", "taken_for_good", "cosine", "downhill", "slope")
TOLD = ("validation", "cases", "cases_unseen", "visited", "gradient")
"""Parts of a validation that are printed."""

Chosen = TypeVar("Chosen", DetectorTraining, SimilarityTraining)


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
    with _together(settings, resume, parts) as (settings, own, console):
        beside = settings.data[0] / "beside"
        training = _prepared(settings, own, resume, console)
        if supply is None or not own.leads:
            _show(train(training), training, console)
            return 0
        with simulation(supply, beside, settings.architecture.size_px, settings.device, workers):
            _show(train(training), training, console)
    return 0


def train_similarity(settings: SimilarityTraining, resume: bool, parts: int | None = None) -> int:
    """Train in rounds; in the team that torchrun started, if it did.

    Args:
        parts: of a step; one for each process of the team if None.

    Raises:
        InputError: an earlier training in the folder that is not to be resumed, nobody to learn from, fewer parts than
            processes.
    """
    from .pipeline import load_models
    from .train.similarity.gather import people_of
    from .train.similarity.running import budgeted, train
    from .train.similarity.training import Training

    with _together(settings, resume, parts) as (settings, own, console):
        people = people_of(settings, own)
        _say_broken(people.broken, console)
        training = Training(settings, people, load_models(), own)
        _begin(training, resume, console)
        held = len(people.validation)
        _say(console, f"{budgeted(settings)}; {len(people.train)} people to learn from, {held} held back")
        _show(train(training), training, console)
    return 0


@contextmanager
def _together(settings: Chosen, resume: bool, parts: int | None) -> Iterator[tuple[Chosen, Team, Console]]:
    """The settings of this process of the team, its place in it, and where it speaks; a folder for the training."""
    with team(settings.device) as own:
        settings = replace(settings, device=own.device, parts=own.world if parts is None else parts)
        if settings.parts < own.world:
            raise InputError("--parts", "", settings.parts, f"at least {own.world}: one for each process")
        _check_out(settings.out, resume)
        own.wait()  # the first process may be the first to write there: nobody looks once it has begun
        yield settings, own, Console(quiet=not own.leads)


def _check_out(out: Path, resume: bool) -> None:
    check_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    if not resume and (out / CHECKPOINT).exists():
        raise InputError("--out", "", out, "a folder without a training, or --resume to go on with this one")


def _prepared(settings: DetectorTraining, own: Team, resume: bool, console: Console) -> Training:
    """A training that has its pictures, and its checkpoint where it goes on."""
    store = store_of(settings, own)
    _say_broken(store.broken, console)
    training = Training(settings, store, own)
    _begin(training, resume, console)
    _say(console, f"{budgeted(settings)}; {len(store.train)} pictures to learn from, {len(store.validation)} held back")
    return training


def _begin(training: Loop, resume: bool, console: Console) -> None:
    """Go on from a checkpoint where that is wanted, and say so."""
    if resume and training.resume():
        _say(console, f"going on from step {training.progress.step}")
    if training.team.world > 1:
        _say(console, f"{training.team.world} processes train together")


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


def pack_similarity(settings: SimilarityTraining, out: Path) -> int:
    """Write the people that a training would read, small, for a machine that has no simulator.

    Raises:
        InputError: a folder that cannot be written.
    """
    from .train.similarity.gather import people_of
    from .train.similarity.people import PACKS, write_person

    check_writable(out)
    people = people_of(settings)
    everybody = [*people.train, *people.validation]
    for number, person in enumerate(everybody):
        write_person(out / PACKS.replace("*", f"{number:06d}"), person)
    megabytes = sum(path.stat().st_size for path in out.glob(PACKS)) / 1e6
    _say(Console(), f"{len(everybody)} people in {out}, {megabytes:.0f} MB")
    return 0


def _show(states: Iterable[Any], training: Loop, console: Console) -> None:
    """A bar, and a line for every validation."""
    error = Console(stderr=True)
    quiet = console.quiet or not error.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=error, transient=True, disable=quiet) as bar:
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
    for name in TOLD:
        figures = entry.get(name)
        if figures:
            known = {key: figures[key] for key in SHOWN if figures.get(key) is not None}
            words = "  ".join(f"{key} {value:.2f}" for key, value in known.items())
            count = f"{figures['vertebrae']:.0f} vertebrae  " if "vertebrae" in figures else ""
            _say(console, f"  {name.replace('_', ', ')}: {count}{words}")


def _say_broken(broken: Iterable[str], console: Console) -> None:
    for words in broken:
        _say(console, f"left out: {words}")


def _say(console: Console, words: str) -> None:
    console.print(words, highlight=False, soft_wrap=True, markup=False)
