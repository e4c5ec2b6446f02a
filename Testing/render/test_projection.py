"""Gaussians through a camera: line integrals, mass, gradients, batches, and what lies behind the source."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.render import Detectors, Gaussians, render
from Testing.render.scenes import detectors, pixel_rays, random_gaussians, view


def line_integrals(gaussians: Gaussians, camera) -> np.ndarray:
    """(height, width) exact integrals of three-dimensional Gaussians along the pixels' rays."""
    source, directions = pixel_rays(camera)
    total = np.zeros(camera.image.shape)
    for mean, covariance, mass in zip(
        gaussians.means.numpy(), gaussians.covariances.numpy(), gaussians.masses.numpy(), strict=True
    ):
        inverse, offset = np.linalg.inv(covariance), source - mean
        a = np.einsum("hwi,ij,hwj->hw", directions, inverse, directions)
        b = directions @ inverse @ offset
        exponent = -0.5 * (offset @ inverse @ offset - b * b / a)
        total += mass / (2 * np.pi * np.sqrt(np.linalg.det(covariance) * a)) * np.exp(exponent)
    return total


@pytest.mark.parametrize("angles", [(0.0, 0.0), (70.0, -20.0)])
def test_a_picture_is_the_gaussians_line_integrals(angles: tuple[float, float]):
    camera = view(*angles, pixel_mm=1.0, shape=(60, 64))
    gaussians = random_gaussians(25, seed=1)
    drawn = render(gaussians, detectors(camera), blur_px=0.0)[0].numpy()
    expected = line_integrals(gaussians, camera)
    # What is left: a perspective that is straightened over each Gaussian, and the footprints' rims.
    assert np.abs(drawn - expected).max() < 0.02 * expected.max()
    np.testing.assert_allclose(drawn.sum(), expected.sum(), rtol=3e-3)


@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), (0.0, 100.0, 0.0), (130.0, -60.0, 90.0), (-140.0, 0.0, -110.0)])
def test_mass_is_kept_on_and_off_the_axis(place: tuple[float, float, float]):
    camera = view(0.0, 0.0, shape=(160, 180))
    mean = torch.tensor([place], dtype=torch.float64)
    covariance = torch.diag(torch.tensor([9.0, 4.0, 16.0], dtype=torch.float64))[None]
    mass = torch.tensor([2.5], dtype=torch.float64)
    picture = render(Gaussians(mean, covariance, mass), detectors(camera))[0]
    # A pixel on a ray at angle theta sees the solid angle cos^3 / (fx fy); the mass at distance r fills mass / r^2.
    ray = np.array(place) - camera.source_mm
    distance, cosine = np.linalg.norm(ray), ray @ camera.axis / np.linalg.norm(ray)
    expected = 2.5 * camera.intrinsics[0, 0] * camera.intrinsics[1, 1] / (distance**2 * cosine**3)
    np.testing.assert_allclose(picture.sum().item(), expected, rtol=4e-3)
    # And it lies where the camera says.
    rows, columns = np.mgrid[:160, :180]
    weights = picture.numpy() / picture.sum().item()
    centre = (weights * columns).sum(), (weights * rows).sum()
    np.testing.assert_allclose(centre, project(np.array([place]), camera)[0], atol=0.02)


def test_gradients_of_the_whole_path_by_finite_differences():
    # Footprints are fixed between jumps (see test_splatting): these places and sizes are not at one.
    cameras = detectors(view(5.0, 3.0, (16, 18), 5.0), view(80.0, -8.0, (16, 18), 5.0))
    gaussians = random_gaussians(4, seed=2, extent_mm=25.0, batch=(2,))
    weights = torch.randn(2, 2, 16, 18, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

    def loss(means, covariances, masses):
        return (weights * render(Gaussians(means, covariances, masses), cameras)).sum((-1, -2))

    inputs = [part.requires_grad_() for part in (gaussians.means, gaussians.covariances, gaussians.masses)]
    assert torch.autograd.gradcheck(loss, inputs)


def test_a_batch_of_starts_equals_one_by_one():
    cameras = detectors(view(0.0), view(90.0, 10.0))
    gaussians = random_gaussians(30, seed=3, batch=(3,))
    together = render(gaussians, cameras)
    assert together.shape == (3, 2, 40, 48)
    for start in range(3):
        one = Gaussians(gaussians.means[start], gaussians.covariances[start], gaussians.masses[start])
        alone = render(one, cameras)
        assert alone.shape == (2, 40, 48)
        torch.testing.assert_close(together[start], alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("beyond_mm", [0.0, 0.5, 200.0])
def test_in_or_behind_the_source_nothing_shows(beyond_mm: float):
    camera = view(20.0, 5.0)
    mean = torch.as_tensor(camera.source_mm - beyond_mm * camera.axis)[None].requires_grad_()
    picture = render(Gaussians(mean, torch.eye(3).double()[None], torch.ones(1).double()), detectors(camera))
    picture.sum().backward()
    assert picture.abs().max() == 0
    assert mean.grad is not None and torch.isfinite(mean.grad).all()


def test_one_bad_start_leaves_the_others():
    cameras = detectors(view(0.0), view(90.0))
    gaussians = random_gaussians(10, seed=4, batch=(2,))
    expected = render(gaussians, cameras)[1]
    means = gaussians.means.clone()
    means[0] = float("nan")
    means.requires_grad_()
    pictures = render(Gaussians(means, gaussians.covariances, gaussians.masses), cameras)
    pictures.sum().backward()
    torch.testing.assert_close(pictures[1], expected)
    assert pictures[0].abs().max() == 0
    assert means.grad is not None and torch.isfinite(means.grad[1]).all()


def test_views_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="expected one size for all views"):
        Detectors.of([view(0.0, shape=(40, 48)), view(90.0, shape=(40, 50))])
