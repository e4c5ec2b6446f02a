"""Cannulas in a made-up vertebra whose clearances are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.plan.safety import CHECKS, NUMBERS, assess, clearances, gertzbein_robbins
from SpineDARTLib.plan.surface import PreparedSurface, prepare
from SpineDARTLib.types import UNMEASURED, Cannula
from Testing.plan.tubes import (
    BODY_HALF_DEPTH,
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
    return prepare(vertices @ TURN.T + SHIFT, faces, tube_anatomy(TURN, SHIFT))


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
    safety = assess(straight(side, right_mm, up_mm), vertebra)
    for direction, distance in expected.items():
        # The wall is nearest at its vertex or beside it: never farther than along the axis.
        assert safety.clearance_by_direction_mm[direction] <= distance - 1.5 + EXACT_MM
    nearest = min(expected, key=lambda name: expected[name])
    assert safety.clearance_by_direction_mm[nearest] == pytest.approx(expected[nearest] - 1.5, abs=0.35)
    assert safety.clearance_mm == pytest.approx(min(safety.clearance_by_direction_mm.values()))
    assert safety.grade == "A"
    assert safety.breach_direction == ""


def test_centred_cannula_is_exact(vertebra):
    safety = assess(straight("right", diameter=4.19), vertebra)
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
    safety = assess(straight(side, right_mm, up_mm), vertebra)
    assert safety.breach_direction == direction
    assert safety.clearance_mm == pytest.approx(-breach, abs=0.35 if direction == "superior" else EXACT_MM)
    assert safety.grade == grade
    assert not safety.checks["within_pedicle"]
    assert safety.clearance_by_direction_mm[direction] == pytest.approx(safety.clearance_mm)


def test_breach_is_found_where_it_is(vertebra):
    # Converging from a lateral entry: farthest medial at the front of the pedicle (y from -30 to -18).
    entry, target = np.array([[OFFSET["left"] - 2.0, -44.0, 3.0], [OFFSET["left"] + 11.0, 8.0, 3.0]]) @ TURN.T + SHIFT
    safety = assess(Cannula("left", entry, target, 2.0), vertebra)
    assert safety.breach_direction == "medial"
    assert safety.position == pytest.approx((-18 + 44) / 52, abs=0.03)
    slope = np.arctan2(13.0, 52.0)
    outside = (26 * 0.25 - 2.0 - HALF_WIDTH["left"]) * np.cos(slope)
    assert safety.clearance_mm == pytest.approx(-outside - 1.0, abs=0.15)
    assert safety.numbers["convergence_deg"] == pytest.approx(np.rad2deg(slope), abs=0.01)


def test_tip(vertebra):
    x, y, z = -5.0, 6.0, -2.6
    entry, target = np.array([[-16.0, -44.0, 5.0], [x, y, z]]) @ TURN.T + SHIFT
    numbers = assess(Cannula("left", entry, target, 2.4), vertebra).numbers
    assert numbers["tip_depth_fraction"] == pytest.approx((y + BODY_HALF_DEPTH) / 32.0, abs=0.005)
    assert numbers["tip_height_fraction"] == pytest.approx((z + 13.0) / 26.0, abs=0.005)
    assert numbers["tip_to_midline_mm"] == pytest.approx(5.0)
    ahead = BODY_HALF_DEPTH * np.sqrt(1 - (x / 22.0) ** 2) - y
    assert numbers["tip_to_anterior_wall_mm"] == pytest.approx(ahead, abs=EXACT_MM)
    assert numbers["path_length_mm"] == pytest.approx(np.linalg.norm([11.0, 50.0, -7.6]))
    assert numbers["sagittal_deg"] == pytest.approx(np.rad2deg(np.arctan2(-7.6, 50.0)))
    assert numbers["convergence_deg"] == pytest.approx(np.rad2deg(np.arctan2(11.0, 50.0)))


def test_checks(vertebra):
    good = assess(straight("left", right_mm=-0.1, up_mm=0.1, tip=8.0), vertebra)
    assert all(good.checks.values()), good.checks
    assert not assess(straight("left", tip=4.0), vertebra).checks["anterior_third"]
    assert not assess(straight("left", up_mm=4.0), vertebra).checks["mid_height"]
    through = assess(straight("left", tip=15.0), vertebra)
    assert not through.checks["short_of_anterior_wall"]
    assert through.numbers["tip_to_anterior_wall_mm"] < 0
    assert not assess(straight("right", up_mm=-0.5), vertebra).checks["entry_lateral_and_cranial"]


def test_posterior_wall_comes_before_the_medial_wall(vertebra):
    def path(entry_x: float, target_x: float) -> Cannula:
        entry, target = np.array([[entry_x, -44.0, 2.0], [target_x, 9.0, 2.0]]) @ TURN.T + SHIFT
        return Cannula("right", entry, target, 2.4)

    # The medial wall is at x = 10; the posterior wall at y = -16, 28 of 53 mm along the path.
    assert assess(path(17.0, 5.0), vertebra).checks["posterior_wall_before_medial_wall"]
    assert not assess(path(14.0, 2.0), vertebra).checks["posterior_wall_before_medial_wall"]
    assert not assess(path(17.0, -1.0), vertebra).checks["own_side_of_midline"]


def test_a_single_cannula_has_to_reach_the_midline(vertebra):
    def checks(x: float, name: str = "unipedicular") -> Mapping[str, bool]:
        entry, target = np.array([[-18.0, -44.0, 4.0], [x, 9.0, 0.0]]) @ TURN.T + SHIFT
        return assess(Cannula("left", entry, target, 2.4, name=name), vertebra).checks

    assert checks(-1.0)["reaches_midline"] and checks(2.0)["reaches_midline"]
    assert not checks(-4.0)["reaches_midline"] and not checks(4.5)["reaches_midline"]
    assert "own_side_of_midline" not in checks(-1.0)
    assert checks(-1.0, "safest")["own_side_of_midline"] and "reaches_midline" not in checks(-1.0, "safest")


def test_the_entry_is_on_the_pedicle(vertebra):
    for away, on in ((0.0, True), (7.0, True), (10.0, False)):
        offset = np.array([-away, 0.0, 0.0]) @ TURN.T
        cannula = straight("left")
        moved = replace(cannula, entry_mm=cannula.entry_mm + offset)
        assert assess(moved, vertebra).checks["entry_on_pedicle"] == on


def test_the_body_s_walls_count(vertebra):
    inside = assess(straight("right", right_mm=-1.5), vertebra)
    # What is left of the pedicle between its front end and the body: 3.5 mm from its medial wall.
    assert inside.numbers["body_clearance_mm"] == pytest.approx(3.5 - 1.5, abs=EXACT_MM)
    assert inside.numbers["body_direction"] == "medial"
    entry, corner, target = np.array([[15.0, -44.0, 2.0], [15.0, -8.0, 2.0], [11.0, 6.0, 13.5]]) @ TURN.T + SHIFT
    through = assess(Cannula("right", entry, target, 3.0, via_mm=corner[None]), vertebra)
    assert through.numbers["body_direction"] == "superior"
    slope = np.arctan2(11.5, np.hypot(4.0, 14.0))
    assert through.numbers["body_clearance_mm"] == pytest.approx(-0.5 / np.cos(slope) - 1.5, abs=EXACT_MM)
    assert not through.checks["within_body"] and inside.checks["within_body"]


def test_a_cannula_in_the_canal_breaches_medially(vertebra):
    # Past the midline too: there the other pedicle's bone is no bone of its own.
    for right_mm, breach in ((10.0, 6.0 + 1.5), (29.0, 29.0 + 1.5)):
        safety = assess(straight("left", right_mm=right_mm), vertebra)
        assert (safety.grade, safety.breach_direction) == ("E", "medial")
        assert safety.clearance_mm == pytest.approx(-breach, abs=EXACT_MM)


def test_nothing_measured_is_no_number(vertebra):
    cannula = straight("left")
    nowhere = straight("left", right_mm=-80.0)
    behind = replace(cannula, target_mm=cannula.entry_mm + 5.0 * (cannula.target_mm - cannula.entry_mm) / 52.0)
    unknown = replace(cannula, entry_mm=np.array([np.nan, 0.0, 0.0]))
    for bad, status in (
        (replace(cannula, target_mm=cannula.entry_mm), "no_path"),
        (unknown, "no_path"),
        (nowhere, "outside_bone"),
        (behind, "no_pedicle"),
    ):
        safety = assess(bad, vertebra)
        assert safety.status == status and status in UNMEASURED and safety.reason
        assert np.isnan([safety.clearance_mm, safety.position, *safety.clearance_by_direction_mm.values()]).all()
        assert (safety.grade, safety.breach_direction) == ("", "")
        assert set(safety.checks) == set(CHECKS) and not any(safety.checks.values())
        assert set(safety.numbers) == set(NUMBERS) and all(value is None for value in safety.numbers.values())
        assert np.isnan(clearances(bad, [vertebra])).all() or bad is nowhere
    assert clearances(nowhere, [vertebra])[0] < 0.0


def test_names_are_complete(vertebra):
    safety = assess(straight("right"), vertebra)
    assert tuple(safety.numbers) == NUMBERS and tuple(safety.checks) == CHECKS
    assert safety.status == "measured" and not safety.reason


@pytest.fixture(scope="module")
def some() -> list[Cannula]:
    """Cannulas every which way, some of which breach, in the vertebra's own frame."""
    generator = np.random.default_rng(8)
    found = []
    for side in ("left", "right", "left", "right", "left"):
        entry = np.array([OFFSET[side], -44.0, HEIGHT[side]]) + generator.normal(0.0, 3.0, 3)
        target = np.array([0.5 * OFFSET[side], 7.0, 1.0]) + generator.normal(0.0, 3.0, 3)
        found.append(Cannula(side, entry, target, 3.05))
    return found


