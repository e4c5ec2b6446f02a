"""Volumes of linear attenuation, and a closed surface filled with bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

CORTICAL_PER_MM = 0.0604
"""Cortical bone (ICRU-44), 60 keV: 0.3148 cm2/g x 1.92 g/cm3 (NIST, Hubbell and Seltzer 2004)."""
SOFT_PER_MM = 0.0217
"""Soft tissue (ICRU-44), 60 keV: 0.2048 cm2/g x 1.06 g/cm3 (same source)."""
FAT_PER_MM = 0.0188
"""Adipose tissue (ICRU-44), 60 keV: 0.1974 cm2/g x 0.95 g/cm3 (same source)."""
TRABECULAR_PER_MM = 0.0250
"""Vertebral spongiosa of about 200 HU (water: 0.0206 per mm, same source)."""

SUBCORTICAL_PER_MM, SUBCORTICAL_MM = 0.008, 1.5
"""How much denser spongiosa is just below the cortex, and how deep that reaches, about."""


@dataclass(frozen=True)
class Volume:
    """Linear attenuation on a grid; several of them add up.

    Attributes:
        values: (x, y, z) float32 per mm, along the first, second and third index.
        voxel_to_world: (4, 4) index to RAS mm of the voxel's centre.
    """

    values: np.ndarray
    voxel_to_world: np.ndarray


def empty_volume(low_mm: np.ndarray, high_mm: np.ndarray, spacing_mm: float) -> Volume:
    """Zeros on an axis-aligned grid that covers a box."""
    shape = (np.ceil((np.asarray(high_mm) - low_mm) / spacing_mm).astype(int) + 1).tolist()
    voxel_to_world = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    voxel_to_world[:3, 3] = low_mm
    return Volume(np.zeros(tuple(shape), dtype=np.float32), voxel_to_world)


def add_bone(
    volume: Volume, vertices: np.ndarray, faces: np.ndarray, shell_mm: float, generator: np.random.Generator
) -> None:
    """Fill a closed surface with bone, in place, as what it adds to soft tissue.

    A cortical shell around trabecular bone with a fine texture; both are blended over a voxel's width, so that no
    staircase shows in a projection. Where bones touch, the denser one stands.

    Args:
        vertices: (n, 3) RAS mm, inside the volume's grid.
        faces: (f, 3), closed, outward normals.
        shell_mm: thickness of the cortex.
    """
    spacing, origin = float(volume.voxel_to_world[0, 0]), volume.voxel_to_world[:3, 3]
    pad = 4
    low = np.floor((vertices.min(0) - origin) / spacing).astype(int) - pad
    high = np.ceil((vertices.max(0) - origin) / spacing).astype(int) + pad
    low, high = np.maximum(low, 0), np.minimum(high, volume.values.shape)
    if (high - low < 2).any():
        return  # beyond the grid
    depth = signed_depth(vertices, faces, origin + low * spacing, tuple((high - low).tolist()), spacing)
    # A cortex of even thickness looks drawn: it varies by a third from place to place.
    shell = shell_mm * np.clip(1.0 + 0.33 * _texture(depth.shape, 4.0 / spacing, generator), 0.3, 2.0)
    inside = np.clip(0.5 + depth / spacing, 0.0, 1.0)
    deep = np.clip(0.5 + (depth - shell) / spacing, 0.0, 1.0)
    texture = 0.6 * _texture(depth.shape, 0.9 / spacing, generator) + 0.8 * _texture(
        depth.shape, 4.0 / spacing, generator
    )
    spongiosa = TRABECULAR_PER_MM * (1.0 + 0.22 * texture)
    # Denser below the cortex, which also fills laminae and processes.
    spongiosa += SUBCORTICAL_PER_MM * np.exp(-np.maximum(depth - shell, 0.0) / SUBCORTICAL_MM)
    added = (CORTICAL_PER_MM - SOFT_PER_MM) * (inside - deep) + (spongiosa - SOFT_PER_MM) * deep
    added = gaussian_filter(added, 0.4 / spacing)
    part = volume.values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    np.maximum(part, added, out=part)


def signed_depth(
    vertices: np.ndarray, faces: np.ndarray, origin: np.ndarray, shape: tuple[int, ...], spacing: float
) -> np.ndarray:
    """(x, y, z) mm below the surface (negative outside), to about a third of a voxel."""
    mask = inside_mask(vertices, faces, origin, shape, spacing)
    depth = np.asarray(distance_transform_edt(mask)) - np.asarray(distance_transform_edt(~mask))
    depth = np.where(mask, depth - 0.5, depth + 0.5) * spacing
    return gaussian_filter(depth.astype(np.float32), 0.8)


def inside_mask(
    vertices: np.ndarray, faces: np.ndarray, origin: np.ndarray, shape: tuple[int, ...], spacing: float
) -> np.ndarray:
    """(x, y, z) bool: whose centre is inside a closed surface."""
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    from ..io.mesh import to_polydata

    stencil = vtk.vtkPolyDataToImageStencil()
    stencil.SetInputData(to_polydata(vertices, faces))
    stencil.SetOutputOrigin(*(float(value) for value in origin))
    stencil.SetOutputSpacing(spacing, spacing, spacing)
    stencil.SetOutputWholeExtent(0, int(shape[0]) - 1, 0, int(shape[1]) - 1, 0, int(shape[2]) - 1)
    to_image = vtk.vtkImageStencilToImage()
    to_image.SetInputConnection(stencil.GetOutputPort())
    to_image.SetOutsideValue(0)
    to_image.SetInsideValue(1)
    to_image.SetOutputScalarTypeToUnsignedChar()
    to_image.Update()
    values = vtk_to_numpy(to_image.GetOutput().GetPointData().GetScalars())
    return values.reshape(shape, order="F").astype(bool)


def _texture(shape: tuple[int, ...], sigma: float, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) smooth noise of unit deviation."""
    noise = gaussian_filter(generator.standard_normal(shape).astype(np.float32), sigma)
    return noise / max(float(noise.std()), 1e-9)
