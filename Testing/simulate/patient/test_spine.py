"""Spines drawn from the atlas: in order, on their curve, apart from each other, broken where asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import KDTree

from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.io.mesh import enclosed_volume, open_edges
from SpineDARTLib.simulate.patient.curves import load_curves
from SpineDARTLib.simulate.patient.grids import inside_mask
from SpineDARTLib.simulate.patient.spine import Spine, SpineSettings, draw_spine, models_of

LEVELS = ("L1", "L2", "L3", "L4", "L5")
SOUND = SpineSettings(fracture_chance=0.0)


@pytest.fixture(scope="module")
def models() -> Mapping[str, ShapeModel]:
    return models_of(LEVELS)


@pytest.fixture(scope="module")
def spine(models: Mapping[str, ShapeModel]) -> Spine:
    return draw_spine(models, load_curves(), SOUND, np.random.default_rng(11), LEVELS, (20.0, -31.0, 212.0))


def _lean(spine: Spine, level: str) -> float:
    up = spine.vertebrae[level].vertebra.pose[:3, 2]
    return float(np.rad2deg(np.arctan2(-up[1], up[2])))


def test_vertebrae_stand_head_to_foot_around_the_place_asked_for(spine: Spine):
    assert tuple(spine.vertebrae) == LEVELS
    centres = np.array([one.vertebra.pose[:3, 3] for one in spine.vertebrae.values()])
    np.testing.assert_allclose(centres.mean(0), [20.0, -31.0, 212.0])
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    assert (np.diff(centres[:, 2]) < -20).all() and (steps > 25).all() and (steps < 48).all()


def test_landmarks_lie_on_their_own_side(spine: Spine):
    for one in spine.vertebrae.values():
        marks, pose = one.landmarks, one.vertebra.pose
        local = {name: (point - pose[:3, 3]) @ pose[:3, :3] for name, point in marks.items()}
        assert local["right_pedicle"][0] > 5 > -5 > local["left_pedicle"][0]
        assert local["body_anterior"][1] > 5 and local["spinous_process"][1] < -30
        assert (
            one.cannulas["left"][0] @ pose[:3, 0] < pose[:3, 3] @ pose[:3, 0] < one.cannulas["right"][0] @ pose[:3, 0]
        )


def test_sound_spines_follow_the_drawn_curve(models: Mapping[str, ShapeModel], spine: Spine):
    wanted = np.rad2deg(spine.curve.lean_rad[-5:])
    got = np.array([_lean(spine, level) for level in LEVELS])
    np.testing.assert_allclose(got, wanted, atol=2.5)  # discs that would close up bend less than asked


def test_the_same_seed_draws_the_same(models: Mapping[str, ShapeModel], spine: Spine):
    again = draw_spine(models, load_curves(), SOUND, np.random.default_rng(11), LEVELS, (20.0, -31.0, 212.0))
    other = draw_spine(models, load_curves(), SOUND, np.random.default_rng(12), LEVELS, (20.0, -31.0, 212.0))
    np.testing.assert_array_equal(again.vertebrae["L4"].vertices, spine.vertebrae["L4"].vertices)
    assert np.abs(other.vertebrae["L4"].vertices - spine.vertebrae["L4"].vertices).max() > 1.0


def test_neighbours_never_run_through_each_other(models: Mapping[str, ShapeModel], spine: Spine):
    bones = [(one.vertices, one.faces) for one in spine.vertebrae.values()] + [spine.stubs[-1]]
    for (upper, upper_faces), (lower, lower_faces) in pairwise(bones):
        low, high = np.maximum(upper.min(0), lower.min(0)), np.minimum(upper.max(0), lower.max(0))
        shape = tuple(int(size) for size in np.ceil((high - low) / 0.5) + 1)
        both = inside_mask(upper, upper_faces, low, shape, 0.5) & inside_mask(lower, lower_faces, low, shape, 0.5)
        assert both.sum() * 0.125 < 60.0  # mm3; facets alone would share 300 on average
    for above, below in pairwise(LEVELS):
        plate = spine.vertebrae[above].vertices[models[above].regions["inferior_endplate"]]
        other = spine.vertebrae[below].vertices[models[below].regions["superior_endplate"]]
        assert KDTree(plate).query(other)[0].min() > 0.5


def test_bones_stay_closed(spine: Spine):
    for vertices, faces in [(one.vertices, one.faces) for one in spine.vertebrae.values()] + list(spine.stubs):
        assert open_edges(faces) == 0
        assert enclosed_volume(vertices, faces) > 5_000


def test_a_wedge_bends_the_spine_forwards(models: Mapping[str, ShapeModel]):
    settings = SpineSettings(
        fracture_chance=1.0, fractures=40.0, fracture_kinds=(1.0, 0.0, 0.0), fracture_grades=(0.0, 0.0, 1.0)
    )
    sound = draw_spine(models, load_curves(), replace(settings, fracture_chance=0.0), np.random.default_rng(5), LEVELS)
    broken = draw_spine(models, load_curves(), settings, np.random.default_rng(5), LEVELS)
    fractured = [one for one in broken.vertebrae.values() if one.fracture]
    assert fractured and all(one.fracture == "wedge" and 0.4 <= one.height_loss <= 0.6 for one in fractured)
    assert not any(one.fracture for one in sound.vertebrae.values())
    bent = (_lean(sound, "L1") - _lean(sound, "L5")) - (_lean(broken, "L1") - _lean(broken, "L5"))
    assert bent > 5.0 * len(fractured)


def test_levels_must_adjoin(models: Mapping[str, ShapeModel]):
    with pytest.raises(ValueError, match="L1, L3"):
        draw_spine(models, load_curves(), SOUND, np.random.default_rng(0), ("L1", "L3"))


def test_discs_lie_between_and_the_lowest_on_the_sacrum(spine: Spine):
    assert [(disc.upper, disc.lower) for disc in spine.discs][-2:] == [("L4", "L5"), ("L5", "S1")]
    for disc in spine.discs[:-1]:
        upper, lower = (spine.vertebrae[level].vertebra.pose[:3, 3] for level in (disc.upper, disc.lower))
        assert lower[2] < disc.centre_mm[2] < upper[2]
        assert 1.5 < disc.height_mm < 18 and disc.half_width_mm > disc.half_depth_mm > 10
