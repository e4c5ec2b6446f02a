"""Bones that touch and never run through each other: each gives way by half, as facets grow to fit one another."""

from __future__ import annotations

import numpy as np

from ...atlas.mesh import vertex_normals
from .grids import height_below

GAP_MM = 0.6
"""Least distance that is left: two layers of cartilage, which X-rays do not show."""
MOST_MM = 4.0
"""No surface gives way by more than this in one turn."""
TURNS = 3

Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices (n, 3) RAS mm and faces (f, 3), closed, outward normals."""


def parted(first: Mesh, second: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The vertices (n, 3) and (m, 3) of two neighbours, moved apart along their own normals where they meet."""
    (a, first_faces), (b, second_faces) = first, second
    for _ in range(TURNS):
        yielded_a, yielded_b = _yield(a, first_faces, b, second_faces), _yield(b, second_faces, a, first_faces)
        if yielded_a is None and yielded_b is None:
            break
        a, b = (a if yielded_a is None else yielded_a), (b if yielded_b is None else yielded_b)
    return a, b


def _yield(vertices: np.ndarray, faces: np.ndarray, other: np.ndarray, other_faces: np.ndarray) -> np.ndarray | None:
    """(n, 3) moved away from the other's surface, with a gentle slope around; None where nothing touches."""
    near = np.flatnonzero(((vertices > other.min(0) - GAP_MM) & (vertices < other.max(0) + GAP_MM)).all(axis=1))
    if not len(near):
        return None
    missing = np.clip(GAP_MM + height_below(vertices[near], other, other_faces), 0.0, MOST_MM)
    if not missing.any():
        return None
    amount = np.zeros(len(vertices))
    amount[near] = missing / 2
    smooth = amount
    for _ in range(4):
        smooth = np.maximum(amount, _around(smooth, faces))
    return vertices - smooth[:, None] * vertex_normals(vertices, faces)


def _around(values: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,) mean over each vertex's neighbours on a closed surface, where every edge belongs to two triangles."""
    corners = faces.ravel()
    others = (values[np.roll(faces, 1, axis=1)] + values[np.roll(faces, 2, axis=1)]).ravel()
    return np.bincount(corners, others, len(values)) / np.maximum(2 * np.bincount(corners, minlength=len(values)), 1)
