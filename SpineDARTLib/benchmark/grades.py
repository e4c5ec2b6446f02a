"""Planning success by eye: what raters gave the cannulas of a benchmark's cases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..report.raters import read_grades
from ..review.record import GRADES
from ..types import SIDES

REFUSED, OPTIMAL = min(GRADES), max(GRADES)


def graded(given: Sequence[str], methods: Sequence[str], cases: Collection[str]) -> list[dict[str, Any]]:
    """Success of every method and rater that there are grades of, JSON-ready.

    Args:
        given: METHOD=FILE each, or FILE alone where there is one method; reviews, grading sessions, or tables of them.
        methods: of this run.
        cases: names of this run's cases; grades of other plans count nowhere.

    Raises:
        InputError: an unknown method, a file that holds no grades, or none of these cases'.
    """
    found = []
    for text in given:
        method, file = _split(text, methods)
        raters = read_grades((file,))
        counts = [_count(method, rater, grades, cases) for rater, grades in raters.items()]
        if not any(one["vertebrae"] for one in counts):
            plans = sorted({place[0] for grades in raters.values() for place in grades})
            expected = f"grades of both sides in plans called as this run's cases ({', '.join(sorted(cases)[:3])}, ...)"
            raise InputError(file, "plan", ", ".join(plans) or "no grade", expected)
        found += [one for one in counts if one["vertebrae"]]
    return found


def _split(text: str, methods: Sequence[str]) -> tuple[str, Path]:
    method, equals, file = text.partition("=")
    if not equals and len(methods) == 1:
        return methods[0], Path(text)
    if not equals or method not in methods:
        raise InputError("--grades", "", text, f"METHOD=FILE with one of {', '.join(methods)}")
    return method, Path(file)


def _count(
    method: str, rater: str, grades: Mapping[tuple[str, ...], int], cases: Collection[str]
) -> dict[str, str | int]:
    """Of vertebrae graded on both sides: both optimal, neither refused; the last grade of a side counts."""
    sides: dict[tuple[str, str], dict[str, int]] = {}
    for (plan, level, side, *_), value in grades.items():
        if plan in cases:
            sides.setdefault((plan, level), {})[side] = value
    whole = [one for one in sides.values() if set(one) == set(SIDES)]
    return {
        "method": method,
        "rater": rater,
        "vertebrae": len(whole),
        "both_optimal": sum(min(one.values()) == OPTIMAL for one in whole),
        "neither_refused": sum(min(one.values()) > REFUSED for one in whole),
    }
