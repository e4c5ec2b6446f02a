"""Reviews and grading sessions as text: JSON to go on from (a file, or a text node of a scene), CSV to count with."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ..io.cannulas import number_or_nan, read_cannula
from ..io.fields import Field, parse_json
from ..io.plan import plain
from ..types import LEVELS, SIDES, Cannula
from .record import GRADES, Adjustment, Event, Grade, Redo, Review, Undo
from .session import Answer, Item, Session

REVIEW_FORMAT, SESSION_FORMAT = "spinedart-review/1", "spinedart-session/1"
KINDS: Mapping[type, str] = {Grade: "grade", Adjustment: "adjustment", Undo: "undo", Redo: "redo"}
"""What a file calls the events; never change a name: old reviews hold them."""


def review_to_text(review: Review) -> str:
    """A review as JSON, all of it."""
    planned = [{"level": level, "cannula": _cannula(cannula)} for (level, _), cannula in review.planned.items()]
    events = [_event(event) for event in review.events]
    return _dump({"format": REVIEW_FORMAT, "case_id": review.case_id, "planned": planned, "events": events})


def read_review(text: str, where: Path) -> Review:
    """A review back from its JSON.

    Args:
        where: what complaints call the text: its file, or a node's name.

    Raises:
        InputError: names the field; also an undo or redo of nothing.
    """
    root = parse_json(text, where)
    root.child("format").text((REVIEW_FORMAT,))
    planned = {}
    for entry in root.child("planned").items():
        cannula = read_cannula(entry.child("cannula"))
        planned[entry.child("level").text(LEVELS), cannula.side] = cannula
    review = Review(root.child("case_id").text(), planned)
    for entry in root.child("events").items():
        event = _read_event(entry)
        empty = not (review.standing if isinstance(event, Undo) else review.undone_deeds)
        if isinstance(event, (Undo, Redo)) and empty:
            entry.fail(f"something to {KINDS[type(event)]}", KINDS[type(event)])
        review = Review(review.case_id, planned, (*review.events, event))
    return review


def session_to_text(session: Session) -> str:
    """A grading session as JSON: another day goes on from there."""
    return _dump({"format": SESSION_FORMAT, **plain(session)})


def read_session(text: str, where: Path) -> Session:
    """A grading session back from its JSON.

    Raises:
        InputError: names the field.
    """
    root = parse_json(text, where)
    root.child("format").text((SESSION_FORMAT,))
    items = tuple(_read_item(entry) for entry in root.child("items").items())
    answers = tuple(_read_answer(entry) for entry in root.child("answers").items())
    if len(answers) > len(items):
        root.child("answers").fail(f"at most {len(items)}, one an item", f"{len(answers)} answers")
    undone = root.child("undone_count").index()
    return Session(root.child("rater").text(), items, root.child("seed").index(), answers, undone)


def grades_to_csv(reviews: Iterable[Review]) -> str:
    """A row a grade that stands, of any number of reviews."""
    heading = (
        "case",
        "level",
        "side",
        "cannula",
        "grade",
        "meaning",
        "rater",
        "comment",
        "seconds",
        "time",
        "moved_since",
    )
    rows = [
        (
            review.case_id,
            *(deed.level, deed.side, deed.cannula.name, deed.value, GRADES[deed.value], deed.rater, deed.comment),
            _seconds(deed.seconds),
            deed.time,
            "no" if review.grade(deed.level, deed.side, deed.rater) is deed else "yes",
        )
        for review in reviews
        for deed in review.standing
        if isinstance(deed, Grade)
    ]
    return _csv(heading, rows)


def session_to_csv(session: Session) -> str:
    """A row an answer, in the order in which they were given."""
    heading = ("order", "plan", "level", "side", "cannula", "grade", "meaning", "seconds", "comment", "time", "rater")
    rows = []
    for answer in session.answers:
        item = session.items[answer.order]
        known = (answer.order + 1, item.plan, item.level, item.side, item.name, answer.value, GRADES[answer.value])
        rows.append((*known, _seconds(answer.seconds), answer.comment, answer.time, session.rater))
    return _csv(heading, rows)


def session_grades(session: Session) -> dict[object, int]:
    """Item to grade, for ``agreement``."""
    return {session.items[answer.order]: answer.value for answer in session.answers}


def _event(event: Event) -> dict[str, Any]:
    values = {name: _cannula(value) if isinstance(value, Cannula) else value for name, value in vars(event).items()}
    return {"kind": KINDS[type(event)], **values}


def _read_event(entry: Field) -> Event:
    kind, time = entry.child("kind").text(tuple(KINDS.values())), entry.child("time").text()
    if kind == "undo":
        return Undo(time)
    if kind == "redo":
        return Redo(time)
    place = entry.child("level").text(LEVELS), entry.child("side").text(SIDES)
    if kind == "adjustment":
        before, after = (read_cannula(entry.child(name)) for name in ("before", "after"))
        return Adjustment(*place, before, after, entry.child("how").text(), time)
    cannula, seconds = read_cannula(entry.child("cannula")), number_or_nan(entry, "seconds")
    return Grade(*place, _read_grade(entry), cannula, _words(entry, "rater"), _words(entry, "comment"), seconds, time)


def _read_grade(entry: Field) -> int:
    value = entry.child("value")
    if value.index() not in GRADES:
        value.fail(", ".join(map(str, GRADES)))
    return value.index()


def _read_item(entry: Field) -> Item:
    level, side = entry.child("level").text(LEVELS), entry.child("side").text(SIDES)
    return Item(entry.child("plan").text(), level, side, entry.child("name").text())


def _read_answer(entry: Field) -> Answer:
    seconds = number_or_nan(entry, "seconds")
    return Answer(
        entry.child("order").index(), _read_grade(entry), seconds, _words(entry, "comment"), _words(entry, "time")
    )


def _words(entry: Field, name: str) -> str:
    """A text that may be blank or missing."""
    found = entry.optional(name)
    return "" if found is None or found.value == "" else found.text()


def _cannula(cannula: Cannula) -> dict[str, Any]:
    return {name: getattr(cannula, name) for name in ("side", "name", "entry_mm", "target_mm", "via_mm", "diameter_mm")}


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds == seconds else ""


def _dump(document: Mapping[str, Any]) -> str:
    return json.dumps(plain(document), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _csv(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([heading, *rows])
    return text.getvalue()
