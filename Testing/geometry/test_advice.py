"""Advice on views: predicted errors are what noise does, and the third view named is the one that helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.geometry.advice import advise
from SpineDARTLib.geometry.bundle import CameraPrior
from SpineDARTLib.geometry.camera import angle_between_deg, project, project_with_depth
from SpineDARTLib.geometry.expected import OUTLINE_MM, VERTEBRA_MM, point_covariance, vertebra_covariance
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.types import View
from Testing.geometry.column import blank

POINT = np.array([12.0, -25.0, 31.0])


def pixels(points: np.ndarray, views: list[View]) -> np.ndarray:
    return np.stack([project(points, view) for view in views])


def assert_same(measured: np.ndarray, predicted: np.ndarray, tolerance: float) -> None:
    """Variances along the predicted principal axes agree."""
    _, axes = np.linalg.eigh(predicted)
    ratio = np.diag(axes.T @ measured @ axes) / np.diag(axes.T @ predicted @ axes)
    np.testing.assert_allclose(ratio, 1.0, atol=tolerance)


@pytest.mark.parametrize("angles", [(3.0, 88.0), (10.0, 40.0), (-40.0, 30.0, 95.0)])
def test_the_point_is_as_sure_as_predicted(angles: tuple[float, ...]):
    views = [blank(str(angle), angle, -4.0) for angle in angles]
    generator = np.random.default_rng(7)
    clean = pixels(POINT[None], views)[:, 0]
    found = [triangulate(clean + 0.8 * generator.standard_normal(clean.shape), views)[0] for _ in range(400)]
    assert_same(np.cov(np.array(found).T), point_covariance(views, POINT, 0.8), 0.25)


def test_uncertain_cameras_add_their_error():
    """Monte Carlo over the second camera's shift and turn about the point, with exact clicks."""
    views = [blank("a", 3.0, -4.0), blank("b", 75.0, 6.0)]
    prior, generator = CameraPrior(translation_mm=1.5, rotation_deg=0.5), np.random.default_rng(11)
    clean, found = pixels(POINT[None], views)[:, 0], []
    for _ in range(400):
        motion = np.eye(4)
        motion[:3, :3] = Rotation.from_rotvec(np.deg2rad(0.5) * generator.standard_normal(3)).as_matrix()
        motion[:3, 3] = POINT - motion[:3, :3] @ POINT + 1.5 * generator.standard_normal(3)
        moved = replace(views[1], world_to_camera=views[1].world_to_camera @ motion)
        seen = np.stack([clean[0], project(POINT[None], moved)[0]]) + 0.7 * generator.standard_normal((2, 2))
        # The second view is trusted as little as its camera deserves.
        trust = np.array([0.7, np.hypot(0.7, 1.5 * views[1].intrinsics[0, 0] / 680.0)])
        found.append(triangulate(seen, views, trust)[0])
    assert_same(np.cov(np.array(found).T), point_covariance(views, POINT, 0.7, prior), 0.3)


def test_the_vertebra_is_as_sure_as_predicted():
    """Monte Carlo over its edges' noise: one Gauss-Newton step from the truth is the fit."""
    views, sigma_px, generator = [blank("a", 3.0, -4.0), blank("b", 60.0, 6.0)], 1.2, np.random.default_rng(5)

    def seen(numbers: np.ndarray) -> np.ndarray:
        turned = VERTEBRA_MM @ Rotation.from_rotvec(numbers[3:6]).as_matrix().T * np.exp(numbers[6])
        return pixels(POINT + numbers[:3] + turned, views).ravel()

    steps = np.diag([1e-3] * 3 + [1e-5] * 4)
    jacobian = np.stack([(seen(step) - seen(-step)) / (2 * step.max()) for step in steps], axis=1)
    # What all edges share in a view, in pixels there, and what each has of its own.
    focal = [OUTLINE_MM * view.intrinsics[0, 0] / project_with_depth(POINT[None], view)[1][0] for view in views]
    shared = generator.standard_normal((3000, 2, 1, 2)) * np.array(focal)[:, None, None]
    own = sigma_px * generator.standard_normal((3000, 2, len(VERTEBRA_MM), 2))
    noise = (shared + own).reshape(3000, -1)
    covariance = np.cov(noise.T)
    weighted = np.linalg.solve(covariance, jacobian)
    found = noise @ weighted @ np.linalg.inv(jacobian.T @ weighted)
    predicted = vertebra_covariance(views, POINT, sigma_px)
    scale = np.sqrt(np.diag(predicted))
    assert_same(np.cov((found / scale).T), predicted / np.outer(scale, scale), 0.12)


