"""A whole review on real MRML: sample case, fit, a needle moved by hand, both graded, the scene saved, closed, opened
again; and the review goes on and is exported, with nothing lost."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from slicer import vtkMRMLMarkupsNode

from SpineDARTLib.atlas.files import read_region
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.config import PlanSettings
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.io.plan import read_plan, write_plan
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.worker_client import WorkerClient
from SpineDARTLib.plan.planning import plan_vertebra
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.scene import cannulas, nodes, projections, store, vertebrae, xrays
from SpineDARTLib.scene.follow import Follow
from SpineDARTLib.types import Case, FittedVertebra, Quality, Status, Vertebra
from Testing.panel.processes import Stage, fake_command

from .conftest import same

START, END = vtkMRMLMarkupsNode.PointStartInteractionEvent, vtkMRMLMarkupsNode.PointEndInteractionEvent


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    """The template itself as every level's mean, which nothing is learned for."""
    region = read_region(resource_folder("atlas") / "L1-L5.json")
    notes, template = region.annotations, region.template
    vertices = np.asarray(template.vertices, dtype=np.float64)
    modes = np.random.default_rng(0).standard_normal((2, *vertices.shape))
    modes /= np.linalg.norm(modes, axis=(1, 2), keepdims=True)
    return ShapeModel(
        region.name, region.levels, dict.fromkeys(region.levels, vertices), modes, np.array([2.0, 1.0]), 0.05,
        template.faces, notes.landmarks, notes.cannulas, notes.regions, partner=template.partner, paths=notes.paths,
    )  # fmt: skip


@pytest.fixture
def plan_folder(model: ShapeModel, sample: Case, tmp_path: Path) -> Path:
    """L3 and L4 where they were clicked."""
    plans = []
    for seed in (seed for seed in sample.seeds if seed.level in ("L3", "L4")):
        pose = np.eye(4)
        pixels = np.array([seed.clicks_px[view.name] for view in sample.views])
        pose[:3, 3] = triangulate(pixels, sample.views)[0]
        vertebra = Vertebra(seed.level, pose, 1.02, np.array([0.3, -0.2]))
        quality = Quality({"AP": 1.0, "LAT": 1.5}, {}, 0.8, 1.1, 100, 3.0)
        history = {"pose": np.stack([pose] * 5), "scale": np.ones(5), "coefficients": np.zeros((5, 2))}
        fitted = FittedVertebra(seed.level, Status.CONVERGED, "", vertebra, vertebra, quality, history)
        plans.append(plan_vertebra(fitted, model, PlanSettings()))
    write_plan(tmp_path / "made", sample, plans)
    return tmp_path / "made"


@pytest.fixture
def stage() -> Iterator[Stage]:
    found = Stage()
    yield found
    found.clear()


@pytest.fixture
def new_presenter(
    stage: Stage, plan_folder: Path, model: ShapeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Presenter]]:
    monkeypatch.setattr("SpineDARTLib.panel.loading.load_model", lambda level: model)
    made: list[Presenter] = []

    def new() -> Presenter:
        work = tmp_path / f"work{len(made)}"
        work.mkdir()
        made.append(Presenter(WorkerClient(stage.new_process, fake_command("good", plan_folder)), work))
        stage.ticks.append(made[-1].tick)
        return made[-1]

    yield new
    for presenter in made:
        presenter.close()


def drag(scene: Any, sample: Case, move_px: np.ndarray) -> np.ndarray:
    """Drag L3's right entry on the lateral X-ray; (3,) RAS mm where it then is."""
    view = sample.views[1]
    line = nodes.node_of(scene, "projected cannula", nodes.joined(view.name, "L3", "right"))
    start = project(cannulas.read_cannulas(scene)["L3", "right"].entry_mm[None], view)[0]
    line.InvokeEvent(START)
    for share in (0.3, 0.7, 1.0):
        place = xrays.on_detector(view, (start + share * move_px)[None])[0]
        line.SetNthControlPointPosition(0, *place)
    line.InvokeEvent(END)
    return cannulas.read_cannulas(scene)["L3", "right"].entry_mm


