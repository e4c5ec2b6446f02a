"""The safest path: as much room as there is, under the textbook's rules, and never worse than where it started."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.config import PlanSettings
from SpineDARTLib.plan.safest import safest, standing
from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import PreparedSurface, prepare
from SpineDARTLib.plan.walls import line_between, wall_points, walls_along
from SpineDARTLib.types import Cannula
from Testing.plan.tubes import HALF_WIDTH, HEIGHT, OFFSET, rotation, tube_anatomy, tube_vertebra

SETTINGS, TURN, SHIFT = PlanSettings(), rotation((0.3, -0.5, 0.8)), np.array([40.0, -25.0, 310.0])
GAUGE_11_MM = 3.05
SIGN = {"left": -1.0, "right": 1.0}


@pytest.fixture(scope="module")
def surface() -> PreparedSurface:
    vertices, faces = tube_vertebra(1.0)
    return prepare(vertices, faces, tube_anatomy(np.eye(3), np.zeros(3)))


def path(side: str, aside: float = 0.0, up: float = 0.0, tip: tuple[float, float, float] = (7.0, 8.0, 1.0)) -> Cannula:
    """A path that passes the isthmus's middle at a distance, lateral and up."""
    target = np.array([SIGN[side] * tip[0], *tip[1:]])
    through = np.array([OFFSET[side] + SIGN[side] * aside, -24.0, HEIGHT[side] + up])
    entry = through + (through - target) * 19.0 / 32.0
    return Cannula(side, entry, target, GAUGE_11_MM)


def failed(found) -> set[str]:
    return {name for name, passed in found.checks.items() if not passed}


@pytest.mark.parametrize(("side", "aside", "up"), [("left", 1.8, -1.0), ("right", -2.6, 2.0), ("right", 3.4, 4.0)])
def test_a_path_moves_to_where_there_is_room(surface, side, aside, up):
    start = path(side, aside, up)
    before, after = assess(start, surface), safest(start, surface, SETTINGS, GAUGE_11_MM)
    assert after.safety.clearance_mm > before.clearance_mm + 0.5
    assert after.safety == assess(after.cannula, surface)
    assert failed(after.safety) == set()
    assert (after.cannula.name, after.cannula.side, after.cannula.diameter_mm) == ("safest", side, GAUGE_11_MM)
    gained = f"({-before.clearance_mm:.1f} mm breach to {after.safety.clearance_mm:.1f} mm free)"
    assert before.clearance_mm < 0 and gained in after.words


def test_all_the_room_of_a_straight_tube_is_found(surface):
    # Turned inwards by an angle, a line shares the tube's 12 mm between its ends: in the middle it is in the middle,
    # and at either end 6 mm x tan(angle) off it. The tip may be 9 mm (less its tolerance) from the midline.
    side = "left"
    found = safest(path(side, 2.5), surface, PlanSettings(enough_mm=9.0), GAUGE_11_MM).safety
    slope = (abs(OFFSET[side]) - 8.7) / 32.0
    room = (HALF_WIDTH[side] - 6.0 * slope) * np.cos(np.arctan(slope))
    assert found.clearance_mm + GAUGE_11_MM / 2 == pytest.approx(room, abs=0.15)


def test_the_same_path_wherever_the_patient_lies(surface):
    start = path("right", 3.0, -2.0)
    turned = prepare(surface.vertices_mm @ TURN.T + SHIFT, surface.faces, tube_anatomy(TURN, SHIFT))
    moved = Cannula("right", TURN @ start.entry_mm + SHIFT, TURN @ start.target_mm + SHIFT, GAUGE_11_MM)
    here = safest(start, surface, SETTINGS, GAUGE_11_MM)
    there = safest(moved, turned, SETTINGS, GAUGE_11_MM)
    # The programme's corners may tie; what it is worth may not.
    assert there.safety.clearance_mm == pytest.approx(here.safety.clearance_mm, abs=0.05)
    assert TURN @ here.cannula.target_mm + SHIFT == pytest.approx(there.cannula.target_mm, abs=0.3)


def test_never_worse_than_the_start(surface):
    generator = np.random.default_rng(3)
    for index in range(3):
        side = ("left", "right")[index % 2]
        tip = (generator.uniform(3.2, 8.8), generator.uniform(2.0, 13.0), generator.uniform(-5.0, 5.0))
        aside, up = generator.uniform(-3.5, 3.5, 2)
        start = path(side, aside, up, tip)
        before, after = assess(start, surface), safest(start, surface, SETTINGS, GAUGE_11_MM).safety
        assert standing(after, SETTINGS.enough_mm) >= standing(before, SETTINGS.enough_mm)
        if failed(before) <= {"within_pedicle"}:
            assert after.clearance_mm >= min(before.clearance_mm, SETTINGS.enough_mm)
            assert failed(after) <= failed(before)


def test_room_enough_stays_where_it_is(surface):
    start = path("right", 0.0, 1.0, (9.0, 8.0, 1.0))
    little = PlanSettings(enough_mm=1.0)
    found = safest(start, surface, little, 2.41)
    assert found.cannula.entry_mm is start.entry_mm and "no safer path" in found.words


