"""The metrics on shapes whose figures are known by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest

from SpineDARTLib.evaluate.metrics import compare_masks, compare_surfaces, pose_error, voxelise
from SpineDARTLib.io.mesh import enclosed_volume
from SpineDARTLib.io.truth import mask_to_mesh
from SpineDARTLib.io.volume import read_itk
from Testing.shapes import box, sphere

CENTRE = np.array([12.3, -45.6, 78.9])


def lens(radius: float, distance: float) -> float:
    """Dice of two equal spheres: the volume of their lens over the volume of one."""
    return (4 * radius + distance) * (2 * radius - distance) ** 2 / (16 * radius**3)


@pytest.mark.parametrize("shape", [sphere(CENTRE, 15.0), box(CENTRE, (20.0, 13.0, 31.0))])
def test_voxels_fill_the_volume(shape):
    assert enclosed_volume(*shape) > 0
    low = np.floor(shape[0].min(axis=0)) - 2
    count = tuple(int(value) for value in np.ceil(shape[0].max(axis=0)) - low + 3)
    assert voxelise(*shape, low, count, 1.0).sum() == pytest.approx(enclosed_volume(*shape), rel=0.02)


def test_voxels_lie_where_the_surface_is():
    """A box of different edges, off the origin: axes are neither swapped nor mirrored."""
    mask = voxelise(*box((2.5, 4.5, 7.5), (3.0, 5.0, 9.0)), np.array([0.0, 1.0, 2.0]), (12, 14, 20), 1.0)
    expected = np.zeros((12, 14, 20), dtype=bool)
    expected[3:6, 4:9, 6:15] = True
    np.testing.assert_array_equal(mask, expected)


def test_the_same_surface():
    agreement = compare_surfaces(sphere(CENTRE, 12.0), sphere(CENTRE, 12.0))
    assert (agreement.dice, agreement.nsd_1mm, agreement.nsd_2mm) == (1, 1, 1)
    assert (agreement.hd95_mm, agreement.assd_mm) == (0, 0)


@pytest.mark.parametrize("radius", [18.0, 25.0])
@pytest.mark.parametrize("distance", [2.0, 5.0, 11.0])
def test_spheres_side_by_side(radius: float, distance: float):
    shift = distance * np.array([0.6, 0.0, 0.8])
    agreement = compare_surfaces(sphere(CENTRE, radius), sphere(CENTRE + shift, radius))
    assert agreement.dice == pytest.approx(lens(radius, distance), abs=0.01)
    # A point of one sphere lies | |p - c| - r | from the other; p = r u, u uniform, its cosine t uniform too.
    cosines = np.linspace(-1, 1, 200001)
    known = np.abs(np.sqrt(radius**2 + distance**2 - 2 * radius * distance * cosines) - radius)
    assert agreement.assd_mm == pytest.approx(known.mean(), abs=0.2)
    assert agreement.hd95_mm == pytest.approx(np.percentile(known, 95), abs=0.6)
    assert agreement.nsd_1mm == pytest.approx((known <= 1).mean(), abs=0.15)
    assert agreement.nsd_2mm == pytest.approx((known <= 2).mean(), abs=0.15)


@pytest.mark.parametrize(("inner", "outer"), [(14.0, 16.5), (10.0, 18.0)])
def test_spheres_inside_each_other(inner: float, outer: float):
    agreement = compare_surfaces(sphere(CENTRE, inner), sphere(CENTRE, outer))
    assert agreement.dice == pytest.approx(2 * inner**3 / (inner**3 + outer**3), abs=0.01)
    assert agreement.assd_mm == pytest.approx(outer - inner, abs=0.3)
    assert agreement.hd95_mm == pytest.approx(outer - inner, abs=0.8)
    # Voxel centres blur a distance by up to half a voxel: at a gap of 2.5 mm some seem to be within 2.
    assert agreement.nsd_1mm == 0
    assert agreement.nsd_2mm < (0.2 if outer - inner < 3 else 1e-9)


def test_cubes_in_whole_voxels():
    """Edge 20, shifted by 4 along x: every surface voxel's distance can be counted."""
    first, second = box((0.5, 0.5, 0.5), (20.0, 20.0, 20.0)), box((4.5, 0.5, 0.5), (20.0, 20.0, 20.0))
    agreement = compare_surfaces(first, second)
    # The other cube's end face is 4 away; the four slabs beside it are 3, 2 and 1 away; the far face lies inside the
    # other cube, a voxel as far from its surface as from the nearest of five faces, at most 4.
    rows = np.minimum.outer(np.arange(18), np.full(18, 99))
    depth = np.minimum(np.minimum(rows, 17 - rows), np.minimum(rows.T, 17 - rows.T)) + 1
    distances = np.concatenate([np.full(400, 4), np.repeat([3, 2, 1], 76), np.minimum(depth, 4).ravel()])
    shell = 20**3 - 18**3
    assert agreement.dice == pytest.approx(16 / 20)
    assert agreement.hd95_mm == pytest.approx(4.0)
    assert agreement.assd_mm == pytest.approx(distances.sum() / shell)
    assert agreement.nsd_1mm == pytest.approx(1 - (distances > 1).sum() / shell)
    assert agreement.nsd_2mm == pytest.approx(1 - (distances > 2).sum() / shell)


