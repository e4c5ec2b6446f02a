"""Surfaces made ready: closed or not, a pedicle there or not, and what small faults do to what is measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import loose_triangles, prepare
from SpineDARTLib.types import Cannula
from Testing.plan.tubes import HALF_HEIGHT, HALF_WIDTH, HEIGHT, OFFSET, rotation, tube_anatomy, tube_vertebra

TURN, SHIFT = rotation((-0.4, 0.2, 0.1)), np.array([-5.0, 80.0, 12.0])
STILL = tube_anatomy(np.eye(3), np.zeros(3))
EXACT_MM = 0.08


@pytest.fixture(scope="module")
def mesh() -> tuple[np.ndarray, np.ndarray]:
    return tube_vertebra()


def centred(side: str) -> Cannula:
    """Along the pedicle's middle."""
    points = np.array([[OFFSET[side], y, HEIGHT[side]] for y in (-44.0, 8.0)])
    return Cannula(side, points[0], points[1], 3.0)


def on_wall(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces nearest to the middle of the left pedicle's medial wall, the nearest first."""
    point = np.array([OFFSET["left"] + HALF_WIDTH["left"], -24.0, HEIGHT["left"]])
    return np.linalg.norm(vertices[faces].mean(axis=1) - point, axis=1).argsort()


@pytest.mark.parametrize("side", ["left", "right"])
def test_isthmus(mesh, side):
    surface = prepare(mesh[0] @ TURN.T + SHIFT, mesh[1], tube_anatomy(TURN, SHIFT))
    found = surface.isthmus[side]
    assert found is not None and surface.state(side) == ("measured", "")
    assert found.width_mm == pytest.approx(2 * HALF_WIDTH[side], abs=EXACT_MM)
    assert found.height_mm == pytest.approx(2 * HALF_HEIGHT[side], abs=EXACT_MM)
    assert found.medial_wall_mm == pytest.approx(abs(OFFSET[side]) - HALF_WIDTH[side], abs=EXACT_MM)
    middle = (found.centre_mm - SHIFT) @ TURN
    assert middle[[0, 2]] == pytest.approx([OFFSET[side], HEIGHT[side]], abs=EXACT_MM)


def test_the_pedicle_is_found_beside_where_a_fit_has_it(mesh):
    astray = tube_anatomy(np.eye(3), np.array([5.5, 0.0, 0.0]))  # the left one's middle is 1.5 mm out of the bone
    found = prepare(*mesh, astray).isthmus["left"]
    assert found is not None and found.width_mm == pytest.approx(2 * HALF_WIDTH["left"], abs=EXACT_MM)
    assert prepare(*mesh, tube_anatomy(np.eye(3), np.array([10.0, 0.0, 0.0]))).isthmus["left"] is None


@pytest.mark.parametrize("count", [1, 2])
def test_a_tiny_hole_and_a_triangle_turned_over_do_no_harm(mesh, count: int):
    vertices, faces = mesh
    whole = assess(centred("left"), prepare(vertices, faces, STILL)).clearance_mm
    nearest = on_wall(vertices, faces)[:count]
    turned = faces.copy()
    turned[nearest[0]] = turned[nearest[0], ::-1]
    for damaged in (np.delete(faces, nearest, axis=0), turned):
        surface = prepare(vertices, damaged, STILL)
        assert surface.status == "measured"
        assert assess(centred("left"), surface).clearance_mm == pytest.approx(whole, abs=0.05)
    loose, length = loose_triangles(vertices, turned)
    assert np.flatnonzero(loose).tolist() == [nearest[0]] and 1.0 < length < 4.0


def test_a_hole_that_matters_is_no_surface(mesh):
    vertices, faces = mesh
    for fault in (
        prepare(vertices, np.delete(faces, on_wall(vertices, faces)[:12], axis=0), STILL),
        prepare(np.where(np.arange(len(vertices))[:, None] == 40, np.nan, vertices), faces, STILL),
        prepare(vertices, faces[:0], STILL),
    ):
        assert fault.status == "open_surface" and fault.reason
        safety = assess(centred("left"), fault)
        assert (safety.status, safety.reason, safety.grade) == ("open_surface", fault.reason, "")
        assert np.isnan(safety.clearance_mm)


def test_inward_normals_are_turned(mesh):
    vertices, faces = mesh
    inside_out = assess(centred("right"), prepare(vertices, faces[:, ::-1], STILL))
    assert inside_out == assess(centred("right"), prepare(vertices, faces[:, ::-1][:, ::-1], STILL))
    assert inside_out.clearance_mm == pytest.approx(HALF_WIDTH["right"] - 1.5, abs=EXACT_MM)


@pytest.mark.parametrize("eaten", ["all", "gap"])
def test_a_pedicle_that_is_not_there(eaten: str):
    surface = prepare(*tube_vertebra(eaten=eaten), STILL)
    assert surface.status == "measured" and surface.state("left")[0] == "no_pedicle"
    safety = assess(centred("left"), surface)
    assert safety.status == "no_pedicle" and "left" in safety.reason
    assert np.isnan(safety.clearance_mm) and not any(safety.checks.values())
    assert assess(centred("right"), surface).clearance_mm == pytest.approx(HALF_WIDTH["right"] - 1.5, abs=EXACT_MM)


def test_what_is_left_of_a_pedicle_is_measured():
    surface = prepare(*tube_vertebra(eaten="medial half"), STILL)
    found = surface.isthmus["left"]
    assert found is not None and found.width_mm == pytest.approx(HALF_WIDTH["left"], abs=0.15)
    beside = np.array([1.0, 0.0, 0.0])
    cannula = centred("left")
    safety = assess(replace(cannula, entry_mm=cannula.entry_mm + beside, target_mm=cannula.target_mm + beside), surface)
    assert safety.clearance_mm == pytest.approx(-1.0 - 1.5, abs=0.15)
    assert (safety.grade, safety.breach_direction) == ("C", "medial")


def test_no_pedicle_on_either_side(mesh):
    surface = prepare(*mesh, tube_anatomy(np.eye(3), np.array([0.0, 0.0, 40.0])))
    assert surface.status == "no_pedicle"
    assert assess(centred("right"), surface).status == "no_pedicle"
    lost = tube_anatomy(np.eye(3), np.full(3, np.nan))
    assert prepare(*mesh, lost).status == "no_pedicle"
