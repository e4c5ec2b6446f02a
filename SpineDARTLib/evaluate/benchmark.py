"""Many cases with truth, one method beside another: figures, failures and the plot of confidence against the truth.

Every case is planned with models that have not learned from its person. One result file a case and method is kept, so
that a run which was interrupted goes on where it stopped, and one bad case does not end it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .. import __version__
from ..errors import InputError
from ..io.files import write_atomically
from ..io.mesh import Mesh
from ..io.plan import plain
from ..io.truth import read_subject, read_truth
from ..types import Plan
from .cannulas import success
from .compare import evaluate_level, judge_level, summarise
from .metrics import compare_surfaces
from .true_anatomy import locate

WORSE = 0.02
"""Loss of Dice against the start that counts as having been made worse."""


@runtime_checkable
class Planner(Protocol):
    """Plans a case by a named method; must be picklable when there are several workers."""

    def __call__(
        self, case: Path, method: str, without: tuple[str, ...]
    ) -> tuple[Sequence[Plan], Mapping[str, Mesh], bool]:
        """The plans, each started level's surface before the fit, and whether a model has seen one of ``without``."""
        ...


@dataclass(frozen=True)
class CaseResult:
    """One case by one method.

    Attributes:
        rows: JSON-ready, one a vertebra (see ``measure``).
        error: why the case could not be run at all, or "".
        made_by: the version and the planner with its settings: a result is only used again by the same ones.
    """

    case: str
    method: str
    rows: tuple[Mapping[str, Any], ...]
    error: str = ""
    made_by: str = ""


def find_cases(folder: Path) -> tuple[Path, ...]:
    """The case folders below a folder that have a truth, by name.

    Raises:
        InputError: there is none.
    """
    cases = tuple(sorted(path.parent for path in folder.glob("*/case.json") if (path.parent / "truth").is_dir()))
    if not cases:
        raise InputError(folder, "", "no case with a truth folder", "folders with case.json and truth/truth.json")
    return cases


def benchmark(
    cases: Sequence[Path], methods: Sequence[str], planner: Planner, out: Path, workers: int = 1
) -> Iterator[CaseResult]:
    """Run every case by every method, as many at once as there are workers; results come as they are done.

    Args:
        out: folder of the result files; what is there already is read, not run again.
    """
    jobs = [(case, method) for method in methods for case in cases]
    waiting = []
    for case, method in jobs:
        kept = _kept(_file(out, case, method), _maker(planner))
        if kept is not None:
            yield kept
        else:
            waiting.append((case, method))
    if workers == 1:
        for case, method in waiting:
            yield _run_and_keep(case, method, planner, out)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(_run_and_keep, case, method, planner, out) for case, method in waiting]
        for future in as_completed(running):
            yield future.result()


def _file(out: Path, case: Path, method: str) -> Path:
    return out / "cases" / method / f"{case.name}.json"


def _maker(planner: Planner) -> str:
    """What a result depends on besides its case and method."""
    return f"{__version__} {planner!r}"


