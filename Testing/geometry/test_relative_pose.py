"""Recovery of cameras from clicks: as good as it says, never from wrong clicks, never mirrored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.geometry.bundle import NUMBERS, corrected_view
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.camera_prior import CameraPrior
from SpineDARTLib.geometry.essential import essential_motion
from SpineDARTLib.geometry.relative_pose import recover
from Testing.conftest import make_view
from Testing.geometry.test_bundle import PIVOT, points

PRIOR = CameraPrior(3.0, 1.2)
OFF = np.array([2.5, -3.0, 4.0, *np.deg2rad([1.2, -1.5, 0.8]), 0, 0, 0])


@pytest.fixture(scope="module")
def true():
    """The pixels of ``make_view`` are 3 mm: these have 0.5 mm."""
    return tuple(fine(make_view(*one)) for one in (("AP", 4.0, 3.0), ("LAT", 88.0, -5.0), ("OBL", -35.0, 12.0)))


def fine(view):
    to_fine = np.array([[6.0, 0, 0], [0, 6, 0], [0, 0, 1]])
    return replace(view, intrinsics=to_fine @ view.intrinsics, pixel_spacing_mm=(0.5, 0.5))


def clicked(views, where: np.ndarray, sigma_px: float = 0.0, seed: int = 0) -> np.ndarray:
    pixels = np.stack([project(where, view) for view in views], axis=1)
    return pixels + sigma_px * np.random.default_rng(seed).normal(size=pixels.shape)


def moved(views, numbers: np.ndarray = OFF):
    return (views[0], *(corrected_view(view, (-1) ** place * numbers, PIVOT) for place, view in enumerate(views[1:])))


def error(found, true) -> np.ndarray:
    """(6,) mm at the pivot and rad by which a recovered view still differs from the true one."""
    motion = np.linalg.inv(true.world_to_camera) @ found.world_to_camera
    shift = motion[:3, :3] @ PIVOT + motion[:3, 3] - PIVOT
    return np.concatenate([shift, Rotation.from_matrix(motion[:3, :3]).as_rotvec()])


def test_what_clicks_can_tell_is_found_and_the_anchor_stays(true):
    pair, where = true[:2], points(10)
    found = recover(clicked(pair, where), moved(pair), PRIOR, 1.5)
    assert found.identifiable and found.inliers.all()
    np.testing.assert_array_equal(found.views[0].world_to_camera, pair[0].world_to_camera)
    left = error(found.views[1], pair[1])
    assert abs(left[2]) < 0.5, "the shift across the plane of both beams is what a pair tells best"
    assert max(found.residual_after_px.values()) < 0.6 < 3 < min(found.residual_before_px.values())
    assert found.moved_mm["AP"] == 0 and found.moved_mm["LAT"] > 2 and found.moved_deg["LAT"] > 0.5
    assert "AP stays" in found.words and "10 of 10 points agree" in found.words


def test_the_covariance_is_what_noise_does(true):
    """Errors drawn from the prior, clicks from their noise: the squared normalised error is a chi-square of 6."""
    pair, generator, squares = true[:2], np.random.default_rng(5), []
    for trial in range(16):
        numbers = np.zeros(NUMBERS)
        numbers[:6] = generator.normal(size=6) * np.repeat([3.0, np.deg2rad(1.2)], 3)
        where = points(9, trial)
        given = (pair[0], corrected_view(pair[1], numbers, PIVOT))
        found = recover(clicked(pair, where, 1.5, trial), given, PRIOR, 1.5)
        left = error(found.views[1], pair[1])
        squares.append(left @ np.linalg.solve(found.covariance, left))
    assert 3.5 < np.mean(squares) < 9.0, "the mean of 16 such has the deviation 0.9"


def test_three_views_with_gaps(true):
    where = points(9)
    pixels = clicked(true, where, 0.3)
    pixels[0, 1], pixels[3, 2], pixels[5, :2], pixels[7, 0] = np.nan, np.nan, np.nan, [np.nan, 4.0]
    found = recover(pixels, moved(true), PRIOR, 0.5)
    assert found.identifiable and found.inliers.sum() == 8 and not found.inliers[5]
    assert np.isnan(found.points_mm[5]).all() and np.isfinite(np.delete(found.points_mm, 5, 0)).all()
    assert set(found.moved_deg) == {"AP", "LAT", "OBL"} and found.covariance.shape == (12, 12)
    assert len(found.names) == 12 and found.names[0] == "LAT shift x mm"
    assert found.determined >= 5


def test_wrong_clicks_are_found(true):
    pair, where = true[:2], points(12)
    pixels = clicked(pair, where, 1.5, 3)
    pixels[2, 0, 1] += 45.0
    pixels[7, 1] += [30.0, -28.0]
    pixels[9, 1, 1] -= 35.0
    found = recover(pixels, moved(pair), PRIOR, 1.5)
    assert found.identifiable and set(np.flatnonzero(~found.inliers)) == {2, 7, 9}
    assert "3 left out as wrong" in found.words
    clean = recover(np.delete(pixels, (2, 7, 9), axis=0), moved(pair), PRIOR, 1.5)
    np.testing.assert_allclose(error(found.views[1], pair[1]), error(clean.views[1], pair[1]), atol=1e-4)


@pytest.mark.parametrize("which", [0, 1])
def test_a_mirrored_image_is_refused_and_named(true, which: int):
    pair = true[:2]
    pixels = clicked(pair, points(12), 0.7)
    pixels[:, which, 0] = 2 * pair[which].intrinsics[0, 2] - pixels[:, which, 0]
    given = moved(pair)
    found = recover(pixels, given, PRIOR, 1.0)
    assert not found.identifiable and "mirrored" in found.words
    np.testing.assert_array_equal(found.views[1].world_to_camera, given[1].world_to_camera)


def test_refusals_keep_the_given_views(true):
    pair = true[:2]
    line = PIVOT + np.linspace(-50, 50, 9)[:, None] * np.array([0.1, 0.3, 1.0])
    chance = np.random.default_rng(0).uniform(150, 500, (9, 2, 2))
    for pixels, words in ((clicked(pair, line, 1.0), "on a line"), (chance, "points agree with each other")):
        given = moved(pair)
        found = recover(pixels, given, PRIOR, 1.5)
        assert not found.identifiable and words in found.words and found.words.startswith("The cameras stay as given")
        assert found.moved_mm == {"AP": 0.0, "LAT": 0.0}
        for after, before in zip(found.views, given, strict=True):
            np.testing.assert_array_equal(after.world_to_camera, before.world_to_camera)


def test_lost_angles_are_found_from_nothing(true):
    """The isocentre was kept, the angles are anything; points are steel balls, found to a fifth of a pixel."""
    pair = true[:2]
    lost = np.array([1.0, -2.0, 1.5, 0.1, -0.15, 2.2, 0, 0, 0])
    given = (pair[0], corrected_view(pair[1], lost, PIVOT))
    found = recover(clicked(pair, points(12), 0.2), given, CameraPrior(3.0, np.inf), 0.2)
    assert found.identifiable, found.words
    left = error(found.views[1], pair[1])
    assert np.rad2deg(np.abs(left[3:])).max() < 3.0, "a mirrored or turned-over answer is tens of degrees away"
    assert np.linalg.norm(found.points_mm - points(12), axis=1).max() < 12.0
    assert found.scale_sigma < 0.05


def test_lost_angles_and_hasty_clicks_are_refused(true):
    pair = true[:2]
    given = (pair[0], corrected_view(pair[1], np.array([0, 0, 0, 0, 0, 0.8, 0, 0, 0.0]), PIVOT))
    found = recover(clicked(pair, points(8), 3.0), given, CameraPrior(3.0, np.inf), 3.0)
    assert not found.identifiable and ("no more than" in found.words or "second solution" in found.words)


def test_size_is_said_to_be_unknown_where_it_is(true):
    pair = true[:2]
    found = recover(clicked(pair, points(14), 0.1), moved(pair), CameraPrior(np.inf, 1.0), 0.1)
    assert found.scale_sigma > 0.3 and "cannot be told" in found.words


def test_a_table_that_moved_is_found_but_not_the_size(true):
    """5 cm in every direction: across both beams it comes back, sizes stay as little known as the table's place."""
    pair = true[:2]
    given = (pair[0], corrected_view(pair[1], np.array([50.0, -40, 55, *np.deg2rad([1, -1, 1.0]), 0, 0, 0]), PIVOT))
    found = recover(clicked(pair, points(12), 0.7), given, CameraPrior(60.0, 1.2), 1.0)
    assert found.identifiable and found.inliers.sum() >= 11, found.words
    assert abs(error(found.views[1], pair[1])[2]) < 3.0
    assert 0.03 < found.scale_sigma < 0.3 and "to know better" in found.words


