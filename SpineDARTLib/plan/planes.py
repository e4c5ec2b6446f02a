"""A closed surface cut by many planes at once, and the walls nearest to a point of each: exact on the triangles.

The wall of a cannula is as far from the bone as the bone is from the cannula's axis, measured in the planes across the
axis. So everything that ``corridor`` needs is two-dimensional, in as many planes as there are stations on the path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

SHORTEST_MM = 1e-7
"""A segment shorter than this faces nowhere: its direction is noise."""


@dataclass(frozen=True)
class Sections:
    """A surface cut by s planes at once, each in its own coordinates; segments in the order of their planes.

    Attributes:
        count: s.
        plane: (m,) which plane each segment lies in.
        starts: (m, 2) mm.
        ends: (m, 2) mm.
        normals: (m, 2) unit, out of the bone, across the segment; 0 of a segment that is but a point.
    """

    count: int
    plane: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    normals: np.ndarray

    def of(self, chosen: np.ndarray) -> Sections:
        """What (s,) chosen planes cut; the planes keep their numbers."""
        kept = chosen[self.plane]
        return Sections(self.count, self.plane[kept], self.starts[kept], self.ends[kept], self.normals[kept])

    @cached_property
    def first(self) -> np.ndarray:
        """The first segment of each plane that cuts anything."""
        return np.flatnonzero(np.diff(self.plane, prepend=-1))

    def smallest(self, values: np.ndarray) -> np.ndarray:
        """(s,) the smallest of (m,) values in each plane, inf where there is none."""
        found = np.full(self.count, np.inf)
        if len(values):
            found[self.plane[self.first]] = np.minimum.reduceat(values, self.first)
        return found


Place = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(m,) planes and (m,) vertices to (3, m) the vertices' x, y, z in those planes."""


@dataclass(frozen=True)
class Walls:
    """The wall nearest to one point in each of s planes.

    Attributes:
        distance: (s,) mm; inf where the plane cuts nothing.
        closest: (s, 2) its nearest point, from the point that one looks from; 0 where there is none.
        normals: (s, 2) unit, out of the bone, there.
        inside: (s,) whether the point is in the bone, as the nearest wall has it.
        each: (m, 2) every segment's own nearest point.
        each_distance: (m,) mm.
    """

    distance: np.ndarray
    closest: np.ndarray
    normals: np.ndarray
    inside: np.ndarray
    each: np.ndarray
    each_distance: np.ndarray


