"""The landmarks on a symmetric shape: ten all over the vertebra, and five on the body alone to fall back on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .anchors import mirrored, patch_centre, steered
from .mesh import Template, vertex_normals
from .model import Anchor
from .pedicle import Pedicle

TIP_MM = 5.0
"""A process's tip is the patch so near to its farthest vertex: one vertex alone would wander."""
PLATE_MM = 7.0
"""An endplate's centre is a patch of this radius."""
SPINOUS_MM = 3.0
"""Half the thickness of a spinous process: what is so near to the midline belongs to it."""


def landmarks(template: Template, regions: Mapping[str, np.ndarray], pedicle: Pedicle) -> dict[str, Anchor]:
    """Four on the body, both pedicles, both transverse processes, two on the spinous process.

    Args:
        regions: "canal", "posterior_elements", "superior_endplate", ... as in ``Annotations``.
    """
    isthmus = isthmus_anchor(template, pedicle)
    transverse = _tip(template, regions["posterior_elements"], np.array([-1.0, 0.0, 0.0]))
    return {
        "body_superior": _middle_of_plate(template, regions["superior_endplate"]),
        "body_inferior": _middle_of_plate(template, regions["inferior_endplate"]),
        "body_anterior": _middle_of_wall(template, regions["anterior_wall"]),
        "body_posterior": _middle_of_wall(template, regions["posterior_wall"]),
        "left_pedicle": isthmus,
        "right_pedicle": mirrored(isthmus, template),
        "left_transverse_process": transverse,
        "right_transverse_process": mirrored(transverse, template),
        "spinous_process": _spinous_process(template, regions),
        "spinolaminar_junction": patch_centre(template, _roof(template, regions["canal"])),
    }


def backup_landmarks(template: Template, regions: Mapping[str, np.ndarray]) -> dict[str, Anchor]:
    """The paper's sparse set, all of the body: its centre and the middles of four faces."""
    vertices, body = template.vertices, regions["body"]
    superior = patch_centre(template, regions["superior_endplate"])
    inferior = patch_centre(template, regions["inferior_endplate"])
    middle = (superior.on(vertices) + inferior.on(vertices)) / 2
    half = (superior.on(vertices) - inferior.on(vertices))[2] / 2
    flank = body[vertex_normals(vertices, template.faces)[body, 0] < -0.7]
    away = np.abs(vertices[flank] - middle)
    left = patch_centre(template, flank[(away[:, 2] < 0.5 * half) & (away[:, 1] < 0.7 * half)])
    centroid = Anchor(np.r_[superior.indices, inferior.indices], np.r_[superior.weights, inferior.weights] / 2)
    return {
        "centroid": centroid,
        "superior": superior,
        "inferior": inferior,
        "left": left,
        "right": mirrored(left, template),
    }


def isthmus_anchor(template: Template, pedicle: Pedicle) -> Anchor:
    """The isthmus's centroid by area, carried by the vertices of its ring."""
    points = template.vertices[pedicle.ring]
    arcs = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
    return steered(template.vertices, pedicle.ring, arcs + np.roll(arcs, 1), pedicle.centre)


def _within(vertices: np.ndarray, point: np.ndarray, among: np.ndarray, radius_mm: float) -> np.ndarray:
    return among[np.linalg.norm(vertices[among] - point, axis=1) < radius_mm]


def _middle_of_plate(template: Template, plate: np.ndarray) -> Anchor:
    centre = patch_centre(template, plate).on(template.vertices)
    return patch_centre(template, _within(template.vertices, centre, plate, PLATE_MM))


def _middle_of_wall(template: Template, wall: np.ndarray) -> Anchor:
    """The middle of a wall, at mid-height in the midsagittal plane."""
    vertices = template.vertices
    middle = (vertices[wall, 2].max() + vertices[wall, 2].min()) / 2
    near = (np.abs(vertices[wall, 0]) < 4.0) & (np.abs(vertices[wall, 2] - middle) < 4.0)
    return patch_centre(template, wall[near])


def _spinous_process(template: Template, regions: Mapping[str, np.ndarray]) -> Anchor:
    """Its tip: farthest along the process, which points back in the lumbar spine and steeply down in the thoracic."""
    vertices, posterior = template.vertices, regions["posterior_elements"]
    middle = posterior[np.abs(vertices[posterior, 0]) < SPINOUS_MM]
    root = vertices[_roof(template, regions["canal"])].mean(axis=0)
    along = patch_centre(template, middle).on(vertices) - root
    return _tip(template, middle, along * (0.0, 1.0, 1.0))


def _tip(template: Template, among: np.ndarray, along: np.ndarray) -> Anchor:
    vertices = template.vertices
    tip = vertices[among[(vertices[among] @ along).argmax()]]
    return patch_centre(template, _within(vertices, tip, among, TIP_MM))


def _roof(template: Template, canal: np.ndarray) -> np.ndarray:
    """The canal's wall behind, in the midline, where the laminae meet in the spinous process."""
    points = template.vertices[canal]
    behind = points[:, 1] < (points[:, 1].max() + points[:, 1].min()) / 2
    return canal[(np.abs(points[:, 0]) < 2.0) & behind]
