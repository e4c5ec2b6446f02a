"""Vertebrae and cannulas in space."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.io.cannulas import recommended
from SpineDARTLib.io.markups import BREACH, DOUBTFUL
from SpineDARTLib.scene import cannulas, colours, nodes, shapes, vertebrae
from SpineDARTLib.types import Plan, Status

from .conftest import same


def test_surface_comes_back(scene: Any, plan: Plan) -> None:
    node = vertebrae.show_vertebra(scene, plan)
    assert node.GetName() == "L3 · good fit"
    assert "left 0.6 mm free, A" in node.GetDescription()
    assert "Not for clinical use" in node.GetDescription()
    vertices, faces = vertebrae.read_vertebra(scene, "L3") or (None, None)
    assert same((vertices, faces), (plan.vertices_mm, plan.faces))
    assert vertebrae.levels_shown(scene) == ("L3",)
    assert vertebrae.read_vertebra(scene, "L2") is None


def test_surface_is_painted_where_the_room_is_small(scene: Any, plan: Plan) -> None:
    values = vertebrae.painted_clearance(plan, vertebrae.chosen(plan))
    assert values.min() >= 0.6
    near = values < vertebrae.FAR_MM
    assert 0.01 < near.mean() < 0.3
    local = plan.vertices_mm[near] - plan.fitted.vertebra.pose[:3, 3]
    assert local[:, 1].max() < 0.0  # pedicles are behind the body's centre
    assert (local[:, 0] < 0).any() and (local[:, 0] > 0).any()


def test_red_is_a_breach_only(make_plan: Callable[..., Plan]) -> None:
    free, breach = make_plan(clearance_mm=0.2), make_plan(clearance_mm=-0.8)
    assert (vertebrae.painted_clearance(free, vertebrae.chosen(free)) > 0).all()
    assert (vertebrae.painted_clearance(breach, vertebrae.chosen(breach)) >= -0.8).all()
    assert colours.cannula_colour("left", breach.safety[0]) == BREACH
    assert colours.cannula_colour("left", free.safety[0]) == colours.SIDE_COLOURS["left"]
    assert colours.cannula_colour("left", free.safety[0], usable=False) == DOUBTFUL


def test_colours_take_turns_and_differ_for_the_colour_blind() -> None:
    assert colours.turn("L2") != colours.turn("L3") == colours.turn("L1")
    for one, other in (colours.OUTLINES, tuple(colours.SIDE_COLOURS.values())):
        blue_yellow = abs((one[0] + one[1]) / 2 - one[2] - (other[0] + other[1]) / 2 + other[2])
        assert blue_yellow > 0.25  # what is left to whoever cannot tell red from green


def test_points_follow_a_fit(scene: Any, plan: Plan) -> None:
    with pytest.raises(ValueError, match="faces"):
        vertebrae.update_vertebra(scene, "L3", plan.vertices_mm)
    vertebrae.update_vertebra(scene, "L3", plan.vertices_mm, plan.faces)
    count = scene.GetNumberOfNodes()
    begun = time.perf_counter()
    for step in range(10):
        vertebrae.update_vertebra(scene, "L3", plan.vertices_mm + step)
    assert (time.perf_counter() - begun) / 10 < 0.1  # some 3 ms
    assert scene.GetNumberOfNodes() == count
    np.testing.assert_array_equal((vertebrae.read_vertebra(scene, "L3") or ())[0], plan.vertices_mm + 9)


def test_without_a_surface_nothing_is_shown(scene: Any, plan: Plan) -> None:
    vertebrae.show_vertebra(scene, plan)
    lost = Plan(replace(plan.fitted, status=Status.NOT_INITIALISED))
    assert vertebrae.show_vertebra(scene, lost) is None
    assert not nodes.nodes_of(scene, "vertebra") and not nodes.nodes_of(scene, "landmarks")


@pytest.mark.parametrize("bent", [False, True])
def test_cannulas_come_back(scene: Any, make_plan: Callable[..., Plan], bent: bool) -> None:
    plan = make_plan(bent=bent)
    cannulas.show_cannulas(scene, plan, vertebrae.chosen(plan))
    found = cannulas.read_cannulas(scene)
    assert same(found, {("L3", one.side): one for one in plan.cannulas})
    line = nodes.node_of(scene, "cannula", "L3|right")
    assert line.IsA("vtkMRMLMarkupsCurveNode") == bent
    assert line.GetName() == "L3 right · 11G · 1.5 mm free, A"


def test_line_moved_by_a_user_is_what_is_read(scene: Any, plan: Plan) -> None:
    cannulas.show_cannulas(scene, plan, vertebrae.chosen(plan))
    line = nodes.node_of(scene, "cannula", "L3|left")
    line.SetNthControlPointPosition(1, 1.0, 2.0, 3.0)
    found = cannulas.read_cannulas(scene)["L3", "left"]
    np.testing.assert_array_equal(found.target_mm, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(found.entry_mm, plan.cannulas[0].entry_mm)


def test_straight_one_takes_the_place_of_a_bent_one(scene: Any, make_plan: Callable[..., Plan], plan: Plan) -> None:
    bent = make_plan(bent=True)
    cannulas.show_cannulas(scene, bent, vertebrae.chosen(bent))
    cannulas.show_cannulas(scene, plan, vertebrae.chosen(plan))
    assert len(nodes.nodes_of(scene, "cannula")) == 2
    assert same(cannulas.read_cannulas(scene)["L3", "right"], plan.cannulas[1])
    cannulas.show_cannulas(scene, plan, {})
    assert not any(nodes.nodes_of(scene, role) for role in ("cannula", "tube", "uncertainty"))


def test_tube_has_the_needles_thickness(plan: Plan) -> None:
    cannula = plan.cannulas[0]
    points = shapes.points_of(shapes.tube(cannula.path_mm, cannula.diameter_mm / 2))
    away = vertebrae.distance_to_path(points, cannula.path_mm)
    assert away.max() == pytest.approx(cannula.diameter_mm / 2, abs=0.01)


def test_uncertainty_is_as_wide_as_it_was_said(plan: Plan) -> None:
    option = recommended(plan)[0]
    points = shapes.points_of(cannulas.uncertainty_tube(option.cannula, option.risk))
    assert vertebrae.distance_to_path(points, option.cannula.path_mm).max() == pytest.approx(2.4, abs=0.02)
    nowhere = replace(option.risk, tube_mm=np.zeros(10))
    assert cannulas.uncertainty_tube(option.cannula, nowhere) is None


def test_tube_of_no_path_does_no_harm() -> None:
    point = np.zeros((2, 3))
    assert len(shapes.points_of(shapes.tube(cannulas.smooth_path(point), 1.5)))


def test_dashes_cover_what_they_should() -> None:
    line = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 5.0]])
    dashes = shapes.dashed(line, 2.0, 1.0)
    total = sum(np.linalg.norm(np.diff(dash, axis=0), axis=1).sum() for dash in dashes)
    assert total == pytest.approx(10.0)
