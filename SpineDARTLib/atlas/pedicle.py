"""The left pedicle of a symmetric vertebra in the model's frame: its isthmus, its two ends and its four walls.

The isthmus is the smallest plane section of the corridor from the posterior elements into the body, over all
directions that pedicles have; the pedicle reaches from there to both sides until its section has clearly grown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .mesh import Template, edges_of
from .sections import goes_around, narrowest, section_at, section_loops, sections

TRANSVERSE_DEG = (-15.0, 45.0)
"""Directions tried, towards the midline positive: published means run from -10 (T12) to 35 degrees (T1) (Kaur 2016)
and to 30 at L5 (Zindrick 1987)."""
SAGITTAL_DEG = (-30.0, 30.0)
"""Directions tried, upwards to the front positive; thoracic pedicles go down to the front, by 10 to 20 degrees."""
BEHIND_WALL_MM = (3.0, 2.0, 4.0, 1.0, 5.0, 6.0)
"""Where coronal cuts behind the body's posterior wall go through the pedicles and nothing else, the likeliest first."""
COARSE, FINE = (10.0, 1.0), (2.5, 0.25)
"""Degrees and millimetres between the planes tried, first everywhere and then around the best."""
PEDICLE_GROWTH = 1.45
"""The pedicle ends where its section has grown to so many times the isthmus's."""
REACH_MM = (2.0, 8.0)
"""A pedicle's end is at least so far from its isthmus (an edge of the mesh) and at most so far."""


@dataclass(frozen=True)
class Pedicle:
    """The left pedicle.

    Attributes:
        centre: (3,) mm, the isthmus's centroid by area.
        axis: (3,) unit, across the isthmus, from behind into the body.
        ring: (k,) vertices next to the isthmus, in order around it.
        front, back: mm along the axis from the centre, where the pedicle ends (back is negative).
        vertices: indices of its surface.
    """

    centre: np.ndarray
    axis: np.ndarray
    ring: np.ndarray
    front: float
    back: float
    vertices: np.ndarray


def find_left_pedicle(template: Template) -> Pedicle:
    """The left pedicle of a symmetric shape in the model's frame.

    Raises:
        ValueError: the shape has no closed section where pedicles are.
    """
    vertices, faces = template.vertices, template.faces
    start = _behind_the_wall(template)
    coarse = _directions(TRANSVERSE_DEG, SAGITTAL_DEG, COARSE[0])
    found = narrowest(vertices, faces, start, coarse, np.arange(-5.0, 5.5, COARSE[1]))
    around = _around(found.axis, 7.5, FINE[0])
    found = narrowest(vertices, faces, found.centre, around, np.arange(-1.0, 1.1, FINE[1]))
    front, back = (_reach(template, found.centre, sign * found.axis, found.area) for sign in (1.0, -1.0))
    ring = ring_of(template, found.centre, found.axis, found.loop)
    surface = _between(template, found.centre, found.axis, -back, front, ring)
    return Pedicle(found.centre, found.axis, ring, front, -back, surface)


def canal_depth(template: Template) -> tuple[float, float]:
    """y mm of the canal's two ends in the midsagittal plane: the body's posterior wall at mid-height, and the laminae.

    Raises:
        ValueError: that plane does not cut a body and, apart from it, a spinous process.
    """
    plane = np.array([-0.01, 0.0, 0.0])  # the midline's own vertices lie in x = 0
    loops = section_loops(template.vertices, template.faces, plane, np.array([1.0, 0.0, 0.0]))
    if len(loops) < 2:
        raise ValueError(f"got {len(loops)} parts in the midsagittal plane; expected a body and a spinous process")
    spinous, body = sorted(loops, key=lambda loop: loop[:, 1].max())[-2:]
    low, high = body[:, 2].min(), body[:, 2].max()
    middle = body[np.abs(body[:, 2] - (low + high) / 2) < (high - low) / 5]
    return float(middle[middle[:, 1] < body[:, 1].mean(), 1].mean()), float(spinous[:, 1].max())


def walls_of(pedicle: Pedicle, normals: np.ndarray) -> dict[str, np.ndarray]:
    """Vertex indices of the medial, lateral, superior and inferior wall: each vertex to the side that it faces.

    Args:
        normals: (n, 3) the shape's unit normals.
    """
    medial = np.array([1.0, 0.0, 0.0]) - pedicle.axis[0] * pedicle.axis
    medial = medial / np.linalg.norm(medial)
    superior = np.cross(medial, pedicle.axis)
    sides = {"medial": medial, "lateral": -medial, "superior": superior, "inferior": -superior}
    facing = (normals[pedicle.vertices] @ np.stack(list(sides.values())).T).argmax(axis=1)
    return {name: pedicle.vertices[facing == index] for index, name in enumerate(sides)}


