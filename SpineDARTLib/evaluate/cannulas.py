"""Planned cannulas judged in the true vertebra, and success as the published method counts it: both sides.

A vertebra is planned with success when both cannulas stay without breach in the true pedicles. What was not planned,
was refused, or cannot be followed there is no success; a vertebra whose truth cannot be measured is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..io.mesh import Mesh
from ..io.plan import plain
from ..plan.anatomy import Anatomy
from ..plan.cannula import NEEDLE_DIAMETERS_MM, REFERENCE_DIAMETER_MM
from ..plan.safety import MARGIN_MM, assess, gertzbein_robbins
from ..plan.surface import prepare
from ..types import LEVELS, SIDES, Option, Plan, Safety, Status

NEEDLES: Mapping[str, float] = {
    "11G": NEEDLE_DIAMETERS_MM[11],
    "13G": NEEDLE_DIAMETERS_MM[13],
    "5 mm": REFERENCE_DIAMETER_MM,
}
"""What success is counted for: the usual needle, the thin one, and the cylinder that the published method scores."""

RECOMMENDED = "recommended"
"""Whichever cannula the plan recommends on each side, whatever its name."""

FAILURES = (Status.NOT_INITIALISED, Status.DIVERGED)
"""Fits that count as failures whatever they left behind."""

UNJUDGED = ("open_surface", "no_pedicle")
"""``Safety.status`` that tells of the true surface, not of the cannula."""

REGIONS: Mapping[str, tuple[str, ...]] = {
    "T1-T4": LEVELS[:4],
    "T5-T8": LEVELS[4:8],
    "T9-T12": LEVELS[8:12],
    "L1-L5": LEVELS[12:],
}


def judge(plan: Plan, true_surface: Mesh, anatomy: Anatomy) -> list[dict[str, Any]]:
    """Every cannula of a plan in the true vertebra, JSON-ready.

    Args:
        true_surface: vertices (n, 3) RAS mm and faces (f, 3).
        anatomy: where the true surface's pedicles are (``true_anatomy``).

    Returns:
        A row a cannula: ``side``, ``name``, ``recommended``, ``diameter_mm``; ``planned_mm``, ``room_mm`` and
        ``body_room_mm``, how far its axis stays from the wall of the fitted pedicle, of the true pedicle and of the
        true body (None where not measured); ``safety``, all of its safety in truth.
    """
    surface = prepare(*true_surface, anatomy)
    return [judged(option, assess(option.cannula, surface), _is_recommended(option, plan)) for option in _options(plan)]


def judged(option: Option, found: Safety, recommended: bool) -> dict[str, Any]:
    """One such row: what was planned, and what its safety was ``found`` to be in truth."""
    cannula, radius = option.cannula, option.cannula.diameter_mm / 2
    body = found.numbers.get("body_clearance_mm")
    return plain(
        {
            "side": cannula.side,
            "name": cannula.name,
            "recommended": recommended,
            "diameter_mm": cannula.diameter_mm,
            "planned_mm": option.safety.clearance_mm + radius,
            "room_mm": found.clearance_mm + radius,
            "body_room_mm": body + radius if isinstance(body, float) else None,
            "safety": found,
        }
    )


def _options(plan: Plan) -> tuple[Option, ...]:
    """All that were considered; a plan without has its recommended two, which need not have been measured."""
    if plan.options:
        return plan.options
    unknown = Safety(np.nan, {}, np.nan, "", "", {}, status="no_path", reason="Not measured when it was planned.")
    safety = [*plan.safety, *[unknown] * (len(plan.cannulas) - len(plan.safety))]
    return tuple(map(Option, plan.cannulas, safety))


def _is_recommended(option: Option, plan: Plan) -> bool:
    one = option.cannula
    return any(
        (one.side, one.name) == (other.side, other.name) and np.allclose(one.path_mm, other.path_mm)
        for other in plan.cannulas
        if len(one.path_mm) == len(other.path_mm)
    )


def success(vertebrae: Iterable[Mapping[str, Any]], needles: Mapping[str, float] = NEEDLES) -> dict[str, Any]:
    """How many vertebrae are planned with success, by kind of cannula and needle: the same axes scored for each needle,
    or each needle's own plans.

    Args:
        vertebrae: a row each: ``level``, ``status`` and ``cannulas`` (see ``judge``; none where nothing was planned;
            without the key nobody could judge them). A row with ``needle`` was planned for that one and counts for no
            other.
        needles: name to outer diameter mm.

    Returns:
        JSON-ready: ``not_judged`` (how many were left out), and ``methods``: kind of cannula to needle to ``overall``,
        ``by_region`` and ``by_level`` (see ``count``).
    """
    vertebrae = list(vertebrae)
    known = [row for row in vertebrae if "cannulas" in row and not _unjudged(row)]
    cannulas = [one for row in known for one in row["cannulas"]]
    names = list(dict.fromkeys(one["name"] for one in cannulas))
    names += [RECOMMENDED] if any(one["recommended"] for one in cannulas) else []
    methods: dict[str, dict[str, Any]] = {name: {} for name in names}
    for needle, diameter in needles.items():
        rows = [row for row in known if row.get("needle", needle) == needle]
        for name in names if rows else ():
            methods[name][needle] = _by_group(rows, name, diameter)
    alike = len({row["needle"] for row in vertebrae if "needle" in row}) or 1
    return {"not_judged": (len(vertebrae) - len(known)) // alike, "methods": methods}


def _by_group(rows: Sequence[Mapping[str, Any]], name: str, diameter_mm: float) -> dict[str, Any]:
    levels = sorted({row["level"] for row in rows}, key=LEVELS.index)
    groups = {level: (level,) for level in levels}
    regions = {region: members for region, members in REGIONS.items() if set(members) & set(levels)}
    return {
        "overall": count(rows, name, diameter_mm),
        **{
            key: {
                group: count([row for row in rows if row["level"] in members], name, diameter_mm)
                for group, members in chosen.items()
            }
            for key, chosen in (("by_region", regions), ("by_level", groups))
        },
    }


def _unjudged(row: Mapping[str, Any]) -> bool:
    return any(one["safety"]["status"] in UNJUDGED for one in row["cannulas"])


def count(vertebrae: Sequence[Mapping[str, Any]], name: str, diameter_mm: float) -> dict[str, Any]:
    """One kind of cannula at one diameter, over some vertebrae.

    Returns:
        ``vertebrae``; of these ``usable`` (the fit was not refused) and ``offered`` (usable, and without breach as
        planned); ``no_breach``, ``margin`` (1 mm of bone all round) and ``in_body`` (no breach, nor out of the body):
        vertebrae of which both cannulas do so, as {"kept": of the usable, "regardless": of the refused as well};
        ``unmarked``: offered, yet a breach in truth; ``cannulas``, their Gertzbein-Robbins ``grades`` and the
        ``directions`` of their breaches, over all.
    """
    kept = {key: {"kept": 0, "regardless": 0} for key in ("no_breach", "margin", "in_body")}
    grades, directions = Counter[str](), Counter[str]()
    usable, offered, unmarked = 0, 0, 0
    radius = diameter_mm / 2
    for row in vertebrae:
        pair = [one for one in row["cannulas"] if (one["recommended"] if name == RECOMMENDED else one["name"] == name)]
        room, body, planned = (_smallest(pair, key) - radius for key in ("room_mm", "body_room_mm", "planned_mm"))
        status = Status(row["status"])
        # Nothing is never at least something: NaN compares as false.
        held = {"no_breach": room >= 0.0, "margin": room >= MARGIN_MM, "in_body": np.minimum(room, body) >= 0.0}
        for key, holds in held.items():
            kept[key]["kept"] += bool(holds and status.usable)
            kept[key]["regardless"] += bool(holds and status not in FAILURES)
        usable += status.usable
        offered += status.usable and planned >= 0.0
        unmarked += status.usable and planned >= 0.0 and not held["no_breach"]
        for one in pair:
            grade = "-" if one["room_mm"] is None else gertzbein_robbins(one["room_mm"] - radius)
            grades[grade] += 1
            if grade not in ("A", "-"):
                directions[_wall(one)] += 1
    return {
        "vertebrae": len(vertebrae),
        "usable": usable,
        "offered": offered,
        **kept,
        "unmarked": unmarked,
        "cannulas": grades.total(),
        "grades": {grade: grades[grade] for grade in sorted(grades)},
        "directions": dict(directions.most_common()),
    }


def _smallest(pair: Sequence[Mapping[str, Any]], key: str) -> float:
    """The smaller of both sides' figures; NaN where one is missing."""
    values = {one["side"]: one.get(key) for one in pair}
    numbers = [values.get(side) for side in SIDES]
    return float(np.min([np.nan if value is None else value for value in numbers]))


def _wall(one: Mapping[str, Any]) -> str:
    """The wall that the axis comes nearest to, which is the one that a thicker needle breaches first."""
    by_direction = one["safety"]["clearance_by_direction_mm"]
    known = {name: value for name, value in by_direction.items() if value is not None}
    return one["safety"]["breach_direction"] or (min(known, key=known.__getitem__) if known else "unknown")
