"""A plan against the truth: every level's figures, and their summary over all and over the reconstructed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..io.mesh import Mesh
from ..io.plan import read_plan
from ..io.truth import Truth, read_truth
from ..plan.anatomy import Anatomy
from ..types import LEVELS, Plan
from .cannulas import FAILURES, judge, success
from .metrics import compare_surfaces, pose_error

METRICS = ("dice", "nsd_1mm", "nsd_2mm", "hd95_mm", "assd_mm")
"""In the order in which tables show them."""

FAILED_AS_ZERO = ("dice", "nsd_1mm", "nsd_2mm")
"""A failure counts as 0 in these; a distance to nothing is not a number, so distances know the reconstructed only."""

Locate = Callable[[str, Truth], Anatomy | None]
"""Where the pedicles of a level's true surface are; None where nobody knows (``true_anatomy.locate``)."""


def evaluate_plan(plan_folder: Path | str, truth_folder: Path | str, locate: Locate | None = None) -> dict[str, Any]:
    """Measure every planned level whose truth is known.

    Args:
        locate: where given, each cannula is judged in the true vertebra too.

    Returns:
        JSON-ready: ``case_id``, ``subject``, ``levels`` (level to its figures, see ``evaluate_level``), ``summary``
        (see ``summarise``), with ``locate`` also ``success`` (see ``cannulas.success``), ``without_truth`` and
        ``not_planned`` (levels on one side only; they count nowhere).

    Raises:
        InputError: an unreadable folder, or no level in common.
    """
    saved = read_plan(plan_folder)
    truth = read_truth(truth_folder)
    return evaluate_plans(saved.case_id, saved.plans, truth, locate, str(plan_folder))


def evaluate_plans(
    case_id: str,
    plans: Sequence[Plan],
    truth: Truth,
    locate: Locate | None = None,
    where: str = "plan",
) -> dict[str, Any]:
    """The same for plans that are in memory."""
    planned = [plan.fitted.level for plan in plans]
    levels: dict[str, dict[str, Any]] = {}
    for plan in plans:
        level = plan.fitted.level
        if level not in truth.surfaces:
            continue
        levels[level] = evaluate_level(plan, truth.surfaces[level], truth.poses.get(level))
        if locate is not None:
            levels[level] |= judge_level(plan, truth, locate)
    if not levels:
        raise InputError(where, "vertebrae", ", ".join(planned) or "none", "a level of the truth: " + _named(truth))
    return {
        "case_id": case_id,
        "subject": truth.subject,
        "levels": levels,
        "summary": summarise(levels.values()),
        **({} if locate is None else {"success": success({"level": name, **row} for name, row in levels.items())}),
        "without_truth": [level for level in planned if level not in truth.surfaces],
        "not_planned": [level for level in truth.surfaces if level not in planned],
    }


def evaluate_level(plan: Plan, true_surface: Mesh, true_pose: np.ndarray | None = None) -> dict[str, Any]:
    """One vertebra's figures: ``status``, ``reconstructed``, and of the reconstructed the metrics and pose errors.

    Not initialised, diverged, or without a surface that encloses anything is a failure: ``reconstructed`` is false.
    """
    fitted = plan.fitted
    result: dict[str, Any] = {"status": fitted.status.value, "status_reason": fitted.reason, "reconstructed": False}
    if fitted.status in FAILURES or plan.vertices_mm is None or plan.faces is None:
        return result
    try:
        agreement = compare_surfaces((plan.vertices_mm, plan.faces), true_surface)
    except ValueError as error:
        return {**result, "status_reason": f"{fitted.reason} ({error})".strip()}
    result |= {"reconstructed": True, **asdict(agreement)}
    if true_pose is not None and fitted.vertebra is not None:
        error = pose_error(fitted.vertebra.pose, true_pose)
        result |= {"pose_rotation_deg": error.rotation_deg, "pose_translation_mm": error.translation_mm}
    return result


def judge_level(plan: Plan, truth: Truth, locate: Locate) -> dict[str, Any]:
    """``cannulas``: each of the plan's in the true vertebra (see ``cannulas.judge``), none where nothing was planned;
    without the key where it is not known where the true pedicles are."""
    level = plan.fitted.level
    if not (plan.options or plan.cannulas):
        return {"cannulas": []}
    anatomy = locate(level, truth)
    return {} if anatomy is None else {"cannulas": judge(plan, truth.surfaces[level], anatomy)}


def summarise(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean, standard deviation and median of each metric over ``all`` and over the ``reconstructed``.

    Over all, a failure has Dice and NSD of 0; HD95 and ASSD stand under ``reconstructed`` only.

    Args:
        results: what ``evaluate_level`` returned, of one case or of many.
    """
    results = list(results)
    good = [result for result in results if result["reconstructed"]]
    overall = {name: [result.get(name, 0.0) for result in results] for name in FAILED_AS_ZERO}
    return {
        "vertebrae": len(results),
        "failures": len(results) - len(good),
        "all": {name: _statistics(values) for name, values in overall.items()},
        "reconstructed": {name: _statistics([result[name] for result in good]) for name in METRICS},
    }


def _statistics(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"mean": float(np.mean(values)), "sd": float(np.std(values)), "median": float(np.median(values))}


HEADINGS = ("Dice", "NSD 1 mm", "NSD 2 mm", "HD95 mm", "ASSD mm")
Row = tuple[str, ...]


def level_table(evaluation: Mapping[str, Any]) -> tuple[Row, ...]:
    """A heading and one row a level, as texts for whatever draws tables."""
    rows: list[Row] = [("level", "status", *HEADINGS)]
    for level in sorted(evaluation["levels"], key=LEVELS.index):
        result = evaluation["levels"][level]
        rows.append((level, result["status"], *(_shown(result.get(name), name) for name in METRICS)))
    return tuple(rows)


def summary_table(summaries: Mapping[str, Mapping[str, Any]]) -> tuple[Row, ...]:
    """A heading and two rows a summary (over all, over the reconstructed), medians, side by side for several methods.

    Args:
        summaries: name of the method, case or group to what ``summarise`` returned.
    """
    rows: list[Row] = [("", "over", "vertebrae", *HEADINGS)]
    for name, summary in summaries.items():
        counts = {"all": summary["vertebrae"], "reconstructed": summary["vertebrae"] - summary["failures"]}
        for group, count in counts.items():
            found = summary[group]
            values = [found[metric]["median"] if found.get(metric) else None for metric in METRICS]
            texts = (_shown(value, metric) for value, metric in zip(values, METRICS, strict=True))
            rows.append((name, group, str(count), *texts))
    return tuple(rows)


def as_text(table: Sequence[Row]) -> str:
    """A table of texts in columns as wide as they need."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )


def _shown(value: float | None, metric: str) -> str:
    return "-" if value is None else f"{value:.2f}" if metric.endswith("_mm") else f"{value:.3f}"


def _named(truth: Truth) -> str:
    return ", ".join(truth.surfaces) or "it has none"
