"""A scan in a body: nothing lost, nothing doubled, no edge."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.simulate.nouns import Volume
from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.surroundings import sampled, set_in, trimmed, without_bones


def scan_and_body(scan: float, body: float) -> tuple[Volume, Volume]:
    """A turned box of 60 x 50 x 80 mm in a body of 200 x 150 x 240 mm."""
    turn = np.deg2rad(7.0)
    affine = np.array(
        [[2 * np.cos(turn), -2 * np.sin(turn), 0, -30], [2 * np.sin(turn), 2 * np.cos(turn), 0, -20], [0, 0, 2, -35.0]]
    )
    soft = Volume(np.full((30, 25, 40), scan, dtype=np.float32), np.vstack([affine, [0, 0, 0, 1]]))
    around = empty_volume(np.array([-100.0, -75.0, -120.0]), np.array([100.0, 75.0, 120.0]), 2.5)
    around.values[...] = body
    return soft, around


def test_tissue_of_one_kind_stays_of_one_kind():
    soft, body = scan_and_body(1.0, 1.0)
    seen = np.ones(soft.values.shape, dtype=bool)
    seen[:, :, :6] = False
    soft.values[~seen] = 0.0
    (merged,) = set_in(soft, seen, (), (body,), 12.0, 40.0, 2.0)
    assert merged.values == pytest.approx(1.0, abs=1e-5)


def test_no_edge_shows_where_scan_and_body_differ():
    soft, body = scan_and_body(0.8, 1.0)
    soft.values[:, :, 20:] = 0.9
    (merged,) = set_in(soft, np.ones(soft.values.shape, dtype=bool), (), (body,), 12.0, 40.0, 2.0)
    affine = np.array([[1, 0, 0, 0], [0, 1, 0, 5], [0, 0, 1, -110.0], [0, 0, 0, 1]])
    along = sampled(merged, Volume(np.zeros((1, 1, 220), dtype=np.float32), affine))[0, 0]
    height = np.arange(220) - 110.0
    # The scan's own step is at 4 mm.
    assert np.abs(np.diff(along))[(height[1:] < -15) | (height[1:] > 25)].max() < 0.01
    assert along[height == -10] == pytest.approx(0.8, abs=0.005)
    assert along[height == 20] == pytest.approx(0.9, abs=0.005)
    assert along[[0, -1]] == pytest.approx(1.0, abs=0.005)


def test_other_volumes_of_the_body_end_where_the_scan_begins():
    soft, body = scan_and_body(1.0, 1.0)
    rib = empty_volume(np.array([-80.0, -5.0, -5.0]), np.array([80.0, 5.0, 5.0]), 1.0, "bone")
    rib.values[...] = 0.5
    *_, faded = set_in(soft, np.ones(soft.values.shape, dtype=bool), (), (body, rib), 12.0, 40.0, 2.0)
    assert faded.material == "bone"
    assert faded.values[80, 5, 5] == pytest.approx(0.0, abs=0.01)
    assert faded.values[3, 5, 5] == pytest.approx(0.5)


def test_bones_near_points_are_taken_out_and_others_stay():
    bone = empty_volume(np.array([0.0, 0.0, 0.0]), np.array([60.0, 40.0, 30.0]), 1.2, "bone")
    bone.values[...] = 0.7
    left = without_bones(bone, np.array([[12.0, 20.0, 15.0], [-3.0, 5.0, 5.0], [500.0, 0.0, 0.0]]), 6.0, 3.0)
    world = np.moveaxis(np.indices(bone.values.shape), 0, -1) * 1.2
    away = np.minimum(
        np.linalg.norm(world - [12.0, 20.0, 15.0], axis=-1), np.linalg.norm(world - [-3.0, 5.0, 5.0], axis=-1)
    )
    assert left.values[away < 4.0].max() == 0.0
    assert left.values[away > 12.0].min() == pytest.approx(0.7)
    assert without_bones(bone, np.array([[500.0, 0.0, 0.0]]), 6.0, 3.0) is bone


def test_trimming_keeps_values_in_their_place():
    volume = empty_volume(np.array([5.0, -7.0, 11.0]), np.array([35.0, 13.0, 41.0]), 2.0, "bone")
    volume.values[3:5, 6, 9] = 0.4
    small = trimmed(volume)
    assert small is not None
    assert small.values.shape == (4, 3, 3)
    where = np.argwhere(small.values > 0) @ small.voxel_to_world[:3, :3].T + small.voxel_to_world[:3, 3]
    assert where == pytest.approx(np.array([[11.0, 5.0, 29.0], [13.0, 5.0, 29.0]]))
    assert trimmed(empty_volume(np.zeros(3), np.ones(3), 1.0)) is None
