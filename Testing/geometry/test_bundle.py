"""Bundle adjustment: derivatives are those of the values, and corrected views are the ones that were fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.geometry.bundle import NUMBERS, Bundle, adjust, corrected_view, reduced, triangulated
from SpineDARTLib.geometry.camera import check_camera, project
from SpineDARTLib.geometry.camera_prior import CameraPrior, pivot_of
from SpineDARTLib.geometry.triangulate import triangulate
from Testing.conftest import make_view

PIVOT = np.array([0.0, 0.0, -10.0])
"""The isocentre of ``make_view``."""
ALL = CameraPrior(4.0, 3.0, 10.0, 0.02, 5.0)


def points(count: int, seed: int = 2) -> np.ndarray:
    """About a lumbar spine, more to its right, more behind: asymmetric."""
    return np.random.default_rng(seed).uniform((-20, -45, -60), (35, 20, 50), (count, 3))


def bundle_of(views, count: int = 6, prior: CameraPrior = ALL) -> Bundle:
    pixels = np.stack([project(points(count), view) for view in views], axis=1)
    pixels[0, 0] = np.nan
    return Bundle(tuple(views), pixels, 1.5, prior, PIVOT)


@pytest.fixture(scope="module")
def three():
    return make_view("AP", 4.0, 3.0), make_view("LAT", 88.0, -5.0), make_view("OBL", -35.0, 12.0)


def test_derivatives_are_those_of_the_values(three):
    bundle, generator = bundle_of(three), np.random.default_rng(0)
    parameters = generator.normal(size=int(bundle.free.sum())) * 3.0  # turns of ten degrees, not only small ones
    where = points(6) + generator.normal(size=(6, 3))
    _, by_camera, by_point = bundle.residuals(parameters, where)
    for column in range(len(parameters)):
        step = 1e-5 * np.eye(len(parameters))[column]
        ahead, behind = (bundle.residuals(parameters + sign * step, where)[0] for sign in (1, -1))
        np.testing.assert_allclose(by_camera[..., column], (ahead - behind) / 2e-5, atol=1e-5)
    for axis in range(3):
        step = 1e-4 * np.eye(3)[axis]
        ahead, behind = (bundle.residuals(parameters, where + sign * step)[0] for sign in (1, -1))
        np.testing.assert_allclose(by_point[..., axis], (ahead - behind) / 2e-4, atol=1e-6)


def test_corrected_views_are_those_that_were_fitted(three):
    bundle, generator = bundle_of(three), np.random.default_rng(1)
    parameters = generator.normal(size=int(bundle.free.sum()))
    errors, _, _ = bundle.residuals(parameters, points(6))
    for place, view in enumerate(bundle.corrected(parameters)):
        expected = (project(points(6), view) - bundle.pixels[:, place]) / 1.5
        np.testing.assert_allclose(errors[:, place], np.nan_to_num(expected), atol=1e-9)
        check_camera(view.intrinsics, view.pixel_spacing_mm, view.source_to_detector_mm, view.image.shape)


def test_the_anchor_and_what_is_held_stay(three):
    prior = CameraPrior(5.0, 2.0)
    bundle = bundle_of(three, prior=prior)
    assert bundle.free.sum() == 12 and not bundle.free[0].any() and not bundle.free[:, 6:].any()
    moved = bundle.corrected(np.ones(12))
    np.testing.assert_array_equal(moved[0].world_to_camera, three[0].world_to_camera)
    np.testing.assert_array_equal(moved[1].intrinsics, three[1].intrinsics)


def test_a_correction_turns_about_the_pivot(three):
    view = three[1]
    turned = corrected_view(view, np.array([0, 0, 0, 0.1, -0.2, 0.3, 0, 0, 0.0]), PIVOT)
    np.testing.assert_allclose(project(PIVOT[None], turned), project(PIVOT[None], view), atol=1e-9)
    shifted = corrected_view(view, np.array([3.0, -2, 1, 0, 0, 0, 0, 0, 0]), PIVOT)
    np.testing.assert_allclose(project(points(4), shifted), project(points(4) + [3.0, -2, 1], view), atol=1e-9)


def test_the_pivot_of_a_c_arm_is_its_isocentre(three):
    np.testing.assert_allclose(pivot_of(three, CameraPrior()), PIVOT, atol=1e-6)
    near = (three[0], make_view("AP2", 5.0, 3.0))
    assert np.linalg.norm(pivot_of(near, CameraPrior()) - PIVOT) < 60, "almost parallel beams must not send it away"
    np.testing.assert_array_equal(pivot_of(three, CameraPrior(pivot_mm=(1.0, 2.0, 3.0))), [1, 2, 3])


def test_triangulated_points_are_those_of_triangulate(three):
    bundle = bundle_of(three)
    bundle = replace(bundle, pixels=bundle.pixels + np.random.default_rng(3).normal(size=bundle.pixels.shape))
    found = triangulated(bundle, np.zeros(int(bundle.free.sum())))
    for point, pixels in zip(found[1:], bundle.pixels[1:], strict=True):
        np.testing.assert_allclose(point, triangulate(pixels, three)[0], atol=0.4)
    alone = bundle.pixels.copy()
    alone[2, 1:] = np.nan
    assert np.isnan(triangulated(replace(bundle, pixels=alone), np.zeros(int(bundle.free.sum())))[2]).all()


def test_reduced_errors_do_not_see_where_points_are(three):
    bundle = bundle_of(three)
    parameters = np.zeros(int(bundle.free.sum()))
    errors, slopes = reduced(bundle, parameters, points(6) + 0.05)  # points a little off, cameras right
    assert np.abs(errors).max() < 1e-3
    assert errors.shape == (6, 6) and slopes.shape == (6, 6, len(parameters))


def test_adjusting_finds_exact_cameras_where_enough_is_known(three):
    """Focal length too, from 14 exact points in three views; what clicks cannot tell comes from the prior."""
    numbers = np.zeros(NUMBERS)
    numbers[:7] = [0.0, 0.0, 3.0, 0.02, -0.01, 0.015, 0.0]
    given = (three[0], corrected_view(three[1], numbers, PIVOT), three[2])
    pixels = np.stack([project(points(14), view) for view in three], axis=1)
    bundle = Bundle(given, pixels, 0.05, CameraPrior(5.0, 2.0), PIVOT)
    start = np.zeros(12)
    found = adjust(bundle, start, triangulated(bundle, start))
    errors, _, _ = bundle.residuals(found.parameters, found.points_mm)
    assert np.abs(errors).max() * 0.05 < 0.05, "pixels"
    back = bundle.corrected(found.parameters)[1]
    motion = np.linalg.inv(three[1].world_to_camera) @ back.world_to_camera
    assert abs(motion[2, 3]) < 0.3 and np.rad2deg(np.linalg.norm(motion[:3, :3] - np.eye(3))) < 0.6


@pytest.mark.parametrize("field", ["translation_mm", "rotation_deg", "principal_point_px"])
def test_a_prior_that_is_none_is_refused(field: str):
    with pytest.raises(ValueError, match=f"got {field} -1"):
        replace(CameraPrior(), **{field: -1.0})  # pyright: ignore[reportArgumentType]
