"""Triangulation: exact, as uncertain as it says, and honest where depth is not known."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.triangulate import triangulate
from Testing.conftest import make_view

POINT = np.array([12.0, -25.0, 31.0])
"""Asymmetric: no mirror or swap of axes leaves it where it is."""


def pictures(views) -> np.ndarray:
    return np.concatenate([project(POINT[None], view) for view in views])


@pytest.mark.parametrize("angles", [(0.0, 90.0), (10.0, 35.0), (-40.0, 30.0, 95.0)])
def test_exact_clicks_give_the_point(angles: tuple[float, ...]):
    views = [make_view(str(angle), angle, 5.0) for angle in angles]
    point, _, residuals = triangulate(pictures(views), views)
    np.testing.assert_allclose(point, POINT, atol=1e-6)
    assert residuals.max() < 1e-6


@pytest.mark.parametrize("angles", [(3.0, 88.0), (10.0, 40.0), (0.0, 45.0, 90.0)])
def test_covariance_is_what_noise_does(angles: tuple[float, ...]):
    views = [make_view(str(angle), angle, -4.0) for angle in angles]
    sigma_px = np.linspace(0.6, 1.2, len(views))
    generator = np.random.default_rng(7)
    clean, noise = pictures(views), generator.standard_normal((600, len(views), 2)) * sigma_px[:, None]
    points = np.array([triangulate(clean + shift, views, sigma_px)[0] for shift in noise])
    predicted = triangulate(clean, views, sigma_px)[1]
    measured = np.cov(points.T)
    np.testing.assert_allclose(points.mean(axis=0), POINT, atol=0.25)
    # 600 samples know a variance to 6 %: compare along the predicted principal axes.
    _, axes = np.linalg.eigh(predicted)
    ratio = np.diag(axes.T @ measured @ axes) / np.diag(axes.T @ predicted @ axes)
    np.testing.assert_allclose(ratio, 1.0, atol=0.2)


def test_a_surer_view_weighs_more():
    views = [make_view("a", 0.0), make_view("b", 90.0)]
    clicks = pictures(views) + np.array([[0.0, 4.0], [0.0, -4.0]])
    trusting_first = triangulate(clicks, views, np.array([0.5, 5.0]))[2]
    assert trusting_first[0] < 0.1 * trusting_first[1]


def test_too_few_or_parallel_views():
    view = make_view("a", 0.0)
    with pytest.raises(ValueError, match="got 1 view; expected two or more"):
        triangulate(np.zeros((1, 2)), [view])
    with pytest.raises(ValueError, match="almost parallel"):
        triangulate(np.zeros((2, 2)), [view, view])
