"""All figures of a run, JSON-ready: by method, protocol, part of the spine and level; what one gains on another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..config import BenchmarkSettings
from ..evaluate.cannulas import success
from ..evaluate.compare import summarise
from ..io.plan import plain
from ..types import LEVELS
from .bootstrap import differences
from .failures import failures
from .nouns import CaseResult

Row = Mapping[str, Any]

CURVE_MM = tuple(0.25 * step for step in range(61))
"""Where the curve of landmark errors is read, 0 to 15 mm."""

PROTOCOLS = ("orthogonal", "random")
"""Kinds of views in the order of the published tables; others follow by name."""


def report(
    results: Sequence[CaseResult], settings: BenchmarkSettings, unmade: Sequence[str] = (), seed: int = 0
) -> dict[str, Any]:
    """Everything that is known of a run.

    Args:
        results: in any order; methods are reported in the order in which they first come.
        unmade: why cases could not be simulated, a sentence each.

    Returns:
        ``cases``, ``people``, ``vertebrae``; ``methods``: name to what ``_method`` gives; ``differences``: the first
        method against each other one; ``errors``: what could not be run; ``unmade``.
    """
    names = list(dict.fromkeys(result.method for result in results))
    rows = {name: [row for one in results if one.method == name for row in one.rows] for name in names}
    every = [row for name in names for row in rows[name]]
    found = {
        "cases": len({row["case"] for row in every}),
        "people": len({row["subject"] for row in every}),
        "vertebrae": len({(row["case"], row["level"]) for row in every}),
        "methods": {name: _method(rows[name], [one for one in results if one.method == name]) for name in names},
        "differences": [
            one
            for other in names[1:]
            for one in differences(rows[names[0]], rows[other], (names[0], other), settings.resamples, seed)
        ],
        "errors": [{"case": one.case, "method": one.method, "error": one.error} for one in results if one.error],
        "unmade": list(unmade),
    }
    return plain(found)


def _method(rows: Sequence[Row], results: Sequence[CaseResult]) -> dict[str, Any]:
    surfaces = all(row["surfaces"] for row in rows)
    told = rows if surfaces else ()
    return {
        "surfaces": surfaces,
        "notes": list(dict.fromkeys(row["note"] for row in rows if row.get("note"))),
        "vertebrae": len(rows),
        "overall": _group(rows) if told else None,
        "protocols": _grouped(told, protocol_of, _protocol_order),
        "groups": _grouped(told, group_of, str),
        "levels": _grouped(told, lambda row: row["level"], LEVELS.index),
        "failures": failures(rows),
        "troubles": dict(Counter(row["trouble"] for row in rows if row["trouble"])),
        "confidence": _confidence(told),
        "success": success(rows),
        "landmarks": _landmarks(told),
        "cost": _cost(rows, results),
    }


def _grouped(rows: Iterable[Row], name: Callable[[Row], str], order: Callable[[str], Any]) -> dict[str, Any]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    return {key: _group(groups[key]) for key in sorted(groups, key=order)}


def protocol_of(row: Row) -> str:
    """Which directions the views have."""
    return row["kind"] or "any view"


def _protocol_order(name: str) -> tuple[int, str]:
    return (PROTOCOLS.index(name) if name in PROTOCOLS else len(PROTOCOLS), name)


def group_of(row: Row) -> str:
    """Directions of the views and part of the spine."""
    return f"{protocol_of(row)} {'lumbar' if row['level'].startswith('L') else 'thoracic'}"


def _group(rows: Sequence[Row]) -> dict[str, Any]:
    """Statistics of a group's rows with the Dice before the fit, seconds, and counts of status."""
    before = [row["dice_before"] for row in rows if row.get("dice_before") is not None]
    statuses = Counter(row["status"] for row in rows)
    return {
        **summarise(rows),
        "dice_before_median": float(np.median(before)) if before else None,
        "seconds_median": float(np.median([row["seconds"] for row in rows])),
        "seen": sum(bool(row["seen"]) for row in rows),
        "status": dict(sorted(statuses.items())),
        "dice_values": [row["dice"] for row in rows if row["reconstructed"]],
    }


def _confidence(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Rank correlation of the predicted with the true mean surface distance, and what refusing buys."""
    from scipy.stats import spearmanr

    pairs = [row for row in rows if row.get("predicted_mm") is not None and row.get("assd_mm") is not None]
    if len(pairs) < 3:
        return None
    predicted, true = (np.array([row[name] for row in pairs]) for name in ("predicted_mm", "assd_mm"))
    refused = np.array([row["status"] == "low_confidence" for row in pairs])
    bad = true > 2 * np.median(true)
    varied = min(np.ptp(predicted), np.ptp(true)) > 0
    return {
        "spearman": float(np.asarray(spearmanr(predicted, true))[0]) if varied else None,
        "vertebrae": len(pairs),
        "refused": int(refused.sum()),
        "bad": int(bad.sum()),
        "bad_and_refused": int((bad & refused).sum()),
    }


def _landmarks(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Share of landmarks within each of ``CURVE_MM``; those of a vertebra without a surface are never found."""
    found = [list(row["landmarks_mm"].values()) for row in rows if row.get("landmarks_mm")]
    if not found:
        return None
    lost = sum(not row["reconstructed"] for row in rows)
    errors = np.array([*(error for one in found for error in one), *[np.inf] * (lost * max(map(len, found)))])
    by_name: dict[str, list[float]] = {}
    for row in rows:
        for name, error in (row.get("landmarks_mm") or {}).items():
            by_name.setdefault(name, []).append(error)
    return {
        "vertebrae": len(found),
        "lost": lost,
        "median_mm": float(np.percentile(errors, 50, method="nearest")),
        "p95_mm": float(np.percentile(errors, 95, method="nearest")),
        "at_mm": list(CURVE_MM),
        "share": [float(np.mean(errors <= limit)) for limit in CURVE_MM],
        "median_by_name_mm": {name: float(np.median(values)) for name, values in by_name.items()},
    }


def _cost(rows: Sequence[Row], results: Sequence[CaseResult]) -> dict[str, float | None]:
    """Of the method alone; what measuring takes is nobody's cost."""
    cases = np.array([one.seconds for one in results if np.isfinite(one.seconds)])
    memory = [one.memory_mb for one in results if np.isfinite(one.memory_mb)]
    return {
        "seconds_a_case": float(np.median(cases)) if len(cases) else None,
        "slowest_case_seconds": float(cases.max()) if len(cases) else None,
        "processor_seconds_a_vertebra": _each([one.processor_seconds for one in results], len(rows)),
        "measuring_seconds_a_vertebra": _each([one.measuring_seconds for one in results], len(rows)),
        "seconds_a_vertebra": _each(list(cases), len(rows)),
        "memory_mb": max(memory) if memory else None,
    }


def _each(values: Sequence[float], count: int) -> float | None:
    """Their sum over so many vertebrae; None where there is nothing."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.sum(known) / count) if known and count else None
