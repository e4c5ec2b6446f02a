"""Shadows on the X-rays, dragging them, and the view down the needle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from slicer.util import arrayFromMarkupsControlPoints, arrayFromVTKMatrix

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.scene import barrel, layout, nodes, projections, shapes, show, vertebrae, xrays
from SpineDARTLib.types import Case, Plan, Status, View


@pytest.fixture
def shown(scene: Any, sample: Case, plan: Plan) -> Any:
    """The sample with L3 planned."""
    show.show_case(scene, sample)
    show.show_plans(scene, sample.views, [plan], case_id=sample.id)
    return scene


def in_slice(view: View, model: Any) -> np.ndarray:
    """(n, 2) pixels of a model's points, as a slice shows them: along its normal."""
    points = np.c_[shapes.points_of(model.GetPolyData()), np.ones(model.GetPolyData().GetNumberOfPoints())]
    return (points @ np.linalg.inv(xrays.detector_to_world(view)).T)[:, :2]


def test_outline_lies_on_the_shadows_edge(shown: Any, sample: Case, plan: Plan) -> None:
    for view in sample.views:
        node = nodes.node_of(shown, "outline", f"{view.name}|L3")
        outline = in_slice(view, node)
        shadow = project(plan.vertices_mm, view)
        # Pedicle rims lie inside; the outline reaches as far as the shadow does.
        np.testing.assert_allclose(outline.min(axis=0), shadow.min(axis=0), atol=1.5)
        np.testing.assert_allclose(outline.max(axis=0), shadow.max(axis=0), atol=1.5)


def test_outline_lies_before_the_detector(shown: Any, sample: Case) -> None:
    view = sample.views[0]
    points = shapes.points_of(nodes.node_of(shown, "outline", "AP|L3").GetPolyData())
    depth = (points - view.source_mm) @ view.axis
    np.testing.assert_allclose(depth, view.source_to_detector_mm - projections.BEFORE_MM, atol=1e-6)


def test_outlines_are_drawn_in_their_own_view(shown: Any, sample: Case) -> None:
    for view, slot in zip(sample.views, layout.SLOTS, strict=True):
        seen = nodes.node_of(shown, "outline", f"{view.name}|L3").GetDisplayNode().GetViewNodeIDs()
        assert tuple(seen) == (layout.slice_node(shown, slot).GetID(), layout.view_node(shown).GetID())
        line = nodes.node_of(shown, "projected cannula", f"{view.name}|L3|left").GetDisplayNode()
        assert tuple(line.GetViewNodeIDs()) == (layout.slice_node(shown, slot).GetID(),)


def test_rims_are_drawn_where_they_are_ovals(sample: Case, plan: Plan) -> None:
    rim = plan.pedicle_rims_mm["left"]
    assert projections.facing(rim, sample.views[0]) > 0.9 > 0.3 > projections.facing(rim, sample.views[1])


def test_outline_of_a_doubtful_fit_is_dashed(shown: Any, sample: Case, plan: Plan) -> None:
    doubtful = replace(plan, fitted=replace(plan.fitted, status=Status.LOW_CONFIDENCE))
    before = nodes.node_of(shown, "outline", "LAT|L3").GetPolyData().GetNumberOfLines()
    show.show_plan(shown, sample.views, doubtful)
    assert nodes.node_of(shown, "outline", "LAT|L3").GetPolyData().GetNumberOfLines() > before + 10
    assert nodes.node_of(shown, "names", "LAT|L3").GetNthControlPointLabel(0) == "L3 ?"


@pytest.mark.parametrize("bent", [False, True])
def test_needles_shadow_is_as_thick_as_the_needle(
    scene: Any, sample: Case, make_plan: Callable[..., Plan], bent: bool
) -> None:
    plan = make_plan(bent=bent)
    show.show_case(scene, sample)
    show.show_plan(scene, sample.views, plan)
    view, cannula = sample.views[1], plan.cannulas[1]
    band = in_slice(view, nodes.node_of(scene, "band", "LAT|L3|right"))
    line = project(shapes.extended(cannula.path_mm, projections.SHAFT_MM), view)
    away = vertebrae.distance_to_path(np.c_[band, np.zeros(len(band))], np.c_[line, np.zeros(len(line))])
    magnified = view.intrinsics[0, 0] / ((cannula.path_mm - view.source_mm) @ view.axis).mean()
    assert away.max() == pytest.approx(cannula.diameter_mm / 2 * magnified, rel=0.15)


def test_dragging_keeps_the_depth(sample: Case, plan: Plan) -> None:
    view, point = sample.views[0], plan.cannulas[0].entry_mm
    u, v = project(point[None], view)[0]
    np.testing.assert_allclose(projections.drag_in_view(point, view, float(u), float(v)), point, atol=1e-9)
    moved = projections.drag_in_view(point, view, float(u) + 12.0, float(v) - 5.0)
    np.testing.assert_allclose(project(moved[None], view)[0], [u + 12.0, v - 5.0], atol=1e-8)
    assert (moved - point) @ view.axis == pytest.approx(0.0, abs=1e-9)


