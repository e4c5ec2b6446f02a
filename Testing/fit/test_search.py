"""How far around a start is looked, by what is known of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.config import FitSettings, Settings
from SpineDARTLib.fit.initialise import initialise
from SpineDARTLib.fit.scene import Parameters
from SpineDARTLib.fit.search import CLICK_MM, LEAST_MM, factors_of, prior_of, spread
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.types import Place, Seed
from Testing.fit.column import clicks, vertebra_at, views_of

MANY = 2001
TURNED = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def nominal(count=2) -> Parameters:
    """Vertebrae whose own x axis is the world's y axis."""
    zeros = torch.zeros(1, count)
    return Parameters(
        TURNED.expand(1, count, 3, 3), *(torch.zeros(1, count, 3),) * 2, zeros, torch.zeros(1, count, 4), zeros.clone()
    )


def sure(along_world_x_mm=0.5) -> np.ndarray:
    """A covariance of a start that is known well, best along the world's x axis."""
    return np.diag(np.r_[along_world_x_mm, 2.0, 2.0, np.deg2rad([2.0, 2.0, 2.0]), 0.01] ** 2)


def test_what_is_known_well_is_sought_nearby_and_the_rest_as_ever():
    options = FitSettings()
    factors = factors_of(nominal(), [sure(), None], options)
    starts = spread(nominal(), MANY, Settings(), factors)
    near, far = slice(0, MANY // 2), slice(MANY // 2 + 1, None)
    mm = starts.translation_mm[near].std(0)
    # The second as the settings say, along its own axes: x there is the world's y.
    np.testing.assert_allclose(mm[1], np.array(options.start_translation_mm)[[1, 0, 2]], rtol=0.1)
    # 0.5 mm, taken to be twice as much and the least that is believed, and what is usual.
    expected = 1 / np.hypot(1 / np.hypot(1.0, LEAST_MM), 1 / options.start_translation_mm[1])
    assert mm[0, 0] == pytest.approx(expected, rel=0.15) and (mm[0] < mm[1]).all()
    scales = starts.log_scale[near].std(0)
    assert scales[0] < 0.03 and scales[1] == pytest.approx(options.start_log_scale, rel=0.1)
    # The other half is spread as ever: what is sure may be wrong.
    np.testing.assert_allclose(starts.translation_mm[far].std(0)[0], mm[1], rtol=0.1)


def test_without_inflation_all_starts_are_sought_alike():
    off = replace(FitSettings(), start_inflation=0.0)
    torch.testing.assert_close(factors_of(nominal(), [sure(), None], off)[0], factors_of(nominal(), [None] * 2, off)[1])
    prior = prior_of(nominal(), [True, True], [sure(), None], off)
    torch.testing.assert_close(prior.translation_white[0], prior.translation_white[1])


def test_the_prior_is_never_wider_than_a_click_and_narrow_where_the_start_is_sure():
    prior = prior_of(nominal(), [True, True], [sure(), 1e6 * np.eye(7)], FitSettings())
    sigmas = np.linalg.inv(prior.translation_white.double().numpy())
    assert sigmas[0, 0, 0] < 1.7 < sigmas[0, 1, 1] < CLICK_MM
    np.testing.assert_allclose(sigmas[1], CLICK_MM * np.eye(3), rtol=1e-3)
    assert prior.rotation_sigma_rad[0] < prior.rotation_sigma_rad[1]


def test_starts_say_how_sure_they_are_where_detection_does():
    models, views = load_models(), views_of(64)
    truth = {level: vertebra_at(level, models) for level in ("L2", "L3", "L4")}
    seeds = [clicks(truth["L2"], views)]
    surface = truth["L3"].place(models["L3"].means["L3"])
    marks = {
        view.name: {name: (*project(one.on(surface)[None], view)[0], 0.5) for name, one in
                    models["L3"].landmarks.items()}
        for view in views
    }  # fmt: skip
    seeds.append(Seed("L3", {}, marks, Place(truth["L3"].pose[:3, 3], 9.0 * np.eye(3))))
    covariance = np.diag([1.0, 4.0, 9.0])
    seeds.append(Seed("L4", place=Place(truth["L4"].pose[:3, 3], covariance)))
    starts = initialise(seeds, views, models)
    assert set(starts.vertebrae) == {"L2", "L3", "L4"} and set(starts.covariances) == {"L3", "L4"}
    np.testing.assert_allclose(starts.covariances["L4"][:3, :3], covariance)
    assert np.trace(starts.covariances["L3"][:3, :3]) < 4.0
