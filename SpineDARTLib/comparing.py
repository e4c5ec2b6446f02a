"""The command ``benchmark``: how the pipeline is run on many cases, and what is shown and kept of it."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .atlas.model import ShapeModel
from .config import Settings
from .evaluate.benchmark import CaseResult, benchmark, find_cases, report, table
from .evaluate.compare import as_text
from .evaluate.plots import draw_benchmark, draw_success
from .evaluate.success import success_words
from .io.case import read_case
from .io.files import check_writable, write_atomically
from .io.mesh import Mesh
from .io.plan import plain
from .pipeline import load_learned, load_models, plan_case
from .types import Plan


@dataclass(frozen=True)
class PipelinePlanner:
    """``evaluate.benchmark.Planner``: the whole pipeline, the method being the similarity.

    Attributes:
        settings: of every run, but for the similarity.
        threads: of torch in this process; 0 leaves them alone.
    """

    settings: Settings
    threads: int = field(default=0, repr=False)  # no part of what the results depend on
    weights: str = ""  # the hash of the learned similarity's, where a method needs them: results depend on it

    def __call__(
        self, case: Path, method: str, without: tuple[str, ...]
    ) -> tuple[Sequence[Plan], Mapping[str, Mesh], bool]:
        """The plans, each level's surface before the fit, and whether a model has seen one of ``without``."""
        if self.threads:
            import torch

            torch.set_num_threads(self.threads)
        settings = replace(self.settings, similarity=method)
        plans = _result(plan_case(read_case(case), settings, None, without))
        models = load_models(without)
        starts = {one.fitted.level: _start(one, models) for one in plans if one.fitted.start is not None}
        seen = any(set(models[level].subjects) & set(without) for level in starts)
        learned = load_learned(settings, "cpu")
        return plans, starts, seen or (learned is not None and bool(set(learned.card["subjects"]) & set(without)))


def _result(states: Generator[object, None, tuple[Plan, ...]]) -> tuple[Plan, ...]:
    """What a generator returns once its states have gone by."""
    while True:
        try:
            next(states)
        except StopIteration as end:
            return end.value


def _start(plan: Plan, models: Mapping[str, ShapeModel]) -> Mesh:
    """The surface that the fit started from."""
    start = plan.fitted.start
    if start is None:
        raise ValueError(f"got {plan.fitted.level} without a start; expected one that was fitted")
    model = models[start.level]
    return start.place(model.instance(start.level, start.coefficients)), model.faces


def run_benchmark(folder: Path, out: Path, methods: Sequence[str], settings: Settings, workers: int) -> int:
    """Run, show the table, write ``benchmark.json``, ``benchmark.txt`` and two pictures a method; 1 if a case broke."""
    cases = find_cases(folder)
    check_writable(out)
    results = _run_with_progress(cases, methods, settings, out, workers)
    found = report(results)
    text = _words(found)
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "benchmark.json", (json.dumps(plain(found), indent=1) + "\n").encode("utf-8"))
    write_atomically(out / "benchmark.txt", text.encode("utf-8"))
    for method in methods:
        draw_benchmark(results, out / f"{method}.png", method)
        draw_success(found["methods"][method]["success"], out / f"{method}-cannulas.png", method)
    console = Console()
    console.print(text, highlight=False, soft_wrap=True, end="")
    for line in _remarks(found):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    console.print(f"Written to {out}.", highlight=False, soft_wrap=True)
    return 1 if found["errors"] else 0


def _run_with_progress(
    cases: Sequence[Path], methods: Sequence[str], settings: Settings, out: Path, workers: int
) -> list[CaseResult]:
    """All results, with a bar on stderr where that is a terminal."""
    import os

    threads = max(1, (os.cpu_count() or 1) // workers) if workers > 1 else 0
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    planner = PipelinePlanner(settings, threads, weights_hash(methods, settings))
    results = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("cases", total=len(cases) * len(methods))
        for result in benchmark(cases, methods, planner, out, workers):
            results.append(result)
            progress.update(task, advance=1, description=f"{result.method} {result.case}")
    # As they came depends on the workers; the report must not.
    return sorted(results, key=lambda result: (list(methods).index(result.method), result.case))


def weights_hash(methods: Sequence[str], settings: Settings) -> str:
    """Of the learned similarity's weights, where a method needs them.

    Raises:
        InputError: there are none.
    """
    loaded = [load_learned(replace(settings, similarity=method), "cpu") for method in methods]
    return next((str(one.card["sha256"]) for one in loaded if one is not None), "")


def _words(found: Mapping[str, Any]) -> str:
    """The table of the fits, and for each method that of the cannulas."""
    parts = [as_text(table(found))]
    for method, one in found["methods"].items():
        parts += [f"\nCannulas, {method}", success_words(one["success"])]
    return "\n".join(parts) + "\n"


def _remarks(found: Mapping[str, Any]) -> list[str]:
    """A line for each case that broke, vertebra that failed, and vertebra made worse."""
    lines = [f"could not run {one['case']} by {one['method']}: {one['error']}" for one in found["errors"]]
    for method, one in found["methods"].items():
        lines += [f"failed: {row['case']} {row['level']} ({method}): {row['reason']}" for row in one["failures"]]
        lines += [
            f"made worse: {row['case']} {row['level']} ({method}): Dice {row['before']:.3f} to {row['after']:.3f}"
            for row in one["worse_than_before"]
        ]
    return lines
