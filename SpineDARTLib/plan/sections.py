"""A plane cut through a closed surface and what is seen in it: exact on the triangles, no voxels.

One plane, every wall along any direction; ``planes`` cuts with many at once and knows the nearest walls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Section:
    """A surface cut by a plane, in the plane's own coordinates.

    Attributes:
        starts: (m, 2) mm, one end of each segment.
        ends: (m, 2) mm, the other.
        normals: (m, 2) unit, out of the bone.
    """

    starts: np.ndarray
    ends: np.ndarray
    normals: np.ndarray


@dataclass(frozen=True)
class Sight:
    """What is seen around a point of a section.

    Attributes:
        distances: (k,) mm to the first wall along each direction; inf where there is none.
        normals: (k, 2) the walls' outward normals.
        inside: whether the point is in the bone.
    """

    distances: np.ndarray
    normals: np.ndarray
    inside: bool


def cut(vertices: np.ndarray, faces: np.ndarray, origin: np.ndarray, axes: np.ndarray) -> Section:
    """Cut a surface with the plane through ``origin`` that the first two rows of ``axes`` span.

    Args:
        vertices: (n, 3) mm.
        faces: (f, 3), outward normals.
        origin: (3,) mm, becomes (0, 0).
        axes: (3, 3) orthonormal rows; the third is the plane's normal.
    """
    local = (vertices - origin) @ axes.T
    # On the plane counts as above, so that a cut through a vertex still closes.
    above = local[:, 2] >= 0.0
    across = above[faces]
    crossed = faces[across.any(1) & ~across.all(1)]
    lone = _lone_corner(above[crossed])
    order = (lone[:, None] + np.arange(3)) % 3
    corners = np.take_along_axis(crossed, order, axis=1)
    first, second, third = local[corners].swapaxes(0, 1)
    # Across a path the axes may be left-handed (medial changes sides), which turns a cross product round.
    normals = np.sign(np.linalg.det(axes)) * np.cross(second - first, third - first)[:, :2]
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    starts, ends = _on_edge(local, corners[:, [0, 1]]), _on_edge(local, corners[:, [0, 2]])
    return Section(starts, ends, normals / np.maximum(length, 1e-12))


def _lone_corner(above: np.ndarray) -> np.ndarray:
    """(m,) which corner of each triangle is alone on its side of the plane."""
    alone_above = above.sum(1) == 1
    return np.where(alone_above, above.argmax(1), (~above).argmax(1))


def _on_edge(local: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(m, 2) where edges, (m, 2) vertex indices, meet the plane z = 0."""
    # From the lower index to the higher, so that both triangles of an edge get the same digits and leave no gap.
    one, other = local[edges.min(1)], local[edges.max(1)]
    share = one[:, 2] / (one[:, 2] - other[:, 2])
    return one[:, :2] + share[:, None] * (other[:, :2] - one[:, :2])


def look(section: Section, point: np.ndarray, directions: np.ndarray) -> Sight:
    """Look from (2,) ``point`` along (k, 2) unit ``directions`` to the first wall.

    Inside is decided by most of the directions, each by the walls it leaves minus those it enters: parts that overlap
    and a small hole in the surface do no harm.
    """
    count = len(directions)
    if not len(section.starts):
        return Sight(np.full(count, np.inf), np.zeros((count, 2)), False)
    start, end = section.starts - point, section.ends - point
    # Which side of the ray's line each end is on; the same digits for a shared end, so no ray slips between segments.
    across = np.stack([-directions[:, 1], directions[:, 0]])
    start_side, end_side = start @ across, end @ across
    crossed = (start_side >= 0) != (end_side >= 0)
    share = start_side / np.where(crossed, start_side - end_side, 1.0)
    along = start @ directions.T + share * ((end - start) @ directions.T)
    distance = np.where(crossed & (along > 0), along, np.inf)
    leaving = np.where(np.isfinite(distance), np.sign(section.normals @ directions.T), 0.0).sum(0)
    first = distance.argmin(0)
    seen = distance[first, np.arange(count)]
    return Sight(seen, section.normals[first], bool((leaving > 0.5).mean() > 0.5))


def compass(count: int = 72) -> np.ndarray:
    """(count, 2) unit directions around the circle, the four axes among them when ``count`` is a multiple of four."""
    angle = np.arange(count) * (2 * np.pi / count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
