"""What counts as having gone wrong, in a word each; the list of it is ordered by the word, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..config import BenchmarkSettings
from ..types import Status

TROUBLES: Mapping[str, str] = {
    "nothing": "no result: not located, diverged, or the method broke",
    "poor": "a surface that is far off, and not refused",
    "worse": "farther from the truth than the start was, and not refused",
    "refused": "a surface that the method itself does not trust",
}
"""``trouble`` and what it means, the worst first."""


def trouble(row: Mapping[str, Any], settings: BenchmarkSettings) -> str:
    """One of ``TROUBLES``, or "" where nothing is wrong with a vertebra's row."""
    if not row["surfaces"]:
        return "" if row.get("cannulas") and Status(row["status"]).usable else "nothing"
    if not row["reconstructed"]:
        return "nothing"
    if not Status(row["status"]).usable:
        return "refused"
    if row["dice"] < settings.poor_dice:
        return "poor"
    return "worse" if row["dice"] < row.get("dice_before", 0.0) - settings.worse_dice else ""


def failures(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """JSON-ready: every row that something is wrong with, the worst first."""
    names = ("case", "level", "status", "trouble", "dice", "hd95_mm", "dice_before", "predicted_mm", "picture")
    found = [
        {name: row[name] for name in names if row.get(name) is not None} | {"reason": row["status_reason"]}
        for row in rows
        if row["trouble"]
    ]
    order = list(TROUBLES)
    return sorted(found, key=lambda one: (order.index(one["trouble"]), one.get("dice", 0.0), one["case"], one["level"]))
