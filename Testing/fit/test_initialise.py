"""Starts: where clicks and landmarks put a vertebra, and the sentence where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.fit.initialise import CLICK_POINT_MM, initialise, orient, similarity_transform, with_neighbours
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.types import Seed, Vertebra
from Testing.fit.column import clicks, vertebra_at, views_of


@pytest.fixture(scope="module")
def models():
    return load_models()


def test_clicks_put_the_body_where_they_meet_and_along_the_curve(models):
    views = views_of(64)
    truth = {level: vertebra_at(level, models) for level in ("L1", "L2", "L3", "L4")}
    starts = initialise([clicks(truth[level], views) for level in truth], views, models)
    assert not starts.reasons
    for level, vertebra in truth.items():
        start = starts.vertebrae[level]
        assert np.linalg.norm(start.pose[:3, 3] - vertebra.pose[:3, 3]) < 2.0
        cosine = (np.trace(start.pose[:3, :3].T @ vertebra.pose[:3, :3]) - 1) / 2
        assert np.rad2deg(np.arccos(np.clip(cosine, -1, 1))) < 12.0


def test_a_tilted_column_tilts_its_vertebrae():
    down = np.array([0.1, 0.3, -0.95]) * 33.0
    for rotation in orient([12, 13, 14], [np.array([10.0, -20.0, 5.0]) + i * down for i in range(3)]):
        np.testing.assert_allclose(rotation[:, 2], -down / np.linalg.norm(down), atol=1e-6)
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) > 0 and rotation[1, 1] > 0.9


def test_one_click_too_few_names_the_view_to_click_in(models):
    views = views_of(64)
    seed = clicks(vertebra_at("L2", models), views)
    starts = initialise([replace(seed, clicks_px={"AP": seed.clicks_px["AP"]})], views, models)
    assert "Click its centre in LAT" in starts.reasons["L2"] and not starts.vertebrae


def test_clicks_that_do_not_meet_are_refused(models):
    views = views_of(64)
    seed = clicks(vertebra_at("L2", models), views)
    u, v = seed.clicks_px["LAT"]
    starts = initialise([replace(seed, clicks_px={**seed.clicks_px, "LAT": (u, v + 300)})], views, models)
    assert "do not meet" in starts.reasons["L2"]


def test_a_level_without_a_model_leaves_the_others(models):
    views = views_of(64)
    few = {level: model for level, model in models.items() if level != "L4"}
    seeds = [clicks(vertebra_at(level, models), views) for level in ("L3", "L4")]
    starts = initialise(seeds, views, few)
    assert list(starts.vertebrae) == ["L3"] and "no shape model for L4" in starts.reasons["L4"]


def test_two_levels_on_one_vertebra_do_not_spoil_the_others(models):
    views = views_of(64)
    seeds = [clicks(vertebra_at(level, models), views) for level in ("L2", "L3", "L4")]
    starts = initialise([*seeds, replace(seeds[1], level="L5")], views, models)
    assert list(starts.vertebrae) == ["L2", "L4"]
    assert all("L3 and L5 were clicked 0 mm apart" in starts.reasons[level] for level in ("L3", "L5"))


def test_landmarks_give_pose_and_scale(models):
    views = views_of(64)
    truth = replace(vertebra_at("L3", models), scale=1.08)
    model = models["L3"]
    marks = {
        view.name: {
            name: (*project(truth.place(anchor.on(model.means["L3"])[None]), view)[0], 1.0)
            for name, anchor in model.landmarks.items()
        }
        for view in views
    }
    start = initialise([Seed("L3", {}, marks)], views, models).vertebrae["L3"]
    # Landmarks of one picture err together, so what is usual keeps some of its say.
    np.testing.assert_allclose(start.pose[:3, :3], truth.pose[:3, :3], atol=0.01)
    np.testing.assert_allclose(start.pose[:3, 3], truth.pose[:3, 3], atol=0.4)
    assert start.scale == pytest.approx(1.08, abs=0.025)


def test_similarity_transform_never_mirrors():
    points = np.random.default_rng(0).normal(size=(12, 3))
    pose, _ = similarity_transform(points, points * [-1, 1, 1], np.ones(12))
    assert np.linalg.det(pose[:3, :3]) > 0


def test_neighbours_continue_the_column(models):
    truth = {level: vertebra_at(level, models) for level in ("L2", "L3")}
    around = with_neighbours({"L2": truth["L2"], "L3": truth["L3"]}, models)
    assert list(around) == ["L1", "L2", "L3", "L4"]
    heights = [vertebra.pose[2, 3] for vertebra in around.values()]
    assert np.all(np.diff(heights) < -20)
    assert np.linalg.norm(around["L1"].pose[:3, 3] - vertebra_at("L1", models).pose[:3, 3]) < 8


def test_a_gap_between_asked_levels_is_filled(models):
    truth = {level: vertebra_at(level, models) for level in ("L1", "L3")}
    around = with_neighbours(truth, models)
    assert "L2" in around and isinstance(around["L2"], Vertebra)
    assert np.linalg.norm(around["L2"].pose[:3, 3] - vertebra_at("L2", models).pose[:3, 3]) < 4


def test_the_click_point_lies_in_front_of_the_origin():
    assert CLICK_POINT_MM[1] > 0 and CLICK_POINT_MM[0] == 0
