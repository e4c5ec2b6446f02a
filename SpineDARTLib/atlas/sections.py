"""Plane sections of closed triangle surfaces: loops, areas, and the smallest section of a corridor."""

from __future__ import annotations

import numpy as np


def section_loops(vertices: np.ndarray, faces: np.ndarray, point: np.ndarray, normal: np.ndarray) -> list[np.ndarray]:
    """The closed loops in which a plane cuts a closed surface: (k, 3) points each, in order.

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
    loops = []
    while follow:
        first = next(iter(follow))
        keys, key = [], first
        while key in follow:
            keys.append(key)
            key = follow.pop(key)
        ends = np.array(keys)
        share = height[ends[:, 0]] / (height[ends[:, 0]] - height[ends[:, 1]])
        loops.append(vertices[ends[:, 0]] + share[:, None] * (vertices[ends[:, 1]] - vertices[ends[:, 0]]))
    return loops


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


def narrowest(
    vertices: np.ndarray, faces: np.ndarray, near: np.ndarray, axes: np.ndarray, steps: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """The smallest section of the corridor that runs through a point.

    Args:
        near: (3,) a point inside the corridor.
        axes: (a, 3) unit normals of the planes to try.
        steps: (s,) mm along each normal from ``near``.

    Returns:
        area mm2, centroid (3,), normal (3,), the loop (k, 3).
    """
    best: tuple[float, np.ndarray, np.ndarray, np.ndarray] | None = None
    for axis in axes:
        for step in steps:
            point = near + step * axis
            loops = section_loops(vertices, faces, point, axis)
            found = [(*loop_area(loop), axis, loop) for loop in loops if len(loop) > 4]
            found = [entry for entry in found if np.linalg.norm(entry[1] - point) < 12.0]
            if found:
                nearest = min(found, key=lambda entry: float(np.linalg.norm(entry[1] - point)))
                if best is None or nearest[0] < best[0]:
                    best = nearest
    if best is None:
        raise ValueError("got no closed section near the given point; expected a point inside the corridor")
    return best
