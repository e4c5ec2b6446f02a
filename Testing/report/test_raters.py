"""Grades out of every kind of file, compared with each other and with the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import SpineDARTLib.review_commands as commands
from SpineDARTLib.errors import InputError
from SpineDARTLib.report.raters import NUMBERS, agreement_words, agreements, read_grades
from SpineDARTLib.review.files import grades_to_csv, review_to_text, session_to_csv, session_to_text
from SpineDARTLib.review.record import Review
from SpineDARTLib.review.session import Item, new_session
from SpineDARTLib.types import Cannula, Safety

LEVELS = ("L1", "L2", "L3", "L4")


def cannula(side: str, name: str = "safest", shift: float = 0.0) -> Cannula:
    return Cannula(side, np.array([18.0 + shift, -45.0, 0.0]), np.array([6.0, 8.0, 0.0]), 3.05, name)


def review(rater: str, values: tuple[int, ...]) -> Review:
    keys = [(level, side) for level in LEVELS for side in ("left", "right")]
    found = Review("case-7", {key: cannula(key[1]) for key in keys})
    for key, value in zip(keys, values, strict=True):
        found = found.graded(*key, value, rater)
    return found


def session(rater: str, folder: str, seed: int, value: int):
    items = [Item(f"{folder}/case-7", level, "left", "safest") for level in LEVELS]
    found = new_session(rater, items, seed)
    while not found.finished:
        found = found.answered(value, 3.0)
    return found


def written(folder: Path, **texts: str) -> list[Path]:
    paths = []
    for name, text in texts.items():
        paths.append(folder / name.replace("_", "."))
        paths[-1].write_text(text, encoding="utf-8")
    return paths


ADA, BO = (2, 2, 1, 0, 2, 1, 0, 2), (2, 2, 1, 0, 2, 1, 1, 1)


def test_two_reviews(tmp_path):
    paths = written(tmp_path, a_json=review_to_text(review("Ada", ADA)), b_json=review_to_text(review("Bo", BO)))
    ((one, other, found),) = agreements(read_grades(paths), {})
    assert (one, other, found.items, found.same) == ("Ada", "Bo", 8, 0.75)
    # By hand: chance (2 2 + 2 3 + 4 3) / 64 of rows 2 2 4 and columns 1 4 3.
    chance = (2 * 1 + 2 * 4 + 4 * 3) / 64
    assert found.kappa["none"] == pytest.approx((0.75 - chance) / (1 - chance))
    words = agreement_words([(one, other, found)])
    assert "Ada and Bo: 8 cannulas, 75 % graded alike" in words and "linear" in words and "interval" in words


def test_tables_say_the_same_as_the_files_they_were_made_from(tmp_path):
    one, other = review("Ada", ADA), session("Bo", "/data/plans", 3, 1)
    files = written(tmp_path, a_json=review_to_text(one), b_json=session_to_text(other))
    tables = written(tmp_path, a_csv=grades_to_csv([one]), b_csv=session_to_csv(other))
    assert read_grades(files) == read_grades(tables)
    ((_, _, found),) = agreements(read_grades(files), {})
    assert found.items == 4, "a session's left cannulas are the review's"


def test_the_same_plans_on_another_machine(tmp_path):
    texts = {"a_json": session_to_text(session("Ada", "/data/plans", 3, 2)),
             "b_json": session_to_text(session("Bo", "D/elsewhere", 5, 2))}  # fmt: skip
    ((_, _, found),) = agreements(read_grades(written(tmp_path, **texts)), {})
    assert found.items == 4 and found.same == 1.0 and np.isnan(found.kappa["none"])
    assert "undefined" in agreement_words([("Ada", "Bo", found)])


def test_cannulas_moved_by_hand_are_never_the_same_item(tmp_path):
    reviews = []
    for rater, shift in (("Ada", 1.0), ("Bo", 2.0)):
        found = Review("case-7", {("L1", "left"): cannula("left")})
        reviews.append(found.adjusted(cannula("left", "drawn", shift), "L1", "dragged").graded("L1", "left", 2, rater))
    paths = written(tmp_path, a_json=review_to_text(reviews[0]), b_json=review_to_text(reviews[1]))
    assert agreements(read_grades(paths), {}) == []
    with pytest.raises(InputError, match="no cannula in common"):
        commands.agreement(tuple(paths), (), None)


def test_beside_the_numbers():
    safeties = {("case-7", level, "left", "safest"): Safety(room, {}, 0.5, "A", "", {"within_pedicle": room >= 0})
                for level, room in zip(LEVELS, (1.5, 0.5, -0.5, float("nan")), strict=True)}  # fmt: skip
    raters = {
        "Ada": {("case-7", level, "left", "safest"): value for level, value in zip(LEVELS, (2, 1, 0, 0), strict=True)}
    }
    ((one, other, found),) = agreements(raters, safeties)
    assert (one, other) == ("Ada", NUMBERS)
    assert found.items == 3 and found.same == 1.0, "what was not measured is left out"


def test_the_command_writes_json_and_tables(tmp_path, capsys):
    paths = written(tmp_path, a_json=review_to_text(review("Ada", ADA)), b_json=review_to_text(review("", BO)))
    assert commands.agreement(tuple(paths), (), tmp_path / "out.json") == 0
    (row,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["agreements"]
    assert row["second"] == "b", "who gave no name is called as the file"
    assert np.array(row["counts"]).sum() == 8 and set(row["kappa"]) == {"none", "linear", "quadratic"}
    assert "Ada and b" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [("a_csv", "level,side\nL1,left\n", "no such column"), ("a_json", "{", "JSON"),
     ("a_csv", "case,level,side,cannula,grade,rater\nc,L1,left,safest,5,Ada\n", "row 2.grade")],
)  # fmt: skip
def test_what_cannot_be_read_is_named(tmp_path, name, text, field):
    with pytest.raises(InputError, match=field):
        read_grades(written(tmp_path, **{name: text}))