def test_the_essential_matrix_gives_the_true_motion(true):
    """Eight exact points; of its four solutions the one in front of both sources."""
    first, second = true[:2]
    where = points(8)
    lost = corrected_view(second, np.array([4.0, -6, 5, 0.3, -0.4, 1.9, 0, 0, 0]), PIVOT)
    pixels = clicked((first, second), where)
    motion = essential_motion(pixels[:, 0], pixels[:, 1], first, lost, PIVOT)
    turned = lost.world_to_camera[:3, :3] @ motion[:3, :3]
    np.testing.assert_allclose(turned, second.world_to_camera[:3, :3], atol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "prior", "message"),
    [
        (np.zeros((4, 2, 2)), PRIOR, "got 4 points seen in two views or more; expected 5"),
        (np.zeros((8, 3, 2)), PRIOR, "got clicks of shape"),
        (np.zeros((6, 2, 2)), CameraPrior(3.0, np.inf), "expected 8 or more where the angles are unknown"),
    ],
)
def test_too_little_to_start_from(true, pixels, prior, message):
    with pytest.raises(ValueError, match=message):
        recover(pixels, true[:2], prior)
    with pytest.raises(ValueError, match="got sigma_px"):
        recover(np.zeros((8, 2, 2)), true[:2], PRIOR, 0.0)