def ring_of(template: Template, centre: np.ndarray, axis: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """Vertices next to a plane's loop, in order around it; neighbours in the list are neighbours on the mesh."""
    edges = edges_of(template.faces)
    height = (template.vertices - centre) @ axis
    crossing = edges[height[edges[:, 0]] * height[edges[:, 1]] < 0]
    share = height[crossing[:, 0]] / (height[crossing[:, 0]] - height[crossing[:, 1]])
    cuts = template.vertices[crossing[:, 0]] * (1 - share)[:, None] + template.vertices[crossing[:, 1]] * share[:, None]
    order = [int(np.linalg.norm(cuts - point, axis=1).argmin()) for point in loop]
    nearer = crossing[order, (share[order] > 0.5).astype(int)].tolist()
    walk: list[int] = []
    for vertex in nearer:
        if vertex in walk[-2:]:
            del walk[walk.index(vertex, len(walk) - min(2, len(walk))) + 1 :]
        else:
            walk.append(vertex)
    while len(walk) > 3 and walk[-1] == walk[0]:
        walk.pop()
    return np.array(walk)


def connected(template: Template, keep: np.ndarray) -> np.ndarray:
    """(n,) a number for each connected part of the surface made of the vertices to keep; -1 for the others."""
    edges = edges_of(template.faces)
    edges = edges[keep[edges].all(axis=1)]
    count = len(template.vertices)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return np.where(keep, connected_components(graph, directed=False)[1], -1)


def _behind_the_wall(template: Template) -> np.ndarray:
    """(3,) the middle of the left pedicle's section in a coronal plane."""
    wall, edges, count = canal_depth(template)[0], edges_of(template.faces), len(template.vertices)
    for behind in BEHIND_WALL_MM:
        plane = np.array([0.0, wall - behind, 0.0])
        found = sections(template.vertices, template.faces, plane, np.array([0.0, 1.0, 0.0]))
        left = [section for section in found if section.loop[:, 0].max() < 0.0 and goes_around(section, edges, count)]
        if left:
            return max(left, key=lambda section: section.area).centre
    raise ValueError("got no pedicle left of the canal; expected a symmetric vertebra in the model's frame")


def _directions(transverse_deg: tuple[float, float], sagittal_deg: tuple[float, float], step_deg: float) -> np.ndarray:
    """(a, 3) unit vectors forward, turned to the midline and up by every angle in two ranges."""
    ranges = (np.arange(low, high + 0.1, step_deg) for low, high in (transverse_deg, sagittal_deg))
    transverse, sagittal = (np.deg2rad(angles).ravel() for angles in np.meshgrid(*ranges))
    level = np.cos(sagittal)
    return np.stack([np.sin(transverse) * level, np.cos(transverse) * level, np.sin(sagittal)], axis=1)


def _around(axis: np.ndarray, reach_deg: float, step_deg: float) -> np.ndarray:
    transverse, sagittal = np.rad2deg([np.arctan2(axis[0], axis[1]), np.arcsin(axis[2])])
    return _directions(
        (transverse - reach_deg, transverse + reach_deg), (sagittal - reach_deg, sagittal + reach_deg), step_deg
    )


def _reach(template: Template, centre: np.ndarray, towards: np.ndarray, area: float) -> float:
    """How far the section stays nearly as small as the isthmus, mm."""
    step, (reach, most) = 0.5, REACH_MM
    while reach < most:
        found = section_at(template.vertices, template.faces, centre + (reach + step) * towards, towards)
        if found is None or found.area > PEDICLE_GROWTH * area:
            break
        reach += step
    return reach


def _between(
    template: Template, centre: np.ndarray, axis: np.ndarray, back: float, front: float, ring: np.ndarray
) -> np.ndarray:
    """The surface between two planes that hangs together with the ring."""
    along = (template.vertices - centre) @ axis
    keep = (along >= back) & (along <= front) & (template.vertices[:, 0] < 0.0)
    keep[ring] = True
    part = connected(template, keep)
    return np.flatnonzero(part == part[ring[0]])
