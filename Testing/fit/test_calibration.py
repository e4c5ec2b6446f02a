"""Cameras refined with the fit: where the X-rays tell, nowhere else, and the refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib import pipeline
from SpineDARTLib.atlas.files import RANK
from SpineDARTLib.config import FitSettings, RefinementSettings, RenderSettings, Settings, StageSettings
from SpineDARTLib.fit.calibration import CameraEvidence, compared, decide, refine
from SpineDARTLib.fit.cameras import Cameras
from SpineDARTLib.fit.scene import Scene, parameters_of
from SpineDARTLib.geometry.bundle import corrected_view
from SpineDARTLib.geometry.refined import refined_case, refined_views
from SpineDARTLib.io.plan import read_plan, write_plan
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.render import Detectors
from SpineDARTLib.types import Case, Plan, Refinement
from Testing.fit.column import clicks, vertebra_at, views_of
from Testing.generators import run
from Testing.io.test_plan import good_plan

QUICK = Settings(
    refinement=RefinementSettings(
        on=True,
        rate=0.3,
        stage=StageSettings("cameras", pixel_mm=3.0, steps=18, rank=2, keep=1, splats=300),
        information_pixel_mm=4.0,
    )
)
PIVOT = np.array([12.0, -8.0, 6.0])
ACROSS = np.array([0.0, 0.0, 3.0, 0, 0, 0, 0, 0, 0])
"""3 mm towards the head, which is across both beams of AP and lateral."""


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.fixture(scope="module")
def truth(models):
    return {level: vertebra_at(level, models) for level in ("L2", "L3")}


@pytest.fixture(scope="module")
def seen(truth, models):
    """Rendered by our own renderer, with a sloping background and noise."""
    views = views_of(128)
    scene = Scene(tuple(truth), models, RenderSettings())
    drawn = scene.pictures(parameters_of(tuple(truth.values()), RANK), Detectors.of(views), "torch").sum((0, 1)).numpy()
    noise = 0.01 * np.random.default_rng(0).normal(size=drawn.shape).astype(np.float32)
    slope = np.linspace(0, 2, drawn.shape[-1], dtype=np.float32)
    return tuple(
        replace(view, image=image + slope + grain) for view, image, grain in zip(views, drawn, noise, strict=True)
    )


def shift(found, true) -> np.ndarray:
    """(3,) mm from one camera's world to the other's at the pivot."""
    motion = np.linalg.inv(true.world_to_camera) @ found.world_to_camera
    return motion[:3, :3] @ PIVOT + motion[:3, 3] - PIVOT


def test_a_shift_across_both_beams_is_found(seen, truth, models):
    wrong = (seen[0], corrected_view(seen[1], ACROSS, PIVOT))
    states, found = run(refine(wrong, truth, models, QUICK))
    assert {state.stage for state in states} == {"cameras"} and "cameras" in states[0].losses
    assert found.accepted and found.anchor == "AP", found.words
    assert 2.3 < found.moved_mm["LAT"] < 3.8 and found.moved_deg["LAT"] < 0.7
    refined = refined_views(wrong, found)
    assert refined[0] is wrong[0]
    assert abs(shift(refined[1], seen[1])[2]) < 0.7 < 2.9 < abs(shift(wrong[1], seen[1])[2])


def test_right_cameras_stay(seen, truth, models):
    _, found = run(refine(seen, truth, models, QUICK))
    assert not found.accepted or found.moved_mm["LAT"] < 0.5, found.words


def test_one_vertebra_tells_nothing(seen, truth, models):
    states, found = run(refine(seen, {"L2": truth["L2"]}, models, QUICK))
    assert not states and not found.accepted and "one vertebra" in found.words
    assert refined_views(seen, found) == seen


def evidence(moved: list[float], information: list[float]) -> CameraEvidence:
    return CameraEvidence(np.array(moved), np.diag(information))


def test_cameras_move_only_where_the_images_tell(seen):
    found = decide(seen, evidence([0.0, 1.0, 1.5, 0.8, 0, 0], [0.1, 2.9, 40, 1, 0, 0]), PIVOT, QUICK)
    assert found.accepted and found.determined == 1
    assert set(found.world_to_camera) == {"LAT"}
    np.testing.assert_allclose(shift(refined_views(seen, found)[1], seen[1]), [0, 0, 3.0], atol=1e-9)
    assert "AP stays" in found.words and "LAT by 3.0 mm and 0.0°, along 1 of 6 directions" in found.words
    assert found.sigma == pytest.approx(1 / np.sqrt(41))


@pytest.mark.parametrize(
    ("moved", "information", "words"),
    [
        ([0, 1.0, 2.0, 0, 0, 0], [2.9] * 6, "no more of the cameras than was known"),
        (
            [1.5, 1.5, 0.25, 1, 1, 1],
            [1, 1, 35, 1, 1, 1],
            "along the 1 of 6 directions that the X-rays tell, no error beyond 0.7 mm",
        ),
        ([0, 0, 3.2, 0, 0, 0], [0, 0, 35, 0, 0, 0], "check the geometry"),
        ([0, 0, np.nan, 0, 0, 0], [0, 0, 35, 0, 0, 0], "left the numbers"),
    ],
)
def test_refusals_say_why(seen, moved, information, words):
    found = decide(seen, evidence(moved, information), PIVOT, QUICK)
    assert not found.accepted and words in found.words and found.words.startswith("The cameras stay as given")
    assert not found.world_to_camera and refined_views(seen, found) == seen


def test_a_fit_that_looks_worse_is_refused(seen):
    good = decide(seen, evidence([0, 0, 1.5, 0, 0, 0], [0, 0, 40, 0, 0, 0]), PIVOT, QUICK)
    assert compared(seen, good, 0.700, 0.699) is good
    worse = compared(seen, good, 0.700, 0.690)
    assert not worse.accepted and "0.700 to 0.690" in worse.words
    assert "not all vertebrae can be started" in compared(seen, good, 0.7, None).words


def test_cameras_as_tensors_are_those_of_the_views(seen):
    numbers = np.array([1.0, -2, 3, 0.02, -0.03, 0.01, 0, 0, 0])
    cameras = Cameras.as_given(2, PIVOT, QUICK.refinement, torch.zeros(1, dtype=torch.float64))
    assert cameras.cost() == 0
    cameras.moved += torch.as_tensor(numbers[:6]) / cameras.units
    views = (seen[0], corrected_view(seen[1], numbers, PIVOT))
    found = cameras.applied(Detectors.of(seen, dtype=torch.float64)).world_to_camera.numpy()
    np.testing.assert_allclose(found, [view.world_to_camera for view in views], atol=1e-9)


def test_a_plan_keeps_how_its_cameras_moved(seen, tmp_path):
    moved = decide(seen, evidence([0, 0, 1.5, 0, 0, 0], [0, 0, 40, 0, 0, 0]), PIVOT, QUICK)
    case = Case("case-1", seen)
    for plan in (good_plan(), replace(good_plan(), refinement=moved)):
        write_plan(tmp_path / "plan", case, (plan,))
        back = read_plan(tmp_path / "plan").plans
        assert back[0].refinement == plan.refinement
        views = refined_case(case, back).views
        expected = refined_views(seen, plan.refinement) if plan.refinement else seen
        np.testing.assert_array_equal(views[1].world_to_camera, expected[1].world_to_camera)
        np.testing.assert_array_equal(refined_case(replace(case, views=views), back).views[1].world_to_camera,
                                      views[1].world_to_camera)  # fmt: skip


def test_a_refinement_of_another_case_is_refused(seen):
    other = Refinement(True, "moved", "AP", {"OBL": tuple(map(tuple, np.eye(4).tolist()))})
    with pytest.raises(ValueError, match="got a refinement of OBL; expected views of the case"):
        refined_views(seen, other)


@pytest.mark.parametrize("given_is_wrong", [True, False])
def test_the_pipeline_fits_anew_and_keeps_the_better(seen, truth, models, monkeypatch, given_is_wrong):
    """The refinement is told from outside: from wrong cameras to right ones, and from right ones to wrong ones."""
    wrong = (seen[0], corrected_view(seen[1], 2 * ACROSS, PIVOT))
    given, told = (wrong, seen) if given_is_wrong else (seen, wrong)
    moved = Refinement(True, "moved", "AP", {"LAT": tuple(map(tuple, told[1].world_to_camera.tolist()))})

    def found(*_):
        yield from ()
        return moved

    monkeypatch.setattr(pipeline, "refine", found)
    monkeypatch.setattr(pipeline, "load_models", lambda without, levels: models)
    monkeypatch.setattr(pipeline, "plan_vertebra", lambda fitted, model, settings: Plan(fitted))
    stage = StageSettings("coarse", pixel_mm=2.5, steps=6, rank=0, keep=1, splats=300, rate=2.0)
    settings = replace(QUICK, fit=replace(FitSettings(), stages=(stage,)))
    seeds = tuple(clicks(vertebra, seen) for vertebra in truth.values())
    states, plans = run(pipeline.plan_case(Case("synthetic", given, seeds), settings))
    assert sum(state.stage == "done" for state in states) == 2
    first, second = (state for state in states if state.stage == "done")
    assert [plan.refinement.accepted for plan in plans] == [given_is_wrong] * 2, plans[0].refinement.words
    kept = second if given_is_wrong else first
    for plan, vertebra in zip(plans, kept.vertebrae, strict=True):
        np.testing.assert_array_equal(plan.fitted.vertebra.pose, vertebra.pose)
    assert given_is_wrong or "the fit would look worse" in plans[0].refinement.words
