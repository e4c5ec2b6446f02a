"""Cannulas in a made-up vertebra whose clearances are known."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.plan.anatomy import isthmus
from SpineDARTLib.plan.safety import assess, gertzbein_robbins
from SpineDARTLib.types import Cannula
from Testing.plan.tubes import (
    BODY_HALF_DEPTH,
    HALF_HEIGHT,
    HALF_WIDTH,
    HEIGHT,
    OFFSET,
    rotation,
    tube_anatomy,
    tube_vertebra,
)

TURN = rotation((0.2, -0.3, 0.5))
SHIFT = np.array([12.0, -7.0, 30.0])
EXACT_MM = 0.08
"""How well the made-up surface is known."""


@pytest.fixture(scope="module")
def vertebra():
    vertices, faces = tube_vertebra()
    return vertices @ TURN.T + SHIFT, faces, tube_anatomy(TURN, SHIFT)


def straight(side: str, right_mm: float = 0.0, up_mm: float = 0.0, tip: float = 8.0, diameter: float = 3.0) -> Cannula:
    """A cannula along the pedicle's axis, moved to the patient's right and up."""
    x, z = OFFSET[side] + right_mm, HEIGHT[side] + up_mm
    entry, target = np.array([[x, -44.0, z], [x, tip, z]]) @ TURN.T + SHIFT
    return Cannula(side, entry, target, diameter)


@pytest.mark.parametrize(
    ("side", "right_mm", "up_mm", "expected"),
    [
        ("left", 0.0, 0.0, {"medial": 4.0, "lateral": 4.0}),
        ("left", 1.0, 0.0, {"medial": 3.0, "lateral": 5.0}),
        ("right", 1.0, 0.0, {"medial": 6.0, "lateral": 4.0}),
        ("right", -1.5, 0.0, {"medial": 3.5, "lateral": 6.5}),
        ("right", 0.0, 2.5, {"superior": 3.5}),
        ("left", 0.0, -4.0, {"inferior": 3.0}),
    ],
)
def test_clearance_by_direction(vertebra, side, right_mm, up_mm, expected):
    safety = assess(straight(side, right_mm, up_mm), *vertebra)
    for direction, distance in expected.items():
        # The wall is nearest at its vertex or beside it: never farther than along the axis.
        assert safety.clearance_by_direction_mm[direction] <= distance - 1.5 + EXACT_MM
    nearest = min(expected, key=lambda name: expected[name])
    assert safety.clearance_by_direction_mm[nearest] == pytest.approx(expected[nearest] - 1.5, abs=0.35)
    assert safety.clearance_mm == pytest.approx(min(safety.clearance_by_direction_mm.values()))
    assert safety.grade == "A"
    assert safety.breach_direction == ""


def test_centred_cannula_is_exact(vertebra):
    safety = assess(straight("right", diameter=4.19), *vertebra)
    assert safety.clearance_mm == pytest.approx(HALF_WIDTH["right"] - 4.19 / 2, abs=EXACT_MM)
    assert safety.numbers["axis_to_wall_mm"] == pytest.approx(HALF_WIDTH["right"], abs=EXACT_MM)
    assert safety.numbers["largest_gauge"] == "8G"
    assert safety.numbers["clearance_of_5mm_cylinder_mm"] == pytest.approx(2.5, abs=EXACT_MM)


@pytest.mark.parametrize(
    ("side", "right_mm", "up_mm", "direction", "breach", "grade"),
    [
        ("left", 3.5, 0.0, "medial", 1.0, "B"),
        ("left", -5.0, 0.0, "lateral", 2.5, "C"),
        ("right", -6.0, 0.0, "medial", 2.5, "C"),
        ("right", 8.0, 0.0, "lateral", 4.5, "D"),
        ("right", 0.0, -11.0, "inferior", 6.5, "E"),
        ("left", 0.0, 6.0, "superior", 0.5, "B"),
    ],
)
def test_breach(vertebra, side, right_mm, up_mm, direction, breach, grade):
    safety = assess(straight(side, right_mm, up_mm), *vertebra)
    assert safety.breach_direction == direction
    assert safety.clearance_mm == pytest.approx(-breach, abs=0.35 if direction == "superior" else EXACT_MM)
    assert safety.grade == grade
    assert not safety.checks["within_pedicle"]
    assert safety.clearance_by_direction_mm[direction] == pytest.approx(safety.clearance_mm)


def test_breach_is_found_where_it_is(vertebra):
    # Converging from a lateral entry: farthest medial at the front of the pedicle (y from -30 to -18).
    entry, target = np.array([[OFFSET["left"] - 2.0, -44.0, 3.0], [OFFSET["left"] + 11.0, 8.0, 3.0]]) @ TURN.T + SHIFT
    safety = assess(Cannula("left", entry, target, 2.0), *vertebra)
    assert safety.breach_direction == "medial"
    assert safety.position == pytest.approx((-18 + 44) / 52, abs=0.03)
    slope = np.arctan2(13.0, 52.0)
    outside = (26 * 0.25 - 2.0 - HALF_WIDTH["left"]) * np.cos(slope)
    assert safety.clearance_mm == pytest.approx(-outside - 1.0, abs=0.15)
    assert safety.numbers["convergence_deg"] == pytest.approx(np.rad2deg(slope), abs=0.01)


def test_tip(vertebra):
    x, y, z = -5.0, 6.0, -2.6
    entry, target = np.array([[-16.0, -44.0, 5.0], [x, y, z]]) @ TURN.T + SHIFT
    numbers = assess(Cannula("left", entry, target, 2.4), *vertebra).numbers
    assert numbers["tip_depth_fraction"] == pytest.approx((y + BODY_HALF_DEPTH) / 32.0, abs=0.005)
    assert numbers["tip_height_fraction"] == pytest.approx((z + 13.0) / 26.0, abs=0.005)
    assert numbers["tip_to_midline_mm"] == pytest.approx(5.0)
    ahead = BODY_HALF_DEPTH * np.sqrt(1 - (x / 22.0) ** 2) - y
    assert numbers["tip_to_anterior_wall_mm"] == pytest.approx(ahead, abs=EXACT_MM)
    assert numbers["path_length_mm"] == pytest.approx(np.linalg.norm([11.0, 50.0, -7.6]))
    assert numbers["sagittal_deg"] == pytest.approx(np.rad2deg(np.arctan2(-7.6, 50.0)))
    assert numbers["convergence_deg"] == pytest.approx(np.rad2deg(np.arctan2(11.0, 50.0)))


def test_checks(vertebra):
    good = assess(straight("left", right_mm=-0.1, up_mm=0.1, tip=8.0), *vertebra)
    assert all(good.checks.values()), good.checks
    assert not assess(straight("left", tip=4.0), *vertebra).checks["anterior_third"]
    assert not assess(straight("left", up_mm=4.0), *vertebra).checks["mid_height"]
    through = assess(straight("left", tip=15.0), *vertebra)
    assert not through.checks["short_of_anterior_wall"]
    assert through.numbers["tip_to_anterior_wall_mm"] < 0
    assert not assess(straight("right", up_mm=-0.5), *vertebra).checks["entry_lateral_and_cranial"]


def test_posterior_wall_comes_before_the_medial_wall(vertebra):
    def path(entry_x: float, target_x: float) -> Cannula:
        entry, target = np.array([[entry_x, -44.0, 2.0], [target_x, 9.0, 2.0]]) @ TURN.T + SHIFT
        return Cannula("right", entry, target, 2.4)

    # The medial wall is at x = 10; the posterior wall at y = -16, 28 of 53 mm along the path.
    assert assess(path(17.0, 5.0), *vertebra).checks["posterior_wall_before_medial_wall"]
    assert not assess(path(14.0, 2.0), *vertebra).checks["posterior_wall_before_medial_wall"]
    assert not assess(path(17.0, -1.0), *vertebra).checks["own_side_of_midline"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_isthmus(vertebra, side):
    found = isthmus(*vertebra, side)
    assert found["width_mm"] == pytest.approx(2 * HALF_WIDTH[side], abs=EXACT_MM)
    assert found["height_mm"] == pytest.approx(2 * HALF_HEIGHT[side], abs=EXACT_MM)
    assert found["medial_wall_mm"] == pytest.approx(abs(OFFSET[side]) - HALF_WIDTH[side], abs=EXACT_MM)


def test_a_cannula_beside_the_vertebra_is_a_breach(vertebra):
    safety = assess(straight("left", right_mm=-80.0), *vertebra)
    assert (safety.grade, safety.breach_direction) == ("E", "lateral")
    assert safety.clearance_mm < -40.0


def test_no_length(vertebra):
    with pytest.raises(ValueError, match="length 0"):
        assess(Cannula("left", np.zeros(3), np.zeros(3), 3.0), *vertebra)


@pytest.mark.parametrize(
    ("clearance", "grade"),
    [(1.0, "A"), (0.0, "A"), (-0.1, "B"), (-1.99, "B"), (-2.0, "C"), (-4.0, "D"), (-5.9, "D"), (-6.0, "E"), (-20, "E")],
)
def test_gertzbein_robbins(clearance, grade):
    assert gertzbein_robbins(float(clearance)) == grade
