"""A surface filled with bone: as much as asked, where asked, and its edge where the surface is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.atlas.surfaces import iso_surface
from SpineDARTLib.io.mesh import outward
from SpineDARTLib.simulate.nouns import TrueVertebra, Volume
from SpineDARTLib.simulate.patient.bone import (
    MARROW_SHARE,
    BoneQuality,
    BoneSettings,
    _step,
    draw_quality,
    fill_bone,
    fill_vertebra,
    quality_like,
    signed_depth,
)
from SpineDARTLib.simulate.patient.curves import load_curves
from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.spine import SpineSettings, draw_spine, models_of

EVEN = BoneQuality(cortex_mm=0.7, posterior_factor=1.9, spongiosa=0.1, roughness=0.0, vertical=0.0, sclerosis=0.0)
Mesh = tuple[np.ndarray, np.ndarray]


def _egg(half: tuple[float, float, float] = (16.0, 12.0, 9.0)) -> Mesh:
    """An ellipsoid around (31, -20, 7)."""
    grid = np.indices((45, 45, 45)) - 22.0
    depth = 1 - np.sqrt(sum((axis / size) ** 2 for axis, size in zip(grid, half, strict=True)))
    vertices, faces = iso_surface(depth, 0.0)
    vertices = vertices - 22.0 + [31.0, -20.0, 7.0]
    return vertices, outward(vertices, faces)


def _index(volume: Volume, points: np.ndarray) -> np.ndarray:
    """(..., 3) the voxels nearest to points; grids are turned."""
    to_index = np.linalg.inv(volume.voxel_to_world)
    return np.round(points @ to_index[:3, :3].T + to_index[:3, 3]).astype(int)


def _world_z(volume: Volume) -> np.ndarray:
    """(x, y, z) height of every voxel, mm."""
    return np.tensordot(volume.voxel_to_world[2, :3], np.indices(volume.values.shape), axes=1)


@pytest.fixture(scope="module")
def vertebra() -> TrueVertebra:
    models = models_of(("L3",))
    spine = draw_spine(models, load_curves(), SpineSettings(fracture_chance=0.0), np.random.default_rng(2), ("L3",))
    return spine.vertebrae["L3"]


def test_it_holds_what_was_asked():
    volume = fill_bone(*_egg(), EVEN, np.random.default_rng(1), spacing_mm=0.6)
    assert volume.material == "bone" and volume.values.dtype == np.float32
    middle = _index(volume, np.array([31.0, -20.0, 7.0]))
    core = volume.values[tuple(slice(place - 3, place + 4) for place in middle)]
    # Roughness has a part of its own that no person is without.
    assert core.mean() == pytest.approx(0.1 + MARROW_SHARE, abs=0.035)
    assert volume.values.max() > 0.6
    assert volume.values[0].max() == 0.0


def test_a_thicker_cortex_adds_its_thickness_times_the_surface():
    thin = fill_bone(*_egg(), replace(EVEN, spongiosa=0.0), np.random.default_rng(1), spacing_mm=0.6)
    thick = fill_bone(*_egg(), replace(EVEN, spongiosa=0.0, cortex_mm=0.8), np.random.default_rng(1), spacing_mm=0.6)
    added = (thick.values.sum(dtype=float) - thin.values.sum(dtype=float)) * 0.6**3
    vertices, faces = _egg((15.25, 11.25, 8.25))  # what is added lies so deep
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert added == pytest.approx(0.1 * (1 - MARROW_SHARE) * area, rel=0.12)


@pytest.mark.parametrize(("axis", "along", "half"), [(2, 0, 16.0), (0, 1, 12.0), (1, 2, 9.0)])
def test_a_projections_edge_is_the_surfaces_silhouette(axis: int, along: int, half: float):
    vertices, faces = _egg()
    grid = empty_volume(vertices.min(0) - 2.0, vertices.max(0) + 2.0, 0.7, "bone")
    solid = _step(signed_depth(vertices, faces, grid) / 0.7)
    centre = np.array([31.0, -20.0, 7.0])
    middle = np.round((centre - grid.voxel_to_world[:3, 3]) / 0.7).astype(int)
    across = 3 - axis - along
    chords = np.take(solid.sum(axis=axis), middle[across], axis=across if across < axis else across - 1) * 0.7
    places = np.arange(len(chords)) * 0.7 + grid.voxel_to_world[along, 3] - centre[along]
    # The square of an ellipse's chord falls in a straight line with the square of the place, to zero at its edge.
    for side in (places < 0, places > 0):
        seen = side & (np.abs(places) > 0.5 * half) & (np.abs(places) < 0.9 * half)
        slope, start = np.polyfit(places[seen] ** 2, chords[seen] ** 2, 1)
        assert np.sqrt(-start / slope) == pytest.approx(half, abs=0.3)


def test_a_vertebras_arch_and_endplates_are_denser_than_its_core(vertebra: TrueVertebra):
    volume = fill_vertebra(vertebra, replace(EVEN, posterior_factor=2.0, sclerosis=0.5), np.random.default_rng(1))

    def around(point: np.ndarray) -> float:
        place = _index(volume, point)
        return float(volume.values[tuple(slice(max(one - 4, 0), one + 5) for one in place)].mean())

    marks = vertebra.landmarks
    core = around((marks["body_superior"] + marks["body_inferior"]) / 2)
    assert around(marks["body_superior"]) > 2 * core and around(marks["left_pedicle"]) > 1.5 * core


def test_a_crushed_body_is_denser_below_its_endplate(vertebra: TrueVertebra):
    sound = fill_vertebra(vertebra, EVEN, np.random.default_rng(1))
    crushed = fill_vertebra(replace(vertebra, fracture="crush", height_loss=0.4), EVEN, np.random.default_rng(1))
    added = crushed.values - sound.values
    assert added.max() > 0.05 and added.min() > -1e-3
    marks, height = vertebra.landmarks, _world_z(sound) + sound.voxel_to_world[2, 3]
    upper = height > (marks["body_superior"] + marks["body_inferior"])[2] / 2
    assert added[upper].sum() > 1.5 * added[~upper].sum()


def test_bone_thickens_beside_a_worn_disc_only(vertebra: TrueVertebra):
    sound, worn = (
        fill_vertebra(replace(vertebra, wear=wear), EVEN, np.random.default_rng(1), 1.0)
        for wear in ((0.0, 0.0), (0.0, 0.9))
    )
    added = worn.values - sound.values
    marks, height = vertebra.landmarks, _world_z(sound) + sound.voxel_to_world[2, 3]
    upper = height > (marks["body_superior"] + marks["body_inferior"])[2] / 2
    assert added[~upper].sum() > 400 and np.abs(added[upper]).sum() < 0.05 * added[~upper].sum()


def test_a_neighbours_bone_is_like_the_scanned(vertebra: TrueVertebra):
    for share in (0.05, 0.14):
        volume = fill_vertebra(vertebra, replace(EVEN, spongiosa=share), np.random.default_rng(1), 1.0)
        like = quality_like([vertebra, replace(vertebra, volume=volume)], BoneSettings(), np.random.default_rng(3))
        assert like.spongiosa == pytest.approx(0.97 * share, rel=0.12)
    nothing = quality_like([vertebra], BoneSettings(), np.random.default_rng(3))
    assert nothing == draw_quality(BoneSettings(), np.random.default_rng(3))


def test_trabeculae_stand_upright_where_bone_is_lost(vertebra: TrueVertebra):
    lost = replace(EVEN, spongiosa=0.1, roughness=0.6, vertical=1.0, cortex_mm=0.3)
    volume = fill_vertebra(vertebra, lost, np.random.default_rng(1))
    axes, marks = vertebra.vertebra.pose[:3, :3], vertebra.landmarks
    grid = np.stack(np.meshgrid(*3 * [np.arange(-6.0, 6.1, 0.7)], indexing="ij"), -1)
    world = (marks["body_superior"] + marks["body_inferior"]) / 2 + grid @ axes.T
    core = volume.values[tuple(np.moveaxis(_index(volume, world), -1, 0))]
    aside, up = np.diff(core, axis=0).std(), np.diff(core, axis=2).std()
    assert core.std() > 0.03 and aside > 1.4 * up


def test_osteoporosis_thins_everything_together():
    generator = np.random.default_rng(8)
    people = [draw_quality(BoneSettings(), generator, fractured=number % 2 == 0) for number in range(200)]
    spongiosa, cortex, vertical = (
        np.array([getattr(one, name) for one in people]) for name in ("spongiosa", "cortex_mm", "vertical")
    )
    assert np.corrcoef(spongiosa, cortex)[0, 1] > 0.6 and np.corrcoef(spongiosa, vertical)[0, 1] < -0.6
    assert spongiosa[::2].mean() < 0.7 * spongiosa[1::2].mean()


def test_the_same_seed_fills_the_same():
    one, again, other = (fill_bone(*_egg(), BoneQuality(), np.random.default_rng(seed), 1.0) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.values, again.values)
    assert np.abs(one.values - other.values).max() > 0.02


def test_a_surface_smaller_than_a_voxel_is_refused():
    vertices, faces = _egg()
    with pytest.raises(ValueError, match="no voxel"):
        fill_bone(vertices * 0.001 + [0.013, 0.017, 0.011], faces, EVEN, np.random.default_rng(1), 0.7)