def cut_all(
    vertices: np.ndarray, faces: np.ndarray, origins: np.ndarray, axes: np.ndarray, reach_mm: float
) -> Sections:
    """Cut a surface with s planes, one after the other along a path.

    Args:
        vertices: (n, 3) mm.
        faces: (f, 3), outward normals.
        origins: (s, 3) mm, become (0, 0) in their planes.
        axes: (s, 3, 3) orthonormal rows; the third is the plane's normal, which points along the path.
        reach_mm: what is farther than this from all origins, along the middle plane's axes, may be left out.
    """
    vertices, faces = _around(vertices, faces, origins, axes[len(axes) // 2], reach_mm)
    place, passed = _in_planes(vertices, origins, axes)
    one, two, three = passed.astype(np.int16)[faces]
    plane, face = _crossed(np.minimum(np.minimum(one, two), three), np.maximum(np.maximum(one, two), three))
    corners = np.stack([place(plane, corner) for corner in faces[:, face]], axis=1)  # (x y z, corner, segment)
    following = corners[:, [1, 2, 0]]
    above, then = corners[2] >= 0.0, following[2] >= 0.0
    down, up = above & ~then, ~above & then
    share = corners[2] / np.where(down | up, corners[2] - following[2], 1.0)
    spots = corners[:2] + share * (following[:2] - corners[:2])
    # From the edge that goes down through the plane to the one that goes up: all loops run the same way round, and the
    # bone's outside is to the right (of a right-handed frame). A triangle has one of each, or neither.
    starts, ends = ((spots * way).sum(axis=1).T for way in (down, up))
    mixed = up.any(axis=0)
    if not mixed.all():
        plane, starts, ends = plane[mixed], starts[mixed], ends[mixed]
    edge = (ends - starts) * np.sign(np.linalg.det(axes))[plane, None]
    length = np.sqrt(_dot(edge, edge))
    known = np.where(length > SHORTEST_MM, 1.0 / np.maximum(length, SHORTEST_MM), 0.0)
    return Sections(len(origins), plane, starts, ends, np.stack([edge[:, 1] * known, -edge[:, 0] * known], axis=1))


def _around(
    vertices: np.ndarray, faces: np.ndarray, points: np.ndarray, axes: np.ndarray, reach_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """The part of a surface that may reach into the box around (k, 3) points, ``reach_mm`` larger on all sides.

    Returns:
        (m, 3) vertices and (3, g) the triangles' first, second and third corners.
    """
    low, high = (axes @ points.T).min(1) - reach_mm, (axes @ points.T).max(1) + reach_mm
    # Which of the box's sides a vertex is beyond (Cohen and Sutherland); a triangle that is beyond one cannot reach in.
    beyond = np.zeros(len(vertices), dtype=np.uint8)
    for bit, (along, least, most) in enumerate(zip(axes @ vertices.T, low, high, strict=True)):
        beyond |= (along < least).astype(np.uint8) << (2 * bit)
        beyond |= (along > most).astype(np.uint8) << (2 * bit + 1)
    one, two, three = faces.T
    kept = np.stack([one, two, three])[:, (beyond[one] & beyond[two] & beyond[three]) == 0]
    used = np.zeros(len(vertices), dtype=bool)
    used[kept.ravel()] = True
    return vertices[used], (np.cumsum(used) - 1)[kept]


def _in_planes(vertices: np.ndarray, origins: np.ndarray, axes: np.ndarray) -> tuple[Place, np.ndarray]:
    """Vertices in the planes' coordinates, and (n,) how many planes each has in front of it or on it.

    Along the path a vertex comes to lie behind one plane after the other. (Not so on the inner side of a bend, beyond
    its centre: there the planes cross each other, and see what others see from nearer.)
    """
    if (axes == axes[0]).all():  # along a straight path only z changes
        local, heights = axes[0] @ (vertices - origins[0]).T, (origins - origins[0]) @ axes[0, 2]

        def shifted(plane: np.ndarray, vertex: np.ndarray) -> np.ndarray:
            found = local[:, vertex]
            found[2] -= heights[plane]
            return found

        return shifted, np.searchsorted(heights, local[2], side="right")
    offsets = np.einsum("sij,sj->si", axes, origins)

    def turned(plane: np.ndarray, vertex: np.ndarray) -> np.ndarray:
        return np.einsum("mij,mj->im", axes[plane], vertices[vertex]) - offsets[plane].T

    return turned, (axes[:, 2] @ vertices.T >= offsets[:, 2:]).sum(axis=0)


def _crossed(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every (plane, face) with low <= plane < high, in the order of the planes."""
    count = high - low
    face = np.repeat(np.arange(len(low)), count)
    plane = np.arange(len(face)) - np.repeat(np.cumsum(count) - count - low, count)
    order = np.argsort(plane.astype(np.int16), kind="stable")
    return plane[order], face[order]


def nearest_walls(sections: Sections, points: np.ndarray) -> Walls:
    """The nearest wall in every plane, seen from (s, 2) points."""
    plane, count = sections.plane, sections.count
    starts, edge = sections.starts - points[plane], sections.ends - sections.starts
    share = -_dot(starts, edge) / np.maximum(_dot(edge, edge), 1e-24)
    each = starts + np.minimum(np.maximum(share, 0.0), 1.0)[:, None] * edge
    distances = np.sqrt(_dot(each, each))
    smallest = sections.smallest(distances)
    tied = np.flatnonzero(distances <= smallest[plane] + 1e-9)
    # Of two walls that meet in the nearest point, the one that faces it more squarely knows which side it is on.
    facing = _dot(each[tied], sections.normals[tied])
    order = np.lexsort((np.abs(facing), plane[tied]))
    best = tied[order]  # the last of a plane stays
    closest, normals, inside = np.zeros((count, 2)), np.zeros((count, 2)), np.zeros(count, dtype=bool)
    closest[plane[best]], normals[plane[best]] = each[best], sections.normals[best]
    inside[plane[best]] = facing[order] > 0.0
    return Walls(smallest, closest, normals, inside, each, distances)


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(m,) of (m, 2) and (m, 2): much faster than a sum along an axis as short as that."""
    return one[:, 0] * other[:, 0] + one[:, 1] * other[:, 1]


def axis_sight(sections: Sections, points: np.ndarray) -> np.ndarray:
    """(s, 4) mm from (s, 2) points to the first wall along the planes' axes: +x, +y, -x, -y; inf where none is."""
    seen = []
    for along in (0, 1):
        starts, ends = sections.starts - points[sections.plane], sections.ends - points[sections.plane]
        one, other = starts[:, 1 - along], ends[:, 1 - along]
        crossed = (one >= 0.0) != (other >= 0.0)
        share = one / np.where(crossed, one - other, 1.0)
        reach = starts[:, along] + share * (ends[:, along] - starts[:, along])
        seen.append([sections.smallest(np.where(crossed & (way * reach > 0), way * reach, np.inf)) for way in (1, -1)])
    (right, left), (up, down) = seen
    return np.stack([right, up, left, down], axis=1)
