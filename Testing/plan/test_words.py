"""What is said of a plan: plain, with the figures that it is about, and never silent about a breach."""

from __future__ import annotations

import math

import numpy as np
import pytest

from SpineDARTLib.plan.words import broken_rules, describe, doubt, explain, needle_name, risk_words, room_words, warning
from SpineDARTLib.types import Cannula, Option, Risk, Safety
from Testing.plan.tubes import tube_anatomy

STRAIGHT = tube_anatomy(np.eye(3), np.zeros(3))
DIRECTIONS: tuple[str, ...] = ("medial", "superior", "lateral", "inferior")


def cannula(side: str = "right", diameter: float = 3.05, entry: tuple = (15.0, -45.0, 5.0), **more) -> Cannula:
    return Cannula(side, np.array(entry), np.array([6.0, 8.0, 0.0]), diameter, **more)


def safety(rooms: tuple[float, float, float, float], gauge: str | None = "11G", **checks: bool) -> Safety:
    clearance = min(rooms)
    wall = DIRECTIONS[rooms.index(clearance)]
    grade, direction = ("A", "") if clearance >= 0 else ("B", wall)
    checks = {"within_pedicle": clearance >= 0, **checks}
    by_direction = dict(zip(DIRECTIONS, rooms, strict=True))
    return Safety(clearance, by_direction, 0.4, grade, direction, checks, {"largest_gauge": gauge})


UNMEASURED = Safety(math.nan, {}, math.nan, "", "", {"within_pedicle": False}, {}, "open_surface", "A hole of 9 mm.")


@pytest.mark.parametrize(
    ("diameter", "name"), [(4.19, "8G"), (3.05, "11G"), (2.41, "13G"), (5.0, "5.0 mm"), (3.1, "3.1 mm")]
)
def test_needles_have_the_names_that_are_on_their_packing(diameter, name):
    assert needle_name(diameter) == name


def test_room():
    assert room_words(safety((1.3, 2.0, 3.0, 4.0))) == "1.3 mm free, A"
    assert room_words(safety((2.0, 2.0, -0.8, 4.0))) == "lateral breach 0.8 mm, B"
    assert room_words(UNMEASURED) == "not measured: A hole of 9 mm."


def risk(breach: float) -> Risk:
    return Risk(breach, 0.4, {"5": -1.4, "50": 0.6, "95": 2.8}, np.array([5.0, 6.0]), np.array([1.0, 0.8]))


@pytest.mark.parametrize(
    ("breach", "words"), [(0.004, "under 1 %"), (0.034, "3 %"), (0.21, "21 %"), (0.995, "over 99 %")]
)
def test_risk_in_words(breach: float, words: str):
    assert risk_words(risk(breach)) == f"breach risk {words}"
    assert risk_words(None) == ""


def test_a_path_that_only_looks_free_is_said_to():
    free, through = safety((2.7, 3.0, 2.9, 4.0)), safety((2.0, 2.0, -0.8, 4.0))
    said = doubt(Option(cannula("left"), free, risk(0.21)))
    assert said.startswith("left: free in the fitted vertebra") and "21 of 100" in said and "-1.4 to 2.8 mm" in said
    assert doubt(Option(cannula(), free, risk(0.09))) == "" and doubt(Option(cannula(), free)) == ""
    # Of one that breaches already, or was not measured, other sentences speak.
    assert doubt(Option(cannula(), through, risk(0.9))) == "" == doubt(Option(cannula(), UNMEASURED, risk(0.9)))


def test_the_sentence_of_a_better_path_on_either_side():
    before, after = safety((2.6, 3.0, 0.4, 3.0)), safety((1.5, 3.0, 1.5, 3.0))
    for side, sign in (("right", 1.0), ("left", -1.0)):
        start = cannula(side)
        end = Cannula(side, start.entry_mm + [-sign * 2.1, -3.0, 0.8], start.target_mm + [sign * 1.4, 0.05, 0.1], 3.05)
        words = explain(start, end, before, after, STRAIGHT)
        moved = "entry 2.1 mm medial and 0.8 mm up, tip 1.4 mm lateral"
        assert words == f"{moved}: 1.1 mm more room on the lateral wall (0.4 to 1.5 mm free)"


def test_less_room_says_what_it_was_given_for():
    start, end = cannula(), cannula(entry=(16.0, -45.0, 5.0))
    before = safety((2.0, 3.0, 3.0, 3.0), entry_lateral_and_cranial=False, mid_height=False)
    after = safety((1.4, 3.0, 3.0, 3.0), entry_lateral_and_cranial=True, mid_height=False)
    words = explain(start, end, before, after, STRAIGHT)
    assert words == (
        "entry 1.0 mm lateral: 0.6 mm less room (2.0 to 1.4 mm free); mended: entry too medial or too low; "
        "still: tip off mid-height"
    )


def test_a_path_that_cannot_keep_its_millimetre_names_the_needle_that_can():
    assert warning(cannula(), safety((1.0, 2.0, 2.0, 2.0))) == ""
    thin = warning(cannula(), safety((0.6, 2.0, 2.0, 2.0), "13G"))
    assert thin == "right: no transpedicular path keeps 1 mm round an 11G needle; the largest that does is 13G"
    breach = warning(cannula("left", 5.0), safety((2.0, 2.0, -0.5, 2.0), "13G"))
    assert "round a 5.0 mm needle (it breaches by 0.5 mm); the largest" in breach and breach.startswith("left: ")
    assert warning(cannula(), safety((0.1, 2.0, 2.0, 2.0), None)).endswith("nor round any thinner one")


def test_no_path_at_all():
    words = warning(cannula("left"), safety((2.0, 2.0, -0.7, 2.0), None))  # 0.83 mm from the axis: a 15G has 0.92
    assert words == "left: no transpedicular path, even a 15G needle breaches the pedicle"
    assert "A hole of 9 mm." in warning(cannula(), UNMEASURED)


def test_unmeasured_paths_have_words_and_no_figures_of_room():
    for words in (describe(cannula(), UNMEASURED), explain(cannula(), cannula(), UNMEASURED, UNMEASURED, STRAIGHT)):
        assert "could not be measured" in words and "free" not in words and "nan" not in words
    assert broken_rules(UNMEASURED) == []


def test_an_unmoved_path_says_so():
    found = safety((3.0, 3.0, 3.0, 3.0))
    words = explain(cannula(), cannula(), found, found, STRAIGHT)
    assert words == "as transferred, 3.0 mm free: no safer path was found"


def test_a_rule_without_words_is_still_named():
    found = safety((3.0, 3.0, 3.0, 3.0), some_new_rule=False)
    assert broken_rules(found) == ["some new rule"]
    assert describe(cannula(name="curved"), found) == "curved, as for kyphoplasty: 3.0 mm free, A; some new rule"
