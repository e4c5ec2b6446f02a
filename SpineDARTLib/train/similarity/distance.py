"""The mean surface distance (MASD) of a state from the truth, at low cost: nearest points both ways, no correspondence.

``evaluate`` measures the same on voxels (ASSD), a hundred times as slowly. Here the true surface is a cloud of points
with normals; what of a distance to the nearest of them lies along the surface is, up to the points' spacing, their
sampling and no distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

POINTS = 5000
"""Of a true surface: about 1.7 mm apart."""
ASKED = 800
"""Points whose distance is measured, each way."""


@dataclass(frozen=True)
class Cloud:
    """A surface as points, evenly by area.

    Attributes:
        points: (n, 3) RAS mm. normals: (n, 3) unit.
        spacing_mm: the root of each point's share of the area.
    """

    points: np.ndarray
    normals: np.ndarray
    spacing_mm: float


def cloud_of(vertices: np.ndarray, faces: np.ndarray, count: int = POINTS, seed: int = 0) -> Cloud:
    """Random points of a surface; its vertices' normals, so that a voxel's stairs do not show."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    crosses = np.cross(b - a, c - a)
    areas = 0.5 * np.linalg.norm(crosses, axis=1)
    own = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(own, faces[:, corner], crosses)
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(faces), count, p=areas / areas.sum())
    weights = generator.dirichlet((1.0, 1.0, 1.0), count)
    points = np.einsum("nk,nkd->nd", weights, vertices[faces[chosen]])
    normals = np.einsum("nk,nkd->nd", weights, own[faces[chosen]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return Cloud(points, normals, float(np.sqrt(areas.sum() / count)))


class TrueSurface:
    """A true surface, ready to be measured against."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._tree = KDTree(cloud.points)

    def distance_mm(self, vertices: np.ndarray, faces: np.ndarray) -> float:
        """Mean over both surfaces of the distance to the other.

        Args:
            vertices: (n, 3) RAS mm of the fitted surface. faces: (f, 3).
        """
        fitted = cloud_of(vertices, faces, ASKED)
        forth = _flat(fitted.points, self.cloud, self._tree)
        a, b, c = (vertices[faces[:, corner]] for corner in range(3))
        crosses = np.cross(b - a, c - a)
        lengths = np.linalg.norm(crosses, axis=1)
        middles = Cloud(
            (a + b + c) / 3.0, crosses / np.maximum(lengths, 1e-12)[:, None], float(np.sqrt(0.5 * lengths.mean()))
        )
        back = _flat(self.cloud.points[:ASKED], middles, KDTree(middles.points))
        return float(0.5 * (forth.mean() + back.mean()))


def _flat(points: np.ndarray, cloud: Cloud, tree: KDTree) -> np.ndarray:
    """(n,) mm to the surface that a cloud stands for."""
    distances, nearest = tree.query(points)
    across = np.einsum("nd,nd->n", points - cloud.points[nearest], cloud.normals[nearest])
    along = np.maximum(distances**2 - across**2 - cloud.spacing_mm**2, 0.0)
    return np.sqrt(across**2 + along)
