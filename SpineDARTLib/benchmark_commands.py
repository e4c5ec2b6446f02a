"""The command ``benchmark``: cases found or made, methods run on them side by side, one page written about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .benchmark.figures import report
from .benchmark.grades import graded
from .benchmark.headline import headline
from .benchmark.inputs import Scans, find_inputs, simulated
from .benchmark.measuring import ANATOMY
from .benchmark.methods import methods_of
from .benchmark.nouns import CaseResult, Method
from .benchmark.page import document
from .benchmark.running import run_all
from .benchmark.tables import summary_csv, table, vertebrae_csv
from .benchmark.work import Workplace
from .config import BenchmarkSettings, Settings, SimilarityName
from .errors import InputError
from .evaluate.compare import as_text
from .evaluate.success import success_words
from .io.files import check_writable, write_atomically
from .io.plan import plain


@dataclass(frozen=True)
class Wanted:
    """What is to be compared, and how.

    Attributes:
        names: of methods (``benchmark.methods``).
        similarities: those that there are.
        settings: of every fit, but for the similarity.
        grades: METHOD=FILE each (``benchmark.grades``).
        masks_too, size_px: of cases that are made of scans.
    """

    names: Sequence[str]
    similarities: Sequence[SimilarityName]
    settings: Settings
    grades: Sequence[str] = ()
    masks_too: bool = False
    size_px: int = 512
    benchmark: BenchmarkSettings = field(default_factory=BenchmarkSettings)


def run_benchmark(folder: Path, out: Path, wanted: Wanted, place: Workplace) -> int:
    """Make cases where there are only scans, run all methods on all cases, write the report; 1 if a case broke."""
    found_here = find_inputs(folder, wanted.masks_too, wanted.size_px, wanted.settings.seed)
    check_writable(out)
    # Workers elsewhere have another working folder.
    out = out.resolve()
    methods = methods_of(wanted.names, wanted.similarities, wanted.settings, wanted.benchmark, out / ANATOMY)
    place = replace(place, gpus=_gpus(wanted.settings, place))
    out.mkdir(parents=True, exist_ok=True)
    with _progress() as progress:
        if isinstance(found_here, Scans):
            cases, unmade = _make(found_here, out, place, progress)
        else:
            cases, unmade = tuple(case.resolve() for case in found_here), ()
        # Before hours of work: a file may not be what it should.
        grades = graded(wanted.grades, [method.name for method in methods], {case.name for case in cases})
        results = _run(cases, methods, out, wanted.benchmark, place, progress)
    found = report(results, wanted.benchmark, unmade, wanted.settings.seed) | {"grades": grades}
    _write(found, results, out, wanted)
    _tell(found, out)
    return 1 if found["errors"] or unmade else 0


def _gpus(settings: Settings, place: Workplace) -> int:
    """How many GPUs this machine's workers may share."""
    if place.workers == 1 or settings.device not in ("auto", "cuda"):
        return 0
    import torch

    return torch.cuda.device_count()


def _make(scans: Scans, out: Path, place: Workplace, progress: Progress) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """All cases of all scans, in order, and why others could not be made."""
    task = progress.add_task("simulating", total=len(scans.sources))
    cases: list[Path] = []
    unmade: list[str] = []
    for made, problems in simulated(scans, out, place):
        cases += made
        unmade += problems
        progress.update(task, advance=1)
    if not cases:
        raise InputError(scans.sources[0].mask.parent, "", "; ".join(unmade), "scans of which a case can be made")
    return tuple(sorted(cases)), tuple(sorted(unmade))


def _run(
    cases: Sequence[Path],
    methods: Sequence[Method],
    out: Path,
    settings: BenchmarkSettings,
    place: Workplace,
    progress: Progress,
) -> list[CaseResult]:
    """Every case by every method; what is kept of an earlier run is read."""
    bar = progress.add_task("cases", total=len(cases) * len(methods))
    results = []
    for result in run_all(cases, methods, out, settings, place):
        results.append(result)
        progress.update(bar, advance=1, description=f"{result.method} {result.case}")
    # As they came depends on the workers; the report must not.
    order = [method.name for method in methods]
    return sorted(results, key=lambda result: (order.index(result.method), result.case))


def _progress() -> Progress:
    """A bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _write(found: Mapping[str, Any], results: Sequence[CaseResult], out: Path, wanted: Wanted) -> None:
    """Everything that a run leaves besides its result files."""
    rows = {name: [row for one in results if one.method == name for row in one.rows] for name in found["methods"]}
    every = [row for name in rows for row in rows[name]]
    page = document(found, rows, out, wanted.benchmark.shown, _settings_words(wanted))
    files = {
        "benchmark.json": json.dumps(plain(found), indent=1) + "\n",
        "benchmark.txt": _words(found),
        "vertebrae.csv": vertebrae_csv(every),
        "summary.csv": summary_csv(found),
        "report.html": page,
    }
    for name, text in files.items():
        write_atomically(out / name, text.encode("utf-8"))


def _settings_words(wanted: Wanted) -> str:
    settings, reader = wanted.settings, wanted.benchmark
    return (
        f"Run with device {settings.device}, renderer {settings.renderer}, seed {settings.seed}, "
        f"{reader.resamples:,} bootstrap samples; the simulated reader of 2d-geoplan is off by {reader.reader_mm:g} mm "
        f"across a cannula and {reader.reader_mm * reader.reader_ends:g} mm along it (standard deviations)."
    )


def _words(found: Mapping[str, Any]) -> str:
    """The headline, the table of the surfaces, and for each method that of the cannulas."""
    parts = [*headline(found), "", as_text(table(found))]
    for method, one in found["methods"].items():
        if one["success"]["methods"]:
            parts += [f"\nCannulas, {method}", success_words(one["success"])]
    return "\n".join(parts) + "\n"


def _tell(found: Mapping[str, Any], out: Path) -> None:
    console = Console()
    for line in [*headline(found), "", as_text(table(found)), "", *_remarks(found)]:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    console.print(f"Written to {out}: report.html has all of it.", highlight=False, soft_wrap=True, markup=False)


def _remarks(found: Mapping[str, Any]) -> list[str]:
    """A line for each case that broke, and for each vertebra that has no result or that a fit made worse."""
    lines = [f"could not run {one['case']} by {one['method']}: {one['error']}" for one in found["errors"]]
    lines += [f"could not simulate {problem}" for problem in found["unmade"]]
    for method, one in found["methods"].items():
        for row in one["failures"]:
            place = f"{row['case']} {row['level']} ({method})"
            if row["trouble"] == "nothing":
                lines.append(f"failed: {place}: {row['reason']}")
            elif row["trouble"] == "worse":
                lines.append(f"made worse: {place}: Dice {row['dice_before']:.3f} to {row['dice']:.3f}")
    return lines