def measured(cannula: Cannula, surface: PreparedSurface) -> dict[str, float | str | bool | None]:
    """Everything that a safety says, as one flat record."""
    found = assess(cannula, surface)
    by_direction = {f"{name}_mm": value for name, value in found.clearance_by_direction_mm.items()}
    said = {"clearance_mm": found.clearance_mm, "grade": found.grade, "breach": found.breach_direction}
    return {**said, **by_direction, **found.checks, **found.numbers}


def same(one: dict[str, float | str | bool | None], other: dict[str, float | str | bool | None], abs: float) -> None:
    """Numbers alike, the rest equal."""
    for name, value in one.items():
        expected = pytest.approx(other[name], abs=abs) if isinstance(value, float) else other[name]
        assert value == expected, name


def moved(cannula: Cannula, side: str, change: Callable[[np.ndarray], np.ndarray], scale: float = 1.0) -> Cannula:
    return Cannula(side, change(cannula.entry_mm), change(cannula.target_mm), scale * cannula.diameter_mm)


def test_a_rigid_motion_changes_nothing(vertebra, some):
    still = prepare(*tube_vertebra(), tube_anatomy(np.eye(3), np.zeros(3)))
    for cannula in some:
        placed = moved(cannula, cannula.side, lambda point: point @ TURN.T + SHIFT)
        same(measured(cannula, still), measured(placed, vertebra), 1e-6)


