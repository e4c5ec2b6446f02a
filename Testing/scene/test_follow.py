"""What the panel says, shown a bit at a time: short ticks, a hand first, nothing left half-way, blind while grading."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.state import Live
from SpineDARTLib.panel.worker_client import WorkerClient
from SpineDARTLib.review.session import Item, Session
from SpineDARTLib.scene import blinding, cannulas, nodes, store, tables, vertebrae
from SpineDARTLib.scene.follow import Follow
from SpineDARTLib.types import Case, Plan

from .test_store import census

SESSION = Session("A. B.", (Item("here", "L3", "left", "safest"),), 3)


@pytest.fixture
def presenter(tmp_path: Path) -> Iterator[Presenter]:
    def no_process() -> Any:
        raise AssertionError("no fit is run here")

    made = Presenter(WorkerClient(no_process, ("none",)), tmp_path)
    yield made
    made.close()


@pytest.fixture
def following(scene: Any, presenter: Presenter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Follow]:
    """Shows one step a tick."""
    monkeypatch.setattr("SpineDARTLib.scene.follow.BUDGET_SECONDS", 1e-9)
    made = Follow(scene, presenter)
    yield made
    made.stop()


def become(presenter: Presenter, **changes: Any) -> None:
    presenter._become(replace(presenter.state, **changes))


def planned(presenter: Presenter, case: Case, *plans: Plan) -> None:
    """As after a fit."""
    become(presenter, case=case, seeds={seed.level: seed for seed in case.seeds})
    options = {(plan.fitted.level, side): one for plan in plans for side, one in vertebrae.chosen(plan).items()}
    become(
        presenter, plans={plan.fitted.level: plan for plan in plans}, options=options, live_mm={},
        selected=(plans[0].fitted.level, "left"),
    )  # fmt: skip


def test_plan_comes_bit_by_bit_and_is_whole_in_the_end(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, make_plan: Callable[..., Plan]
) -> None:
    planned(presenter, sample, make_plan("L4"), make_plan("L3"))
    counts = []
    while following.waiting:
        following.tick()
        counts.append(len(nodes.nodes_of(scene)))
    assert len(counts) > 25 and max(np.diff(counts)) <= 7
    assert set(cannulas.read_cannulas(scene)) == {(level, side) for level in ("L3", "L4") for side in ("left", "right")}
    assert len(tables.read_table(scene)) == 4 and json.loads(store.read_state(scene))["case_id"] == sample.id
    before = census(scene)
    become(presenter, plans=dict(presenter.state.plans))
    following.flush()
    assert census(scene) == before


def test_selected_vertebra_comes_first(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, make_plan: Callable[..., Plan]
) -> None:
    planned(presenter, sample, make_plan("L4"), make_plan("L3"), make_plan("L2"))
    become(presenter, selected=("L3", "right"))
    while not vertebrae.levels_shown(scene):
        following.tick()
    assert vertebrae.levels_shown(scene) == ("L3",)


@pytest.mark.parametrize("ticks", [1, 3, 9, 14, 22, 40])
@pytest.mark.parametrize("closing", ["scene", "case", "other case"])
def test_closed_half_way_leaves_no_orphans(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, plan: Plan, ticks: int, closing: str
) -> None:
    become(presenter, case=sample, live_mm={"L3": plan.vertices_mm})
    following.flush()
    planned(presenter, sample, plan)
    for _ in range(ticks):
        following.tick()
    if closing == "scene":
        scene.Clear(False)
    case = replace(sample, id="other") if closing == "other case" else None
    become(presenter, plans={}, options={}, seeds={}, live_mm={}, selected=None, case=case)
    following.flush()
    expected = {"other"} if closing == "other case" else set()
    assert {node.GetAttribute(nodes.CASE) for node in nodes.nodes_of(scene)} == expected
    assert not vertebrae.levels_shown(scene) and not cannulas.read_cannulas(scene)


def test_nothing_is_shown_while_the_scene_is_being_read(
    scene: Any, presenter: Presenter, following: Follow, sample: Case
) -> None:
    become(presenter, case=sample)
    scene.StartState(scene.ImportState)
    following.tick()
    assert not nodes.nodes_of(scene)
    scene.EndState(scene.ImportState)
    following.tick()
    assert nodes.nodes_of(scene)


def test_what_cannot_be_shown_is_not_tried_for_ever(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(presenter, case=sample)
    following.flush()

    def fails(*_: Any) -> None:
        raise RuntimeError("no more memory")

    monkeypatch.setattr("SpineDARTLib.scene.show.show_shadow", fails)
    planned(presenter, sample, plan)
    with pytest.raises(RuntimeError, match="memory"):
        following.flush()
    following.flush()
    assert not following.waiting


def test_a_hand_moves_its_needle_at_once_and_nothing_moves_it_back(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, plan: Plan
) -> None:
    planned(presenter, sample, plan)
    following.flush()
    option = presenter.state.options["L3", "left"]
    become(presenter, options={**presenter.state.options, ("L3", "left"): replace(option, words="once more")})
    following.tick()  # half-way through the last release
    moved = replace(option.cannula, entry_mm=option.cannula.entry_mm + [2.0, 0.5, -1.0])
    become(presenter, dragged=Live(("L3", "left"), moved, option.safety, "lateral", ""))
    for _ in range(2):
        np.testing.assert_allclose(cannulas.read_cannulas(scene)["L3", "left"].entry_mm, moved.entry_mm)
        following.flush()
    become(presenter, dragged=None)  # let go without any change
    following.flush()
    np.testing.assert_allclose(cannulas.read_cannulas(scene)["L3", "left"].entry_mm, option.cannula.entry_mm)


def _seen(scene: Any) -> dict[str, tuple[str, str, int]]:
    return {
        node.GetID(): (node.GetName(), node.GetDescription() or "", node.GetDisplayNode().GetVisibility())
        for node in nodes.nodes_of(scene)
        if node.GetAttribute(nodes.ROLE) in blinding.ROLES
    }


def test_while_grading_nothing_is_seen_and_all_comes_back(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, plan: Plan, make_plan: Callable[..., Plan]
) -> None:
    planned(presenter, sample, plan)
    following.flush()
    before, rows = _seen(scene), tables.read_table(scene)
    assert any("mm free" in name for name, _, _ in before.values()) and len({seen[2] for seen in before.values()}) == 2
    become(presenter, session=SESSION)
    following.flush()
    assert set(_seen(scene).values()) == {(blinding.NAME, "", 0)} and not tables.read_table(scene)
    from SpineDARTLib.scene.layout import BARREL, slice_node

    assert slice_node(scene, BARREL).GetLayoutLabel() == "Barrel"
    known = dict(presenter.state.options)
    become(presenter, plans={"L3": plan, "L4": make_plan("L4")}, options=known, selected=("L3", "right"), hidden=True)
    become(presenter, hidden=False)
    following.flush()
    assert set(_seen(scene).values()) == {(blinding.NAME, "", 0)} and vertebrae.levels_shown(scene) == ("L3",)
    become(presenter, plans={"L3": plan}, selected=("L3", "left"), session=None)
    following.flush()
    assert _seen(scene) == before and tables.read_table(scene) == rows
    assert slice_node(scene, BARREL).GetLayoutLabel() == "L3 left, down the needle"


def test_scene_saved_while_grading_is_blind_and_knows_all(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, plan: Plan, tmp_path: Path
) -> None:
    planned(presenter, sample, plan)
    following.flush()
    before = set(_seen(scene).values())
    become(presenter, session=SESSION)
    following.flush()
    store.write_bundle(scene, tmp_path / "a.mrb")
    store.read_bundle(scene, tmp_path / "a.mrb")
    # Lines come back described by their length, which tells nobody whose they are.
    assert {(name, visible) for name, _, visible in _seen(scene).values()} == {(blinding.NAME, 0)}
    blinding.blinded(scene, False)
    assert set(_seen(scene).values()) == before


def test_held_key_hides_and_shows_what_was_seen(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, make_plan: Callable[..., Plan]
) -> None:
    planned(presenter, sample, make_plan("L3"), make_plan("L4"))
    following.flush()
    before = _seen(scene)
    become(presenter, hidden=True)
    following.flush()
    assert not nodes.node_of(scene, "outline", "AP|L3").GetDisplayNode().GetVisibility()
    become(presenter, hidden=False)
    following.flush()
    assert _seen(scene) == before


def test_review_in_the_scene_is_never_an_old_one(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, tmp_path: Path
) -> None:
    """A scene that is saved as an MRB tells nobody before it."""
    become(presenter, case=sample)
    following.flush()
    presenter.set_rater("A. B.")
    while following.waiting:
        following.tick()
    store.write_bundle(scene, tmp_path / "a.mrb")
    store.read_bundle(scene, tmp_path / "a.mrb")
    assert json.loads(store.read_state(scene))["rater"] == "A. B."


def test_markups_are_got_ready_only_where_they_are_seen(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, plan: Plan
) -> None:
    from SpineDARTLib.scene.layout import space_ids

    planned(presenter, sample, plan)
    following.flush()
    for role in ("projected cannula", "names", "cannula", "landmarks", "walls"):
        for node in nodes.nodes_of(scene, role):
            display = node.GetDisplayNode()
            assert node.GetNumberOfDisplayNodes() == 1 and len(display.GetViewNodeIDs()) == 1
            assert (display.GetViewNodeIDs()[0] in space_ids(scene)) == (role in ("cannula", "landmarks"))
            assert display.GetSnapMode() == display.SnapModeUnconstrained


def test_a_click_that_is_moved_is_told(scene: Any, presenter: Presenter, following: Follow, sample: Case) -> None:
    from SpineDARTLib.panel.casing import of_views
    from SpineDARTLib.scene.xrays import on_detector

    presenter._become(of_views(sample))
    following.flush()
    node, (u, v) = nodes.node_of(scene, "clicks", "AP"), sample.seeds[0].clicks_px["AP"]
    node.SetNthControlPointPosition(0, *on_detector(sample.views[0], np.array([[u + 7.0, v - 3.0]]))[0])
    node.InvokeEvent(node.PointEndInteractionEvent)
    seeds = presenter.state.seeds
    assert seeds[sample.seeds[0].level].clicks_px["AP"] == pytest.approx((u + 7.0, v - 3.0), abs=1e-6)
    assert seeds[sample.seeds[1].level].clicks_px == sample.seeds[1].clicks_px
