"""Line integrals have the right value at the right place, whatever the grid and the step between rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project, rays
from SpineDARTLib.simulate.imaging import projection
from SpineDARTLib.simulate.imaging.projection import Projector, project_patient
from SpineDARTLib.simulate.nouns import Patient, Rod, Volume
from Testing.plan.tubes import rotation
from Testing.simulate.imaging.cameras import ISOCENTRE_MM, POSES, ball, ball_path, camera, two_balls

PLACE_MM = ISOCENTRE_MM + [21.0, 13.0, 17.0]
"""To the patient's right, in front and up: mirrored or swapped axes put it elsewhere."""


def alone(volume: Volume) -> Patient:
    return Patient("one volume", {}, (volume,))


@pytest.mark.parametrize("name", POSES)
@pytest.mark.parametrize("turned", [False, True])
def test_a_ball_is_where_and_what_it_should_be(name, turned):
    view = camera(name)
    turn = rotation((0.4, -0.7, 0.2)) if turned else np.eye(3)
    picture = project_patient(alone(ball(PLACE_MM, 12.0, 0.7, turn)), view).materials["bone"].numpy()
    exact = ball_path(view, PLACE_MM, 12.0)
    assert picture.sum() == pytest.approx(exact.sum(), rel=0.005)
    v, u = np.indices(picture.shape)
    found = np.array([(u * picture).sum(), (v * picture).sum()]) / picture.sum()
    assert found == pytest.approx(project(PLACE_MM[None], view)[0], abs=0.1)
    inner = exact > 12.0
    assert np.sqrt(((picture - exact)[inner] ** 2).mean()) < 0.005 * exact.max()
    # The edge, by the area whose path is longer than half the radius: a ring 0.3 px wide would be more.
    area, wanted = (picture > 6.0).sum(), (exact > 6.0).sum()
    assert abs(area - wanted) < 0.3 * 2 * np.sqrt(np.pi * wanted)


@pytest.mark.parametrize("spacing", [0.7, 2.5])
def test_a_turned_box_has_its_thickness(spacing):
    turn = rotation((0.2, 0.5, -0.3))
    size = np.array([40.0, 24.0, 32.0])
    number = np.round(size / spacing).astype(int)
    to_world = np.eye(4)
    to_world[:3, :3] = turn * spacing
    to_world[:3, 3] = PLACE_MM - turn @ ((number - 1) / 2 * spacing)
    view = camera("OBL")
    picture = project_patient(alone(Volume(np.ones(number, dtype=np.float32), to_world)), view).materials["soft"]
    u, v = np.round(project(PLACE_MM[None], view)[0])
    source, along = rays(np.array([[u, v]]), view)
    start, step = turn.T @ (source - PLACE_MM), turn.T @ along[0]
    crossings = (np.array([[-0.5], [0.5]]) * number * spacing - start) / step
    exact = crossings.max(0).min() - crossings.min(0).max()
    assert picture[int(v), int(u)] == pytest.approx(exact, rel=0.005)


def test_bricks_add_up_to_the_whole(monkeypatch):
    generator = np.random.default_rng(5)
    lumpy = ball(PLACE_MM, 15.0, 1.0, rotation((0.3, 0.2, 0.9)))
    lumpy = replace(lumpy, values=lumpy.values * generator.uniform(0.5, 1.0, lumpy.values.shape).astype(np.float32))
    view = camera("LAT")
    bricks = project_patient(alone(lumpy), view).materials["bone"].numpy()
    monkeypatch.setattr(projection, "BRICK_VOXELS", 1000)
    whole = project_patient(alone(lumpy), view).materials["bone"].numpy()
    assert np.abs(bricks - whole).max() < 0.02 * whole.max()
    assert np.abs(bricks - whole).std() < 0.004 * whole.max()


def test_coarse_grids_lose_little_contrast(monkeypatch):
    """A lumpy coarse grid, its rays several pixels apart, against a ray through every pixel."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(6).standard_normal((40, 30, 36)), 0.8)
    to_world = np.diag([2.5, 2.5, 2.5, 1.0])
    to_world[:3, 3] = ISOCENTRE_MM - [50.0, 36.0, 45.0]
    lumpy = alone(Volume((1.0 + noise).astype(np.float32), to_world))
    view = camera("OBL", 320, 0.582)
    apart = project_patient(lumpy, view).materials["soft"].numpy()
    assert projection._prepare(lumpy.volumes[0], "cpu").step(view) >= 4
    monkeypatch.setattr(projection, "RAYS_PER_VOXEL", 1000.0)
    every = project_patient(lumpy, view).materials["soft"].numpy()
    inside = every > 0.5 * np.median(every)
    assert (apart - every)[inside].std() < 0.01 * every[inside].std()


def test_rays_cross_both_pictures_edges():
    """A volume larger than the picture: the interpolated rim must be as good as the middle."""
    to_world = np.diag([6.0, 6.0, 6.0, 1.0])
    to_world[:3, 3] = ISOCENTRE_MM - [147.0, 15.0, 147.0]
    slab = Volume(np.ones((50, 6, 50), dtype=np.float32), to_world)
    view = replace(camera("AP"), image=np.zeros((150, 191), dtype=np.float32))
    picture = project_patient(alone(slab), view).materials["soft"].numpy()
    assert picture.shape == (150, 191)
    v, u = np.indices(picture.shape)
    _, along = rays(np.stack([u.ravel(), v.ravel()], axis=1).astype(float), view)
    exact = 36.0 / np.abs(along[:, 1]).reshape(picture.shape)
    assert picture == pytest.approx(exact, rel=0.005)


def test_vertebrae_come_alone_and_together():
    patient, view = two_balls(), camera("AP")
    needle = Rod(np.stack([PLACE_MM, ISOCENTRE_MM]), np.array([2.0, 2.0]), "steel")
    paths = Projector(replace(patient, rods=(needle,))).project(view)
    assert set(paths.materials) == {"soft", "bone", "steel"}
    together = np.zeros(view.image.shape, dtype=np.float32)
    for level, crop in paths.bones.items():
        rows, columns = crop.values.shape
        together[crop.row : crop.row + rows, crop.column : crop.column + columns] += crop.values
        vertebra = patient.vertebrae[level]
        radius = np.linalg.norm(vertebra.vertices[0] - vertebra.vertebra.pose[:3, 3])
        exact = ball_path(view, vertebra.vertebra.pose[:3, 3], radius)
        assert crop.values.sum() == pytest.approx(exact.sum(), rel=0.01)
    assert paths.materials["bone"].numpy() == pytest.approx(together, abs=1e-4)
    assert paths.materials["steel"].max() == pytest.approx(4.0, rel=0.2)


def test_what_is_not_in_the_picture_is_left_out():
    paths = project_patient(two_balls(), camera("AP", isocentre_mm=ISOCENTRE_MM + [400.0, 0.0, 0.0]))
    assert not paths.bones and not paths.materials


def test_cuda_agrees_with_the_cpu():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    for name in POSES:
        ours, theirs = (project_patient(two_balls(), camera(name), device) for device in ("cpu", "cuda"))
        for material, picture in ours.materials.items():
            other = theirs.materials[material].cpu()
            assert other.numpy() == pytest.approx(picture.numpy(), abs=0.02 * float(picture.max()))