def _kept(path: Path, made_by: str) -> CaseResult | None:
    """A result of an earlier run by the same version and settings, if it is whole and was no error."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        result = CaseResult(found["case"], found["method"], tuple(found["rows"]), found["error"], found["made_by"])
    except (OSError, ValueError, KeyError):
        return None
    return None if result.error or result.made_by != made_by else result


def _run_and_keep(case: Path, method: str, planner: Planner, out: Path) -> CaseResult:
    try:
        result = CaseResult(case.name, method, tuple(measure(case, method, planner)), made_by=_maker(planner))
    except Exception as error:  # a poisoned case is a line in the report, never the end of the run
        result = CaseResult(case.name, method, (), " ".join(f"{type(error).__name__}: {error}".split()))
    path = _file(out, case, method)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(plain(result), indent=1) + "\n").encode())
    return result


def measure(case: Path, method: str, planner: Planner) -> Iterator[dict[str, Any]]:
    """One row a vertebra of one case: figures before and after, status and reason, what the fit expected, seconds."""
    subject = read_subject(case)
    plans, starts, seen = planner(case, method, (subject,))
    truth = read_truth(case)
    kind = json.loads((case / "truth" / "truth.json").read_text(encoding="utf-8")).get("kind", "")
    for plan in plans:
        level = plan.fitted.level
        if level not in truth.surfaces:
            continue
        row = {"case": case.name, "kind": kind, "subject": subject, "level": level, "method": method, "seen": seen}
        row |= evaluate_level(plan, truth.surfaces[level], truth.poses.get(level))
        row |= judge_level(plan, truth, locate)
        if level in starts:
            row["dice_before"] = compare_surfaces(starts[level], truth.surfaces[level]).dice
        quality = plan.fitted.quality
        if quality is not None:
            row |= {
                "predicted_mm": quality.predicted_surface_distance_mm,
                "seconds": quality.seconds,
                "similarity": dict(quality.similarity),
                "spread_mm": quality.spread_mm,
                "learned_mm": quality.learned_mm,
                "mahalanobis": quality.mahalanobis,
            }
        yield row


def group_of(row: Mapping[str, Any]) -> str:
    """Name of the group that a row is reported in: directions of the views and part of the spine."""
    part = "lumbar" if row["level"].startswith("L") else "thoracic"
    return f"{row['kind'] or 'any view'} {part}"


def report(results: Sequence[CaseResult]) -> dict[str, Any]:
    """All figures of a run, JSON-ready: by method and group, failures, vertebrae made worse, how good the confidence
    is, how many are planned with success."""
    methods: dict[str, Any] = {}
    for method in dict.fromkeys(result.method for result in results):
        rows = [row for result in results if result.method == method for row in result.rows]
        groups: dict[str, list] = {}
        for row in rows:
            groups.setdefault(group_of(row), []).append(row)
        methods[method] = {
            "groups": {name: _group(groups[name]) for name in sorted(groups)},
            "failures": [_named(row) | {"reason": row["status_reason"]} for row in rows if not row["reconstructed"]],
            "worse_than_before": [
                _named(row) | {"before": row["dice_before"], "after": row.get("dice", 0.0)}
                for row in rows
                if row.get("dice", 0.0) < row.get("dice_before", 0.0) - WORSE
            ],
            "confidence": _confidence(rows),
            "success": success(rows),
        }
    errors = [
        {"case": result.case, "method": result.method, "error": result.error} for result in results if result.error
    ]
    return {"methods": methods, "errors": errors}


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"case": row["case"], "level": row["level"], "status": row["status"]}


def _group(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Statistics of a group's rows with the Dice before the fit, seconds, and counts of status."""
    before = [row["dice_before"] for row in rows if "dice_before" in row]
    seconds = [row["seconds"] for row in rows if "seconds" in row]
    return {
        **summarise(rows),
        "dice_before_median": float(np.median(before)) if before else None,
        "seconds_median": float(np.median(seconds)) if seconds else None,
        "seen": sum(bool(row["seen"]) for row in rows),
        "status": {status: sum(row["status"] == status for row in rows) for status in {row["status"] for row in rows}},
    }


def _confidence(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Rank correlation of the predicted with the true mean surface distance, and what refusing buys."""
    from scipy.stats import spearmanr

    pairs = [row for row in rows if row.get("predicted_mm") is not None and row.get("assd_mm") is not None]
    if len(pairs) < 3:
        return None
    predicted, true = (np.array([row[name] for row in pairs]) for name in ("predicted_mm", "assd_mm"))
    refused = np.array([row["status"] == "low_confidence" for row in pairs])
    bad = true > 2 * np.median(true)
    return {
        "spearman": float(np.asarray(spearmanr(predicted, true))[0]),
        "vertebrae": len(pairs),
        "refused": int(refused.sum()),
        "bad": int(bad.sum()),
        "bad_and_refused": int((bad & refused).sum()),
    }


HEADINGS = ("method", "group", "n", "failed", "Dice before", "Dice", "NSD 1 mm", "HD95 mm", "ASSD mm", "s/vertebra")


def table(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Headings and one row a method and group; medians over all (Dice, NSD) and over the reconstructed (distances)."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    for method, one in found["methods"].items():
        for name, group in one["groups"].items():
            overall, good = group["all"], group["reconstructed"]
            rows.append(
                (
                    method,
                    name,
                    str(group["vertebrae"]),
                    str(group["failures"]),
                    _shown(group["dice_before_median"]),
                    _shown(overall["dice"]["median"]),
                    _shown(overall["nsd_1mm"]["median"]),
                    *(_shown(good[key]["median"] if good[key] else None, 2) for key in ("hd95_mm", "assd_mm")),
                    _shown(group["seconds_median"], 1),
                )
            )
    return rows


def _shown(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