def test_order_and_place_do_not_matter():
    first, second = sphere(CENTRE, 12.0), box(CENTRE - 8, (15.0, 20.0, 18.0))
    forth, back = compare_surfaces(first, second), compare_surfaces(second, first)
    assert forth == back
    moved = compare_surfaces((first[0] + [100.0, -7.0, 3.0], first[1]), (second[0] + [100.0, -7.0, 3.0], second[1]))
    assert moved == forth


def test_no_alignment():
    """A mirrored answer is a wrong answer."""
    vertices, faces = box((3.0, -10.0, 5.0), (22.0, 30.0, 15.0))
    assert compare_surfaces((vertices, faces), (vertices * (-1, 1, 1), faces[:, ::-1])).dice < 0.01


def test_nothing_enclosed():
    with pytest.raises(ValueError, match="got a second surface that encloses no voxel"):
        compare_surfaces(sphere(CENTRE, 5.0), box((0.1, 0.1, 0.1), (0.2, 0.2, 0.2)))
    with pytest.raises(ValueError, match="without vertices"):
        compare_surfaces((np.zeros((0, 3)), np.zeros((0, 3), dtype=int)), sphere(CENTRE, 5.0))


def test_a_pair_takes_less_than_a_second():
    first, second = sphere(CENTRE, 35.0, rings=60), sphere(CENTRE + 3, 33.0, rings=60)
    compare_surfaces(first, second)
    start = time.process_time()
    compare_surfaces(first, second)
    assert time.process_time() - start < 1.0


def test_masks_of_somebody_elses_reconstruction(shared_folder):
    folder = shared_folder / "data" / "verse-xr3dmorph"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    masks = [read_itk(next(folder.glob(f"*_{name}.nii.gz"))) for name in ("gt", "pred")]
    arrays = [np.pad(array > 0, 2) for array, _ in masks]
    on_voxels = compare_masks(arrays[0], arrays[1], 1.0)
    on_surfaces = compare_surfaces(*(mask_to_mesh(array > 0, affine) for array, affine in masks))
    assert 0.5 < on_voxels.dice < 0.99
    assert on_surfaces.dice == pytest.approx(on_voxels.dice, abs=0.02)
    assert on_surfaces.assd_mm == pytest.approx(on_voxels.assd_mm, abs=0.15)


@pytest.mark.parametrize("angle_deg", [1e-4, 7.0, 90.0, 179.0])
def test_pose_error(angle_deg: float):
    angle, true = np.deg2rad(angle_deg), np.eye(4)
    true[:3, :3] = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    true[:3, 3] = [10, 20, 30]
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    estimated = true.copy()
    estimated[:3, :3] = true[:3, :3] @ turn
    estimated[:3, 3] += [2, -3, 6]
    error = pose_error(estimated, true)
    assert error.rotation_deg == pytest.approx(angle_deg, rel=1e-6)
    assert error.translation_mm == pytest.approx(7.0)
