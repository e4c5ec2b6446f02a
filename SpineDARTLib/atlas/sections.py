"""Plane sections of closed triangle surfaces: loops, areas, and the smallest section of a corridor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .mesh import edges_of

CORRIDOR_MM = 8.0
"""A section whose centroid is farther from the corridor's line than this is another part of the bone."""


@dataclass(frozen=True)
class Section:
    """One closed loop of a plane section.

    Attributes:
        loop: (k, 3) mm, in order.
        edges: (k, 2) the mesh's edge that each point of the loop lies on.
        area: mm2.
        centre: (3,) mm, the centroid by area.
        axis: (3,) unit normal of the plane.
    """

    loop: np.ndarray
    edges: np.ndarray
    area: float
    centre: np.ndarray
    axis: np.ndarray


def section_loops(vertices: np.ndarray, faces: np.ndarray, point: np.ndarray, normal: np.ndarray) -> list[np.ndarray]:
    """The closed loops in which a plane cuts a closed surface: (k, 3) points each, in order."""
    return [section.loop for section in sections(vertices, faces, point, normal)]


def sections(vertices: np.ndarray, faces: np.ndarray, point: np.ndarray, normal: np.ndarray) -> list[Section]:
    """The closed loops in which a plane cuts a closed surface.

    Every crossed edge of the mesh is one point, shared by the two triangles beside it, so the loops close.
    """
    height = (vertices - point) @ normal
    height = np.where(np.abs(height) < 1e-9, 1e-9, height)
    above = height > 0
    crossed = faces[above[faces].any(1) & ~above[faces].all(1)]
    follow: dict[tuple[int, int], tuple[int, int]] = {}
    for face in crossed.tolist():
        cuts = [(face[i], face[(i + 1) % 3]) for i in range(3) if above[face[i]] != above[face[(i + 1) % 3]]]
        # The edge that goes up comes first in one triangle and second in its neighbour: loops are oriented.
        up, down = cuts if above[cuts[0][1]] else cuts[::-1]
        follow[_sorted(up)] = _sorted(down)
    found = []
    while follow:
        first = next(iter(follow))
        keys, key = [], first
        while key in follow:
            keys.append(key)
            key = follow.pop(key)
        edges = np.array(keys)
        share = height[edges[:, 0]] / (height[edges[:, 0]] - height[edges[:, 1]])
        loop = vertices[edges[:, 0]] + share[:, None] * (vertices[edges[:, 1]] - vertices[edges[:, 0]])
        found.append(Section(loop, edges, *loop_area(loop), normal))
    return found


def _sorted(edge: tuple[int, int]) -> tuple[int, int]:
    return edge if edge[0] < edge[1] else (edge[1], edge[0])


def loop_area(loop: np.ndarray) -> tuple[float, np.ndarray]:
    """Area mm2 and centroid (3,) of a plane closed loop (k, 3)."""
    middle = loop.mean(0)
    arms = loop - middle
    twice = np.cross(arms, np.roll(arms, -1, axis=0))
    total = twice.sum(0)
    size = np.linalg.norm(total)
    signed = twice @ total / max(size, 1e-12)
    centroid = middle + (signed[:, None] * (arms + np.roll(arms, -1, axis=0))).sum(0) / (3 * max(signed.sum(), 1e-12))
    return float(size / 2), centroid


def section_at(
    vertices: np.ndarray, faces: np.ndarray, point: np.ndarray, normal: np.ndarray, within_mm: float = np.inf
) -> Section | None:
    """The loop of a plane section whose centroid is nearest to a point of the plane, if any is near enough."""
    near = [
        section
        for section in sections(vertices, faces, point, normal)
        if len(section.loop) > 4 and np.linalg.norm(section.centre - point) <= within_mm
    ]
    return min(near, key=lambda section: float(np.linalg.norm(section.centre - point)), default=None)


def goes_around(section: Section, mesh_edges: np.ndarray, count: int) -> bool:
    """Whether a section cuts an arm of a ring: the surface stays in one piece when cut along it.

    Args:
        section: one loop of a plane section.
        mesh_edges: (e, 2) every edge of the mesh once, the smaller index first (``mesh.edges_of``).
        count: how many vertices the mesh has.
    """
    keys = mesh_edges[:, 0] * count + mesh_edges[:, 1]
    kept = mesh_edges[~np.isin(keys, section.edges[:, 0] * count + section.edges[:, 1])]
    graph = coo_array((np.ones(len(kept)), (kept[:, 0], kept[:, 1])), shape=(count, count))
    return int(connected_components(graph, directed=False)[0]) == 1


def narrowest(
    vertices: np.ndarray, faces: np.ndarray, near: np.ndarray, axes: np.ndarray, steps: np.ndarray
) -> Section:
    """The smallest section of the arm of a ring that runs through a point: no tip or corner that a plane cuts off.

    Args:
        vertices: (n, 3) mm.
        faces: (f, 3), outward normals.
        near: (3,) a point inside the arm.
        axes: (a, 3) unit normals of the planes to try.
        steps: (s,) mm along each normal from ``near``.

    Raises:
        ValueError: no plane cuts the arm.
    """
    planes = [(near + step * axis, axis) for axis in axes for step in steps]
    found = [section_at(vertices, faces, point, axis, CORRIDOR_MM) for point, axis in planes]
    mesh_edges = edges_of(faces)
    for section in sorted((one for one in found if one is not None), key=lambda one: one.area):
        if goes_around(section, mesh_edges, len(vertices)):
            return section
    raise ValueError("got no section that goes around a part near the given point; expected a point inside a pedicle")


def first_exit(vertices: np.ndarray, faces: np.ndarray, start: np.ndarray, direction: np.ndarray) -> np.ndarray | None:
    """(3,) where a ray from inside first leaves a closed surface, if it does (Moeller and Trumbore 1997)."""
    corners = vertices[faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(direction, second)
    determinant = np.einsum("ij,ij->i", first, across)
    # Only walls that the ray leaves by; those that it grazes have no determinant.
    leaving = determinant < -1e-12
    determinant = np.where(leaving, determinant, -1.0)
    arm = start - corners[:, 0]
    u = np.einsum("ij,ij->i", arm, across) / determinant
    other = np.cross(arm, first)
    v = other @ direction / determinant
    reach = np.einsum("ij,ij->i", second, other) / determinant
    hit = leaving & (u >= 0) & (v >= 0) & (u + v <= 1) & (reach > 0)
    return start + reach[hit].min() * direction if hit.any() else None
