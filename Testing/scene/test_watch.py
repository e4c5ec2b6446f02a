"""Hands on the lines, and the scene's side of the panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from slicer import vtkMRMLMarkupsNode

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.state import Live
from SpineDARTLib.panel.worker_client import WorkerClient
from SpineDARTLib.scene import cannulas, changes, nodes, projections, show, store, tables, vertebrae, watch
from SpineDARTLib.scene.follow import Follow
from SpineDARTLib.types import Case, Plan

START, END = vtkMRMLMarkupsNode.PointStartInteractionEvent, vtkMRMLMarkupsNode.PointEndInteractionEvent


class Hands:
    """Writes down what a Watch tells, and moves the scene as a panel would."""

    def __init__(self, scene: Any, case: Case) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.scene, self.case = scene, case
        self.watch = watch.Watch(scene, self.dragged, self.released, lambda *key: self.told.append(("started", *key)))
        self.watch.update(case.views)

    def dragged(self, level: str, side: str, end: str, point_mm: np.ndarray) -> None:
        self.told.append(("dragged", level, side, end, point_mm))
        cannula = cannulas.read_cannulas(self.scene)[level, side]
        show.move(self.scene, self.case.views, level, replace(cannula, **{f"{end}_mm": point_mm}))

    def released(self, level: str, side: str) -> None:
        self.told.append(("released", level, side))


@pytest.fixture
def hands(scene: Any, sample: Case, plan: Plan) -> Iterator[Hands]:
    show.show_case(scene, sample)
    show.show_plans(scene, sample.views, [plan], case_id=sample.id)
    made = Hands(scene, sample)
    yield made
    made.watch.stop()


def test_end_dragged_in_3d_is_told_until_it_is_let_go(hands: Hands, scene: Any, sample: Case, plan: Plan) -> None:
    line = nodes.node_of(scene, "cannula", "L3|left")
    line.InvokeEvent(START)
    wanted = plan.cannulas[0].target_mm + [1.0, 2.0, 0.5]
    line.SetNthControlPointPosition(1, *wanted)
    line.InvokeEvent(END)
    started, dragged, released = hands.told
    assert started == ("started", "L3", "left") and released == ("released", "L3", "left")
    assert dragged[:4] == ("dragged", "L3", "left", "target")
    np.testing.assert_allclose(dragged[4], wanted)
    for view in sample.views:
        line = nodes.node_of(scene, "projected cannula", f"{view.name}|L3|left")
        place = np.array(line.GetNthControlPointPositionWorld(1))
        np.testing.assert_allclose(project(place[None], view), project(wanted[None], view), atol=1e-6)


def test_end_dragged_on_an_xray_moves_across_its_beam(hands: Hands, scene: Any, sample: Case, plan: Plan) -> None:
    view, before = sample.views[1], plan.cannulas[1].entry_mm
    u, v = project(before[None], view)[0] + [9.0, -4.0]
    line = nodes.node_of(scene, "projected cannula", "LAT|L3|right")
    line.InvokeEvent(START)
    for share in (0.5, 1.0):
        pixel = project(before[None], view)[0] + share * np.array([9.0, -4.0])
        line.SetNthControlPointPosition(0, *projections.on_detector(view, pixel[None])[0])
    line.InvokeEvent(END)
    drags = [told for told in hands.told if told[0] == "dragged"]
    assert [told[1:4] for told in drags] == [("L3", "right", "entry")] * 2
    np.testing.assert_allclose(project(drags[-1][4][None], view)[0], [u, v], atol=1e-6)
    assert (drags[-1][4] - before) @ view.axis == pytest.approx(0.0, abs=1e-6)
    found = cannulas.read_cannulas(scene)["L3", "right"]
    np.testing.assert_allclose(found.entry_mm, drags[-1][4], atol=1e-6)


def test_what_the_program_moves_is_told_to_nobody(hands: Hands, scene: Any, sample: Case, plan: Plan) -> None:
    show.move(scene, sample.views, "L3", replace(plan.cannulas[0], entry_mm=plan.cannulas[0].entry_mm + 1.0))
    show.show_plan(scene, sample.views, plan)
    assert hands.told == []


def test_lines_that_go_are_watched_no_more(hands: Hands, scene: Any, sample: Case) -> None:
    line = nodes.node_of(scene, "cannula", "L3|left")
    cannulas.hide_cannula(scene, "L3", "left")
    hands.watch.update(sample.views)
    line.InvokeEvent(START)
    hands.watch.stop()
    nodes.node_of(scene, "cannula", "L3|right").InvokeEvent(START)
    assert hands.told == []


@pytest.fixture
def presenter(tmp_path: Path) -> Iterator[Presenter]:
    def no_process() -> Any:
        raise AssertionError("no fit is run here")

    made = Presenter(WorkerClient(no_process, ("none",)), tmp_path)
    yield made
    made.close()


def at_once(scene: Any, presenter: Presenter) -> Follow:
    """One that need not be ticked."""
    made = Follow(scene, presenter)
    presenter.listen(lambda *_: made.flush())
    return made


def become(presenter: Presenter, **changes: Any) -> None:
    presenter._become(replace(presenter.state, **changes))


def planned(presenter: Presenter, sample: Case, plan: Plan) -> None:
    """As after a fit."""
    become(presenter, case=sample, seeds={seed.level: seed for seed in sample.seeds})
    options = {("L3", side): option for side, option in vertebrae.chosen(plan).items()}
    become(presenter, plans={"L3": plan}, options=options, live_mm={}, selected=("L3", "left"))


def test_scene_follows_a_whole_review(scene: Any, presenter: Presenter, sample: Case, plan: Plan) -> None:
    following = at_once(scene, presenter)
    become(presenter, case=sample, seeds={seed.level: seed for seed in sample.seeds})
    assert len(nodes.nodes_of(scene, "view")) == 2 and nodes.node_of(scene, "clicks", "AP")
    become(presenter, live_mm={"L3": plan.vertices_mm})
    assert nodes.node_of(scene, "vertebra", "L3") and nodes.node_of(scene, "outline", "LAT|L3")
    assert not nodes.nodes_of(scene, "cannula")
    planned(presenter, sample, plan)
    assert len(nodes.nodes_of(scene, "cannula")) == 2 and nodes.node_of(scene, "section")
    assert len(tables.read_table(scene)) == 2
    option = presenter.state.options["L3", "left"]
    moved = replace(option.cannula, entry_mm=option.cannula.entry_mm + [2.0, 0, 0])
    become(presenter, dragged=Live(("L3", "left"), moved, option.safety, "lateral", "0.6 mm free, A"))
    np.testing.assert_allclose(cannulas.read_cannulas(scene)["L3", "left"].entry_mm, moved.entry_mm)
    become(presenter, dragged=None, options={**presenter.state.options, ("L3", "left"): replace(option, cannula=moved)})
    np.testing.assert_allclose(cannulas.read_cannulas(scene)["L3", "left"].entry_mm, moved.entry_mm)
    become(presenter, hidden=True)
    assert not nodes.node_of(scene, "outline", "AP|L3").GetDisplayNode().GetVisibility()
    become(presenter, hidden=False, epipolar_px={"LAT": np.array([[0.0, 1.0], [400.0, 20.0]])})
    assert nodes.node_of(scene, "epipolar line", "LAT")
    following.stop()
    become(presenter, case=None, plans={}, options={}, seeds={}, selected=None)
    assert nodes.nodes_of(scene)


def test_case_closed_or_changed_leaves_nothing(scene: Any, presenter: Presenter, sample: Case, plan: Plan) -> None:
    at_once(scene, presenter)
    planned(presenter, sample, plan)
    other = replace(sample, id="other", views=sample.views[:1])
    become(presenter, case=other, seeds={}, plans={}, options={}, selected=None)
    assert {node.GetAttribute(nodes.CASE) for node in nodes.nodes_of(scene)} == {"other"}
    assert not nodes.nodes_of(scene, "vertebra") and len(nodes.nodes_of(scene, "view")) == 1
    become(presenter, case=None)
    assert not nodes.nodes_of(scene)


def test_fit_that_ends_without_a_plan_leaves_no_shape(
    scene: Any, presenter: Presenter, sample: Case, plan: Plan
) -> None:
    at_once(scene, presenter)
    become(presenter, case=sample, live_mm={"L3": plan.vertices_mm})
    become(presenter, live_mm={})
    assert not nodes.nodes_of(scene, "vertebra") and not nodes.nodes_of(scene, "outline")


def test_review_goes_into_the_scene_when_it_is_saved(
    scene: Any, presenter: Presenter, sample: Case, tmp_path: Path
) -> None:
    following = at_once(scene, presenter)
    assert not following.resume()
    become(presenter, case=sample, seeds={seed.level: seed for seed in sample.seeds})
    kept = store.read_state(scene)
    assert "L3" in kept
    store.write_bundle(scene, tmp_path / "a.mrb")
    become(presenter, case=None, seeds={})
    store.read_bundle(scene, tmp_path / "a.mrb")
    assert store.read_state(scene) == kept
    assert following.resume()
    assert presenter.state.case is not None and presenter.state.seeds.keys() == {seed.level for seed in sample.seeds}


def test_faces_are_those_of_the_atlas(lumbar: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_array_equal(changes.faces_of("L2"), lumbar[1])


def test_scene_closed_during_a_fit_does_no_harm(scene: Any, presenter: Presenter, sample: Case, plan: Plan) -> None:
    at_once(scene, presenter)
    become(presenter, case=sample, live_mm={"L3": plan.vertices_mm})
    scene.Clear(False)
    become(presenter, live_mm={"L3": plan.vertices_mm + 1.0})
    planned(presenter, sample, plan)
    assert nodes.node_of(scene, "vertebra", "L3")
    become(presenter, case=None, plans={}, options={}, seeds={}, selected=None)
    assert not nodes.nodes_of(scene)


def test_view_taken_out_of_the_case_goes(scene: Any, presenter: Presenter, sample: Case, plan: Plan) -> None:
    at_once(scene, presenter)
    planned(presenter, sample, plan)
    become(presenter, case=replace(sample, views=sample.views[:1]))
    assert [node.GetName() for node in nodes.nodes_of(scene, "view")] == ["X-ray AP"]
    assert nodes.node_of(scene, "outline", "AP|L3") and not nodes.node_of(scene, "outline", "LAT|L3")


def test_other_cannula_of_a_vertebra_leaves_the_xrays_alone(
    scene: Any, presenter: Presenter, sample: Case, plan: Plan
) -> None:
    from SpineDARTLib.scene.layout import BARREL, SLOTS, slice_node

    at_once(scene, presenter)
    planned(presenter, sample, plan)
    xray, barrel = slice_node(scene, SLOTS[0]), slice_node(scene, BARREL)
    xray.SetFieldOfView(33.0, 22.0, 1.0)  # somebody has zoomed in
    before = barrel.GetSliceToRAS().GetElement(0, 3)
    become(presenter, selected=("L3", "right"))
    assert xray.GetFieldOfView()[0] == 33.0
    assert barrel.GetSliceToRAS().GetElement(0, 3) != before


def test_selected_vertebra_stands_out(scene: Any, sample: Case, make_plan: Callable[..., Plan]) -> None:
    plans = make_plan("L3"), make_plan("L4")
    show.show_case(scene, sample)
    show.show_plans(scene, sample.views, plans, case_id=sample.id)
    show.select(scene, sample.views, plans[1], vertebrae.chosen(plans[1])["left"], sample.id)
    l3, l4 = (nodes.node_of(scene, "outline", f"AP|{level}").GetDisplayNode() for level in ("L3", "L4"))
    assert l4.GetSliceIntersectionOpacity() == 1.0 > l3.GetSliceIntersectionOpacity() > 0.3
    assert nodes.node_of(scene, "uncertainty", "L4|left").GetDisplayNode().GetVisibility()
    assert not nodes.node_of(scene, "uncertainty", "L4|right").GetDisplayNode().GetVisibility()
