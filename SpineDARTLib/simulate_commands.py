"""What ``spinedart simulate`` does: the library's work with a bar around it. Imported when a command runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .simulate.batch import Made, make_cases, make_shards
from .simulate.grading import save_grading
from .simulate.supply import Supply


def simulate_cases(out: Path, supply: Supply, kind: str, number: int, workers: int) -> int:
    """Write cases; 1 where one could not be made."""
    return _tell(make_cases(out, supply, kind, number, workers), number, out, "cases")


def simulate_shards(out: Path, supply: Supply, patients: int, pictures: int, workers: int) -> int:
    """Write shards; 1 where one could not be made."""
    return _tell(make_shards(out, supply, patients, pictures, workers), patients, out, "shards")


def _tell(steps: Iterator[Made], total: int, out: Path, what: str) -> int:
    """A bar while they come, a sentence for each that could not be made, and the rate at the end."""
    began, pictures, vertebrae, kept, problems = time.monotonic(), 0, 0, 0, []
    error = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=error, transient=True, disable=not error.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        for made in steps:
            pictures, vertebrae = pictures + made.pictures, vertebrae + made.vertebrae
            kept += not (made.pictures or made.problem)
            if made.problem:
                problems.append(made.problem)
            rate = pictures / (time.monotonic() - began)
            progress.update(task, advance=1, description=f"{what}: {rate:.2f} pictures a second")
    rate = pictures / max(time.monotonic() - began, 1e-9)
    console = Console()
    for problem in problems:
        console.print(f"not made: {problem}", highlight=False, soft_wrap=True, markup=False)
    there = f", {kept} were there already" if kept else ""
    words = f"{total - kept - len(problems)} {what} with {pictures} pictures of {vertebrae} vertebrae"
    console.print(
        f"{words} written to {out} at {rate:.2f} pictures a second{there}.",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    return 1 if problems else 0


def draw_grading(plan: Path, out: Path) -> int:
    """Write the pictures."""
    written = save_grading(plan, out)
    Console().print(f"{len(written)} pictures written to {out}.", highlight=False, soft_wrap=True, markup=False)
    return 0