def test_a_breach_from_outside_the_bone_comes_back_in(surface):
    start = path("right", HALF_WIDTH["right"] + 1.5)
    assert assess(start, surface).grade not in ("", "A")
    found = safest(start, surface, SETTINGS, GAUGE_11_MM)
    assert found.safety.clearance_mm > 1.0 and "breach to" in found.words


def test_a_needle_that_is_too_thick_is_said_to_be(surface):
    found = safest(path("left", 0.5), surface, SETTINGS, 7.5)
    assert 0 <= found.safety.clearance_mm + 3.75 < 4.75
    largest = found.safety.numbers["largest_gauge"]
    assert largest is not None
    assert "no transpedicular path keeps 1 mm round a 7.5 mm needle" in found.words and str(largest) in found.words


def test_rules_that_the_start_broke_are_mended(surface):
    start = path("left", 0.0, 0.0, (7.0, 2.0, 7.0))
    before = assess(start, surface)
    assert {"anterior_third", "mid_height"} <= failed(before)
    found = safest(start, surface, SETTINGS, GAUGE_11_MM)
    assert failed(found.safety) == set()
    assert "tip not in the anterior third, tip off mid-height" in found.words.split("mended: ")[1]


def test_one_needle_reaches_the_midline(surface):
    found = safest(path("right"), surface, SETTINGS, GAUGE_11_MM, unipedicular=True)
    assert found.cannula.name == "unipedicular"
    assert abs(found.cannula.target_mm[0]) <= 2.01
    assert found.safety.checks["reaches_midline"] and found.safety.checks["anterior_third"]
    assert found.safety.clearance_mm > 0


def test_what_cannot_be_measured_is_not_moved_and_says_so(surface):
    holed = prepare(surface.vertices_mm, surface.faces[:-400], surface.anatomy)
    start = path("left")
    found = safest(start, holed, SETTINGS, GAUGE_11_MM)
    assert found.safety.status == "open_surface" and np.isnan(found.safety.clearance_mm)
    assert found.cannula.target_mm is start.target_mm and "could not be measured" in found.words
    nowhere = Cannula("left", start.target_mm, start.target_mm, GAUGE_11_MM)
    assert safest(nowhere, surface, SETTINGS, GAUGE_11_MM).safety.status == "no_path"


@pytest.mark.parametrize("target", [(22.0, -24.0, 3.0), (15.0, -30.0, 2.0), (15.0, -24.0, 2.0), (60.0, 8.0, 1.0)])
def test_a_path_that_leads_elsewhere_ends_as_an_answer(surface, target):
    start = Cannula("right", np.array([15.0, -44.0, 3.0]), np.array(target), GAUGE_11_MM)
    before = assess(start, surface)
    found = safest(start, surface, SETTINGS, GAUGE_11_MM)
    assert np.isfinite(found.cannula.path_mm).all() and found.words
    assert standing(found.safety, SETTINGS.enough_mm) >= standing(before, SETTINGS.enough_mm)


def test_walls_say_how_far_a_line_may_move(surface):
    pedicle = surface.anatomy.pedicles["right"]
    # Along the tube, 2 mm lateral of its middle: 3 mm to the lateral wall, 7 to the medial.
    start = np.array([OFFSET["right"] + 2.0, -45.0, HEIGHT["right"]])
    line = line_between(start, start + [0.0, 33.0, 0.0], surface.anatomy, "right")
    walls = walls_along(line, wall_points(surface, pedicle, line.target_mm), pedicle)
    towards = walls.in_pedicle & (walls.directions[:, 0] < -0.99)
    assert walls.room_mm[towards].min() == pytest.approx(3.0, abs=0.1)
    away = walls.in_pedicle & (walls.directions[:, 0] > 0.99)
    assert walls.room_mm[away].min() == pytest.approx(7.0, abs=0.15)
    # Moved outwards by 1 mm at the isthmus and not at the tip, every row says what that costs there.
    row = line.rows(np.array([0.0, line.length_mm]), np.array([[-1.0, 0.0], [-1.0, 0.0]]))
    assert row @ [-1.0, 0.0, 0.0, 0.0] == pytest.approx([1.0, 0.0])
    moved = line.moved(np.array([-1.0, 0.0, 0.0, 0.0, 0.0]), surface.anatomy)
    assert moved.through_mm[0] == pytest.approx(line.through_mm[0] + 1.0, abs=0.05)


def test_an_axis_outside_is_called_back(surface):
    pedicle = surface.anatomy.pedicles["left"]
    start = np.array([OFFSET["left"] - HALF_WIDTH["left"] - 1.5, -45.0, HEIGHT["left"]])
    line = line_between(start, start + [0.0, 33.0, 0.0], surface.anatomy, "left")
    walls = walls_along(line, wall_points(surface, pedicle, line.target_mm), pedicle, np.arange(-5.0, 5.0, 0.25))
    back = walls.in_pedicle & (walls.room_mm < 0)
    assert walls.room_mm[back] == pytest.approx(-1.5, abs=0.1)
    assert (walls.directions[back, 0] < -0.9).all()  # it has 1.5 mm less than nothing on the lateral side
