"""The fit on pictures that our own renderer made of a known, lopsided column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.atlas.files import RANK
from SpineDARTLib.config import FitSettings, RenderSettings, Settings, StageSettings
from SpineDARTLib.fit.column import ColumnPrior
from SpineDARTLib.fit.confidence import conclude
from SpineDARTLib.fit.initialise import initialise
from SpineDARTLib.fit.objective import LandmarkTerm, Prior, image_term, prior_terms
from SpineDARTLib.fit.optimise import fit, spread
from SpineDARTLib.fit.scene import Parameters, Scene, parameters_of, vertebrae_of
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.render import Detectors
from SpineDARTLib.similarity import GradientNCC
from SpineDARTLib.types import Case, Evidence, Seed, Status
from Testing.fit.column import clicks, vertebra_at, views_of

LEVELS_SEEN = ("L2", "L3", "L4")
QUICK = Settings(
    fit=replace(
        FitSettings(),
        stages=(
            StageSettings("coarse", pixel_mm=3.0, steps=25, rank=0, keep=4, splats=400, rate=2.0),
            StageSettings("fine", pixel_mm=2.0, steps=25, rank=6, keep=2, splats=800),
        ),
    )
)


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.fixture(scope="module")
def truth(models):
    generator = np.random.default_rng(3)
    found = {}
    for level in LEVELS_SEEN:
        coefficients = np.zeros(models[level].rank)
        coefficients[:5] = generator.normal(size=5)
        found[level] = replace(vertebra_at(level, models), scale=1.04, coefficients=coefficients)
    return found


@pytest.fixture(scope="module")
def seen(truth, models):
    """The column's X-rays: rendered, with a sloping background and noise."""
    views = views_of(224)
    scene = Scene(tuple(truth), models, RenderSettings())
    drawn = scene.pictures(parameters_of(tuple(truth.values()), RANK), Detectors.of(views), "torch").sum((0, 1)).numpy()
    slope = np.linspace(0, 2, drawn.shape[-1], dtype=np.float32)
    noise = 0.01 * np.random.default_rng(0).normal(size=drawn.shape).astype(np.float32)
    return tuple(
        replace(view, image=image + slope + grain) for view, image, grain in zip(views, drawn, noise, strict=True)
    )


@pytest.fixture(scope="module")
def course(seen, truth, models):
    generator = np.random.default_rng(1)
    seeds = []
    for vertebra in truth.values():
        seed = clicks(vertebra, seen)
        moved = {name: tuple(np.add(uv, generator.normal(size=2))) for name, uv in seed.clicks_px.items()}
        seeds.append(replace(seed, clicks_px=moved))
    starts = initialise(seeds, seen, models)
    return starts, list(fit(seen, starts.vertebrae, models, QUICK)), Case("test", seen, tuple(seeds))


def distance_mm(vertebra, true, models) -> float:
    model = models[true.level]
    surfaces = [one.place(model.instance(one.level, one.coefficients)) for one in (vertebra, true)]
    return float(np.linalg.norm(surfaces[0] - surfaces[1], axis=1).mean())


def test_the_fit_finds_the_truth(course, truth, models):
    starts, states, _ = course
    for level, vertebra in zip(truth, states[-1].vertebrae, strict=True):
        before = distance_mm(starts.vertebrae[level], truth[level], models)
        after = distance_mm(vertebra, truth[level], models)
        # Corresponding vertices, so that sliding along the surface counts too; pixels are 2 mm here.
        assert after < 3.0 and after < 0.6 * before, f"{level}: {before:.1f} mm before, {after:.1f} mm after"


def test_states_tell_the_course(course):
    _, states, _ = course
    assert states[-1].stage == "done" and {"coarse", "fine"} <= {state.stage for state in states}
    assert [state.step for state in states[:-1]] == list(range(1, len(states)))
    assert states[-2].step <= states[-2].total_steps == 50
    assert set(states[0].losses) == {
        "image", "shape", "scale", "pose", "column", "landmarks", "silhouette", "decomposition"
    }  # fmt: skip
    first = sum(states[0].losses.values())
    assert sum(states[-1].losses.values()) < first
    assert all(not state.evidence for state in states[:-1])
    evidence = states[-1].evidence["L3"]
    assert set(evidence.similarity) == {"AP", "LAT"} and evidence.spread_mm >= 0 and evidence.moving_mm < 3


def test_the_same_seed_gives_the_same_fit(course, seen, models):
    starts, states, _ = course
    again = next(iter(fit(seen, starts.vertebrae, models, QUICK)))
    np.testing.assert_allclose(again.vertebrae[0].pose, states[0].vertebrae[0].pose, atol=1e-5)


def test_a_caller_may_stop_at_any_state(seen, truth, models):
    states = fit(seen, truth, models, QUICK)
    assert next(states).step == 1
    states.close()


def test_nothing_to_fit_gives_no_state(seen, models):
    assert list(fit(seen, {}, models, QUICK)) == []


