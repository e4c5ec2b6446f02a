"""One case by one method against the truth: a row a vertebra, whatever the method made of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from ..config import BenchmarkSettings
from ..errors import InputError
from ..evaluate.compare import evaluate_level, judge_level
from ..evaluate.metrics import compare_surfaces
from ..evaluate.true_anatomy import TrueAnatomy, true_anatomy
from ..io.case import read_case
from ..io.fields import load_json
from ..io.truth import FILE_NAME, Truth, read_truth
from ..plan.anatomy import Anatomy
from ..types import LEVELS, Case, FittedVertebra, Plan, Status
from .failures import trouble
from .nouns import CaseResult, Method, Outcome, keep, maker, result_file

ANATOMY = "anatomy"
"""Folder, beside the results, of what was worked out about true vertebrae: methods and runs share it."""

KEPT_OF_SAFETY = ("status", "clearance_mm", "clearance_by_direction_mm", "grade", "breach_direction", "checks")
"""A result is kept for every case of perhaps ten thousand: what no figure is made of is left out."""


@dataclass(frozen=True)
class Known:
    """A case and what is true of it.

    Attributes:
        name: of its folder.
        kind: which protocol its views follow ("orthogonal", "random", ...), or "".
        wanted: levels that every method has to answer for: those that the case asks for and the truth knows.
    """

    name: str
    case: Case
    truth: Truth
    kind: str
    wanted: tuple[str, ...]


def know(folder: Path) -> Known:
    """Read a case folder with its truth.

    Raises:
        InputError: as ``read_case`` and ``read_truth``; or the truth knows none of the levels asked for.
    """
    case, truth = read_case(folder), read_truth(folder)
    kind = load_json(folder / "truth" / FILE_NAME).optional("kind")
    asked = {seed.level for seed in case.seeds} or set(truth.surfaces)
    wanted = tuple(level for level in LEVELS if level in asked and level in truth.surfaces)
    if not wanted:
        raise InputError(folder, "vertebrae", ", ".join(sorted(asked)), f"levels of {', '.join(truth.surfaces)}")
    return Known(folder.name, case, truth, kind.text() if kind is not None else "", wanted)


def run_case(case: Path, method: Method, out: Path, settings: BenchmarkSettings) -> CaseResult:
    """Plan, measure, keep the result and the pictures of what went wrong. Whatever happens, there is a result.

    A case that cannot be read is an error and has no rows. A method that breaks on a case that can be read has failed
    on its vertebrae: they are rows.
    """
    result = _run(case, method, out, settings)
    return keep(result, result_file(out, case, method.name))


def _run(case: Path, method: Method, out: Path, settings: BenchmarkSettings) -> CaseResult:
    nothing = CaseResult(case.name, method.name, made_by=maker(method, case))
    try:
        known = know(case)
        clocks = perf_counter(), process_time()
        outcome, error = _outcome(case, method, known)
        seconds, busy = perf_counter() - clocks[0], process_time() - clocks[1]
        rows = _rows(known, method, outcome, error, seconds, out, settings)
        measuring = process_time() - clocks[1] - busy
    except Exception as problem:  # a poisoned case is a line in the report, never the end of the run
        return CaseResult(nothing.case, nothing.method, (), _words(problem), nothing.made_by)
    return CaseResult(
        nothing.case, nothing.method, rows, error, nothing.made_by, seconds, busy, measuring, peak_memory_mb()
    )


def _outcome(case: Path, method: Method, known: Known) -> tuple[Outcome, str]:
    """What the method gives; nothing and why where it breaks."""
    try:
        return method(case, (known.truth.subject,)), ""
    except InputError:
        raise
    except Exception as problem:
        return Outcome(()), _words(problem)


def _words(problem: Exception) -> str:
    kind = "" if isinstance(problem, InputError) else f"{type(problem).__name__}: "
    return " ".join(f"{kind}{problem}".split())


def _rows(
    known: Known, method: Method, outcome: Outcome, error: str, seconds: float, out: Path, settings: BenchmarkSettings
) -> tuple[dict[str, Any], ...]:
    plans = {plan.fitted.level: plan for plan in outcome.plans}
    rows = []
    for level in known.wanted:
        plan = plans.get(level) or _missing(level, error)
        row = {
            "case": known.name,
            "kind": known.kind,
            "subject": known.truth.subject,
            "level": level,
            "method": method.name,
            "surfaces": method.surfaces,
            "seen": outcome.seen,
            "note": outcome.note,
            "seconds": seconds / len(known.wanted),
            **_measured(plan, known.truth, outcome, out / ANATOMY),
        }
        row["trouble"] = trouble(row, settings)
        if row["trouble"]:
            row["picture"] = _picture(known, plan, outcome, row, out)
        rows.append(row)
    return tuple(rows)


def _missing(level: str, error: str) -> Plan:
    """Of a level that the method says nothing about."""
    reason = f"The method broke: {error}" if error else f"The method gave nothing for {level}."
    return Plan(FittedVertebra(level, Status.NOT_INITIALISED, reason))


def _measured(plan: Plan, truth: Truth, outcome: Outcome, folder: Path) -> dict[str, Any]:
    """Surfaces, cannulas, landmarks, and what the fit thought of itself."""
    level = plan.fitted.level

    def locate(name: str, known: Truth) -> Anatomy | None:
        found = true_anatomy(name, known, folder)
        return None if found is None else found.anatomy

    row = evaluate_level(plan, truth.surfaces[level], truth.poses.get(level))
    row |= judge_level(plan, truth, locate)
    for one in row.get("cannulas", ()):
        one["safety"] = {name: one["safety"][name] for name in KEPT_OF_SAFETY}
    if row["reconstructed"] and plan.landmarks_mm:
        row["landmarks_mm"] = landmark_errors(plan, true_anatomy(level, truth, folder))
    if level in outcome.starts:
        row["dice_before"] = compare_surfaces(outcome.starts[level], truth.surfaces[level]).dice
    quality = plan.fitted.quality
    if quality is not None:
        row |= {
            "predicted_mm": quality.predicted_surface_distance_mm,
            "similarity": dict(quality.similarity),
            "spread_mm": quality.spread_mm,
            "learned_mm": quality.learned_mm,
            "mahalanobis": quality.mahalanobis,
        }
    return row


def landmark_errors(plan: Plan, true: TrueAnatomy | None) -> dict[str, float]:
    """Landmark's name to its distance, mm, from where the atlas's mesh, laid on the true surface, has it; none where
    nobody knows."""
    if true is None:
        return {}
    places = {name: anchor.on(true.carried_mm) for name, anchor in true.model.landmarks.items()}
    return {
        name: float(np.linalg.norm(np.asarray(place) - places[name]))
        for name, place in plan.landmarks_mm.items()
        if name in places
    }


def _picture(known: Known, plan: Plan, outcome: Outcome, row: Mapping[str, Any], out: Path) -> str:
    """Draw what went wrong; the picture's place below ``out``, or "" where it cannot be drawn."""
    from .gallery import draw_failure

    level = plan.fitted.level
    file = out / "failures" / row["method"] / f"{row['case']}-{level}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(ValueError, ArithmeticError):  # of a surface far outside of every picture
        draw_failure(known.case, known.truth.surfaces[level], plan, outcome.starts.get(level), file)
        return file.relative_to(out).as_posix()
    return ""


def peak_memory_mb() -> float:
    """The most memory that this process has held so far; NaN where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return float("nan")
    # macOS counts bytes, Linux kibibytes.
    unit = 1024.0**2 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
