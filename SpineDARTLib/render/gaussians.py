"""Gaussians from surfaces: flat cortical splats on the vertices, round trabecular ones inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..config import RenderSettings


@dataclass(frozen=True)
class Gaussians:
    """Attenuating three-dimensional Gaussians, RAS mm.

    Attributes:
        means: (..., n, 3) mm.
        covariances: (..., n, 3, 3) mm2.
        masses: (..., n) attenuation x volume, mm2 (1/mm x mm3).
    """

    means: Float[Tensor, "*batch splats 3"]
    covariances: Float[Tensor, "*batch splats 3 3"]
    masses: Float[Tensor, "*batch splats"]


def concatenate(parts: list[Gaussians]) -> Gaussians:
    """One set from several with the same batch."""
    return Gaussians(
        torch.cat([part.means for part in parts], dim=-2),
        torch.cat([part.covariances for part in parts], dim=-3),
        torch.cat([part.masses for part in parts], dim=-1),
    )


def vertex_normals(vertices: Float[Tensor, "*batch n 3"], faces: Tensor) -> Float[Tensor, "*batch n 3"]:
    """Area vectors of the vertices (mm2): direction the outward normal, length the vertex's share of the surface."""
    count, batch = vertices.shape[-2], vertices.shape[:-2]
    # Vertices first: gathering and adding up then move whole rows of the batch.
    rows = vertices.movedim(-2, 0).reshape(count, -1)
    corners = faces.T.reshape(-1)
    a, b, c = rows.index_select(0, corners).view(3, len(faces), -1, 3)
    thirds = torch.linalg.cross(b - a, c - a).view(len(faces), -1) / 6.0
    total = torch.zeros_like(rows).index_add(0, corners, thirds.repeat(3, 1))
    return total.view(count, *batch, 3).movedim(0, -2).contiguous()


def cortical(
    vertices: Float[Tensor, "*batch n 3"], area_vectors: Float[Tensor, "*batch n 3"], settings: RenderSettings
) -> Gaussians:
    """One flat Gaussian a vertex: thin along the normal (the shell), wide along the surface (its share of area).

    The shell lies just inside the surface. A disc of area A has the variance A / (4 pi) along each diameter;
    neighbouring discs overlap smoothly from about ``settings.splat_overlap`` times that on.
    """
    area = area_vectors.norm(dim=-1).clamp_min(1e-9)
    normals = area_vectors / area[..., None]
    along = settings.splat_overlap * area / (4 * torch.pi)
    across = settings.cortical_thickness_mm**2 / 12.0  # variance of a uniform slab
    eye = torch.eye(3, dtype=vertices.dtype, device=vertices.device)
    flattened = (across - along)[..., None] * normals
    covariances = along[..., None, None] * eye + flattened[..., :, None] * normals[..., None, :]
    masses = settings.cortical_attenuation_per_mm * settings.cortical_thickness_mm * area
    return Gaussians(vertices - settings.cortical_depth_mm * normals, covariances, masses)


def trabecular(
    points: Float[Tensor, "*batch m 3"],
    volumes_mm3: Float[Tensor, "*batch m"],
    settings: RenderSettings,
) -> Gaussians:
    """Round Gaussians inside the bone, each standing for a share of its volume."""
    variance = (volumes_mm3.clamp_min(1e-9) ** (2 / 3)) * settings.interior_overlap / 12.0  # variance of a cube's side
    eye = torch.eye(3, dtype=points.dtype, device=points.device)
    return Gaussians(points, variance[..., None, None] * eye, settings.trabecular_attenuation_per_mm * volumes_mm3)


def interior_points(
    vertices: np.ndarray, faces: np.ndarray, spacing_mm: float, neighbours: int = 24
) -> tuple[np.ndarray, np.ndarray]:
    """Points inside a closed surface that ride on its vertices.

    Each is a weighted mean of its nearest vertices with the least-norm weights that are exact for affine maps, so that
    it follows pose, scale and shape.

    Args:
        vertices: (n, 3) mm.
        faces: (f, 3).
        spacing_mm: of the grid of points.
        neighbours: vertices that each rides on.

    Returns:
        indices (m, neighbours) and weights (m, neighbours), rows summing to one.
    """
    from scipy.spatial import KDTree

    inside = _grid_inside(vertices, faces, spacing_mm)
    indices = np.asarray(KDTree(vertices).query(inside, k=neighbours)[1])
    corners = vertices[indices] - inside[:, None]
    design = np.concatenate([np.ones((*indices.shape, 1)), corners], axis=2)  # (m, k, 4)
    target = np.zeros((len(inside), 4))
    target[:, 0] = 1.0
    gram = np.einsum("mki,mkj->mij", design, design)
    weights = np.einsum("mki,mi->mk", design, np.linalg.solve(gram, target[..., None])[..., 0])
    return indices, weights


def _grid_inside(vertices: np.ndarray, faces: np.ndarray, spacing_mm: float) -> np.ndarray:
    """(m, 3) the points of a grid that a closed surface encloses: those with an odd number of crossings above them."""
    low, high = vertices.min(0), vertices.max(0)
    # Off the round numbers, so that no line of the grid runs through an edge of a symmetric mesh.
    x, y, z = (np.arange(a + 0.4871 * spacing_mm, b, spacing_mm) for a, b in zip(low, high, strict=True))
    columns = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))

    def twice_area(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        one, other = first[:, :2] - columns, second[:, :2] - columns
        return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]

    weights = np.stack([twice_area(b, c), twice_area(c, a), twice_area(a, b)], axis=-1)  # (columns, faces, 3)
    total = weights.sum(-1)
    column, face = np.nonzero(((weights > 0).all(-1) | (weights < 0).all(-1)) & (total != 0))
    heights = (weights[column, face] * np.stack([a, b, c], axis=1)[face, :, 2]).sum(-1) / total[column, face]
    above = np.zeros((len(columns), len(z)), dtype=np.int64)
    np.add.at(above, column, heights[:, None] > z)
    which, level = np.nonzero(above % 2)
    return np.column_stack([columns[which, 0], z[level]])
