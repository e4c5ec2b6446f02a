"""A vertebra's start from landmarks: in one view or more, some of them wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.fit.initialise import rigid
from SpineDARTLib.fit.landmark_start import landmark_start
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.types import Place, Seed
from Testing.fit.column import vertebra_at, views_of


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.fixture(scope="module")
def truth(models):
    return replace(vertebra_at("L3", models), scale=1.06)


def marks(truth, model, views, sigma_px=0.6, seed=0):
    generator = np.random.default_rng(seed)
    surface = truth.place(model.instance("L3", truth.coefficients))
    return {
        view.name: {
            name: (*(project(anchor.on(surface)[None], view)[0] + generator.normal(0, sigma_px, 2)), sigma_px)
            for name, anchor in model.landmarks.items()
        }
        for view in views
    }


def nominal(truth):
    """As the curve might say: 4 mm and 8 degrees off."""
    cosine, sine = np.cos(0.14), np.sin(0.14)
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return rigid(truth.pose[:3, :3] @ turn, truth.pose[:3, 3] + (2.0, -3.0, 2.0))


def errors(found, truth):
    turn = (np.trace(found.pose[:3, :3].T @ truth.pose[:3, :3]) - 1) / 2
    return np.linalg.norm(found.pose[:3, 3] - truth.pose[:3, 3]), np.rad2deg(np.arccos(np.clip(turn, -1, 1)))


def test_noisy_landmarks_with_wrong_ones_among_them_give_the_pose(models, truth):
    views = views_of(64)
    seen = marks(truth, models["L3"], views)
    first = views[0].name
    for name in ("spinous_process", "left_transverse_process"):
        u, v, sigma = seen[first][name]
        seen[first][name] = (u + 25.0, v - 15.0, sigma)
    found = landmark_start(Seed("L3", {}, seen), {v.name: v for v in views}, models["L3"], nominal(truth))
    assert found is not None
    off_mm, turned_deg = errors(found, truth)
    assert off_mm < 2.0 and turned_deg < 5.0
    assert found.scale == pytest.approx(1.06, abs=0.04)
    assert found.used <= found.seen - 2
    # What it says of itself is of the size of its error.
    assert off_mm < 4.0 * np.sqrt(np.trace(found.covariance[:3, :3]))


def test_landmarks_seen_in_one_view_each_still_tell(models, truth):
    views = views_of(64)
    seen = marks(truth, models["L3"], views)
    names = list(models["L3"].landmarks)
    halves = {
        view.name: {name: mark for name, mark in seen[view.name].items() if names.index(name) % 2 == place}
        for place, view in enumerate(views[:2])
    }
    found = landmark_start(Seed("L3", {}, halves), {v.name: v for v in views}, models["L3"], nominal(truth))
    assert found is not None
    off_mm, turned_deg = errors(found, truth)
    assert off_mm < 2.5 and turned_deg < 5.0


def test_one_view_moves_a_vertebra_across_its_rays_only(models, truth):
    views = views_of(64)
    seen = marks(truth, models["L3"], views[:1])
    place = Place(nominal(truth)[:3, 3], 9.0 * np.eye(3))
    seed = Seed("L3", {}, seen, place)
    found = landmark_start(seed, {v.name: v for v in views}, models["L3"], nominal(truth))
    assert found is not None
    off = found.pose[:3, 3] - truth.pose[:3, 3]
    along = float(off @ views[0].axis)
    assert np.linalg.norm(off - along * views[0].axis) < 1.5
    spread = views[0].axis @ found.covariance[:3, :3] @ views[0].axis
    assert spread > 4.0 and abs(along) < 3 * np.sqrt(spread)


def test_too_few_landmarks_or_none_that_agree_give_no_start(models, truth):
    views = views_of(64)
    by_name = {view.name: view for view in views}
    seen = marks(truth, models["L3"], views)
    few = {name: dict(list(one.items())[:2]) for name, one in seen.items()}
    assert landmark_start(Seed("L3", {}, few), by_name, models["L3"], nominal(truth)) is None
    generator = np.random.default_rng(1)
    wild = {name: {mark: (*generator.uniform(0, 64, 2), 0.3) for mark in one} for name, one in seen.items()}
    assert landmark_start(Seed("L3", {}, wild), by_name, models["L3"], nominal(truth)) is None