def test_drag_moves_everything_fast_and_says_breach(shown: Any, sample: Case, plan: Plan) -> None:
    cannula = plan.cannulas[0]
    begun = time.perf_counter()
    for step in range(10):
        moved = replace(cannula, entry_mm=cannula.entry_mm + [0.3 * step, 0.0, 0.0])
        show.move(shown, sample.views, "L3", moved, breach=step > 5)
    assert (time.perf_counter() - begun) / 10 < 0.15  # some 8 ms
    for view in sample.views:
        line = arrayFromMarkupsControlPoints(nodes.node_of(shown, "projected cannula", f"{view.name}|L3|left"))
        np.testing.assert_allclose(project(line, view), project(moved.path_mm, view), atol=1e-6)
        band = nodes.node_of(shown, "band", f"{view.name}|L3|left").GetDisplayNode().GetColor()
        assert band[0] > 0.8 and band[1] < 0.2
    assert nodes.node_of(shown, "uncertainty", "L3|left") is None
    assert nodes.node_of(shown, "uncertainty", "L3|right") is not None


def test_epipolar_line_is_shown_and_goes(shown: Any, sample: Case) -> None:
    view = sample.views[1]
    projections.show_epipolar_line(shown, view, np.array([[10.0, 200.0], [500.0, 230.0]]))
    pixels = in_slice(view, nodes.node_of(shown, "epipolar line", "LAT"))
    np.testing.assert_allclose(pixels[:, 1], 200.0 + (pixels[:, 0] - 10.0) * 30.0 / 490.0, atol=1e-6)
    projections.hide_epipolar_lines(shown)
    assert nodes.node_of(shown, "epipolar line", "LAT") is None


def test_overlays_hide_while_a_key_is_held(shown: Any) -> None:
    projections.hide_overlays(shown, True)
    assert not nodes.node_of(shown, "outline", "AP|L3").GetDisplayNode().GetVisibility()
    projections.hide_overlays(shown, False)
    assert nodes.node_of(shown, "outline", "AP|L3").GetDisplayNode().GetVisibility()


@pytest.mark.parametrize("side", ["left", "right"])
def test_barrel_looks_forwards_with_the_head_up(shown: Any, plan: Plan, side: str) -> None:
    option = vertebrae.chosen(plan)[side]
    node = barrel.show_barrel(shown, plan, option)
    matrix = arrayFromVTKMatrix(node.GetSliceToRAS())
    assert matrix[0, 0] > 0.9  # the patient's right is right
    assert matrix[2, 1] > 0.9  # the head is up
    assert matrix[1, 2] < -0.7  # out of the screen is backwards
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)
    path = option.cannula.path_mm
    expected = path[0] + option.safety.position * (path[1] - path[0])
    np.testing.assert_allclose(matrix[:3, 3], expected, atol=1e-9)
    labels = nodes.node_of(shown, "walls")
    words = {labels.GetNthControlPointLabel(index) for index in range(labels.GetNumberOfControlPoints())}
    assert any(word.startswith("superior\n3.2") for word in words) and len(words) == 3  # inferior was not measured
    medial = next(index for index in range(3) if labels.GetNthControlPointLabel(index).startswith("medial"))
    place = np.array(labels.GetNthControlPointPositionWorld(medial)) - matrix[:3, 3]
    assert (place[0] > 0) == (side == "left")


def test_barrel_cuts_the_bone(shown: Any, plan: Plan) -> None:
    barrel.show_barrel(shown, plan, vertebrae.chosen(plan)["left"])
    outline = nodes.node_of(shown, "section outline").GetPolyData()
    matrix = arrayFromVTKMatrix(layout.slice_node(shown, layout.BARREL).GetSliceToRAS())
    local = (shapes.points_of(outline) - matrix[:3, 3]) @ matrix[:3, :3]
    assert np.abs(local[:, 2]).max() < 1e-5
    assert nodes.node_of(shown, "section").GetPolyData().GetNumberOfPolys() > 10
    barrel.hide_barrel(shown)
    assert not any(nodes.node_of(shown, role) for role in barrel.ROLES)


def test_clicks_come_back_and_go_with_the_plan(scene: Any, sample: Case, plan: Plan) -> None:
    from SpineDARTLib.scene.clicks import read_clicks

    show.show_case(scene, sample)
    for view in sample.views:
        expected = {seed.level: seed.clicks_px[view.name] for seed in sample.seeds}
        found = read_clicks(scene, view)
        assert found.keys() == expected.keys()
        for level, click in expected.items():
            assert found[level] == pytest.approx(click)
    show.show_plan(scene, sample.views, plan)
    assert "L3" not in read_clicks(scene, sample.views[0])
    xrays.show_views(scene, sample.id, sample.views)
