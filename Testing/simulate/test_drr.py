"""Line integrals land where our cameras project, with the right value."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.simulate.case import Arm, Pose, aim
from SpineDARTLib.simulate.drr import line_integrals
from SpineDARTLib.simulate.volume import Volume, add_bone, empty_volume, signed_depth
from Testing.plan.tubes import rotation, tube_vertebra

ISOCENTRE_MM = np.array([5.0, -12.0, 40.0])
ARM = Arm(pixel_spacing_mm=1.7, size_px=160)
POSES = [Pose("AP", 180.0, 0.0), Pose("LAT", 90.0, 7.0), Pose("OBL", 40.0, -18.0), Pose("LAT2", -77.0, 12.0)]


def ball(centre_mm: np.ndarray, radius_mm: float, turn: np.ndarray, spacing: float = 0.5) -> Volume:
    """A metal ball in a small grid whose axes are turned by ``turn``; off the grid's middle."""
    size = np.array([17, 21, 25])
    offset = np.array([8.3, 9.7, 12.9])
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), -1) - offset
    values = np.clip(0.5 + radius_mm / spacing - np.linalg.norm(grid, axis=-1), 0, 1).astype(np.float32)
    voxel_to_world = np.eye(4)
    voxel_to_world[:3, :3] = turn * spacing
    voxel_to_world[:3, 3] = centre_mm - turn @ offset * spacing
    return Volume(values, voxel_to_world)


@pytest.mark.parametrize("pose", POSES, ids=lambda pose: pose.name)
@pytest.mark.parametrize("turned", [False, True])
def test_a_ball_lands_where_project_says(pose, turned):
    view = aim(ARM, pose, ISOCENTRE_MM)
    # To the patient's right, in front and up: mirrored or swapped axes put it elsewhere.
    place = ISOCENTRE_MM + [21.0, 13.0, 34.0]
    turn = rotation((0.4, -0.7, 0.2)) if turned else np.eye(3)
    picture = line_integrals([ball(place, 2.5, turn)], view, view.image.shape)
    v, u = np.indices(picture.shape)
    found = np.array([(u * picture).sum(), (v * picture).sum()]) / picture.sum()
    assert found == pytest.approx(project(place[None], view)[0], abs=0.25)
    assert picture.max() == pytest.approx(5.0, abs=0.5)


def test_two_volumes_add_up():
    view = aim(ARM, POSES[2], ISOCENTRE_MM)
    first, second = (
        ball(ISOCENTRE_MM + [12.0, 0, 9], 2.0, np.eye(3)),
        ball(ISOCENTRE_MM + [-20.0, 4, 0], 3.0, np.eye(3)),
    )
    both = line_integrals([first, second], view, (160, 160))
    apart = line_integrals([first], view, (160, 160)) + line_integrals([second], view, (160, 160))
    assert both == pytest.approx(apart, abs=1e-5)


def test_a_slab_has_its_thickness():
    values = np.ones((60, 8, 60), dtype=np.float32)
    voxel_to_world = np.diag([2.0, 2.0, 2.0, 1.0])
    voxel_to_world[:3, 3] = ISOCENTRE_MM - [59.0, 7.0, 59.0]
    view = aim(ARM, Pose("AP", 180.0, 0.0), ISOCENTRE_MM)
    picture = line_integrals([Volume(values, voxel_to_world)], view, (160, 160))
    assert picture[80, 80] == pytest.approx(16.0, rel=0.03)


def test_depth_below_a_surface():
    vertices, faces = tube_vertebra(1.2)
    turn = rotation((0.3, 0.1, -0.4))
    # Below either endplate, in front of the body and above it.
    places = np.array([[0.0, 0, -6], [2.0, 1, 9], [0.0, 20, 0], [0.0, 0, 17]]) @ turn.T
    low = (vertices @ turn.T).min(0) - 6.0
    shape = tuple(np.ceil(np.ptp(vertices @ turn.T, axis=0) + 12.0).astype(int).tolist())
    depth = signed_depth(vertices @ turn.T, faces, low, shape, 1.0)
    indices = tuple(np.round(places - low).astype(int).T)
    assert depth[indices] == pytest.approx([7.0, 4.0, -4.0, -4.0], abs=0.8)


def test_bone_is_a_shell_around_spongiosa():
    vertices, faces = tube_vertebra(1.2)
    volume = empty_volume(vertices.min(0) - 4.0, vertices.max(0) + 4.0, 0.8)
    add_bone(volume, vertices, faces, 1.0, np.random.default_rng(3))
    origin = volume.voxel_to_world[:3, 3]

    def mean_around(place: list[float]) -> float:
        i, j, k = np.round((np.array(place) - origin) / 0.8).astype(int)
        return float(volume.values[i - 2 : i + 3, j - 2 : j + 3, k].mean())

    cortex, spongiosa, outside = mean_around([3.0, 2, 12.6]), mean_around([3.0, 2, 2]), mean_around([3.0, 2, 15.5])
    assert cortex > 4 * spongiosa > 0
    assert outside == 0
