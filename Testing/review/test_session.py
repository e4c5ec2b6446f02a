"""Grading sessions: order, answers, undo, going on another day; the clock."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.review.files import read_session, session_grades, session_to_csv, session_to_text
from SpineDARTLib.review.session import Clock, Item, Session, new_session

ITEMS = [Item(f"plan{number}", "L3", side, "safest") for number in range(6) for side in ("left", "right")]


def test_the_order_hangs_on_the_seed_alone():
    one, same = new_session("AB", ITEMS, 4), new_session("CD", ITEMS[::-1], 4)
    assert one.items == same.items != tuple(ITEMS)
    assert new_session("AB", ITEMS, 5).items != one.items
    assert set(one.items) == set(ITEMS)


def test_the_rater_does_not_know_whose_it_is():
    session = new_session("AB", ITEMS, 4)
    assert session.current is not None and session.current.plan not in session.title
    assert session.title.startswith("1 of 12: L3 ") and "safest" not in session.title


def test_answers_in_turn_and_taken_back():
    session = new_session("AB", ITEMS[:3], 1)
    session = session.answered(2, 1.5).answered(0, 2.5, "through the wall")
    assert (session.place, session.finished) == (2, False)
    session = session.undone()
    assert session.place == 1 and session.undone_count == 1
    session = session.answered(1, 3.0).answered(2, 1.0)
    assert session.finished and session.current is None and session.title == "all 3 graded"
    assert [session_grades(session)[item] for item in session.items] == [2, 1, 2]
    with pytest.raises(ValueError, match="after the last of 3"):
        session.answered(1, 1.0)


def test_misuse_is_named():
    with pytest.raises(ValueError, match="got 0 items"):
        new_session("AB", [], 1)
    with pytest.raises(ValueError, match="4 items, 2 of them different"):
        new_session("AB", ITEMS[:2] * 2, 1)
    with pytest.raises(ValueError, match="grade of 5"):
        new_session("AB", ITEMS, 1).answered(5, 1.0)
    assert new_session("AB", ITEMS, 1).undone().undone_count == 0


def test_it_goes_on_another_day():
    session = (
        new_session("Ä. B.", ITEMS, 9).answered(2, 1.5, "fine", "2026-01-02T10:00:00+00:00").undone().answered(1, 0.5)
    )
    back = read_session(session_to_text(session), Path("session"))
    assert back == session and isinstance(back, Session)
    with pytest.raises(InputError, match=r"answers\[0\].value: got 9"):
        read_session(session_to_text(session).replace('"value": 1', '"value": 9'), Path("session"))


def test_answers_as_csv_in_their_order():
    session = new_session("AB", ITEMS, 9).answered(2, 1.54).answered(0, 61.0, "low")
    rows = list(csv.DictReader(io.StringIO(session_to_csv(session))))
    assert [row["order"] for row in rows] == ["1", "2"]
    assert (rows[0]["plan"], rows[0]["seconds"]) == (session.items[0].plan, "1.5")
    assert (rows[1]["grade"], rows[1]["meaning"], rows[1]["comment"]) == ("0", "suboptimal", "low")


def test_the_clock_leaves_pauses_out():
    clock = Clock(100.0)
    assert clock.seconds(103.0) == 3.0
    clock.pause(104.0)
    clock.pause(108.0)
    assert clock.paused and clock.seconds(150.0) == 4.0
    clock.go_on(150.0)
    clock.go_on(151.0)
    assert clock.seconds(152.5) == 6.5
    clock.restart(160.0)
    assert clock.seconds(161.0) == 1.0