def test_a_narrow_pair_is_told_where_the_third_view_goes():
    advice = advise([blank("AP", 0.0), blank("OBL", 25.0)])
    assert advice.parallax_deg == {("AP", "OBL"): pytest.approx(25.0)}
    assert advice.point.worst_axis == "front-back" and advice.point.axes_mm[1] == max(advice.point.axes_mm)
    best = advice.third_views[0]
    assert best.point.worst_mm < 0.5 * advice.point.worst_mm
    assert abs(best.primary_deg) >= 60 and best.secondary_deg == 0.0
    assert f"near {best.name}" in advice.words and "front-back" in advice.words
    # What is promised is what that view brings.
    view = blank("third", best.primary_deg, best.secondary_deg)
    with_it = point_covariance([blank("AP", 0.0), blank("OBL", 25.0), view], np.zeros(3), 1.5)
    assert np.sqrt(np.linalg.eigvalsh(with_it)[-1]) == pytest.approx(best.point.worst_mm, rel=1e-6)
    assert not advice.warnings


def test_the_other_side_is_not_advised_twice():
    """Left and right are told apart: an oblique pair on the patient's left calls for the right, and the reverse."""
    left = advise([blank("A", 30.0), blank("B", 55.0)]).third_views[0]
    right = advise([blank("A", -30.0), blank("B", -55.0)]).third_views[0]
    assert left.primary_deg < 0 < right.primary_deg
    assert left.name.startswith("RAO") and right.name.startswith("LAO")


def test_a_good_pair_needs_no_third_view():
    advice = advise([blank("AP", 0.0), blank("LAT", 90.0)])
    assert "would bring little" in advice.words
    assert max(advice.point.axes_mm) / min(advice.point.axes_mm) < 2.0
    for third in advice.third_views:
        assert min(angle_between_deg(blank("t", third.primary_deg, third.secondary_deg), blank("o", angle))
                   for angle in (0.0, 90.0)) >= 20.0  # fmt: skip


def test_small_angles_and_opposed_views_are_warned_of():
    narrow = advise([blank("A", 0.0), blank("B", 10.0)])
    assert "only 10° apart" in narrow.warnings[0] and "depth is left to chance" in narrow.warnings[-1]
    opposed = advise([blank("A", 0.0), blank("B", 180.0)])
    assert "look at each other (180° apart)" in opposed.warnings[0]
    assert "not at all" in opposed.words and np.isfinite(opposed.point.worst_mm)
    third = advise([blank("A", 0.0), blank("B", 10.0), blank("C", 80.0)])
    assert len(third.warnings) == 1


def test_calibration_errors_make_it_worse():
    views = [blank("AP", 0.0), blank("LAT", 90.0)]
    sure, unsure = advise(views), advise(views, calibration=CameraPrior(3.0, 1.0))
    assert unsure.point.worst_mm > sure.point.worst_mm
    assert unsure.vertebra.place.worst_mm > 1.5 * sure.vertebra.place.worst_mm
    open_prior = advise(views, calibration=CameraPrior(np.inf, np.inf))
    assert np.isfinite(open_prior.point.worst_mm)


def test_misuse_is_named():
    with pytest.raises(ValueError, match="got 1 view; expected two or more"):
        advise([blank("A", 0.0)])
    with pytest.raises(ValueError, match="got sigma_px 0"):
        advise([blank("A", 0.0), blank("B", 90.0)], sigma_px=0.0)
