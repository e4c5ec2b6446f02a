"""A vertebra of splats against ray-marched line integrals of the same thin shell."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineDARTLib.atlas import available_levels, load_model
from SpineDARTLib.config import RenderSettings
from SpineDARTLib.render import render
from SpineDARTLib.render.gaussians import concatenate, cortical, interior_points, trabecular, vertex_normals
from Testing.render.scenes import correlation, detectors, path_lengths, view
from Testing.shapes import sphere

SETTINGS = RenderSettings()
VIEWS = {"AP": (0.0, 0.0), "oblique": (35.0, -15.0), "lateral": (90.0, 0.0)}
SUPERSAMPLING = 3


@pytest.fixture(scope="module")
def vertebra() -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of the atlas' mean L3."""
    if "L3" not in available_levels():
        pytest.skip("no lumbar atlas in Resources/atlas")
    model = load_model("L3")
    return model.means["L3"], np.asarray(model.faces)


@pytest.fixture(scope="module")
def lengths(vertebra) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """View to mm inside the outer surface and mm inside the shell."""
    vertices, faces = vertebra
    inner = inset(vertices, faces)
    outer = {name: marched(vertices, faces, angles) for name, angles in VIEWS.items()}
    return {name: (outer[name], outer[name] - marched(inner, faces, VIEWS[name])) for name in VIEWS}


def inset(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The shell's inner surface: every vertex moved inwards by the thickness."""
    areas = vertex_normals(torch.as_tensor(vertices), torch.as_tensor(faces)).numpy()
    return vertices - SETTINGS.cortical_thickness_mm * areas / np.linalg.norm(areas, axis=1, keepdims=True)


def marched(vertices: np.ndarray, faces: np.ndarray, angles: tuple[float, float]) -> np.ndarray:
    """(height, width) mm inside a closed surface, the mean of 3 x 3 rays a pixel."""
    coarse = view(*angles, shape=(64, 72), pixel_mm=1.5)
    fine = view(*angles, shape=(64 * SUPERSAMPLING, 72 * SUPERSAMPLING), pixel_mm=1.5 / SUPERSAMPLING)
    lengths = path_lengths(vertices, faces, fine)
    assert fine.image.shape[0] == SUPERSAMPLING * coarse.image.shape[0]
    return lengths.reshape(64, SUPERSAMPLING, 72, SUPERSAMPLING).mean((1, 3))


def splatted(vertices: np.ndarray, faces: np.ndarray, angles: tuple[float, float], spongy: bool) -> np.ndarray:
    points, triangles = torch.as_tensor(vertices), torch.as_tensor(faces)
    splats = cortical(points, vertex_normals(points, triangles), SETTINGS)
    if spongy:
        spacing = SETTINGS.interior_spacing_mm
        indices, weights = interior_points(vertices, faces, spacing)
        inside = (points[indices] * torch.as_tensor(weights)[..., None]).sum(1)
        volumes = torch.full((len(inside),), spacing**3, dtype=torch.float64)
        splats = concatenate([splats, trabecular(inside, volumes, SETTINGS)])
    return render(splats, detectors(view(*angles, shape=(64, 72), pixel_mm=1.5)))[0].numpy()


def test_the_marcher_measures_a_sphere():
    camera = view(10.0, 5.0, shape=(50, 50), pixel_mm=1.0)
    vertices, faces = sphere((2.0, -3.0, 4.0), 15.0, rings=40)
    lengths = path_lengths(vertices, faces, camera)
    volume = (lengths / camera.intrinsics[0, 0] / camera.intrinsics[1, 1]).sum() * 600.0**2
    np.testing.assert_allclose(lengths.max(), 30.0, rtol=5e-3)
    np.testing.assert_allclose(volume, 4 / 3 * np.pi * 15.0**3, rtol=0.02)


@pytest.mark.parametrize("name", VIEWS)
def test_a_shell_of_splats_is_the_shells_line_integrals(vertebra, lengths, name: str, record_property):
    expected = SETTINGS.cortical_attenuation_per_mm * lengths[name][1]
    drawn = splatted(*vertebra, VIEWS[name], spongy=False)
    ncc = correlation(drawn, expected)
    record_property("ncc", ncc)
    assert ncc > 0.95, f"NCC {ncc:.4f}"
    # The mass: area x thickness against the shell's volume, which is smaller where the bone is convex.
    assert 1.0 < drawn.sum() / expected.sum() < 1.12


@pytest.mark.parametrize("name", VIEWS)
def test_the_whole_vertebra_is_its_line_integrals(vertebra, lengths, name: str, record_property):
    outer, shell = lengths[name]
    expected = SETTINGS.cortical_attenuation_per_mm * shell + SETTINGS.trabecular_attenuation_per_mm * outer
    drawn = splatted(*vertebra, VIEWS[name], spongy=True)
    ncc = correlation(drawn, expected)
    record_property("ncc", ncc)
    assert ncc > 0.97, f"NCC {ncc:.4f}"
    np.testing.assert_allclose(drawn.sum(), expected.sum(), rtol=0.10)


def test_views_and_sides_are_not_confused(vertebra, lengths):
    """The mirror image and the other view correlate worse, so the figures above mean something."""
    pictures = {name: splatted(*vertebra, angles, spongy=True) for name, angles in VIEWS.items()}
    expected = lengths["oblique"][0]
    right = correlation(pictures["oblique"], expected)
    others = [pictures["AP"], pictures["lateral"], pictures["oblique"][:, ::-1], pictures["oblique"][::-1]]
    assert max(correlation(other, expected) for other in others) < right - 0.02