def test_conclusions_have_a_status_and_a_sentence(course, models):
    starts, states, case = course
    for one in conclude(case, starts, states, models, QUICK, 1.0):
        assert one.status in (Status.CONVERGED, Status.STEP_LIMIT, Status.LOW_CONFIDENCE)
        assert one.level in one.reason and one.quality.predicted_surface_distance_mm > 0
        assert one.history["pose"].shape == (len(states) - 1, 4, 4)
        assert {"loss_image", "scale", "coefficients"} <= set(one.history)


def test_what_ran_away_is_diverged_and_what_looks_bad_is_not_trusted(course, models):
    starts, states, case = course
    last = states[-1]
    far, small, bad = last.vertebrae
    pose = far.pose.copy()
    pose[:3, 3] += 40.0
    poor = Evidence({"AP": 0.05, "LAT": 0.01}, spread_mm=9.0, moving_mm=0.0)
    spoiled = replace(
        last,
        vertebrae=(replace(far, pose=pose), replace(small, scale=0.5), replace(bad, coefficients=bad.coefficients + 3)),
        evidence={**last.evidence, "L4": poor},
    )
    found = conclude(case, starts, [*states[:-1], spoiled], models, QUICK, 1.0)
    assert [one.status for one in found] == [Status.DIVERGED, Status.DIVERGED, Status.LOW_CONFIDENCE]
    assert found[0].vertebra is None and "Click its centre again" in found[0].reason
    assert "LAT" in found[2].reason


def test_a_start_that_leaves_the_numbers_does_not_spoil_the_others(seen, truth, models):
    nan = {**truth, "L2": replace(truth["L2"], coefficients=np.full(models["L2"].rank, np.nan))}
    states = list(fit(seen, nan, models, replace(QUICK, fit=replace(QUICK.fit, stages=QUICK.fit.stages[:1]))))
    assert np.isfinite(states[-1].vertebrae[2].pose).all()


def test_parameters_and_vertebrae_are_each_other(truth):
    parameters = parameters_of(tuple(truth.values()), RANK, dtype=torch.float64)
    with torch.no_grad():
        parameters.rotation += 0.1
    moved = parameters.rebased()
    torch.testing.assert_close(moved.rotations(), parameters.rotations())
    for before, after in zip(truth.values(), vertebrae_of(tuple(truth), parameters, 0), strict=True):
        assert after.scale == pytest.approx(before.scale)
        np.testing.assert_allclose(after.coefficients, before.coefficients)


def test_rebasing_picks_a_start_for_each_vertebra(truth):
    parameters = spread(parameters_of(tuple(truth.values()), RANK), 4, Settings())
    rows = torch.tensor([[2, 0, 1]])
    picked = parameters.rebased(rows)
    torch.testing.assert_close(picked.translation_mm[0, 1], parameters.translation_mm[0, 1])
    torch.testing.assert_close(picked.log_scale[0, 0], parameters.log_scale[2, 0])


def test_the_objective_has_the_gradient_of_its_values(seen, truth, models):
    """Central differences in float64 against autograd, along random directions of all parameters."""
    torch.manual_seed(0)
    views = tuple(
        replace(view, image=view.image[::4, ::4].copy(), intrinsics=np.diag([0.25, 0.25, 1]) @ view.intrinsics)
        for view in seen
    )
    detectors = Detectors.of(views, dtype=torch.float64)
    scene = Scene(tuple(truth), models, RenderSettings(), dtype=torch.float64, asked=("L2", "L3"))
    scene.gather(200)
    real = torch.as_tensor(np.stack([view.image for view in views]), dtype=torch.float64)
    similarity = GradientNCC(real, Settings().image)
    start = spread(parameters_of(tuple(truth.values()), RANK, dtype=torch.float64), 2, Settings())
    column = ColumnPrior(tuple(truth), models, start.translation_mm)
    white = torch.eye(3, dtype=torch.float64).expand(3, -1, -1) / 4.0
    prior = Prior(start.translation_mm[0], start.base_rotation[0], white, torch.full((3,), 0.2), (0.08, 0.03))
    regions = torch.ones(1, 1, 1, 1, 1, dtype=torch.float64).expand(2, 3, 2, *real.shape[-2:])

    def value(*tensors):
        parameters = Parameters(start.base_rotation, *tensors)
        drawn = scene.pictures(parameters, detectors, "torch")
        total = similarity(drawn.sum(1), regions).sum() + column(parameters).sum()
        return total + sum(term.sum() for term in prior_terms(parameters, prior, FitSettings()).values())

    tensors = [tensor.clone().requires_grad_(True) for tensor in start.tensors()]
    gradients = torch.autograd.grad(value(*tensors), tensors)
    for which, size in enumerate((1e-5, 1e-4, 1e-5, 1e-4, 1e-4)):
        direction = torch.randn_like(tensors[which])
        shifted = [
            [t + sign * size * direction if i == which else t for i, t in enumerate(tensors)] for sign in (1, -1)
        ]
        with torch.no_grad():
            expected = (value(*shifted[0]) - value(*shifted[1])) / (2 * size)
        found = (gradients[which] * direction).sum()
        assert found.item() == pytest.approx(expected.item(), rel=0.02, abs=2e-3)


