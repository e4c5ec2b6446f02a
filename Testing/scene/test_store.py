"""What stays: a scene saved, cleared and loaded has everything, and gives it back to the last digit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.scene import (
    cannulas,
    clear,
    folders,
    history,
    layout,
    nodes,
    records,
    show,
    store,
    tables,
    vertebrae,
    xrays,
)  # fmt: skip
from SpineDARTLib.types import Case, Plan, Status

from .conftest import same


def census(scene: Any) -> Counter[str]:
    """How many nodes of each class there are, but those that say where a node was saved."""
    found = (scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes()))
    return Counter(node.GetClassName() for node in found if not node.IsA("vtkMRMLStorageNode"))


@pytest.fixture
def plans(make_plan: Callable[..., Plan]) -> tuple[Plan, ...]:
    return make_plan("L3", bent=True), make_plan("L4", -0.7, Status.LOW_CONFIDENCE)


@pytest.fixture
def full(scene: Any, sample: Case, plans: tuple[Plan, ...]) -> Any:
    """Everything that can be shown, shown."""
    fill(scene, sample, plans)
    return scene


def fill(scene: Any, sample: Case, plans: tuple[Plan, ...]) -> None:
    show.show_case(scene, sample)
    show.show_plans(scene, sample.views, plans, case_id=sample.id)
    options = {(one.fitted.level, side): o for one in plans for side, o in vertebrae.chosen(one).items()}
    tables.show_table(scene, tables.plan_rows(plans, options, {("L3", "left"): ("2", "A. B.", "fine, ü")}), sample.id)
    for plan in plans:
        store.save_plan(scene, plan, sample.id)
    plan = plans[0]
    frames = [(int(step), plan.vertices_mm + step / 7) for step in history.frames_of(40)[:4]]
    history.show_history(scene, "L3", frames, plan.faces, sample.id)
    history.show_losses(scene, "L3", plan.fitted.history, sample.id)
    show.select(scene, sample.views, plan, vertebrae.chosen(plan)["left"], sample.id)
    store.save_state(scene, '{"grade": NaN, "comment": "ü – ✓"}', sample.id)
    folders.tidy(scene, sample.id)


def test_shown_twice_is_there_once(full: Any, sample: Case, plans: tuple[Plan, ...]) -> None:
    before = census(full)
    fill(full, sample, plans)
    assert census(full) == before


def test_everything_comes_back_from_an_mrb(full: Any, sample: Case, plans: tuple[Plan, ...], tmp_path: Path) -> None:
    before, rows = census(full), tables.read_table(full)
    replay = history.read_history(full, "L3")
    shown_colours = _colours(full)
    store.write_bundle(full, tmp_path / "review.mrb")
    clear.clear(full)
    assert not nodes.nodes_of(full)
    store.read_bundle(full, tmp_path / "review.mrb")

    assert same(xrays.read_views(full), sample.views)
    assert same(store.read_plans(full), {plan.fitted.level: plan for plan in plans})
    assert store.read_state(full) == '{"grade": NaN, "comment": "ü – ✓"}'
    expected = {(plan.fitted.level, one.side): one for plan in plans for one in plan.cannulas}
    assert same(cannulas.read_cannulas(full), expected)
    for plan in plans:
        assert same(vertebrae.read_vertebra(full, plan.fitted.level), (plan.vertices_mm, plan.faces))
    assert tables.read_table(full) == rows and len(rows) == 4
    assert same(history.read_history(full, "L3"), replay) and len(replay) == 4
    assert _colours(full) == pytest.approx(shown_colours)
    assert _tree(full, sample) == {"X-rays", "L3", "L4", "Fit", "Review"}
    assert census(full) == before
    fill(full, sample, plans)  # and it goes on from there
    assert census(full) == before


def _colours(scene: Any) -> dict[str, tuple[float, ...]]:
    drawn = [node for node in nodes.nodes_of(scene) if node.IsA("vtkMRMLDisplayableNode") and node.GetDisplayNode()]
    return {
        f"{node.GetAttribute(nodes.ROLE)} {nodes.key_of(node)} {index}": value
        for node in drawn
        for index, value in enumerate((*node.GetDisplayNode().GetColor(), node.GetDisplayNode().GetOpacity()))
    }


def _tree(scene: Any, sample: Case) -> set[str]:
    """The names of the folders in the case's folder."""
    import vtk
    from slicer import vtkMRMLSubjectHierarchyNode

    tree = vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    items = vtk.vtkIdList()
    tree.GetItemChildren(folders.case_folders(scene)[sample.id], items)
    return {tree.GetItemName(items.GetId(index)) for index in range(items.GetNumberOfIds())}


def test_clear_takes_all_that_is_ours_and_nothing_else(scene: Any, sample: Case, plans: tuple[Plan, ...]) -> None:
    from slicer import vtkMRMLSubjectHierarchyNode

    tree = vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    theirs = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "L3 left")
    theirs.CreateDefaultDisplayNodes()
    for tag in (*layout.SLOTS, layout.BARREL):
        layout.slice_node(scene, tag)
        layout.singleton(scene, "vtkMRMLSliceCompositeNode", tag)
    layout.view_node(scene)
    before = census(scene)
    fill(scene, sample, plans)
    tree.CreateItem(folders.case_folders(scene)[sample.id], theirs)
    clear.clear(scene, "another case")
    assert nodes.nodes_of(scene)
    clear.clear(scene, sample.id)
    assert census(scene) - before <= Counter({"vtkMRMLFolderDisplayNode": 3})
    assert before - census(scene) == Counter()
    assert scene.IsNodePresent(theirs)


