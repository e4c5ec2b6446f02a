"""Surfaces as Gaussians: areas, shells, and points inside that ride on the vertices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineDARTLib.config import RenderSettings
from SpineDARTLib.render.gaussians import concatenate, cortical, interior_points, trabecular, vertex_normals
from Testing.shapes import box, sphere

CENTRE = (3.0, -8.0, 5.0)


def test_area_vectors_of_a_sphere():
    vertices, faces = sphere(CENTRE, 20.0, rings=24)
    areas = vertex_normals(torch.as_tensor(vertices), torch.as_tensor(faces)).numpy()
    sizes = np.linalg.norm(areas, axis=1)
    outward = (vertices - CENTRE) / 20.0
    np.testing.assert_allclose(sizes.sum(), 4 * np.pi * 20.0**2, rtol=0.01)
    assert (np.einsum("ni,ni->n", areas / sizes[:, None], outward) > 0.999).all()


def test_area_vectors_over_batches_and_their_gradient():
    vertices, faces = sphere((0.0, 0.0, 0.0), 4.0, rings=4)
    faces = torch.as_tensor(faces)
    batch = torch.as_tensor(vertices) * torch.linspace(0.5, 1.5, 6, dtype=torch.float64).view(2, 3, 1, 1)
    together = vertex_normals(batch, faces)
    for row in range(2):
        for column in range(3):
            torch.testing.assert_close(together[row, column], vertex_normals(batch[row, column], faces))
    single = torch.as_tensor(vertices).requires_grad_()
    assert torch.autograd.gradcheck(lambda points: vertex_normals(points, faces), (single,))


def test_a_shell_has_its_mass_its_thickness_and_its_place():
    settings = RenderSettings(cortical_thickness_mm=2.0, cortical_attenuation_per_mm=0.05)
    vertices, faces = sphere((0.0, 0.0, 0.0), 30.0, rings=24)
    vertices = torch.as_tensor(vertices)
    shell = cortical(vertices, vertex_normals(vertices, torch.as_tensor(faces)), settings)
    volume = 4 / 3 * np.pi * (30.0**3 - 28.0**3)
    # Area x thickness is the shell's volume but for its curvature: 2 / 30 here.
    np.testing.assert_allclose(shell.masses.sum().item(), 0.05 * volume, rtol=0.08)
    np.testing.assert_allclose(shell.means.norm(dim=-1), 29.0, rtol=1e-3)
    normals = torch.nn.functional.normalize(vertices, dim=-1)
    across = torch.einsum("ni,nij,nj->n", normals, shell.covariances, normals)
    # A uniform slab of 2 mm; the mesh's normals are a little off the sphere's at its poles.
    np.testing.assert_allclose(across, 2.0**2 / 12, rtol=0.02)
    assert (torch.linalg.eigvalsh(shell.covariances) > 0).all()


def test_gradients_of_both_kinds_of_splats():
    settings = RenderSettings()
    vertices, faces = sphere((1.0, 2.0, 3.0), 6.0, rings=3)
    faces = torch.as_tensor(faces)

    def parts(points: torch.Tensor, volumes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        splats = concatenate(
            [
                cortical(points, vertex_normals(points, faces), settings),
                trabecular(points[: len(volumes)], volumes, settings),
            ]
        )
        return splats.means, splats.covariances, splats.masses

    points = torch.as_tensor(vertices).requires_grad_()
    volumes = torch.tensor([3.0, 8.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(parts, (points, volumes))


def test_trabecular_splats_hold_their_volume():
    settings = RenderSettings(trabecular_attenuation_per_mm=0.02, interior_overlap=1.0)
    splats = trabecular(torch.zeros(2, 3), torch.tensor([8.0, 27.0]), settings)
    torch.testing.assert_close(splats.masses, torch.tensor([0.16, 0.54]))
    torch.testing.assert_close(splats.covariances[1], 9.0 / 12.0 * torch.eye(3))


@pytest.mark.parametrize("spacing_mm", [3.0, 5.0])
def test_points_are_inside_and_fill_the_volume(spacing_mm: float):
    vertices, faces = sphere(CENTRE, 20.0, rings=24)
    indices, weights = interior_points(vertices, faces, spacing_mm)
    points = np.einsum("mk,mki->mi", weights, vertices[indices])
    assert np.linalg.norm(points - CENTRE, axis=1).max() < 20.0
    np.testing.assert_allclose(len(points) * spacing_mm**3, 4 / 3 * np.pi * 20.0**3, rtol=0.05)


def test_points_keep_out_of_holes_and_notches():
    outer, outer_faces = box((0.0, 0.0, 0.0), (40.0, 30.0, 20.0))
    hole, hole_faces = box((10.0, 8.0, 5.0), (12.0, 9.0, 8.0))
    vertices = np.vstack([outer, hole])
    faces = np.vstack([outer_faces, hole_faces[:, ::-1] + len(outer)])
    indices, weights = interior_points(vertices, faces, 2.0, neighbours=8)
    points = np.einsum("mk,mki->mi", weights, vertices[indices])
    in_hole = ((points > [10.0, 8.0, 5.0]) & (points < [22.0, 17.0, 13.0])).all(1)
    assert len(points) > 2000 and not in_hole.any()


def test_points_follow_every_affine_map():
    vertices, faces = sphere(CENTRE, 20.0, rings=16)
    indices, weights = interior_points(vertices, faces, 5.0)
    np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-9)
    generator = np.random.default_rng(3)
    matrix, shift = generator.normal(size=(3, 3)), generator.normal(size=3) * 100
    points = np.einsum("mk,mki->mi", weights, vertices[indices])
    moved = np.einsum("mk,mki->mi", weights, (vertices @ matrix.T + shift)[indices])
    np.testing.assert_allclose(moved, points @ matrix.T + shift, atol=1e-6)
