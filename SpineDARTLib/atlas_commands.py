"""What ``spinedart atlas`` does: the library's work with progress bars around it. Imported when a command runs."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .atlas.build import Built, build
from .atlas.rounds import Progress as BuildProgress
from .atlas.rounds import Round
from .evaluate.atlas_report import write_report


def build_atlas(folder: Path, out: Path, manifest: Path | None, workers: int, seed: int, template: Path | None) -> int:
    """Build, with a bar for each stage on stderr where that is a terminal."""
    built = _run_with_progress(build(folder, out, manifest, workers, seed, template))
    console = Console()
    console.print(_rounds_table(built.rounds))
    for sentence in built.skipped:
        console.print(f"No model of {sentence}.", highlight=False, soft_wrap=True, markup=False)
    names = ", ".join(path.stem for path in built.written)
    console.print(f"{names} written to {out}.", highlight=False, soft_wrap=True, markup=False)
    return 0


def _run_with_progress(states: Generator[BuildProgress, None, Built]) -> Built:
    """What the build returns; its stages are bars one below the other."""
    tasks = {}
    with _bar() as progress:
        while True:
            try:
                state = next(states)
            except StopIteration as end:
                return end.value
            if state.stage not in tasks:
                tasks[state.stage] = progress.add_task(state.stage, total=state.total)
            words = state.what if state.distance_mm is None else f"{state.what}: {state.distance_mm:.2f} mm off"
            words = words if state.done < state.total else ""
            progress.update(tasks[state.stage], completed=state.done, description=f"{state.stage} {words}".rstrip())


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _rounds_table(rounds: Sequence[Round]) -> Table:
    """One row a round, one column a region: how far its models are from people whom they have not seen."""
    title = "Error of unseen people's shapes, by rounds of correspondence"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    regions = list(rounds[0].errors_mm)
    for heading in ("round", *regions):
        table.add_column(heading, no_wrap=True)
    for one in rounds:
        table.add_row(str(one.number), *(_error(one, region) for region in regions))
    return table


def _error(one: Round, region: str) -> str:
    error = one.generalisation_mm.get(region, math.nan)
    if math.isnan(error):
        return "-"
    return f"{error:.2f} mm" + (", dropped" if region in one.dropped else "")


def report_atlas(folder: Path, out: Path, samples: int) -> int:
    """Write the report."""
    with _bar() as progress:
        task = progress.add_task("")
        for state in write_report(folder, out, samples):
            words = f"{state.region} {state.stage}".strip()
            progress.update(task, description=words, total=state.total, completed=state.done)
    Console().print(f"Written to {out}.", highlight=False, soft_wrap=True, markup=False)
    return 0
