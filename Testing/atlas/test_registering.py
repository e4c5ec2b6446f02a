"""Registration: pose and size, point drift, the surface itself, and a model fitted to a surface."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.atlas import load_model
from SpineDARTLib.atlas.mesh import Template, edges_of, similarity, surface_laplacian, vertex_normals
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.atlas.refine import fit_model
from SpineDARTLib.atlas.register import Drift, align, folded, make_target, register, surface_distance
from SpineDARTLib.atlas.surfaces import Surface
from Testing.shapes import sphere


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    return load_model("L2")


@pytest.fixture(scope="module")
def template(model: ShapeModel) -> Template:
    return Template(model.means["L2"], model.faces, model.partner)


@pytest.fixture(scope="module")
def truth(model: ShapeModel) -> np.ndarray:
    """Somebody's L2, asymmetric, larger than the mean, tilted and far from the origin."""
    shape = model.instance("L2", np.random.default_rng(5).standard_normal(model.rank))
    turn = Rotation.from_euler("x", 25, degrees=True).as_matrix()
    return 1.1 * shape @ turn.T + [40.0, -120.0, 300.0]


def target_of(vertices: np.ndarray, faces: np.ndarray, spacing_mm: float = 0.5):
    return make_target(Surface("someone", "L2", vertices, faces, ""), spacing_mm)


def test_similarity_finds_a_known_motion():
    points = np.random.default_rng(0).normal(size=(50, 3))
    rotation = Rotation.from_euler("xyz", [20, -30, 50], degrees=True).as_matrix()
    scale, found, move = similarity(points, 1.2 * points @ rotation.T + [1, -2, 3])
    assert scale == pytest.approx(1.2)
    assert found == pytest.approx(rotation)
    assert move == pytest.approx([1, -2, 3])
    _, mirrored, _ = similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(mirrored) == pytest.approx(1)  # never a reflection


def test_laplacian_of_a_constant_is_nothing():
    vertices, faces = sphere((0, 0, 0), 1.0, rings=6)
    assert len(edges_of(faces)) == len(faces) * 3 // 2
    assert np.abs(surface_laplacian(faces, len(vertices)) @ np.ones(len(vertices))).max() < 1e-12
    assert np.einsum("ij,ij->i", vertex_normals(vertices, faces), vertices).min() > 0.9


def test_the_template_lands_on_another_persons_bone(model: ShapeModel, template: Template, truth: np.ndarray):
    target = target_of(truth, model.faces)
    start = align(template.vertices, template.faces, target)
    assert np.linalg.norm(start - truth, axis=1).mean() < 4.0
    found = register(template, start, target)
    assert found.distance_mm.mean() < 0.1
    assert np.linalg.norm(found.vertices - truth, axis=1).mean() < 3.0  # slides a little along smooth bone
    assert not folded(found.vertices, template.faces).any()
    assert found.known.all()


def test_drift_follows_a_bend_of_space_and_is_the_same_every_time(template: Template):
    start, y = template.vertices, template.vertices[:, 1:2]
    truth = start + np.hstack([0.1 * y, 0 * y, 0.004 * y**2])  # a longer way than closest points go
    target = target_of(truth, template.faces)
    few = Drift(vertices=200, points=500, iterations=40, seed=3)
    found, again = (register(template, start, target, few) for _ in range(2))
    without = register(template, start, target)
    error, before = (np.linalg.norm(one.vertices - truth, axis=1).mean() for one in (found, without))
    assert error < 0.6 * before, (error, before)
    assert (found.vertices == again.vertices).all()


def test_nothing_is_invented_where_the_scan_was_cut():
    model = load_model("L3")
    whole = model.means["L3"]
    plane = np.array([[1.0, 0.0, 0.0, 32.0]])  # the right transverse process ends at x = 32
    target = make_target(Surface("someone", "L3", whole, model.faces, "", plane))
    assert target.points[:, 0].max() <= 32.0
    found = register(Template(whole, model.faces, model.partner), whole, target)
    assert (found.known == (found.vertices[:, 0] <= 32.0)).all()
    assert np.linalg.norm(found.vertices - whole, axis=1).max() < 2.0


def test_folded_triangles_are_found_and_opened():
    vertices, faces = sphere((0.0, 0.0, 0.0), 20.0, rings=20)
    template = Template(vertices, faces, np.arange(len(vertices)))
    assert not folded(vertices, faces).any()
    dented = vertices.copy()
    inside = dented[:, 0] > 18.5
    dented[inside] = dented[inside] * [0.4, -1.0, 1.0]  # turned over, behind the rest
    assert folded(dented, faces)[inside].any()
    target = target_of(vertices, faces)
    assert not folded(register(template, dented, target).vertices, faces).any()


def test_a_model_is_fitted_to_a_surface(model: ShapeModel, truth: np.ndarray):
    fit = fit_model(model, "L2", target_of(truth, model.faces))
    assert np.linalg.norm(fit.vertices - truth, axis=1).mean() < 1.5
    assert fit.scale == pytest.approx(1.1, abs=0.03)


def test_distance_between_surfaces_goes_both_ways():
    small, faces = sphere((0.0, 0.0, 0.0), 20.0, rings=30)
    target = target_of(small * 1.1, faces)
    assert surface_distance(small, faces, target) == pytest.approx(2.0, abs=0.1)
    lump = small + 8.0 * np.exp(-((small - [20.0, 0.0, 0.0]) ** 2).sum(axis=1) / 20.0)[:, None] * [1.0, 0.0, 0.0]
    lumpy = target_of(lump, faces)
    assert surface_distance(small, faces, lumpy) == pytest.approx(
        surface_distance(lump, faces, target_of(small, faces)), rel=0.3
    )
    assert surface_distance(lump, faces, lumpy) < 0.02 < surface_distance(small, faces, lumpy)


def test_an_unseen_part_is_completed(model: ShapeModel, truth: np.ndarray):
    some = np.flatnonzero(truth[:, 0] < 55.0)  # a piece of the right is missing
    assert 0.5 < len(some) / len(truth) < 0.95
    cut = make_target(Surface("someone", "L2", truth, model.faces, "", np.array([[1.0, 0.0, 0.0, 55.0]])))
    fit = fit_model(model, "L2", cut, truth[some], some)
    assert np.linalg.norm(fit.vertices - truth, axis=1)[some].mean() < 1.5
    assert np.linalg.norm(fit.vertices - truth, axis=1).max() < 8.0
