"""Sources and detectors in space, projection matrices that may be mirrored, and where beams meet."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.geometry.camera import decompose_projection
from SpineDARTLib.geometry.detector import (
    camera_of_projection,
    detector_of_camera,
    looks_away,
    meeting_point,
    mirror,
    projection_of_detector,
)
from SpineDARTLib.types import View

SHAPE = (30, 40)


def camera(primary_deg: float, secondary_deg: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    return c_arm_camera(
        primary_deg, secondary_deg, 1000.0, 600.0, (0.5, 0.4), SHAPE, (3.0, 4.0, 5.0), principal_point_px=(12.0, 17.0)
    )


def test_a_detector_by_hand():
    """Source below, detector 1 m above it; columns step to +x, rows to +y, as the source sees it."""
    matrix = projection_of_detector(
        np.array([0.0, 0, -600]), np.array([-10.0, -20, 400]), np.array([2.0, 0, 0]), np.array([0.0, 4, 0])
    )
    u, v, depth = matrix @ [3.0, 6.0, -100.0, 1.0]
    assert depth == pytest.approx(0.5)
    assert (u / depth, v / depth) == pytest.approx(((6 + 10) / 2, (12 + 20) / 4))
    assert not camera_of_projection(matrix, None)[2]


def test_there_and_back():
    for primary_deg in np.random.default_rng(0).uniform(-180, 180, 10):
        intrinsics, pose = camera(float(primary_deg))
        matrix = projection_of_detector(*detector_of_camera(intrinsics, pose, 1000.0))
        found = camera_of_projection(7.0 * matrix, None)
        assert not found[2]
        np.testing.assert_allclose(found[0], intrinsics, atol=1e-6)
        np.testing.assert_allclose(found[1], pose, atol=1e-6)
        turned = camera_of_projection(mirror(SHAPE[1]) @ matrix, SHAPE[1])
        assert turned[2]
        np.testing.assert_allclose(turned[0], intrinsics, atol=1e-6)
        np.testing.assert_allclose(turned[1], pose, atol=1e-6)


def test_beams_meet_at_the_isocentre_from_any_sign():
    views = [intrinsics @ pose[:3] for intrinsics, pose in (camera(10.0), camera(80.0), camera(-30.0))]
    np.testing.assert_allclose(meeting_point(np.stack([views[0], -3 * views[1], views[2]])), [3, 4, 5], atol=1e-6)
    with pytest.raises(ValueError, match="expected beams that cross"):
        meeting_point(np.stack([views[0], views[0]]))


@pytest.mark.parametrize(
    ("source", "column"), [((0.0, 0, 400), (2.0, 0, 0)), ((0.0, 0, -600), (0.0, 3, 0)), ((0.0, 0, -600), (0.0, 0, 0))]
)
def test_detectors_that_are_none(source: tuple[float, float, float], column: tuple[float, float, float]):
    with pytest.raises(ValueError, match="expected a detector that faces it"):
        projection_of_detector(np.array(source), np.array([-10.0, -20, 400]), np.array(column), np.array([0.0, 4, 0]))


def test_a_mirrored_picture_needs_its_width():
    intrinsics, pose = camera(0.0)
    with pytest.raises(ValueError, match="got a mirrored picture of unknown width"):
        camera_of_projection(mirror(40) @ intrinsics @ pose[:3], None)


def test_views_that_look_away_are_named():
    def view(name: str, primary_deg: float, mirrored: bool = False) -> View:
        intrinsics, pose = camera(primary_deg)
        if mirrored:
            intrinsics, pose = decompose_projection(mirror(SHAPE[1]) @ intrinsics @ pose[:3])
        return View(name, np.zeros(SHAPE, np.float32), intrinsics, pose, (0.5, 0.4), 1000.0)

    assert looks_away([view("AP", 5.0), view("LAT", 90.0)]) == ()
    assert looks_away([view("AP", 5.0), view("LAT", 90.0, mirrored=True)]) == ("LAT",)
    assert looks_away([view("AP", 5.0, mirrored=True), view("LAT", 90.0, mirrored=True)]) == ("AP", "LAT")
    assert looks_away([view("AP", 5.0)]) == looks_away([]) == looks_away([view("AP", 5.0), view("B", 5.0)]) == ()
