"""Cannulas, with all that is known of them, as members of ``plan.json``; and which of a plan's are recommended."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..types import SIDES, UNMEASURED, Cannula, Option, Plan, Risk, Safety
from .fields import Field


def same_cannula(one: Cannula, other: Cannula) -> bool:
    """Whether both go the same way by the same name."""
    names = (one.side, one.name) == (other.side, other.name)
    return names and np.array_equal(one.path_mm, other.path_mm)


def recommended(plan: Plan) -> tuple[Option, ...]:
    """A plan's recommended cannulas with all that its options know of them, left then right."""
    found = []
    for index, cannula in enumerate(plan.cannulas):
        known = [option for option in plan.options if same_cannula(option.cannula, cannula)]
        safety = plan.safety[index] if index < len(plan.safety) else unmeasured("no_surface")
        found.append(known[0] if known else Option(cannula, safety))
    return tuple(found)


def alternatives(plan: Plan) -> tuple[Option, ...]:
    """The other options, in their order."""
    taken = plan.cannulas
    return tuple(one for one in plan.options if not any(same_cannula(one.cannula, cannula) for cannula in taken))


def file_stems(plan: Plan) -> dict[str, Option]:
    """A file name without suffix for every cannula: "L3_left" of a recommended one, "L3_left_drawn" of another."""
    level = plan.fitted.level
    stems = {f"{level}_{option.cannula.side}": option for option in recommended(plan)}
    for option in alternatives(plan):
        name = "".join(letter if letter.isalnum() else "_" for letter in option.cannula.name.lower())
        stem = f"{level}_{option.cannula.side}_{name}"
        number = sum(known == stem or known.startswith(f"{stem}_") for known in stems)
        stems[f"{stem}_{number + 1}" if number else stem] = option
    return stems


def unmeasured(status: str, reason: str = "") -> Safety:
    """The safety of a cannula that could not be measured: no number in it.

    Args:
        status: one of ``UNMEASURED``.
        reason: a sentence; that of ``UNMEASURED`` when absent.
    """
    return Safety(math.nan, {}, math.nan, "", "", {}, {}, status, reason or UNMEASURED[status])


def option_to_json(option: Option) -> dict[str, Any]:
    """The cannula's own members, and beside them "safety", "risk" and "words"."""
    cannula = option.cannula
    own = {name: getattr(cannula, name) for name in ("side", "name", "entry_mm", "target_mm", "via_mm", "diameter_mm")}
    return {**own, "safety": option.safety, "risk": option.risk, "words": option.words}


def read_option(entry: Field) -> Option:
    """One of "cannulas" or "options"; those of plans before there were names, risks and words, too.

    Raises:
        InputError: names the field.
    """
    safety, risk = entry.optional("safety"), entry.optional("risk")
    found = unmeasured("no_surface") if safety is None else read_safety(safety)
    return Option(read_cannula(entry), found, None if risk is None else _read_risk(risk), _words(entry, "words"))


def read_cannula(entry: Field) -> Cannula:
    """The cannula's own members.

    Raises:
        InputError: names the field.
    """
    ends = (entry.child("entry_mm").numbers(3), entry.child("target_mm").numbers(3))
    name, via = entry.optional("name"), entry.optional("via_mm")
    return Cannula(
        entry.child("side").text(SIDES),
        *ends,
        entry.child("diameter_mm").number(above=0.0),
        name.text() if name else "transferred",
        via.numbers(len(via.items()), 3) if via else None,
    )


def read_safety(entry: Field) -> Safety:
    """Null was NaN.

    Raises:
        InputError: names the field.
    """
    status = entry.optional("status")
    checks, numbers = entry.child("checks"), entry.child("numbers")
    return Safety(
        number_or_nan(entry, "clearance_mm"),
        _table(entry.child("clearance_by_direction_mm")),
        number_or_nan(entry, "position"),
        _words(entry, "grade"),
        _words(entry, "breach_direction"),
        {key: bool(value) for key, value in checks.members().items()},
        numbers.members(),
        status.text(("measured", *UNMEASURED)) if status else "measured",
        _words(entry, "reason"),
    )


def number_or_nan(entry: Field, key: str) -> float:
    """NaN was written as null."""
    found = entry.optional(key)
    return math.nan if found is None else found.number()


def _read_risk(entry: Field) -> Risk:
    stations, tube = entry.child("stations_mm"), entry.child("tube_mm")
    return Risk(
        number_or_nan(entry, "breach_probability"),
        number_or_nan(entry, "margin_probability"),
        _table(entry.child("clearance_mm")),
        stations.numbers(len(stations.items())),
        tube.numbers(len(stations.items())),
    )


def _table(entry: Field) -> dict[str, float]:
    return {key: number_or_nan(entry, key) for key in entry.members()}


def _words(entry: Field, key: str) -> str:
    """A text that may be blank or missing."""
    found = entry.optional(key)
    return "" if found is None or found.value == "" else found.text()
