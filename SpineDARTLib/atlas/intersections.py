"""Where a triangle surface runs through itself."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

TOUCH_MM = 1e-6
"""Triangles that have no more than this in common touch; they do not cross."""
LARGE = 2.0
"""A triangle so many times as large as the median one is compared with all others."""


def self_intersections(vertices: np.ndarray, faces: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """Pairs of triangles that cross: each passes through the other along more than a point.

    Neighbours over an edge cannot cross; those that share one vertex can, and are tested too. What merely touches (a
    corner on a face, faces that lie on each other in one plane) does not count.

    The test is by intervals on the line in which the triangles' planes meet (Moeller, A fast triangle-triangle
    intersection test, 1997).

    Args:
        vertices: (n, 3) mm.
        faces: (f, 3).
        among: (k,) indices of faces: only pairs with at least one of them; all when absent.

    Returns:
        (p, 2) indices of faces, the smaller first, in order, each pair once.
    """
    corners = vertices[faces]
    pairs = _near(corners, np.arange(len(faces)) if among is None else np.unique(among))
    shared = (faces[pairs[:, 0], :, None] == faces[pairs[:, 1], None, :]).astype(bool)
    apart = shared.sum(axis=(1, 2)) < 2
    pairs, shared = pairs[apart], shared[apart]
    crossing = _cross(corners[pairs[:, 0]], corners[pairs[:, 1]], shared.any(2), shared.any(1))
    return pairs[crossing]


def _near(corners: np.ndarray, among: np.ndarray) -> np.ndarray:
    """(p, 2) pairs with one of ``among`` whose bounding boxes overlap."""
    low, high = corners.min(axis=1), corners.max(axis=1)
    first, second = _maybe_near((low + high) / 2, np.linalg.norm(high - low, axis=1) / 2, among)
    boxes = first != second
    for axis in range(3):
        boxes &= (low[first, axis] <= high[second, axis]) & (low[second, axis] <= high[first, axis])
    first, second = first[boxes], second[boxes]
    keys = np.unique(np.minimum(first, second) * len(corners) + np.maximum(first, second))
    return np.column_stack(np.divmod(keys, len(corners)))


def _maybe_near(middle: np.ndarray, reach: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that could be near, as two lists; the few large triangles with all, so that they slow no other."""
    large = reach > LARGE * np.median(reach)
    chosen = np.zeros(len(middle), dtype=bool)
    chosen[among] = True
    ours, others = np.flatnonzero(chosen & ~large), np.flatnonzero(~large)
    limit = 2 * reach[others].max(initial=0.0)
    found = KDTree(middle[ours]).sparse_distance_matrix(KDTree(middle[others]), limit, output_type="ndarray")
    pairs = [(ours[found["i"]], others[found["j"]])]
    for some, all_ in ((np.flatnonzero(chosen & large), np.arange(len(middle))), (np.flatnonzero(large), among)):
        pairs.append((np.repeat(some, len(all_)), np.tile(all_, len(some))))
    return np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])


def _cross(first: np.ndarray, second: np.ndarray, of_first: np.ndarray, of_second: np.ndarray) -> np.ndarray:
    """(p,) whether triangles (p, 3, 3) cross, given which of their corners (p, 3) they have in common."""
    normals = [_normal(first), _normal(second)]
    heights = [
        _heights(first, second[:, 0], normals[1], of_first),
        _heights(second, first[:, 0], normals[0], of_second),
    ]
    through = np.ones(len(first), dtype=bool)
    for height in heights:
        through &= (height.min(axis=1) < 0) & (height.max(axis=1) > 0)
    line = np.cross(normals[0][through], normals[1][through])
    line = line / np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-300)
    ends = []
    for triangles, height in zip((first, second), heights, strict=True):
        # From a corner of the first: numbers stay small wherever the surface stands in the world.
        along = np.einsum("pij,pj->pi", triangles[through] - first[through, :1], line)
        ends.append(_interval(along, height[through]))
    common = np.minimum(ends[0][1], ends[1][1]) - np.maximum(ends[0][0], ends[1][0])
    through[through] = common > TOUCH_MM
    return through


def _normal(triangles: np.ndarray) -> np.ndarray:
    across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)


def _heights(triangles: np.ndarray, point: np.ndarray, normal: np.ndarray, on_it: np.ndarray) -> np.ndarray:
    """(p, 3) signed distances of the corners to the plane; exactly none for those that lie on it."""
    heights = np.einsum("pij,pj->pi", triangles - point[:, None], normal)
    return np.where(on_it | (np.abs(heights) < TOUCH_MM), 0.0, heights)


def _interval(along: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where triangles meet the other's plane, along the line of both: from and to, (p,) each."""
    following, below = np.roll(along, -1, axis=1), np.roll(heights, -1, axis=1)
    passes = heights * below < 0
    share = heights / np.where(passes, heights - below, 1.0)
    places = np.hstack([along + share * (following - along), along])
    there = np.hstack([passes, heights == 0])
    return np.where(there, places, np.inf).min(axis=1), np.where(there, places, -np.inf).max(axis=1)
