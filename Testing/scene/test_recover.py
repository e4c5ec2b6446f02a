"""A damaged scene: what is wrong is said in words, what can be read is used, and the panel goes on from there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.panel.casing import of_views
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.worker_client import WorkerClient
from SpineDARTLib.scene import cannulas, nodes, store, vertebrae, xrays
from SpineDARTLib.scene.follow import Follow
from SpineDARTLib.types import Case, Plan

from .conftest import same
from .test_follow import planned


@pytest.fixture
def new_presenter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Presenter]]:
    """Makes presenters that have no atlas, and need none to read plans."""

    def none(level: str) -> Any:
        raise InputError("atlas", "level", level, "one that there is a model for")

    monkeypatch.setattr("SpineDARTLib.panel.loading.load_model", none)
    made: list[Presenter] = []

    def new() -> Presenter:
        work = tmp_path / f"work{len(made)}"
        work.mkdir()
        made.append(Presenter(WorkerClient(lambda: None, ("none",)), work))
        return made[-1]

    yield new
    for presenter in made:
        presenter.close()


@pytest.fixture
def saved(scene: Any, new_presenter: Callable[[], Presenter], sample: Case, make_plan: Any, tmp_path: Path) -> Path:
    """A scene with two levels, one needle of which was moved in the scene itself."""
    presenter = new_presenter()
    presenter._become(of_views(sample))
    following = Follow(scene, presenter)
    planned(presenter, sample, make_plan("L3"), make_plan("L4"))
    following.flush()
    line = nodes.node_of(scene, "cannula", "L3|left")
    line.SetNthControlPointPosition(0, *(make_plan("L3").cannulas[0].entry_mm + [1.5, 0.0, -2.0]))
    following.stop()
    store.write_bundle(scene, tmp_path / "review.mrb")
    scene.Clear(False)
    return tmp_path / "review.mrb"


def without(bundle: Path, *endings: str) -> int:
    """Take the files out of an MRB whose names end so; how many there were."""
    with ZipFile(bundle) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    kept = {name: content for name, content in parts.items() if not name.endswith(endings)}
    with ZipFile(bundle, "w", ZIP_DEFLATED) as archive:
        for name, content in kept.items():
            archive.writestr(name, content)
    return len(parts) - len(kept)


def opened(scene: Any, presenter: Presenter) -> Follow:
    """The panel gone on from the scene."""
    following = Follow(scene, presenter)
    assert following.resume()
    end = time.monotonic() + 20.0
    while presenter.state.busy and time.monotonic() < end:
        presenter.tick()
        time.sleep(0.005)
    following.flush()
    return following


@pytest.mark.parametrize("damage", ["no text node", "cut short", "other program", "a field lost"])
def test_lost_record_leaves_xrays_plans_and_needles(
    scene: Any, saved: Path, new_presenter: Callable[[], Presenter], sample: Case, make_plan: Any, damage: str
) -> None:
    store.read_bundle(scene, saved)
    node = nodes.node_of(scene, "state")
    whole = json.loads(node.GetText())
    if damage == "no text node":
        nodes.forget(scene, node)
    else:
        whole.pop("seeds")
        text = node.GetText()[:200] if damage == "cut short" else '{"format": "x"}'
        node.SetText(json.dumps(whole) if damage == "a field lost" else text)
    presenter = new_presenter()
    opened(scene, presenter)
    assert "record of the review cannot be read" in presenter.state.message and presenter.state.attention
    assert set(presenter.state.plans) == {"L3", "L4"} == set(vertebrae.levels_shown(scene))
    assert same(presenter.state.case.views, sample.views)
    wanted = make_plan("L3").cannulas[0].entry_mm + [1.5, 0.0, -2.0]
    np.testing.assert_allclose(presenter.state.review.cannulas["L3", "left"].entry_mm, wanted, atol=1e-6)
    np.testing.assert_allclose(cannulas.read_cannulas(scene)["L3", "left"].entry_mm, wanted, atol=1e-6)
    assert json.loads(store.read_state(scene))["review"]["events"]  # and is whole again


def test_missing_files_of_models_are_made_anew(
    scene: Any, saved: Path, new_presenter: Callable[[], Presenter], make_plan: Any
) -> None:
    assert without(saved, ".vtk", ".vtp", ".ply", ".stl", ".mrk.json") > 10
    assert "Failed to read" in store.read_bundle(scene, saved)
    nodes.forget(scene, nodes.node_of(scene, "state"))
    presenter = new_presenter()
    opened(scene, presenter)
    found, wanted = vertebrae.read_vertebra(scene, "L4")[0], make_plan("L4").vertices_mm
    np.testing.assert_allclose([found.min(0), found.max(0)], [wanted.min(0), wanted.max(0)], atol=1e-4)
    assert len(cannulas.read_cannulas(scene)) == 4
    presenter.select("L4", "right")


def test_lost_xray_is_named_and_the_other_is_there(
    scene: Any, saved: Path, new_presenter: Callable[[], Presenter]
) -> None:
    store.read_bundle(scene, saved)
    nodes.node_of(scene, "view", "LAT").SetAndObserveImageData(None)
    presenter = new_presenter()
    opened(scene, presenter)
    assert "X-ray LAT cannot be shown: it has no image." in presenter.state.message
    assert [view.name for view in presenter.state.case.views] == ["AP"]


def test_one_damaged_plan_does_not_cost_the_other(
    scene: Any, saved: Path, new_presenter: Callable[[], Presenter]
) -> None:
    store.read_bundle(scene, saved)
    nodes.forget(scene, nodes.node_of(scene, "state"))
    nodes.node_of(scene, "plan", "L3").SetText("{")
    nodes.node_of(scene, "cannula", "L4|left").SetAttribute(nodes.DATA, "{")
    presenter = new_presenter()
    opened(scene, presenter)
    assert "L3's plan cannot be read; fit it again." in presenter.state.message
    assert "L4 left" in presenter.state.message and "is damaged" in presenter.state.message
    assert set(presenter.state.plans) == {"L4"} and vertebrae.levels_shown(scene) == ("L4",)
    assert set(cannulas.read_cannulas(scene)) == {("L4", "left"), ("L4", "right")}


def test_scene_of_somebody_else_is_left_alone(scene: Any, new_presenter: Callable[[], Presenter]) -> None:
    scene.AddNewNodeByClass("vtkMRMLModelNode", "theirs")
    presenter = new_presenter()
    assert not Follow(scene, presenter).resume()
    assert presenter.state.case is None and not presenter.state.attention


def test_old_needles_never_stand_in_another_case(
    scene: Any, saved: Path, new_presenter: Callable[[], Presenter], sample: Case, plan: Plan
) -> None:
    """Of a scene whose X-rays are all lost nothing is gone on with; what it left goes when a case is opened."""
    store.read_bundle(scene, saved)
    for volume in xrays.view_nodes(scene):
        volume.SetAndObserveImageData(None)
    nodes.forget(scene, nodes.node_of(scene, "state"))
    presenter = new_presenter()
    following = Follow(scene, presenter)
    assert not following.resume() and "damaged" in presenter.state.message
    assert vertebrae.levels_shown(scene) == ("L3", "L4")
    presenter._become(of_views(sample))
    following.flush()
    assert not vertebrae.levels_shown(scene) and not cannulas.read_cannulas(scene)
