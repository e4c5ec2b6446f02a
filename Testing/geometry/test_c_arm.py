"""C-arms in every convention and patient position, against a C-arm built by hand in a room; and back to the angles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from SpineDARTLib.geometry.c_arm import c_arm_camera, c_arm_of, camera_of, turned_over
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.conventions import CONVENTIONS
from SpineDARTLib.geometry.known import KnownGeometry, given, missing_of
from SpineDARTLib.geometry.patient import POSITIONS
from SpineDARTLib.geometry.turned import turn_image, turn_pixels
from SpineDARTLib.types import View
from Testing.geometry.gantry import ISOCENTRE, arm, lying, seen_at

SHAPE, SPACING = (300, 400), (0.5, 0.4)
DISTANCES = (1020.0, 530.0)
ISOCENTRE_RAS = (12.0, -34.0, 56.0)
BODY = {"right": (40.0, 0, 0), "front": (0, 30.0, 0), "head": (0, 0, 20.0), "off": (35.0, 25.0, -15.0)}
"""Markers in the patient, RAS from the isocentre: no two alike, so that a mirrored picture shows."""


def view(*angles: float, shape: tuple[int, int] = SHAPE, spacing: tuple[float, float] = SPACING, **how: Any) -> View:
    camera = c_arm_camera(*angles, *DISTANCES, spacing, shape, ISOCENTRE_RAS, **how)
    return View("A", np.zeros(shape, np.float32), *camera, spacing, DISTANCES[0])


def markers() -> np.ndarray:
    return np.array(list(BODY.values())) + ISOCENTRE_RAS


def in_room(axes: np.ndarray, position: str) -> np.ndarray:
    """Where the hand-built C-arm sees the markers of a patient who lies so."""
    return np.array(
        [seen_at(ISOCENTRE + lying(position) @ np.array(m), axes, DISTANCES[1], DISTANCES[0], SPACING, SHAPE)
         for m in BODY.values()]
    )  # fmt: skip


def random_angles(seed: int, count: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-175, -80], [175, 80], (count, 2)).round(1)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_markers_appear_where_the_hand_built_arm_sees_them(convention: str, position: str):
    how = CONVENTIONS[convention]
    for first, second in random_angles(len(convention) + len(position)):
        axes = arm(first, second, how.joints == "isocentric")
        seen = project(
            markers(),
            view(how.signs[0] * first, how.signs[1] * second, convention=convention, angles_relative_to="table",
                 patient_position=position),
        )  # fmt: skip
        np.testing.assert_allclose(seen, in_room(axes, position), atol=1e-6)
        if position != "HFS":
            assert np.abs(seen - in_room(axes, "HFS")).max() > 5.0


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFDR"])
def test_a_c_arm_that_was_swivelled(position: str):
    how = {"convention": "mobile", "patient_position": position}
    for (first, second), swivel in zip(random_angles(9, 4), (10.0, -25.0, 90.0, 180.0), strict=True):
        camera = view(first, second, swivel_deg=swivel, **how)
        np.testing.assert_allclose(
            project(markers(), camera), in_room(arm(first, second, False, swivel), position), atol=1e-6
        )
        pose = c_arm_of(camera.intrinsics, camera.world_to_camera, SPACING, swivel_deg=swivel, **how)
        turned = {"swivel_deg": swivel, "detector_rotation_deg": pose.detector_rotation_deg}
        again = view(pose.primary_deg, pose.secondary_deg, **turned, **how)
        np.testing.assert_allclose(again.axis, camera.axis, atol=1e-6)
        np.testing.assert_allclose(again.world_to_camera[:3, :3], camera.world_to_camera[:3, :3], atol=1e-6)


def test_from_the_head_end_the_orbital_movement_goes_to_head_and_feet():
    camera = view(20.0, 0.0, convention="mobile", patient_position="HFS", swivel_deg=90.0)
    assert abs(camera.axis[0]) < 1e-9
    assert abs(np.rad2deg(np.arcsin(camera.axis[2]))) == pytest.approx(20.0)


def test_angles_of_the_patient_are_those_of_a_patient_on_the_back():
    for angles in random_angles(5):
        for position in (None, "HFP", "FFDR"):
            seen = project(markers(), view(*angles, patient_position=position))
            np.testing.assert_allclose(seen, in_room(arm(*angles), "HFS"), atol=1e-6)


@pytest.mark.parametrize("wrong", [(-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)])
def test_a_wrong_sign_would_be_seen(wrong: tuple[float, float]):
    for angles in ((30.0, 12.0), (-25.0, 8.0), (95.0, -20.0)):
        other = in_room(arm(*np.multiply(angles, wrong)), "HFS")
        assert np.abs(project(markers(), view(*angles)) - other).max() > 5.0


def test_joints_matter_only_when_both_angles_do():
    for one in ((40.0, 0.0), (0.0, 25.0)):
        both = [view(*one, convention=name, patient_position="HFS") for name in ("table", "mobile")]
        np.testing.assert_allclose(both[0].world_to_camera, both[1].world_to_camera, atol=1e-9)
    apart = [view(40.0, 25.0, convention=name, patient_position="HFS").axis for name in ("table", "mobile")]
    assert np.rad2deg(np.arccos(apart[0] @ apart[1])) > 5.0


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_a_stored_picture_that_was_turned_and_flipped(quarter_turns: int, flip: bool):
    """One bright pixel in the picture seen from the source, turned and flipped by NumPy, read through the camera."""
    for u, v in ((100, 70), (333, 250)):
        picture = np.zeros(SHAPE, np.float32)
        picture[v, u] = 1.0
        stored = np.rot90(picture, -quarter_turns)
        stored = stored[:, ::-1] if flip else stored
        spacing = SPACING[::-1] if quarter_turns % 2 else SPACING
        point = 700.0 * np.linalg.inv(view(20.0, -10.0).intrinsics) @ [u, v, 1.0]
        point = np.linalg.inv(view(20.0, -10.0).world_to_camera) @ np.append(point, 1.0)
        turned = view(
            20.0, -10.0, shape=stored.shape, spacing=spacing, image_rotation_deg=90.0 * quarter_turns,
            image_flip_horizontal=flip,
        )  # fmt: skip
        column, row = project(point[None, :3], turned)[0]
        image = turned_over(stored) if flip else stored
        assert image[round(row), round(column)] == 1.0
        assert np.linalg.det(turned.world_to_camera[:3, :3]) == pytest.approx(1.0)


def test_principal_point_of_a_flipped_picture_stands_in_the_stored_one():
    assert view(0.0, 0.0, principal_point_px=(180.0, 140.0)).intrinsics[0, 2] == 180.0
    flipped = view(0.0, 0.0, principal_point_px=(180.0, 140.0), image_flip_horizontal=True)
    np.testing.assert_allclose(flipped.intrinsics[:2, 2], [SHAPE[1] - 1 - 180.0, 140.0])


def test_a_detector_turned_clockwise_sees_the_patient_turned_anticlockwise():
    head = np.array([[0.0, 0, 20.0]]) + ISOCENTRE_RAS
    middle = np.array([SHAPE[1] - 1, SHAPE[0] - 1]) / 2
    up = project(head, view(0.0, 0.0))[0] - middle
    left = project(head, view(0.0, 0.0, detector_rotation_deg=90.0))[0] - middle
    assert abs(up[0]) < 1e-9
    assert up[1] < 0
    np.testing.assert_allclose(left, [-np.hypot(*up) * SPACING[0] / SPACING[1], 0.0], atol=1e-9)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_back_to_the_angles(convention: str):
    generator = np.random.default_rng(3)
    for position in (None, *POSITIONS):
        if position is None and CONVENTIONS[convention].relative_to == "table":
            continue
        for _ in range(3):
            first, second = generator.uniform([-179, -89], [179, 89])
            roll, point = generator.uniform(-179, 179), generator.uniform(100, 200, 2)
            how = {"convention": convention, "patient_position": position}
            camera = view(first, second, detector_rotation_deg=roll, principal_point_px=tuple(point), **how)
            pose = c_arm_of(camera.intrinsics, camera.world_to_camera, SPACING, near_mm=ISOCENTRE_RAS, **how)
            again = view(
                pose.primary_deg, pose.secondary_deg, detector_rotation_deg=pose.detector_rotation_deg,
                principal_point_px=pose.principal_point_px, **how,
            )  # fmt: skip
            np.testing.assert_allclose(again.intrinsics, camera.intrinsics, atol=1e-6)
            np.testing.assert_allclose(again.world_to_camera, camera.world_to_camera, atol=1e-6)
            assert pose.source_to_detector_mm == pytest.approx(DISTANCES[0], abs=1e-6)
            assert pose.source_to_isocentre_mm == pytest.approx(DISTANCES[1], abs=1e-6)
            assert pose.isocentre_mm == pytest.approx(ISOCENTRE_RAS, abs=1e-6)
            if CONVENTIONS[convention].joints == "isocentric":
                assert (pose.primary_deg, pose.secondary_deg) == pytest.approx((first, second), abs=1e-6)
                assert (pose.detector_rotation_deg - roll + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-6)


def test_a_beam_along_the_patient_has_no_primary_angle():
    pose = c_arm_of(*c_arm_camera(35.0, 90.0, *DISTANCES, SPACING, SHAPE), SPACING)
    assert pose.primary_deg == 0.0
    assert pose.secondary_deg == pytest.approx(90.0)
    again = c_arm_camera(0.0, 90.0, *DISTANCES, SPACING, SHAPE, detector_rotation_deg=pose.detector_rotation_deg)
    np.testing.assert_allclose(again[1], c_arm_camera(35.0, 90.0, *DISTANCES, SPACING, SHAPE)[1], atol=1e-6)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"convention": "iec"}, 'got convention "iec"; expected one of dicom, deepdrr'),
        ({"angles_relative_to": "room"}, "expected one of patient, table"),
        ({"angles_relative_to": "table"}, "got no patient position"),
        ({"convention": "mobile"}, "got no patient position"),
        ({"swivel_deg": 10.0}, "got a swivel with angles counted from the patient"),
        ({"angles_relative_to": "table", "patient_position": "supine"}, "expected one of HFS, HFP"),
    ],
)
def test_what_is_refused(how: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        view(10.0, 5.0, **how)


def known(**values: Any) -> KnownGeometry:
    said = {
        "primary_deg": 30.0, "secondary_deg": -10.0, "source_to_detector_mm": 1020.0, "source_to_isocentre_mm": 530.0,
        "pixel_spacing_mm": SPACING, "isocentre_mm": ISOCENTRE_RAS, **values,
    }  # fmt: skip
    quantities = {name: given(name, value) for name, value in said.items() if value is not None}
    return KnownGeometry("a.dcm", "XA", SHAPE, quantities=quantities, missing=missing_of(quantities),
                         patient_position="HFS")  # fmt: skip


@pytest.mark.parametrize(("flip", "rotation"), [(0, 0), (1, 0), (0, 90), (1, 90), (1, 180), (1, 270)])
def test_the_camera_of_what_a_file_says_belongs_to_its_picture_turned(flip: int, rotation: int):
    """A bright pixel of the stored picture is where the camera sees the point of the picture turned back."""
    file = known(image_flip_horizontal=flip, image_rotation_deg=rotation)
    stored = np.zeros(SHAPE, np.float32)
    stored[70, 100] = 1.0
    upright = turn_image(stored, file)
    intrinsics, world_to_camera, spacing, distance = camera_of(file)
    assert distance == 1020.0
    assert spacing == (SPACING[::-1] if rotation % 180 else SPACING)
    middle = [(upright.shape[1] - 1) / 2, (upright.shape[0] - 1) / 2]
    np.testing.assert_allclose(intrinsics[:2, 2], middle)
    np.testing.assert_allclose(world_to_camera, view(30.0, -10.0).world_to_camera, atol=1e-9)
    assert tuple(reversed(np.argwhere(upright)[0])) == pytest.approx(turn_pixels(np.array([[100.0, 70.0]]), file)[0])


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match=r"got nothing for primary_deg, pixel_spacing_mm; expected primary_deg \(prim"):
        camera_of(known(primary_deg=None, pixel_spacing_mm=None))


def test_a_stated_pose_is_the_pose():
    pose = view(77.0, 3.0).world_to_camera
    file = known(world_to_camera=tuple(pose.ravel()), primary_deg=None, secondary_deg=None, source_to_isocentre_mm=None)
    np.testing.assert_allclose(camera_of(file)[1], pose)


def test_angles_of_a_machine_that_counts_from_the_table():
    prone = camera_of(known(), "mobile", patient_position="HFP")[1]
    np.testing.assert_allclose(prone, view(30.0, -10.0, convention="mobile", patient_position="HFP").world_to_camera)
    assert prone[2, 1] < -0.5  # the detector above the table is behind a prone patient
