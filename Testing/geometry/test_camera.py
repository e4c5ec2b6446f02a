"""Cameras: matrices of any scale and sign, C-arm angles against facts, regions of interest."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import (
    angle_between_deg,
    c_arm_camera,
    check_camera,
    crop_view,
    decompose_projection,
    project,
    project_with_depth,
    rays,
)
from SpineDARTLib.geometry.region import region_view
from SpineDARTLib.types import View

SPACING_MM = (0.3, 0.2)
SHAPE = (500, 700)


def arm(primary_deg: float, secondary_deg: float, convention: str = "dicom") -> View:
    camera = c_arm_camera(primary_deg, secondary_deg, 1000.0, 600.0, SPACING_MM, SHAPE, (5.0, -7.0, 11.0), convention)
    return View("A", np.zeros(SHAPE, dtype=np.float32), *camera, SPACING_MM, 1000.0)


@pytest.mark.parametrize("factor", [1.0, -1.0, 1e-6, -3.7e5])
def test_decomposition_survives_scale_and_sign(factor: float):
    view = arm(33.0, -12.0)
    intrinsics, world_to_camera = decompose_projection(factor * view.projection)
    np.testing.assert_allclose(intrinsics, view.intrinsics, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(world_to_camera, view.world_to_camera, atol=1e-7)
    assert np.linalg.det(world_to_camera[:3, :3]) == pytest.approx(1.0)


def test_a_mirrored_matrix_puts_the_patient_behind_the_source():
    view = arm(20.0, 5.0)
    mirror = np.array([[-1.0, 0, 699], [0, 1, 0], [0, 0, 1]])
    _, world_to_camera = decompose_projection(mirror @ view.projection)
    assert (world_to_camera @ [5.0, -7.0, 11.0, 1.0])[2] < 0


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((3, 3)), "expected 3 rows of 4"),
        (np.full((3, 4), np.nan), "not finite"),
        (np.zeros((3, 4)), "rank below 3"),
        (np.outer([1.0, 2, 3], [1.0, 1, 1, 1]) + np.eye(3, 4, 3), "rank below 3"),
        (np.array([[1000.0, 0, 0, 1], [0, 1000, 0, 1], [1000, 1000, 0, 1]]), "rank below 3"),
        (np.array([[1000.0, 50, 250, 0], [0, 1000, 250, 0], [0, 0, 1, 500]]), "skew"),
    ],
)
def test_matrices_that_are_no_camera(matrix: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        decompose_projection(matrix)


@pytest.mark.parametrize(
    ("spacing_mm", "distance_mm", "message"),
    [
        ((0.3, 0.25), 1000.0, "horizontal focal length"),
        ((0.25, 0.2), 1000.0, "vertical focal length"),
        (SPACING_MM, 900.0, "source-detector distance, 900 mm"),
    ],
)
def test_camera_of_another_detector(spacing_mm: tuple[float, float], distance_mm: float, message: str):
    with pytest.raises(ValueError, match=message):
        check_camera(arm(0.0, 0.0).intrinsics, spacing_mm, distance_mm, SHAPE)


def test_principal_point_far_from_the_image():
    intrinsics = arm(0.0, 0.0).intrinsics.copy()
    intrinsics[0, 2] = 5000.0
    with pytest.raises(ValueError, match="principal point"):
        check_camera(intrinsics, SPACING_MM, 1000.0, SHAPE)


@pytest.mark.parametrize(
    ("primary_deg", "secondary_deg", "towards_detector"),
    [
        (0.0, 0.0, (0, 1, 0)),  # detector in front of the chest
        (90.0, 0.0, (-1, 0, 0)),  # at the patient's left
        (-90.0, 0.0, (1, 0, 0)),  # at the right
        (180.0, 0.0, (0, -1, 0)),  # behind the back: AP of a prone patient
        (0.0, 90.0, (0, 0, 1)),  # at the head
        (0.0, 30.0, (0, np.cos(np.pi / 6), 0.5)),  # cranial is positive
        (90.0, -30.0, (-np.cos(np.pi / 6), 0, -0.5)),
    ],
)
def test_c_arm_angles_by_hand(primary_deg: float, secondary_deg: float, towards_detector: tuple[float, float, float]):
    np.testing.assert_allclose(arm(primary_deg, secondary_deg).axis, towards_detector, atol=1e-12)
    np.testing.assert_allclose(arm(-primary_deg, -secondary_deg, "deepdrr").axis, towards_detector, atol=1e-12)


def test_c_arm_image_is_upright_and_seen_from_the_source():
    view = arm(0.0, 0.0)
    centre, head, right = project(np.array([[5.0, -7, 11], [5, -7, 31], [25, -7, 11]]), view)
    np.testing.assert_allclose(centre, [(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2], atol=1e-9)
    magnification = 1000.0 / 600.0
    np.testing.assert_allclose(head - centre, [0, -20 * magnification / SPACING_MM[0]], atol=1e-9)
    # The source stands behind the back and looks at the chest: the patient's right is on its right.
    np.testing.assert_allclose(right - centre, [20 * magnification / SPACING_MM[1], 0], atol=1e-9)
    assert np.linalg.det(view.world_to_camera[:3, :3]) == pytest.approx(1.0)


def test_source_and_isocentre_distance():
    view = arm(47.0, 13.0)
    np.testing.assert_allclose(view.source_mm, np.array([5.0, -7, 11]) - 600 * view.axis, atol=1e-9)
    assert project_with_depth(np.array([[5.0, -7, 11]]), view)[1][0] == pytest.approx(600.0)


@pytest.mark.parametrize(
    ("distances", "convention", "message"),
    [((1000.0, 1200.0), "dicom", "source_to_isocentre_mm 1200"), ((1000.0, 600.0), "iec", 'convention "iec"')],
)
def test_c_arm_arguments(distances: tuple[float, float], convention: str, message: str):
    with pytest.raises(ValueError, match=message):
        c_arm_camera(0.0, 0.0, *distances, SPACING_MM, SHAPE, convention=convention)


def test_angles_of_the_shared_cases(shared_cases):
    """The independent simulator's angles and matrices agree with our reading of DICOM's angles."""
    for folder in shared_cases:
        angles = json.loads((folder / "truth" / "truth.json").read_text())["angles_deg"]
        for entry in json.loads((folder / "case.json").read_text())["views"]:
            intrinsics, world_to_camera = decompose_projection(np.array(entry["geometry"]["projection_matrix"]))
            camera = c_arm_camera(*angles[entry["name"]], 1020.0, 530.0, (0.582, 0.582), (512, 512))
            np.testing.assert_allclose(world_to_camera[2, :3], camera[1][2, :3], atol=1e-5)
            np.testing.assert_allclose(intrinsics[[0, 1], [0, 1]], camera[0][[0, 1], [0, 1]], rtol=1e-6)
            roll = np.degrees(np.arccos(np.clip(world_to_camera[1, :3] @ camera[1][1, :3], -1, 1)))
            assert roll < 15.0


def test_rays_go_through_their_pixels():
    view = arm(25.0, -8.0)
    pixels = np.array([[0.0, 0.0], [699.0, 0.0], [123.4, 456.7]])
    source, directions = rays(pixels, view)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    np.testing.assert_allclose(project(source + 777.0 * directions, view), pixels, atol=1e-8)


def test_angle_between_lines():
    assert angle_between_deg(arm(10.0, 0.0), arm(75.0, 0.0)) == pytest.approx(65.0)
    assert angle_between_deg(arm(0.0, 0.0), arm(177.0, 0.0)) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("centre_px", "step_px", "shape"), [((349.5, 249.5), 1.0, (64, 64)), ((120.3, 80.7), 3.125, (48, 36))]
)
def test_crop_round_trip(centre_px: tuple[float, float], step_px: float, shape: tuple[int, int]):
    view = arm(15.0, 4.0)
    crop = crop_view(view, centre_px, step_px, np.zeros(shape, dtype=np.float32))
    points = np.random.default_rng(1).normal([5, -7, 11], 30, (20, 3))
    full, small = project(points, view), project(points, crop)
    middle = np.array([shape[1] - 1, shape[0] - 1]) / 2
    # The region's middle is the crop's middle, and one crop pixel is `step` pixels wide.
    np.testing.assert_allclose((small - middle) * step_px + centre_px, full, atol=1e-8)
    np.testing.assert_allclose(crop.source_mm, view.source_mm, atol=1e-9)
    assert crop.pixel_spacing_mm == pytest.approx((SPACING_MM[0] * step_px, SPACING_MM[1] * step_px))
    assert crop.intrinsics[0, 0] * crop.pixel_spacing_mm[1] == pytest.approx(1000.0)
    u, v = middle + (np.array([349.5, 249.5]) - centre_px) / step_px
    back = crop_view(crop, (float(u), float(v)), 1 / step_px, view.image)
    np.testing.assert_allclose(project(points, back), full, atol=1e-7)


def test_region_shows_what_is_there():
    """A bright spot of the full image lies where the region's own camera says, and outside the detector is marked."""
    view = arm(0.0, 0.0)
    rows, columns = np.indices(SHAPE)
    image = np.exp(-((columns - 450.0) ** 2 + (rows - 130.0) ** 2) / (2 * 8.0**2)).astype(np.float32)
    region, inside = region_view(replace(view, image=image), (470.0, 100.0), 4.0, (60, 50))
    row, column = np.unravel_index(region.image.argmax(), region.image.shape)
    to_full = view.intrinsics @ np.linalg.inv(region.intrinsics)
    np.testing.assert_allclose((to_full @ [column, row, 1.0])[:2], [450.0, 130.0], atol=2.01)
    assert not inside[0].any()
    assert inside[-1].all()
