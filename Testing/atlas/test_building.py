"""The steps of a build, on small shapes with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.atlas import load_model
from SpineDARTLib.atlas.build import build
from SpineDARTLib.atlas.learn import Frame, Samples, learn
from SpineDARTLib.atlas.mesh import Template, edges_of, similarity, surface_laplacian, vertex_normals
from SpineDARTLib.atlas.refine import fit_model
from SpineDARTLib.atlas.register import align, folded, make_target, register
from SpineDARTLib.atlas.sections import loop_area, narrowest, section_loops
from SpineDARTLib.atlas.surfaces import Surface, mask_surface
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.mesh import enclosed_volume, open_edges, outward
from Testing.shapes import sphere


def test_a_coarse_mask_keeps_its_volume_and_gets_no_steps():
    spacing, axes = np.array([3.0, 1.0, 1.0]), np.array([14.0, 10.0, 8.0])
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in (13, 26, 22)), indexing="ij"), axis=-1)
    points = indices * spacing - axes - 3.0
    mask = ((points / axes) ** 2).sum(axis=-1) < 1
    vertices, faces = mask_surface(mask, spacing)
    faces = outward(vertices, faces)
    assert open_edges(faces) == 0
    assert enclosed_volume(vertices, faces) == pytest.approx(mask.sum() * 3.0, rel=0.01)
    radius = np.sqrt((((vertices - axes - 3.0) / axes) ** 2).sum(axis=1))
    assert np.abs(radius - 1).mean() * 10 < 0.3  # mm, with voxels of 3 mm


def test_similarity_finds_a_known_motion():
    points = np.random.default_rng(0).normal(size=(50, 3))
    rotation = Rotation.from_euler("xyz", [20, -30, 50], degrees=True).as_matrix()
    scale, found, move = similarity(points, 1.2 * points @ rotation.T + [1, -2, 3])
    assert scale == pytest.approx(1.2)
    assert found == pytest.approx(rotation)
    assert move == pytest.approx([1, -2, 3])
    _, mirrored, _ = similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(mirrored) == pytest.approx(1)  # never a reflection


def test_sections_of_a_sphere():
    vertices, faces = sphere((5.0, -3.0, 2.0), 10.0)
    normal = np.array([0.0, 0.6, 0.8])
    (loop,) = section_loops(vertices, faces, np.array([5.0, -3.0, 2.0]) + 6 * normal, normal)
    area, centre = loop_area(loop)
    assert area == pytest.approx(np.pi * 64, rel=0.01)
    assert centre == pytest.approx(np.array([5.0, -3.0, 2.0]) + 6 * normal, abs=0.05)
    smallest = narrowest(vertices, faces, np.array([5.0, -3.0, 2.0]), normal[None], np.array([0.0, 4.0, 8.0]))
    assert smallest[0] == pytest.approx(np.pi * 36, rel=0.02)
    with pytest.raises(ValueError, match="inside the corridor"):
        narrowest(vertices, faces, np.array([50.0, 0.0, 0.0]), normal[None], np.zeros(1))


def test_laplacian_of_a_constant_is_nothing():
    vertices, faces = sphere((0, 0, 0), 1.0, rings=6)
    assert len(edges_of(faces)) == len(faces) * 3 // 2
    assert np.abs(surface_laplacian(faces, len(vertices)) @ np.ones(len(vertices))).max() < 1e-12
    assert np.einsum("ij,ij->i", vertex_normals(vertices, faces), vertices).min() > 0.9


def test_registration_carries_the_template_onto_another_persons_bone():
    model = load_model("L2")
    template = Template(model.means["L2"], model.faces, model.partner)
    truth = model.instance("L2", np.random.default_rng(5).standard_normal(model.rank))
    turn = Rotation.from_euler("x", 25, degrees=True).as_matrix()
    truth = 1.1 * truth @ turn.T + [40.0, -120.0, 300.0]
    target = make_target(Surface("someone", "L2", truth, model.faces, "", np.zeros((0, 4))), spacing_mm=0.5)
    start = align(template.vertices, template.faces, target)
    assert np.linalg.norm(start - truth, axis=1).mean() < 4.0
    found = register(template, start, target, deform=False)
    assert found.distance_mm.mean() < 0.5
    assert np.linalg.norm(found.vertices - truth, axis=1).mean() < 3.0  # slides a little along smooth bone
    assert folded(found.vertices, template.faces).mean() < 0.02
    fit = fit_model(model, "L2", target)
    assert np.linalg.norm(fit.vertices - truth, axis=1).mean() < 1.5
    assert fit.scale == pytest.approx(1.1, abs=0.03)


def test_nothing_is_invented_where_the_scan_was_cut():
    model = load_model("L3")
    whole = model.means["L3"]
    plane = np.array([[1.0, 0.0, 0.0, 32.0]])  # the right transverse process ends at x = 32
    target = make_target(Surface("someone", "L3", whole, model.faces, "", plane))
    assert target.points[:, 0].max() <= 32.0
    found = register(Template(whole, model.faces, model.partner), whole, target, deform=False)
    assert (found.known == (found.vertices[:, 0] <= 32.0)).all()
    assert np.linalg.norm(found.vertices - whole, axis=1).max() < 2.0


def test_learning_recovers_size_and_mirrors_asymmetry():
    vertices, faces = sphere((0, 0, 0), 20.0, rings=12)
    vertices = vertices * [1.2, 1.0, 0.8]
    partner = np.linalg.norm((vertices * [-1, 1, 1])[:, None] - vertices[None], axis=2).argmin(axis=1)
    normals = vertex_normals(vertices, faces)
    frame = Frame(np.flatnonzero(normals[:, 2] > 0.8), np.flatnonzero(normals[:, 2] < -0.8), faces, partner)
    bump = np.exp(-((vertices - [24, 0, 0]) ** 2).sum(axis=1) / 80)[:, None] * [1.0, 0, 0]  # on the right only
    sizes = np.array([0.9, 1.0, 1.1, 1.0])
    shapes = np.stack([size * (vertices + k * bump) for size, k in zip(sizes, [3.0, -3.0, 3.0, -3.0], strict=True)])
    people = tuple("abcd")
    known = np.ones(shapes.shape[:2], dtype=bool)
    samples = Samples(shapes, known, people, ("L1",) * 4, np.ones(4), np.ones(4))
    learned = learn(samples, ("L1",), ("L1",), frame, vertices, rank=4)
    assert learned.means["L1"] == pytest.approx(vertices, abs=0.5)
    assert learned.log_scale_deviation == pytest.approx(np.std(np.log(sizes)) * np.sqrt(4 / 3), abs=0.02)
    left, right = (vertices[:, 0] < -20), (vertices[:, 0] > 20)
    basis = learned.modes * learned.deviations[:, None, None]
    spread = (basis**2).sum(axis=(0, 2))
    assert spread[left].mean() == pytest.approx(spread[right].mean(), rel=1e-3)
    assert spread[right].mean() > 5 * spread[np.abs(vertices[:, 0]) < 3].mean()
    with pytest.raises(ValueError, match="no shape of L2"):
        learn(samples, ("L2",), ("L1", "L2"), frame, vertices, rank=4)


def test_a_missing_source_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="clouthier-meanmesh"):
        next(build(tmp_path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