def test_a_column_bends_and_twists_less_readily_than_it_tilts(truth, models):
    start = parameters_of(tuple(truth.values()), RANK, dtype=torch.float64)
    column = ColumnPrior(tuple(truth), models, start.translation_mm)

    def costs(axis: int) -> float:
        """Of the uppermost vertebra turned by 12 degrees either way, against as it is."""
        turned = [replace(start, rotation=start.rotation.clone()) for _ in range(2)]
        for sign, one in zip((1, -1), turned, strict=True):
            one.rotation[0, 0] = sign * np.deg2rad(12) * start.base_rotation[0, 0, :, axis]
        return sum(column(one)[0, 0].item() for one in turned) / 2 - column(start)[0, 0].item()

    assert 0 < costs(0) < costs(1) < costs(2)


def test_the_image_term_is_best_at_the_truth(seen, truth, models):
    scene = Scene(tuple(truth), models, RenderSettings())
    real = torch.as_tensor(np.stack([view.image for view in seen]))
    similarity = GradientNCC(real, Settings().image)
    true = parameters_of(tuple(truth.values()), RANK)
    valid = torch.ones_like(real)
    at_truth = image_term(similarity, scene.pictures(true, Detectors.of(seen), "torch"), valid, 3.0)
    assert at_truth.min() > 0.8
    for shift in torch.eye(3) * 3.0:
        moved = replace(true, translation_mm=true.translation_mm + shift)
        away = image_term(similarity, scene.pictures(moved, Detectors.of(seen), "torch"), valid, 3.0)
        assert (away.mean(-1) < at_truth.mean(-1)).all()


def test_landmarks_pull_towards_where_they_were_seen(seen, truth, models):
    model, vertebra = models["L3"], truth["L3"]
    point = model.landmarks["spinous_process"].on(vertebra.place(model.instance("L3", vertebra.coefficients)))
    marks = {view.name: {"spinous_process": (*project(point[None], view)[0], 2.0)} for view in seen}
    parameters = parameters_of(tuple(truth.values()), RANK)
    term = LandmarkTerm([Seed("L3", {}, marks)], tuple(truth), models, seen, parameters.translation_mm)
    assert term(parameters, 1.0).abs().max() < 1e-3
    away = replace(parameters, translation_mm=parameters.translation_mm + torch.tensor([4.0, 0, 0]))
    pulled = term(away, 1.0)
    assert pulled[0, 1] > 0.5 and pulled[0, 0] == pulled[0, 2] == 0


def test_posterior_landmarks_may_count_more_and_covariances_count_by_direction(seen, truth, models):
    model, vertebra = models["L3"], truth["L3"]
    surface = vertebra.place(model.instance("L3", vertebra.coefficients))
    off = {"spinous_process": (6.0, 0.0), "body_anterior": (0.0, 0.0)}
    view = seen[0]
    marks = {
        view.name: {
            name: (*(project(model.landmarks[name].on(surface)[None], view)[0] + move), 2.0)
            for name, move in off.items()
        }
    }
    seed = Seed("L3", {}, marks)
    parameters = parameters_of(tuple(truth.values()), RANK)

    def cost(one, posterior):
        term = LandmarkTerm([one], tuple(truth), models, seen, parameters.translation_mm, posterior)
        return float(term(parameters, 1.0)[0, 1])

    assert cost(seed, 3.0) == pytest.approx(1.5 * cost(seed, 1.0), rel=1e-3)  # 3 / (3 + 1) against 1 / (1 + 1)
    along = replace(seed, covariances_px2={view.name: {"spinous_process": (36.0, 0.0, 0.25)}})
    across = replace(seed, covariances_px2={view.name: {"spinous_process": (0.25, 0.0, 36.0)}})
    # Six pixels are little more or less than one deviation along, many across; what is far off is bounded.
    assert 0.15 < cost(along, 1.0) < 0.25 and 4.0 > cost(across, 1.0) > 1.0


def test_good_landmarks_help_a_start_that_is_off(seen, truth, models):
    one = replace(truth["L3"], pose=truth["L3"].pose + np.pad([[6.0], [0.0], [0.0]], ((0, 1), (3, 0))))
    landmarks = models["L3"].landmarks
    surface = truth["L3"].place(models["L3"].instance("L3", truth["L3"].coefficients))
    marks = {
        view.name: {name: (*project(anchor.on(surface)[None], view)[0], 1.0) for name, anchor in landmarks.items()}
        for view in seen
    }
    settings = replace(QUICK, fit=replace(QUICK.fit, stages=QUICK.fit.stages[:1], landmark_weight=0.1))
    last = list(fit(seen, {"L3": one}, models, settings, seeds=[Seed("L3", {}, marks)]))[-1]
    assert np.linalg.norm(last.vertebrae[0].pose[:3, 3] - truth["L3"].pose[:3, 3]) < 2.5
