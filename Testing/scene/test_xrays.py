"""X-rays at their detectors, and the views that look at them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from slicer.util import arrayFromVTKMatrix

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.scene import layout, nodes, shapes, xrays
from SpineDARTLib.types import Case, View

from .conftest import same


def test_come_back_as_they_were(scene: Any, sample: Case) -> None:
    odd = replace(sample.views[1], name="LAT 2", polarity="bone-bright", image=sample.views[1].image[:200, :300].copy())
    odd.image[3, 4] = np.nan
    views = (*sample.views, odd)
    xrays.show_views(scene, sample.id, views)
    assert same(xrays.read_views(scene), views)


def test_shown_twice_are_there_once(scene: Any, sample: Case) -> None:
    xrays.show_views(scene, sample.id, sample.views)
    count = scene.GetNumberOfNodes()
    xrays.show_views(scene, sample.id, sample.views)
    assert scene.GetNumberOfNodes() == count


def test_changed_is_shown_as_it_is_now(scene: Any, sample: Case) -> None:
    view = sample.views[0]
    xrays.show_view(scene, view, sample.id)
    mirrored = replace(view, image=np.ascontiguousarray(view.image[:, ::-1]), polarity="bone-bright")
    volume = xrays.show_view(scene, mirrored, sample.id)
    assert same(xrays.read_views(scene), (mirrored,))
    assert volume.GetDisplayNode().GetColorNodeID() == "vtkMRMLColorTableNodeGrey"


def test_pixels_lie_where_the_beam_throws_them(scene: Any, sample: Case) -> None:
    for view in sample.views:
        volume = xrays.show_view(scene, view, sample.id)
        matrix = np.array([[0.0] * 4] * 4)
        import vtk

        found = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(found)
        matrix = arrayFromVTKMatrix(found)
        pixels = np.array([[0.0, 0.0], [511.0, 0.0], [100.5, 300.25]])
        points = (matrix @ np.c_[pixels, np.zeros(3), np.ones(3)].T)[:3].T
        np.testing.assert_allclose(project(points, view), pixels, atol=1e-6)
        depth = (points - view.source_mm) @ view.axis
        np.testing.assert_allclose(depth, view.source_to_detector_mm, atol=1e-6)


def test_beam_reaches_from_source_to_detector(scene: Any, sample: Case) -> None:
    view = sample.views[0]
    xrays.show_view(scene, view, sample.id)
    points = shapes.points_of(nodes.node_of(scene, "frustum", view.name).GetPolyData())
    away = np.linalg.norm(points - view.source_mm, axis=1)
    assert away.min() == pytest.approx(0.0, abs=1e-9)
    assert ((points - view.source_mm) @ view.axis).max() == pytest.approx(view.source_to_detector_mm)


def test_slice_is_upright_and_in_the_detector(scene: Any, sample: Case) -> None:
    xrays.show_views(scene, sample.id, sample.views)
    for view in sample.views:
        node = layout.slice_node_for(scene, view)
        matrix = arrayFromVTKMatrix(node.GetSliceToRAS())
        centre = np.array([[(view.image.shape[1] - 1) / 2, (view.image.shape[0] - 1) / 2]])
        np.testing.assert_allclose(project(matrix[None, :3, 3], view), centre, atol=1e-6)
        right, up = project(matrix[:3, 3] + matrix[:3, :2].T, view) - centre
        assert right[0] > 0 and abs(right[1]) < 1e-6
        assert up[1] < 0 and abs(up[0]) < 1e-6
        assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)


def test_slots_are_taken_in_turn_and_kept(scene: Any, sample: Case) -> None:
    xrays.show_views(scene, sample.id, sample.views)
    for view, slot in zip(sample.views, layout.SLOTS, strict=True):
        layout.slice_node_for(scene, view)
        assert layout.slot_of(scene, view.name) == slot
    layout.slice_node_for(scene, sample.views[0], layout.SLOTS[1])
    assert layout.slot_of(scene, "AP") == layout.SLOTS[1]
    assert layout.slot_of(scene, "LAT") == ""


def test_view_turned_to_a_vertebra_shows_all_of_it(scene: Any, sample: Case, plan: Any) -> None:
    xrays.show_views(scene, sample.id, sample.views)
    view = sample.views[0]
    node = layout.slice_node_for(scene, view, points_mm=plan.vertices_mm)
    field = np.array(node.GetFieldOfView()[:2]) / view.pixel_spacing_mm[0]
    shadow = np.ptp(project(plan.vertices_mm, view), axis=0)
    assert (field >= shadow).all() and (field < 4 * shadow).any()


def test_window_follows_the_vertebra_until_somebody_sets_it(scene: Any, sample: Case, plan: Any) -> None:
    view = sample.views[0]
    volume = xrays.show_view(scene, view, sample.id)
    display = volume.GetDisplayNode()
    whole = display.GetWindow()
    layout.slice_node_for(scene, view, points_mm=plan.vertices_mm)
    assert 0 < display.GetWindow() != whole
    display.SetWindowLevelMinMax(0.5, 1.5)
    layout.slice_node_for(scene, view, points_mm=plan.vertices_mm + 5.0)
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((0.5, 1.5))


def test_lost_image_is_named(scene: Any, sample: Case) -> None:
    volume = xrays.show_view(scene, sample.views[0], sample.id)
    volume.SetAndObserveImageData(None)
    with pytest.raises(InputError, match=r"X-ray AP.*no image"):
        xrays.read_views(scene)
    with pytest.raises(InputError, match=r"LAT.*one of its X-rays"):
        xrays.view_named(scene, "LAT")


def test_layout_is_a_layout(slicer: Any) -> None:
    import slicer as core

    logic = core.vtkMRMLLayoutLogic()
    logic.SetMRMLScene(slicer.scene)
    node = logic.GetLayoutNode()
    layout.add_layout(node)
    layout.add_layout(node)
    node.SetViewArrangement(layout.LAYOUT_ID)
    assert node.GetViewArrangement() == layout.LAYOUT_ID
    for tag in (*layout.SLOTS, layout.BARREL):
        assert slicer.scene.GetSingletonNode(tag, "vtkMRMLSliceNode") is not None
    assert slicer.scene.GetSingletonNode(layout.THREE_D, "vtkMRMLViewNode") is not None


def test_view_without_a_slot_is_seen_in_3d_only(scene: Any, sample: Case, plan: Any) -> None:
    from SpineDARTLib.scene.projections import show_outline

    view: View = sample.views[0]
    xrays.show_view(scene, view, sample.id)
    node = show_outline(scene, view, "L3", plan.vertices_mm, plan.faces)
    assert tuple(node.GetDisplayNode().GetViewNodeIDs()) == (layout.view_node(scene).GetID(),)


def test_letters_name_the_sides_of_the_patient(scene: Any, sample: Case) -> None:
    xrays.show_views(scene, sample.id, sample.views)
    for view, wanted in zip(sample.views, (("R", "L"), ("P", "A")), strict=True):
        layout.slice_node_for(scene, view)
        node = nodes.node_of(scene, "letters", view.name)
        assert (node.GetNthControlPointLabel(0), node.GetNthControlPointLabel(1)) == wanted
        left, right = project(np.array([node.GetNthControlPointPosition(at) for at in (0, 1)]), view)
        assert left[0] < 0.1 * view.image.shape[1] < 0.9 * view.image.shape[1] < right[0]
        assert left[1] == pytest.approx(right[1]) and left[1] < 0.1 * view.image.shape[0]
    marker = layout.slice_node(scene, layout.SLOTS[0])
    assert marker.GetOrientationMarkerType() == marker.OrientationMarkerTypeNone  # has red in it


def test_oblique_directions_have_two_letters() -> None:
    from SpineDARTLib.scene.letters import letters_of

    assert letters_of(np.array([-0.8, -0.6, 0.05])) == "LP"
    assert letters_of(np.array([0.3, 0.1, 2.0])) == "S"
