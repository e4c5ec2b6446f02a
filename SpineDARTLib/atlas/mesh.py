"""Arithmetic on triangle meshes that share one template: normals, areas, neighbours, similarity transforms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, eye_array

MIRROR = np.array([-1.0, 1.0, 1.0])
"""Factors on x, y, z that make a shape in the model's frame its mirror image."""


@dataclass(frozen=True)
class Template:
    """The mesh that all shapes share.

    Attributes:
        vertices: (n, 3) mm in the model's frame (x right, y anterior, z superior, origin in the body's centre).
        faces: (f, 3), outward normals.
        partner: (n,) the vertex at the mirrored place (itself on the midline).
    """

    vertices: np.ndarray
    faces: np.ndarray
    partner: np.ndarray


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n, 3) unit normals, triangles weighted by area."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(faces[:, corner], across[:, axis], len(vertices))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def vertex_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,) a third of the adjoining triangles' areas, mm2."""
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 6
    return np.bincount(faces.ravel(), np.repeat(area, 3), len(vertices))


def edges_of(faces: np.ndarray) -> np.ndarray:
    """(e, 2) every edge once, the smaller index first, sorted."""
    pairs = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def surface_laplacian(faces: np.ndarray, count: int) -> csr_array:
    """(n, n) uniform graph Laplacian: a vertex less the mean of its neighbours."""
    edges = edges_of(faces)
    rows, columns = np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]]
    adjacency = coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count)).tocsr()
    degree = np.bincount(rows, minlength=count)
    return csr_array(eye_array(count) - diags_array(1.0 / degree) @ adjacency)


def similarity(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None, scaled: bool = True
) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation (3, 3) and translation (3,) that bring (n, 3) points onto their partners (Umeyama 1991)."""
    share = np.full(len(source), 1.0 / len(source)) if weights is None else weights / weights.sum()
    middle, goal = share @ source, share @ target
    covariance = (target - goal).T @ ((source - middle) * share[:, None])
    left, singular, right = np.linalg.svd(covariance)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left * sign @ right
    spread = share @ ((source - middle) ** 2).sum(1)
    scale = float(singular @ sign / spread) if scaled else 1.0
    return scale, rotation, goal - scale * rotation @ middle
