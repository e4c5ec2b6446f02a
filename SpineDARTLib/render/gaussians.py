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
    a, b, c = (vertices[..., faces[:, corner], :] for corner in range(3))
    thirds = torch.linalg.cross(b - a, c - a) / 6.0
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total = total.index_add(-2, faces[:, corner], thirds)
    return total


def cortical(
    vertices: Float[Tensor, "*batch n 3"], area_vectors: Float[Tensor, "*batch n 3"], settings: RenderSettings
) -> Gaussians:
    """One flat Gaussian a vertex: thin along the normal (the shell), wide along the surface (its share of area).

    The shell lies just inside the surface. A disc of area A has the variance A / (4 pi) along each diameter; neighbouring
    discs overlap smoothly from about ``settings.splat_overlap`` times that on.
    """
    area = area_vectors.norm(dim=-1).clamp_min(1e-9)
    normals = area_vectors / area[..., None]
    along = settings.splat_overlap * area / (4 * torch.pi)
    across = settings.cortical_thickness_mm**2 / 12.0  # variance of a uniform slab
    eye = torch.eye(3, dtype=vertices.dtype, device=vertices.device)
    outer = normals[..., :, None] * normals[..., None, :]
    covariances = along[..., None, None] * eye + (across - along)[..., None, None] * outer
    masses = settings.cortical_attenuation_per_mm * settings.cortical_thickness_mm * area
    return Gaussians(vertices - 0.5 * settings.cortical_thickness_mm * normals, covariances, masses)


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

    Each is a weighted mean of its nearest vertices with the least-norm weights that are exact for affine maps, so that it
    follows pose, scale and shape.

    Args:
        vertices: (n, 3) mm.
        faces: (f, 3).
        spacing_mm: of the grid of points.
        neighbours: vertices that each rides on.

    Returns:
        indices (m, neighbours) and weights (m, neighbours), rows summing to one.
    """
    from scipy.spatial import cKDTree

    low, high = vertices.min(0), vertices.max(0)
    axes = [np.arange(start + spacing_mm / 2, stop, spacing_mm) for start, stop in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = grid[_winding_number(grid, vertices, faces) > 0.5]
    _, indices = cKDTree(vertices).query(inside, k=neighbours)
    corners = vertices[indices] - inside[:, None]
    design = np.concatenate([np.ones((*indices.shape, 1)), corners], axis=2)  # (m, k, 4)
    target = np.zeros((len(inside), 4))
    target[:, 0] = 1.0
    gram = np.einsum("mki,mkj->mij", design, design)
    weights = np.einsum("mki,mi->mk", design, np.linalg.solve(gram, target[..., None])[..., 0])
    return indices, weights


def _winding_number(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(m,) generalised winding number: 1 inside a closed surface with outward normals, 0 outside (Jacobson 2013)."""
    corners = vertices[faces]
    numbers = np.empty(len(points))
    for start in range(0, len(points), 256):
        a, b, c = (corners[None, :, i] - points[start : start + 256, None] for i in range(3))
        la, lb, lc = (np.linalg.norm(x, axis=2) for x in (a, b, c))
        volume = np.einsum("mfi,mfi->mf", a, np.cross(b, c))
        dots = (
            la * lb * lc
            + np.einsum("mfi,mfi->mf", a, b) * lc
            + np.einsum("mfi,mfi->mf", b, c) * la
            + np.einsum("mfi,mfi->mf", c, a) * lb
        )
        numbers[start : start + 256] = np.arctan2(volume, dots).sum(1) / (2 * np.pi)
    return numbers
