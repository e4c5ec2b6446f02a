"""Anatomy on a symmetric shape, once: landmarks, named regions, pedicles, cannulas and curved paths.

Everything is found by rules on the shape itself (sections, extremes, directions of the surface) for the left side and
mirrored to the right. All shapes share the template's vertices, so what is found on one holds on all. The rules hold
for thoracic and lumbar vertebrae alike: run them on the mean of each region. Left is the patient's left, -x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .landmarks import backup_landmarks, landmarks
from .mesh import Template, vertex_normals
from .model import Anchor
from .paths import cannulas, curved_paths
from .pedicle import Pedicle, canal_depth, connected, find_left_pedicle, walls_of

PLATE_NORMAL = 0.7
"""An endplate's normal is within 45 degrees of straight up or down."""
PLATE_HEIGHT = 0.3
"""An endplate lies beyond this share of the body's half height, so that no costal facet or rim below counts."""
WALL_HEIGHT = 0.8
"""The walls are taken within this share of the half height: beyond it they bend into the endplates' rims."""
CANAL_FACING = 0.6
"""A wall of the canal faces the canal's axis within 53 degrees."""
CANAL_REACH = 1.6
"""How far from its axis the canal's wall may be, in half widths (between the pedicles) and half depths."""


@dataclass(frozen=True)
class Annotations:
    """What is known of the template by name (see ``model.ShapeModel``).

    Attributes:
        landmarks: ten names to points.
        backup_landmarks: five names to points, all of the body.
        cannulas: side to {"entry", "isthmus", "target"}.
        regions: name to vertex indices; an isthmus's are in order around it.
        paths: "kyphoplasty_left" and "kyphoplasty_right" to the points of a curved path, from entry to tip.
    """

    landmarks: Mapping[str, Anchor]
    backup_landmarks: Mapping[str, Anchor]
    cannulas: Mapping[str, Mapping[str, Anchor]]
    regions: Mapping[str, np.ndarray]
    paths: Mapping[str, tuple[Anchor, ...]] = field(default_factory=dict)


def annotate(template: Template) -> Annotations:
    """All annotations of a symmetric shape in the model's frame.

    Args:
        template: its vertices may be the template's own or the symmetric mean of a region.

    Raises:
        ValueError: the shape has no pedicles where a vertebra in the model's frame has them.
    """
    pedicle = find_left_pedicle(template)
    regions = _regions(template, pedicle)
    points = landmarks(template, regions, pedicle)
    straight = cannulas(template, regions, points, pedicle)
    curved = curved_paths(template, points, pedicle, straight)
    return Annotations(points, backup_landmarks(template, regions), straight, regions, curved)


def _regions(template: Template, pedicle: Pedicle) -> dict[str, np.ndarray]:
    normals = vertex_normals(template.vertices, template.faces)
    found: dict[str, np.ndarray] = {"left_pedicle": pedicle.vertices}
    found["left_isthmus"] = pedicle.ring
    found |= {f"left_pedicle_{name}_wall": wall for name, wall in walls_of(pedicle, normals).items()}
    found |= {name.replace("left", "right"): template.partner[indices] for name, indices in found.items()}
    found["right_isthmus"] = found["right_isthmus"][::-1]  # turns the same way around forward as the left one
    body, posterior = _parts(template, found)
    found["body"], found["posterior_elements"] = np.flatnonzero(body), np.flatnonzero(posterior)
    found |= _walls_of_body(template, normals, body, pedicle)
    found["canal"] = _canal(template, normals, body, pedicle)
    return found


def _parts(template: Template, found: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(n,) body and (n,) posterior elements: what a vertebra falls into when both pedicles are taken out."""
    rest = np.ones(len(template.vertices), dtype=bool)
    rest[found["left_pedicle"]] = rest[found["right_pedicle"]] = False
    part = connected(template, rest)
    front = part[np.where(rest, template.vertices[:, 1], -np.inf).argmax()]
    body = rest & (part == front)
    return body, rest & ~body


def _walls_of_body(
    template: Template, normals: np.ndarray, body: np.ndarray, pedicle: Pedicle
) -> dict[str, np.ndarray]:
    """Both endplates, the anterior and the posterior wall."""
    vertices = template.vertices
    wall, _ = canal_depth(template)
    half = np.ptp(vertices[body, 2]) / 2
    height = (vertices[:, 2] - vertices[body, 2].min() - half) / half
    plate = body & (vertices[:, 1] > wall)
    side = body & (np.abs(height) < WALL_HEIGHT)
    # The posterior wall lies between the pedicles; beside them the body's flank begins.
    central = np.abs(vertices[:, 0]) < -pedicle.centre[0]
    masks = {
        "superior_endplate": plate & (normals[:, 2] > PLATE_NORMAL) & (height > PLATE_HEIGHT),
        "inferior_endplate": plate & (normals[:, 2] < -PLATE_NORMAL) & (height < -PLATE_HEIGHT),
        "anterior_wall": side & (normals[:, 1] > 0.5) & (vertices[:, 1] > 0.0),
        "posterior_wall": side & (normals[:, 1] < -0.4) & central & (vertices[:, 1] < wall + 6.0),
    }
    return {name: np.flatnonzero(mask) for name, mask in masks.items()}


def _canal(template: Template, normals: np.ndarray, body: np.ndarray, pedicle: Pedicle) -> np.ndarray:
    """The walls around the foramen: body, pedicles and laminae where they face its axis."""
    vertices = template.vertices
    front, back = canal_depth(template)
    half_width = -vertices[pedicle.ring, 0].max()
    toward = np.array([0.0, (front + back) / 2]) - vertices[:, :2]
    away = np.linalg.norm(toward / (half_width, (front - back) / 2), axis=1)
    facing = np.einsum("ij,ij->i", toward, normals[:, :2]) > CANAL_FACING * np.linalg.norm(toward, axis=1)
    bounds = vertices[body, 2]
    # Below the body the same direction is that of the articular processes, not of the foramen.
    beside = (vertices[:, 2] > bounds.min()) & (vertices[:, 2] < bounds.max())
    part = connected(template, facing & beside & (away < CANAL_REACH))
    # The largest part that faces the axis all around is the canal; the rest are undersides of processes.
    chosen = part == np.bincount(part[part >= 0]).argmax()
    return np.flatnonzero(chosen | chosen[template.partner])