def test_a_mirror_swaps_the_sides(some):
    vertices, faces = tube_vertebra()
    anatomy = tube_anatomy(np.eye(3), np.zeros(3))
    mirror = np.array([-1.0, 1.0, 1.0])
    other = {"left": "right", "right": "left"}
    pedicles = {
        other[side]: replace(one, side=other[side], centre_mm=one.centre_mm * mirror, axis=one.axis * mirror)
        for side, one in anatomy.pedicles.items()
    }
    surface = prepare(vertices, faces, anatomy)
    mirrored = prepare(vertices * mirror, faces[:, ::-1], replace(anatomy, pedicles=pedicles))
    for cannula in some:
        swapped = moved(cannula, other[cannula.side], lambda point: point * mirror)
        same(measured(cannula, surface), measured(swapped, mirrored), 1e-6)


def test_lengths_grow_with_the_vertebra(some):
    vertices, faces = tube_vertebra()
    anatomy = tube_anatomy(np.eye(3), np.zeros(3))
    grown = {
        side: replace(one, centre_mm=1.3 * one.centre_mm, back_mm=1.3 * one.back_mm, front_mm=1.3 * one.front_mm)
        for side, one in anatomy.pedicles.items()
    }
    surface = prepare(vertices, faces, anatomy)
    larger = prepare(1.3 * vertices, faces, replace(anatomy, pedicles=grown))
    for cannula in some:
        small = assess(cannula, surface)
        large = assess(moved(cannula, cannula.side, lambda point: 1.3 * point, 1.3), larger)
        assert large.clearance_mm == pytest.approx(1.3 * small.clearance_mm, abs=EXACT_MM)
        assert large.breach_direction == small.breach_direction
        for name, value in small.numbers.items():
            if isinstance(value, float) and "5mm" not in name:
                factor = 1.3 if name.endswith("_mm") else 1.0
                exact = 0.3 if name == "body_clearance_mm" else EXACT_MM  # there planes are farther apart
                assert large.numbers[name] == pytest.approx(factor * value, abs=exact), name


@pytest.mark.parametrize(
    ("clearance", "grade"),
    [(1.0, "A"), (0.0, "A"), (-0.1, "B"), (-1.99, "B"), (-2.0, "C"), (-4.0, "D"), (-5.9, "D"), (-6.0, "E"), (-20, "E")],
)
def test_gertzbein_robbins(clearance, grade):
    assert gertzbein_robbins(float(clearance)) == grade
