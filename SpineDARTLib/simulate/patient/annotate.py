"""Landmarks, cannulas, pose, size and coefficients of a real vertebra: the atlas carried onto its surface.

Where the person is in the atlas their correspondence is stored and only has to be laid on; a stranger's surface is
first fitted by the model (``atlas.refine``), whose instance then settles onto the surface itself (``atlas.register``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial import KDTree

from ...atlas.files import read_region
from ...atlas.mesh import Template, similarity, vertex_normals
from ...atlas.model import ShapeModel
from ...atlas.refine import ModelFit, fit_model
from ...atlas.register import NORMAL_MM, Matcher, Target, align, make_target, register
from ...atlas.surfaces import Surface
from ...resources import resource_folder
from ...types import Vertebra
from ..nouns import TrueVertebra

ROUNDS = 20
"""Of closest points, to lay a stored shape onto the surface that it was made from."""
SAME_SHAPE_MM = 1.2
"""A stored shape farther off than this (root mean square) is not of this surface: another scan, or another person of
the same name. Where it is, 0.1 to 0.9 mm are left."""


@dataclass(frozen=True)
class Annotated:
    """A true vertebra, and how well the atlas lies on it.

    Attributes:
        vertebra: its truth; the surface is the given one, not the atlas's.
        carried: (n, 3) RAS mm, the atlas's vertices on the surface.
        residual_mm: root mean square distance of ``carried`` to the surface.
        model_mm: the same of the model's instance (pose, scale and coefficients only).
        stored: whether the person's correspondence stands in the atlas.
    """

    vertebra: TrueVertebra
    carried: np.ndarray
    residual_mm: float
    model_mm: float
    stored: bool


def annotate_surface(surface: Surface, model: ShapeModel, look_up: bool = True) -> Annotated:
    """Everything that the atlas can say of a real vertebra.

    Args:
        surface: level and closed surface, RAS mm; where the scan was cut the atlas goes on by itself.
        model: of the surface's level.
        look_up: whether to use the correspondence stored of this person, where there is one.

    Raises:
        ValueError: the model does not know the level.
    """
    if surface.level not in model.levels:
        raise ValueError(f"{surface.level}: the model knows {', '.join(model.levels)}")
    target = make_target(surface)
    shape = stored_shapes().get((surface.subject.removeprefix("sub-"), surface.level)) if look_up else None
    carried = None if shape is None else _lay_on(shape, model.faces, target)
    stored = carried is not None and _distance(carried, model.faces, target) < SAME_SHAPE_MM
    if not stored or carried is None:
        start = fit_model(model, surface.level, target).vertices
        mean = model.means[surface.level]
        carried = register(Template(mean, model.faces, model.partner), start, target).vertices
    fit = _nearest_instance(model, surface.level, carried)
    truth = TrueVertebra(
        Vertebra(surface.level, fit.pose, fit.scale, fit.coefficients),
        surface.vertices,
        surface.faces,
        {name: anchor.on(carried) for name, anchor in model.landmarks.items()},
        cannulas_on(model, carried),
        origin="ct",
    )
    residual = _distance(carried, model.faces, target)
    return Annotated(truth, carried, residual, _distance(fit.vertices, model.faces, target), stored)


def cannulas_on(model: ShapeModel, vertices: np.ndarray) -> dict[str, np.ndarray]:
    """Side to (2, 3) entry and target on (n, 3) vertices of the atlas's mesh."""
    return {
        side: np.stack([anchors["entry"].on(vertices), anchors["target"].on(vertices)])
        for side, anchors in model.cannulas.items()
    }


@cache
def stored_shapes() -> Mapping[tuple[str, str], np.ndarray]:
    """(subject, level) to the (n, 3) mm vertices that the shipped atlas stores of a person, any pose.

    A region's file also holds supporting samples of its neighbours' levels, on its own template: they are left out.
    """
    found = {}
    for path in sorted(resource_folder("atlas").glob("*.json")):
        region = read_region(path)
        samples = region.samples
        for shape, subject, level in zip(samples.shapes, samples.subjects, samples.levels, strict=True):
            if level in region.levels:
                found[subject, level] = shape
    return found


def _lay_on(shape: np.ndarray, faces: np.ndarray, target: Target) -> np.ndarray:
    """(n, 3) a stored shape moved and turned, not scaled, onto the surface it was made from."""
    placed = align(shape, faces, target)
    tree = KDTree(target.points)
    for _ in range(ROUNDS):
        distance, nearest = tree.query(placed)
        near = distance <= np.quantile(distance, 0.9)
        _, rotation, move = similarity(shape[near], target.points[nearest][near], scaled=False)
        placed = shape @ rotation.T + move
    return placed


def _nearest_instance(model: ShapeModel, level: str, vertices: np.ndarray) -> ModelFit:
    """The model's instance nearest to corresponding (n, 3) vertices, by turns of pose and coefficients."""
    coefficients = np.zeros(model.rank)
    scale, pose = 1.0, np.eye(4)
    for _ in range(4):
        scale, rotation, move = similarity(model.instance(level, coefficients), vertices)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, move
        coefficients = model.project(level, (vertices - move) @ rotation / scale)
    placed = scale * model.instance(level, coefficients) @ pose[:3, :3].T + pose[:3, 3]
    return ModelFit(placed, coefficients, scale, pose)


def _distance(vertices: np.ndarray, faces: np.ndarray, target: Target) -> float:
    """Root mean square distance of the vertices to the surface, mm; where the scan was cut they do not count."""
    match = Matcher(target, NORMAL_MM / 2).forward(vertices, vertex_normals(vertices, faces))
    known = ~target.beyond_cut(vertices)
    return float(np.sqrt(np.mean(match.distance[known] ** 2)))