def test_clear_level_leaves_the_others(full: Any, plans: tuple[Plan, ...]) -> None:
    clear.clear_level(full, "L4")
    assert vertebrae.levels_shown(full) == ("L3",)
    assert {level for level, _ in cannulas.read_cannulas(full)} == {"L3"}
    assert not [node for node in nodes.nodes_of(full) if "L4" in nodes.parts_of(node)]


def test_clear_view_leaves_the_others(full: Any, sample: Case) -> None:
    clear.clear_view(full, "LAT")
    assert same(xrays.read_views(full), sample.views[:1])
    assert nodes.node_of(full, "outline", "AP|L3") and not nodes.node_of(full, "outline", "LAT|L3")


@pytest.mark.parametrize("damage", ["cut short", "a damaged part", "no archive", "without a scene", "none"])
def test_broken_bundle_is_named_and_harms_nothing(scene: Any, sample: Case, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "review.mrb"
    show.show_case(scene, sample)
    if damage in ("cut short", "a damaged part"):
        store.write_bundle(scene, path)
        content = bytearray(path.read_bytes())
        half = len(content) // 2
        content[half : half + 2000] = bytes(2000)
        path.write_bytes(content[:half] if damage == "cut short" else content)
    elif damage == "no archive":
        path.write_text("nothing like it")
    elif damage == "without a scene":
        with ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "no scene")
    with pytest.raises(InputError, match=r"review\.mrb"):
        store.read_bundle(scene, path)
    assert same(xrays.read_views(scene), sample.views)


def test_bundle_that_cannot_be_written_is_named(scene: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder that can be written"):
        store.write_bundle(scene, tmp_path / "missing" / "review.mrb")


def test_plan_changed_by_hand_is_named(full: Any) -> None:
    node = nodes.node_of(full, "plan", "L3")
    for text in ("{", '{"__kind__": "Popen"}', "[1, 2]", '{"__array__": "AAAA"}'):
        node.SetText(text)
        with pytest.raises(InputError, match="L3 plan"):
            store.read_plans(full)


def test_records_refuse_what_no_plan_has() -> None:
    with pytest.raises(TypeError, match="complex"):
        records.to_text(1j)
    assert same(
        records.from_text(records.to_text((np.array([1.5, np.nan]), "a", None))), (np.array([1.5, np.nan]), "a", None)
    )


def test_replay_takes_the_place_of_the_surface(full: Any, plans: tuple[Plan, ...]) -> None:
    from SpineDARTLib.scene.shapes import points_of

    history.show_replay(full, "L3", 2)
    step, vertices = history.read_history(full, "L3")[2]
    np.testing.assert_array_equal(points_of(nodes.node_of(full, "replay", "L3").GetPolyData()), vertices)
    assert step == history.frames_of(40)[2]
    assert not nodes.node_of(full, "vertebra", "L3").GetDisplayNode().GetVisibility()
    history.hide_replay(full, "L3")
    assert nodes.node_of(full, "vertebra", "L3").GetDisplayNode().GetVisibility()
    for level, place in (("L3", 4), ("L4", 0)):
        with pytest.raises(ValueError, match=level):
            history.show_replay(full, level, place)


def test_browser_plays_in_our_model(full: Any) -> None:
    browser, sequence = nodes.node_of(full, "browser", "L3"), nodes.node_of(full, "history", "L3")
    assert browser.GetProxyNode(sequence).GetID() == nodes.node_of(full, "replay", "L3").GetID()
    assert history.frames_of(1000).size == history.MOST_FRAMES and history.frames_of(1).tolist() == [0]


def test_losses_are_plotted_by_name(full: Any) -> None:
    chart = nodes.node_of(full, "loss chart", "L3")
    names = [chart.GetNthPlotSeriesNode(index).GetYColumnName() for index in range(chart.GetNumberOfPlotSeriesNodes())]
    assert names == ["image", "shape"]
    assert nodes.node_of(full, "losses", "L3").GetNumberOfRows() == 40


def test_table_says_what_is_known_and_no_more(full: Any) -> None:
    rows = tables.read_table(full)
    assert [(row["level"], row["side"], row["fit"]) for row in rows[:2]] == [
        ("L3", "left", "good fit"), ("L3", "right", "good fit"),
    ]  # fmt: skip
    assert rows[0]["clearance mm"] == "0.6" and rows[0]["inferior mm"] == "" and rows[0]["rating"] == "2"
    assert rows[0]["comment"] == "fine, ü" and rows[2]["grade (G-R)"] == "B" and rows[2]["rating"] == ""
    assert rows[0]["checks not passed"] == "tip off mid-height"
    assert tables.plan_rows([Plan(full_plan().fitted)], {}, {})[0] == {"level": "L5", "fit": "not located"}


def full_plan() -> Plan:
    from SpineDARTLib.types import FittedVertebra

    return Plan(FittedVertebra("L5", Status.NOT_INITIALISED, "no clicks"))
