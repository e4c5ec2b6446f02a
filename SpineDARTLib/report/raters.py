"""Grades of many raters gathered from files, and how far they agree, in numbers and in words."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.fields import Field, parse_json
from ..io.plan import read_plan
from ..review.agreement import Agreement, against_numbers, pairs
from ..review.files import REVIEW_FORMAT, SESSION_FORMAT, read_review, read_session
from ..review.record import GRADES, Grade
from ..types import Cannula, Safety

Place = tuple[str, ...]
"""Plan, level, side and name of a cannula; of one moved by hand its ends too, as no two are the same."""

Raters = dict[str, dict[Place, int]]

NUMBERS = "the numbers"
"""What the numeric safety is called beside raters."""


def read_grades(paths: Sequence[Path]) -> Raters:
    """Rater to the grade of each cannula; the last one counts. Who gave no name is called as the file.

    Args:
        paths: reviews and sessions (JSON), or tables of either (CSV).

    Raises:
        InputError: a file that cannot be read, is none of these, or a grade that is none.
    """
    raters: Raters = {}
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(path, "", _why(error), "a file that can be read") from None
        found = _of_table(text, path) if path.suffix.lower() == ".csv" else _of_json(text, path)
        for rater, place, value in found:
            raters.setdefault(rater.strip() or path.stem, {})[place] = value
    return raters


def read_safeties(folders: Sequence[Path]) -> dict[Place, Safety]:
    """The safety of every cannula that plans considered, under the case's id and under the folder's name.

    Raises:
        InputError: a folder that holds no plan.
    """
    found: dict[Place, Safety] = {}
    for folder in folders:
        saved = read_plan(folder)
        for plan in saved.plans:
            for option in plan.options:
                place = _place(plan.fitted.level, option.cannula)
                found |= dict.fromkeys([(saved.case_id, *place), (saved.folder.resolve().name, *place)], option.safety)
    return found


def agreements(raters: Raters, safeties: Mapping[Place, Safety]) -> list[tuple[str, str, Agreement]]:
    """Every two raters that have cannulas in common, then every rater beside the numbers."""
    found = list(pairs(raters))  # type: ignore[arg-type]
    measured = {place: safety for place, safety in safeties.items() if np.isfinite(safety.clearance_mm)}
    for rater in sorted(raters):
        if set(raters[rater]) & set(measured):
            found.append((rater, NUMBERS, against_numbers(raters[rater], measured)))  # type: ignore[arg-type]
    return found


def agreement_words(found: Sequence[tuple[str, str, Agreement]]) -> str:
    """A paragraph and a table of counts for each two."""
    return "\n\n".join(_words(*one) for one in found) + "\n"


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _words(one: str, other: str, found: Agreement) -> str:
    low, high = found.interval
    kappas = ", ".join(f"{name} {_number(value)}" for name, value in found.kappa.items())
    lines = [
        f"{one} and {other}: {found.items} cannula{'s' * (found.items != 1)}, {100 * found.same:.0f} % graded alike",
        f"  Cohen's kappa: {kappas} (unweighted: 95 % interval {_number(low)} to {_number(high)})",
        f"  rows: {one}; columns: {other}",
        "        " + "".join(f"{value:>6}" for value in GRADES),
    ]
    return "\n".join(lines + [f"  {value:>6}" + "".join(f"{count:>6}" for count in found.counts[value])
                              for value in GRADES])  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "undefined"


def _of_json(text: str, path: Path) -> Iterable[tuple[str, Place, int]]:
    root = parse_json(text, path)
    if root.child("format").text((REVIEW_FORMAT, SESSION_FORMAT)) == SESSION_FORMAT:
        session = read_session(text, path)
        names = _short({item.plan for item in session.items})
        for answer in session.answers:
            item = session.items[answer.order]
            yield session.rater, (names[item.plan], item.level, item.side, item.name), answer.value
        return
    review = read_review(text, path)
    for deed in review.standing:
        if isinstance(deed, Grade):
            yield deed.rater, (review.case_id, *_place(deed.level, deed.cannula)), deed.value


def _place(level: str, cannula: Cannula) -> Place:
    ends = [f"{value:.2f}" for value in cannula.path_mm.ravel()] if cannula.name == "drawn" else []
    return level, cannula.side, cannula.name, *ends


def _of_table(text: str, path: Path) -> Iterable[tuple[str, Place, int]]:
    rows = list(csv.DictReader(StringIO(text)))
    known = set(rows[0]) if rows else set()
    plan = "case" if "case" in known else "plan"
    for name in (plan, "level", "side", "cannula", "grade", "rater"):
        if name not in known:
            raise InputError(path, name, "no such column", "a table of grades as the review or a session writes it")
    names = _short({row[plan] for row in rows})
    for number, row in enumerate(rows):
        if row["grade"] not in map(str, GRADES):
            Field(path, f"row {number + 2}.grade", row["grade"]).fail(", ".join(map(str, GRADES)))
        yield row["rater"], (names[row[plan]], row["level"], row["side"], row["cannula"]), int(row["grade"])


def _short(plans: set[str]) -> dict[str, str]:
    """Folders by their last name, which is the same on every machine; in full where that would mix two up."""
    count = Counter(Path(plan).name for plan in plans)
    return {plan: Path(plan).name if count[Path(plan).name] == 1 else plan for plan in plans}
