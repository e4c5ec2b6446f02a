"""Grids in the world: an empty one around a box, and how its points lie to a closed surface."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from ...atlas.mesh import vertex_normals
from ..nouns import Volume

BLEND_MM = 0.8
"""How far apart a surface's samples are blended: half of a triangle of the atlas's meshes, about."""


def empty_volume(low_mm: np.ndarray, high_mm: np.ndarray, spacing_mm: float, material: str = "soft") -> Volume:
    """Zeros on an axis-aligned grid that covers a box.

    Args:
        low_mm: (3,) RAS, the first voxel's centre.
        high_mm: (3,) RAS; the last voxel's centre is there or up to a voxel beyond.
        spacing_mm: between voxels, the same in all directions.
        material: one of ``nouns.MATERIALS``.
    """
    low_mm = np.asarray(low_mm, dtype=np.float64)
    shape = (np.ceil((np.asarray(high_mm) - low_mm) / spacing_mm).astype(int) + 1).tolist()
    voxel_to_world = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    voxel_to_world[:3, 3] = low_mm
    return Volume(np.zeros(tuple(shape), dtype=np.float32), voxel_to_world, material)


def inside_mask(
    vertices: np.ndarray, faces: np.ndarray, origin: np.ndarray, shape: tuple[int, ...], spacing: float
) -> np.ndarray:
    """(x, y, z) bool: whose centre is inside a closed surface.

    Args:
        vertices: (n, 3) RAS mm.
        faces: (f, 3), closed.
        origin: (3,) RAS mm of the first voxel's centre.
        shape: (x, y, z) of the axis-aligned grid.
        spacing: mm.
    """
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    from ...io.mesh import to_polydata

    stencil = vtkPolyDataToImageStencil()
    stencil.SetInputData(to_polydata(vertices, faces))
    stencil.SetOutputOrigin(*(float(value) for value in origin))
    stencil.SetOutputSpacing(float(spacing), float(spacing), float(spacing))
    stencil.SetOutputWholeExtent(0, int(shape[0]) - 1, 0, int(shape[1]) - 1, 0, int(shape[2]) - 1)
    to_image = vtkImageStencilToImage()
    to_image.SetInputConnection(stencil.GetOutputPort())
    to_image.SetOutsideValue(0)
    to_image.SetInsideValue(1)
    to_image.SetOutputScalarTypeToUnsignedChar()
    to_image.Update()
    values = vtk_to_numpy(to_image.GetOutput().GetPointData().GetScalars())
    return values.reshape(shape, order="F").astype(bool)


def height_below(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,) mm that points (n, 3) near a surface lie below it: below the planes of the nearest triangles and vertices.

    Implicit moving least squares (Kolluri, ACM Trans Algorithms 2008; 4:18).
    """
    corners = vertices[faces]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    upright = crossed / np.maximum(np.linalg.norm(crossed, axis=1, keepdims=True), 1e-12)
    known = np.concatenate([vertices, corners.mean(axis=1)])
    normals = np.concatenate([vertex_normals(vertices, faces), upright])
    distance, nearest = KDTree(known).query(points, k=3)
    weights = np.exp(-((distance / BLEND_MM) ** 2)) + 1e-12
    heights = np.einsum("nkc,nkc->nk", known[nearest] - points[:, None], normals[nearest])
    return ((weights * heights).sum(1) / weights.sum(1)).astype(np.float32)
