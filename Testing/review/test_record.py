"""A review holds all that was done, knows how things stand, and comes back from its text."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.review.files import grades_to_csv, read_review, review_to_text
from SpineDARTLib.review.record import Adjustment, Grade, Redo, Review, Undo
from SpineDARTLib.types import Cannula

LEFT = Cannula("left", np.array([-20.0, -40.0, 5.0]), np.array([-4.0, 8.0, 1.0]), 3.05, "safest")
RIGHT = Cannula("right", np.array([21.0, -39.0, 4.0]), np.array([5.0, 7.0, 2.0]), 3.05)
HERE = Path("review")


@pytest.fixture
def review() -> Review:
    return Review("case", {("L3", "left"): LEFT, ("L3", "right"): RIGHT})


def moved(cannula: Cannula, mm: float) -> Cannula:
    return replace(cannula, target_mm=cannula.target_mm + [0.0, mm, 0.0], name="drawn")


def test_a_grade_is_of_the_cannula_as_it_stands(review: Review):
    graded = review.graded("L3", "left", 2, "AB", comment="good", seconds=3.5)
    found = graded.grade("L3", "left")
    assert found is not None and (found.value, found.rater, found.comment) == (2, "AB", "good")
    assert graded.grade("L3", "right") is None and review.grade("L3", "left") is None
    # Moved, it has no grade; put back, it has it again.
    shifted = graded.adjusted(moved(LEFT, 2.0), "L3", "tip dragged")
    assert shifted.grade("L3", "left") is None
    assert shifted.undone().grade("L3", "left") == found


def test_the_last_grade_counts_for_each_rater(review: Review):
    several = review.graded("L3", "left", 0, "AB").graded("L3", "left", 1, "CD").graded("L3", "left", 2, "AB")
    assert [several.grade("L3", "left", rater).value for rater in ("AB", "CD")] == [2, 1]  # type: ignore[union-attr]
    assert several.grade("L3", "left").value == 2  # type: ignore[union-attr]
    assert several.grade("L3", "left", "EF") is None


def test_undo_and_redo_walk_back_and_forth(review: Review):
    one, two = moved(LEFT, 1.0), moved(LEFT, 2.0)
    done = review.adjusted(one, "L3", "a").adjusted(two, "L3", "b").graded("L3", "right", 1)
    back = done.undone().undone()
    assert back.cannulas["L3", "left"] is one and back.grade("L3", "right") is None
    again = back.redone()
    assert again.cannulas["L3", "left"] is two
    assert again.redone().grade("L3", "right").value == 1  # type: ignore[union-attr]
    # A new deed ends what could be redone; nothing was ever taken out of the record.
    other = back.adjusted(moved(LEFT, 3.0), "L3", "c")
    assert other.redone() is other
    assert len(other.events) == 6 and isinstance(other.events[3], Undo)


def test_undo_of_nothing_is_nothing(review: Review):
    assert review.undone() is review and review.redone() is review
    assert review.adjusted(replace(LEFT, name="drawn"), "L3", "stays").events == ()


def test_misuse_is_named(review: Review):
    with pytest.raises(ValueError, match=r"L4 left.*L3 left, L3 right"):
        review.graded("L4", "left", 1)
    with pytest.raises(ValueError, match="grade of 3"):
        review.graded("L3", "left", 3)


def test_it_comes_back_from_its_text(review: Review):
    curved = replace(moved(LEFT, 2.0), via_mm=np.array([[-12.0, -16.0, 3.0]]), name="curved")
    done = review.adjusted(curved, "L3", "tip dragged").graded("L3", "left", 1, "Ä. B.", comment='said "so"')
    done = done.undone().redone().undone()
    back = read_review(review_to_text(done), HERE)
    assert review_to_text(back) == review_to_text(done)
    assert [type(event) for event in back.events] == [Adjustment, Grade, Undo, Redo, Undo]
    np.testing.assert_allclose(back.cannulas["L3", "left"].path_mm, curved.path_mm)
    assert math.isnan(back.events[1].seconds)  # type: ignore[union-attr]
    assert back.redone().grade("L3", "left").rater == "Ä. B."  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"value": 1', '"value": 7', r"events\[0\].value: got 7"),
        ('"kind": "grade"', '"kind": "undo"', r"events\[0\]: got undo; expected something to undo"),
        ('"side": "right"', '"side": "middle"', "side: got middle"),
        ("spinedart-review/1", "spinedart-review/9", "format"),
        ('"case_id"', '"case"', "case_id"),
        ("{", "", "JSON"),
    ],
)
def test_bad_texts_are_named(review: Review, old: str, new: str, words: str):
    text = review_to_text(review.graded("L3", "left", 1))
    with pytest.raises(InputError, match=words):
        read_review(text.replace(old, new, 1), HERE)


def test_grades_as_csv(review: Review):
    done = review.graded("L3", "left", 2, "AB", seconds=2.25).graded("L3", "right", 0, "AB", comment="too low, lateral")
    done = done.adjusted(moved(RIGHT, 1.0), "L3", "tip dragged")
    rows = list(csv.DictReader(io.StringIO(grades_to_csv([done]))))
    assert [(row["side"], row["grade"], row["moved_since"]) for row in rows] == [
        ("left", "2", "no"),
        ("right", "0", "yes"),
    ]
    assert rows[1]["comment"] == "too low, lateral" and rows[0]["seconds"] == "2.2" and rows[1]["seconds"] == ""
    assert rows[0]["cannula"] == "safest"
