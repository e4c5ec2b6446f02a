"""Cameras stand where they are asked to, and drawn ones where their settings allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import angle_between_deg, c_arm_camera, check_camera, decompose_projection, project
from SpineDARTLib.simulate.imaging.view_settings import ViewSettings
from SpineDARTLib.simulate.imaging.views import KINDS, Arm, Pose, aim, check_hits, draw_views
from Testing.simulate.imaging.cameras import ISOCENTRE_MM, camera, two_balls

TARGET_MM = np.array([12.0, -30.0, 210.0])
POINTS_MM = TARGET_MM + np.array([[0.0, 0, 0], [25.0, 4, 9], [-8.0, 31, -17]])


def draw(kind: str, seed: int = 1, settings: ViewSettings | None = None, count: int | None = None):
    return draw_views(kind, count, TARGET_MM, settings or ViewSettings(), np.random.default_rng(seed))


def test_plain_pose_is_the_c_arm_of_dicom():
    view = aim(Arm(size_px=300), Pose("V", 33.0, -12.0), TARGET_MM)
    intrinsics, world_to_camera = c_arm_camera(
        33.0, -12.0, 1020.0, 530.0, (0.582, 0.582), (300, 300), (12.0, -30.0, 210.0)
    )
    assert view.intrinsics == pytest.approx(intrinsics)
    assert view.world_to_camera == pytest.approx(world_to_camera)


def test_roll_offset_zoom_and_mirror_move_the_picture():
    arm, plain = Arm(), Pose("V", 20.0, 8.0)
    u, v = project(POINTS_MM, aim(arm, plain, TARGET_MM)).T - 255.5
    turned = project(POINTS_MM, aim(arm, replace(plain, roll_deg=90.0), TARGET_MM)).T - 255.5
    assert turned == pytest.approx(np.stack([-v, u]))  # a point to the right comes to lie below
    moved = project(POINTS_MM, aim(arm, replace(plain, offset_px=(7.0, -4.0), zoom=1.5), TARGET_MM)).T - 255.5
    assert moved == pytest.approx(np.stack([1.5 * u + 7.0, 1.5 * v - 4.0]))
    for roll in (0.0, 90.0):
        pose = replace(plain, roll_deg=roll, offset_px=(7.0, -4.0))
        right = project(POINTS_MM, aim(arm, pose, TARGET_MM))
        mirrored = project(POINTS_MM, aim(arm, replace(pose, mirrored=True), TARGET_MM))
        if roll == 0.0:
            assert mirrored == pytest.approx(np.stack([511.0 - right[:, 0], right[:, 1]], axis=1))
        else:  # in the mirrored picture, too, it turns clockwise
            unturned = project(POINTS_MM, aim(arm, replace(pose, roll_deg=0.0, mirrored=True), TARGET_MM))
            middle = np.array([511.0 - 262.5, 251.5])
            u, v = (unturned - middle).T
            assert mirrored - middle == pytest.approx(np.stack([-v, u], axis=1))


@pytest.mark.parametrize("kind", KINDS)
def test_sets_hold_what_they_promise(kind):
    for seed in range(12):
        pairs = draw(kind, seed)
        assert len(pairs) == KINDS[kind]
        assert len({pair.true.name for pair in pairs}) == len(pairs)
        for pair in pairs:
            assert np.array_equal(pair.true.projection, pair.stated.projection)
            assert pair.true.image.shape == (512, 512)
            size = pair.true.pixel_spacing_mm[0] * 512 * pair.conditions["zoom"]
            assert 199.0 < size < 401.0
            if kind == "training":
                continue
            check_camera(pair.true.intrinsics, pair.true.pixel_spacing_mm, pair.true.source_to_detector_mm, (512, 512))
            assert (np.abs(project(TARGET_MM[None], pair.true) - 255.5) < 256).all()
            intrinsics, world_to_camera = decompose_projection(-3.0 * pair.true.projection)
            assert intrinsics == pytest.approx(pair.true.intrinsics, abs=1e-6)
            assert world_to_camera == pytest.approx(pair.true.world_to_camera, abs=1e-6)
        if kind not in ("training", "obliques"):
            angles = [angle_between_deg(a.true, b.true) for i, a in enumerate(pairs) for b in pairs[:i]]
            assert min(angles) > 12.0
        if kind == "ap-lat":
            frontal, lateral = (abs(pair.conditions["primary_deg"]) for pair in pairs)
            assert min(frontal, 180.0 - frontal) <= 6.0
            assert abs(lateral - 90.0) <= 6.0


def test_prone_and_supine_both_come():
    frontal = [abs(draw("ap-lat", seed)[0].conditions["primary_deg"]) > 90 for seed in range(60)]
    assert 0.5 < np.mean(frontal) < 0.9


def test_a_set_shares_its_machine_and_training_does_not():
    distances = {pair.true.source_to_detector_mm for pair in draw("suite")}
    assert len(distances) == 1 and draw("suite")[0].conditions["family"] == "fixed"
    assert len({pair.true.source_to_detector_mm for pair in draw("training", count=6)}) == 6


def test_mirrors_are_for_training_and_can_be_switched_off():
    def mirrored(settings: ViewSettings) -> int:
        pairs = draw("training", 3, settings, 60)
        assert all((pair.true.intrinsics[0, 0] < 0) == bool(pair.conditions["mirrored"]) for pair in pairs)
        return sum(pair.true.intrinsics[0, 0] < 0 for pair in pairs)

    assert 2 <= mirrored(ViewSettings()) <= 20
    assert mirrored(ViewSettings(mirrored_share=0.0)) == 0


def test_same_seed_same_views_and_errors_do_not_move_the_truth():
    first, again, other = draw("random-pair", 5), draw("random-pair", 5), draw("random-pair", 6)
    assert np.array_equal(first[1].true.projection, again[1].true.projection)
    assert not np.allclose(first[1].true.projection, other[1].true.projection)
    erring = ViewSettings(
        rotation_error_deg=0.5, translation_error_mm=1.0, distance_error_mm=4.0, principal_error_px=2.0
    )
    pair = draw("random-pair", 5, erring)[1]
    assert np.array_equal(pair.true.projection, first[1].true.projection)
    off = np.linalg.norm(project(POINTS_MM, pair.true) - project(POINTS_MM, pair.stated), axis=1)
    assert 0.3 < off.max() < 30.0
    turn = pair.stated.world_to_camera[:3, :3]
    assert turn @ turn.T == pytest.approx(np.eye(3))
    assert pair.stated.intrinsics[0, 0] * pair.stated.pixel_spacing_mm[1] == pytest.approx(
        pair.stated.source_to_detector_mm
    )


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match="panorama"):
        draw("panorama")
    with pytest.raises(ValueError, match="3 views"):
        draw("ap-lat", count=3)


def test_a_detector_that_misses_the_patient():
    patient = two_balls()
    check_hits(patient, camera("LAT"))
    with pytest.raises(InputError, match=r'view "AP".*L2.*pixel.*192 x 192'):
        check_hits(patient, camera("AP", isocentre_mm=ISOCENTRE_MM + [0.0, 0.0, 300.0]))
    with pytest.raises(InputError, match="behind the source"):
        check_hits(patient, camera("AP", isocentre_mm=ISOCENTRE_MM + [0.0, -900.0, 0.0]))