def test_whole_review_survives_the_scene(
    scene: Any, sample: Case, stage: Stage, new_presenter: Callable[[], Presenter], tmp_path: Path
) -> None:
    presenter = new_presenter()
    following = Follow(scene, presenter)
    stage.ticks.append(following.tick)
    presenter.open_sample()
    presenter.fit(["L3", "L4"])
    stage.until(lambda: "L3" in presenter.state.plans and not presenter.state.busy and not following.waiting)
    assert len(cannulas.read_cannulas(scene)) == 4

    before = cannulas.read_cannulas(scene)["L3", "right"].entry_mm
    moved = drag(scene, sample, np.array([0.0, -9.0]))
    following.flush()
    assert np.linalg.norm(moved - before) > 2.0
    np.testing.assert_allclose(presenter.state.review.cannulas["L3", "right"].entry_mm, moved, atol=1e-6)
    presenter.set_rater("A. B.")
    presenter.grade(1, "a little high")
    presenter.select("L3", "left")
    presenter.grade(2)
    following.flush()
    kept = presenter.state
    store.write_bundle(scene, tmp_path / "review.mrb")
    following.stop()
    presenter.close()
    scene.Clear(False)
    assert not nodes.nodes_of(scene)

    presenter = new_presenter()
    following = Follow(scene, presenter)
    store.read_bundle(scene, tmp_path / "review.mrb")
    assert following.resume()
    stage.ticks.append(following.tick)
    stage.until(lambda: "L3" in presenter.state.plans and not presenter.state.busy and not following.waiting)
    assert same(xrays.read_views(scene), sample.views)
    assert same(presenter.state.review, kept.review)
    assert same(dict(presenter.state.review.cannulas), dict(kept.review.cannulas))
    assert same(presenter.state.review.grade("L3", "right"), kept.review.grade("L3", "right"))
    assert same(cannulas.read_cannulas(scene)["L3", "right"].entry_mm, moved)
    assert vertebrae.levels_shown(scene) == ("L3", "L4")
    assert projections.slots_to_views(scene) == {"SpineDART-A": "AP", "SpineDART-B": "LAT"}

    for _ in range(3):
        presenter.undo()
    following.flush()
    np.testing.assert_allclose(cannulas.read_cannulas(scene)["L3", "right"].entry_mm, before, atol=1e-6)
    for _ in range(3):
        presenter.redo()
    following.flush()
    np.testing.assert_allclose(cannulas.read_cannulas(scene)["L3", "right"].entry_mm, moved, atol=1e-6)
    assert presenter.export("plan", tmp_path / "plan") and presenter.export("grades", tmp_path / "grades.csv")
    stage.until(lambda: (tmp_path / "grades.csv").is_file() and not presenter.state.busy)
    exported = {one.side: one for one in read_plan(tmp_path / "plan").plans[0].cannulas}
    np.testing.assert_allclose(exported["right"].entry_mm, moved, atol=1e-6)
    with (tmp_path / "grades.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["grade"] for row in csv.DictReader(stream)} >= {"1", "2"}
    presenter.close_case()
    following.flush()
    assert not nodes.nodes_of(scene)


def test_drag_is_answered_while_it_goes_on(
    scene: Any, sample: Case, stage: Stage, new_presenter: Callable[[], Presenter]
) -> None:
    presenter = new_presenter()
    following = Follow(scene, presenter)
    stage.ticks.append(following.tick)
    presenter.open_sample()
    presenter.fit(["L3", "L4"])
    stage.until(lambda: "L3" in presenter.state.plans and not presenter.state.busy and not following.waiting)
    view, line = sample.views[0], nodes.node_of(scene, "projected cannula", "AP|L3|left")
    start = project(cannulas.read_cannulas(scene)["L3", "left"].target_mm[None], view)[0]
    line.InvokeEvent(START)
    seconds = []
    for step in range(10):
        begun = time.thread_time()
        line.SetNthControlPointPosition(1, *xrays.on_detector(view, (start + [step + 1.0, 0.0])[None])[0])
        seconds.append(time.thread_time() - begun)
    # Of computing: some 17 ms for all views and the clearance, without checks of types.
    assert min(seconds) < 0.1
    assert presenter.state.dragged is not None and presenter.state.dragged.key == ("L3", "left")
    line.InvokeEvent(END)
    assert presenter.state.dragged is None
