"""Rows and results with figures that can be worked out by hand."""

from __future__ import annotations

from typing import Any

from SpineDARTLib.benchmark.failures import trouble
from SpineDARTLib.benchmark.nouns import CaseResult
from SpineDARTLib.config import BenchmarkSettings

SETTINGS = BenchmarkSettings(resamples=500)


def cannulas(room_mm: float) -> list[dict[str, Any]]:
    """Both sides, so far from the wall; recommended."""
    safety = {"status": "measured", "breach_direction": "", "clearance_by_direction_mm": {"medial": room_mm}}
    one = {"name": "safest", "recommended": True, "diameter_mm": 3.05, "planned_mm": 3.0, "safety": safety}
    return [one | {"side": side, "room_mm": room_mm, "body_room_mm": 9.0} for side in ("left", "right")]


def row(case: str, level: str, method: str, dice: float | None, **more: Any) -> dict[str, Any]:
    """A vertebra; without Dice there is no surface. HD95 is 10 times what Dice lacks."""
    found: dict[str, Any] = {
        "case": case,
        "kind": "orthogonal",
        "subject": f"person-{case}",
        "level": level,
        "method": method,
        "surfaces": True,
        "seen": False,
        "seconds": 2.0,
        "status": "converged" if dice is not None else "not_initialised",
        "status_reason": "" if dice is not None else f"{level} was not found.",
        "reconstructed": dice is not None,
        "cannulas": cannulas(3.0) if dice is not None else [],
    }
    if dice is not None:
        distances = {"hd95_mm": 10 * (1 - dice), "assd_mm": 4 * (1 - dice)}
        found |= {"dice": dice, "nsd_1mm": dice - 0.1, "nsd_2mm": dice, **distances}
    found |= more
    return found | {"trouble": trouble(found, SETTINGS)}


def results(method: str, rows: list[dict[str, Any]]) -> list[CaseResult]:
    """One a case."""
    cases = dict.fromkeys(one["case"] for one in rows)
    return [
        CaseResult(case, method, tuple(one for one in rows if one["case"] == case), "", "", 4.0, 1.5, 0.5, 800.0)
        for case in cases
    ]


def two_methods() -> list[CaseResult]:
    """Ours is 0.1 better on four people, but loses one vertebra; the other method's cannulas breach with 5 mm."""
    ours = [row(case, "L3", "ours", 0.8 + 0.02 * step, dice_before=0.7) for step, case in enumerate("abcd")]
    ours.append(row("a", "T9", "ours", None, picture="failures/ours/a-T9.jpg"))
    theirs = [row(case, "L3", "theirs", 0.7 + 0.02 * step, cannulas=cannulas(2.0)) for step, case in enumerate("abcd")]
    theirs.append(row("a", "T9", "theirs", 0.5, status="low_confidence"))
    return [*results("ours", ours), *results("theirs", theirs)]
