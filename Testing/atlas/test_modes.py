"""The modes' covariance: smooth, localised, mirrored, and widened to what a population's measures spread by."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.atlas import load_model
from SpineDARTLib.atlas.modes import Covariance, Spread, find_modes, smoothed

MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def template() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A symmetric vertebra: vertices, faces, partner."""
    model = load_model("L3")
    mean = model.means["L3"]
    return (mean + mean[model.partner] * MIRROR) / 2, model.faces, model.partner


def smooth_residuals(vertices: np.ndarray, count: int, seed: int = 3) -> np.ndarray:
    """(count, n, 3) random bends of space, not symmetric, of a millimetre or two."""
    generator = np.random.default_rng(seed)
    arms = vertices / 30.0
    powers = np.stack([arms[:, i] * arms[:, j] for i in range(3) for j in range(i, 3)], axis=1)
    return np.einsum("np,spk->snk", powers, generator.standard_normal((count, powers.shape[1], 3)))


@pytest.fixture(scope="module")
def covariance(template: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Covariance:
    vertices, faces, partner = template
    own = np.array([True] * 5 + [False] * 2)
    return Covariance(smooth_residuals(vertices, 7), np.ones(7), own, vertices, faces, partner)


def gradients_of(vertices: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """(2, n, 3) of two measures: a width in front, a height in the middle; both sides alike."""
    width = np.zeros_like(vertices)
    lateral = np.argsort(vertices[:, 0] - 0.3 * vertices[:, 1])[:40]
    width[lateral, 0], width[partner[lateral], 0] = -1 / 40, 1 / 40
    height = np.zeros_like(vertices)
    order = np.argsort(vertices[:, 2])
    height[order[:60], 2], height[order[-60:], 2] = -1 / 60, 1 / 60
    return np.stack([width, (height + height[partner] * MIRROR) / 2])


def test_smoothing_keeps_bends_and_takes_noise(template: tuple[np.ndarray, np.ndarray, np.ndarray]):
    vertices, faces, _ = template
    bends = smooth_residuals(vertices, 2)
    noise = np.random.default_rng(0).standard_normal(bends.shape)
    assert np.abs(smoothed(bends, faces) - bends).mean() < 0.15 * np.abs(bends).mean()
    assert np.abs(smoothed(noise, faces)).mean() < 0.35 * np.abs(noise).mean()


def test_modes_are_orthonormal_and_hold_what_they_say(covariance: Covariance):
    everything = find_modes(covariance, None, rank=500)
    assert (everything.deviations**2).sum() == pytest.approx(everything.total_variance, rel=1e-3)
    few = find_modes(covariance, None, rank=6)
    flat = few.vectors.reshape(6, -1)
    assert flat @ flat.T == pytest.approx(np.eye(6), abs=1e-4)
    assert few.total_variance == pytest.approx(everything.total_variance, rel=1e-6)
    assert few.deviations == pytest.approx(everything.deviations[:6], rel=1e-3)
    assert few.shares["own levels"] == pytest.approx(5 / 7, abs=0.25)
    assert sum(few.shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("trust", [0.0, 0.5, 1.0])
def test_measures_spread_as_published_by_as_much_as_it_is_trusted(
    covariance: Covariance, template: tuple[np.ndarray, np.ndarray, np.ndarray], trust: float
):
    gradients = gradients_of(template[0], template[2])
    published = np.array([3.0, 0.5])
    spread = Spread(("width", "height"), gradients, published, np.full(2, trust), np.zeros((2, 2)))
    before, after = find_modes(covariance, None, 500), find_modes(covariance, spread, 500)

    def deviations(modes) -> np.ndarray:
        return np.sqrt(np.einsum("mnk,dnk->md", gradients, modes.vectors) ** 2 @ modes.deviations**2)

    wanted = np.sqrt((1 - trust) * deviations(before) ** 2 + trust * published**2)
    assert deviations(after) == pytest.approx(wanted, rel=0.02)
    assert (after.shares["morphometry"] > 0) == (trust > 0)


def test_a_morph_changes_its_measure_by_one_and_no_other(
    covariance: Covariance, template: tuple[np.ndarray, np.ndarray, np.ndarray]
):
    gradients = gradients_of(template[0], template[2])
    spread = Spread(("width", "height"), gradients, np.ones(2), np.ones(2), np.zeros((2, 2)))
    morphs = find_modes(covariance, spread, 5).morphs
    changes = np.einsum("mnk,fnk->mf", gradients, np.stack([morphs["width"], morphs["height"]]))
    assert changes == pytest.approx(np.eye(2), abs=0.01)
    partner = template[2]
    assert morphs["width"][partner] * MIRROR == pytest.approx(morphs["width"], abs=1e-6)


def test_fractures_add_to_the_heights_they_take(
    covariance: Covariance, template: tuple[np.ndarray, np.ndarray, np.ndarray]
):
    gradients = gradients_of(template[0], template[2])
    losses = np.diag([0.0, 9.0])
    spread = Spread(("width", "height"), gradients, np.ones(2), np.ones(2), losses)
    modes = find_modes(covariance, spread, 500)
    variances = np.einsum("mnk,dnk->md", gradients, modes.vectors) ** 2 @ modes.deviations**2
    assert variances == pytest.approx([1.0, 10.0], rel=0.02)
    assert modes.shares["fractures"] > 0
