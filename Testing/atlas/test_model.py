"""The shape model's words on the shipped atlas: instance, project, posterior, sample, truncate, mirror."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.atlas import ShapeModel, available_levels, load_model
from SpineDARTLib.types import LEVELS


@pytest.fixture(scope="module", params=["L1-L5", "T9-T12"])
def model(request: pytest.FixtureRequest) -> ShapeModel:
    return load_model(request.param)


@pytest.fixture
def coefficients(model: ShapeModel) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(model.rank)


def test_lumbar_and_lower_thoracic_levels_are_there():
    assert set(available_levels()) >= set(LEVELS[8:])


def test_modes_are_orthonormal_and_ordered(model: ShapeModel):
    flat = model.modes.reshape(model.rank, -1)
    assert flat @ flat.T == pytest.approx(np.eye(model.rank), abs=1e-6)
    assert (np.diff(model.deviations) <= 0).all()
    assert model.deviations.min() > 0
    assert 15 <= model.rank <= 25
    assert model.explained >= 0.95


def test_project_undoes_instance(model: ShapeModel, coefficients: np.ndarray):
    for level in model.levels:
        assert model.project(level, model.instance(level, coefficients)) == pytest.approx(coefficients, abs=1e-6)


def test_fewer_coefficients_are_the_truncated_model(model: ShapeModel, coefficients: np.ndarray):
    level = model.levels[0]
    assert model.truncate(4).instance(level, coefficients[:4]) == pytest.approx(model.instance(level, coefficients[:4]))
    assert model.truncate(0).instance(level, coefficients[:0]) == pytest.approx(model.means[level])


def test_posterior_finds_the_shape_and_is_surest_where_told_most(model: ShapeModel, coefficients: np.ndarray):
    level = model.levels[-1]
    shape = model.instance(level, coefficients)
    every = np.arange(0, len(shape), 5)
    found, covariance = model.posterior(level, every, shape[every], sigma_mm=0.1)
    assert found == pytest.approx(coefficients, abs=0.05)
    few, wide = model.posterior(level, every[:5], shape[every[:5]], sigma_mm=2.0)
    assert np.trace(wide) > np.trace(covariance)
    assert np.linalg.norm(few) < np.linalg.norm(coefficients)  # little known: near the mean


def test_samples_are_repeatable_and_vary_by_millimetres(model: ShapeModel):
    level = model.levels[0]
    first = model.sample(level, np.random.default_rng(1))
    assert (first == model.sample(level, np.random.default_rng(1))).all()
    moved = np.linalg.norm(first - model.means[level], axis=1)
    assert 0.5 < moved.mean() < 6.0


def test_mirrored_samples_are_as_likely_but_not_the_same(model: ShapeModel, coefficients: np.ndarray):
    level = model.levels[0]
    shape = model.instance(level, coefficients)
    mirrored = shape[model.partner] * (-1, 1, 1)
    assert np.linalg.norm(mirrored - shape, axis=1).max() > 0.5
    # Every mode is symmetric or antisymmetric, up to ties between equal variances.
    turned = model.project(level, mirrored)
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(coefficients), rel=1e-6)
    assert np.abs(turned) == pytest.approx(np.abs(coefficients), abs=1e-4)


def test_pose_and_size_are_not_in_the_modes(model: ShapeModel):
    assert 0.02 < model.log_scale_deviation < 0.12
    flat = model.modes.reshape(model.rank, -1)
    for level in model.levels:
        arms = model.means[level] - model.means[level].mean(axis=0)
        motions = [np.broadcast_to(axis, arms.shape) for axis in np.eye(3)]
        motions += [np.cross(axis, arms) for axis in np.eye(3)] + [arms]
        for motion in motions:
            # A mode is exactly free of motion at the region's mean shape; a level is a little off that.
            assert np.abs(flat @ motion.reshape(-1)).max() < 0.12 * np.linalg.norm(motion)
