"""A small spine with a known shape: the shipped atlas's mean L1 to L3, one above the other, as meshes and as voxels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from SpineDARTLib.atlas import load_model
from SpineDARTLib.io.mesh import Mesh, to_polydata
from SpineDARTLib.types import VERSE_LABELS

LEVELS = ("L1", "L2", "L3")
SPACING_MM = np.array([3.0, 2.0, 2.5])
"""x, y, z: unequal, as of sagittal slices."""


@cache
def spine() -> dict[str, Mesh]:
    """Level to vertices (n, 3) RAS mm and outward faces; off the midline, a little turned, 36 mm apart."""
    model = load_model("L2")
    turn = Rotation.from_euler("xz", [8.0, 5.0], degrees=True).as_matrix()
    return {
        level: (model.means[level] @ turn.T + [7.0 + index, -40.0 - 3.0 * index, 90.0 - 36.0 * index], model.faces)
        for index, level in enumerate(LEVELS)
    }


@cache
def voxels(levels: tuple[str, ...] = LEVELS) -> tuple[np.ndarray, np.ndarray]:
    """Labels (x, y, z) in VerSe's numbers with air around, and the (3,) RAS mm of the first voxel's centre."""
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    points = np.vstack([spine()[level][0] for level in levels])
    origin = points.min(axis=0) - 8.0
    last = np.ceil((points.max(axis=0) + 8.0 - origin) / SPACING_MM).astype(int)
    labels = np.zeros(last + 1, dtype=np.uint8)
    for level in levels:
        stencil, image = vtk.vtkPolyDataToImageStencil(), vtk.vtkImageStencilToImage()
        stencil.SetInputData(to_polydata(*spine()[level]))
        stencil.SetOutputOrigin(*origin)
        stencil.SetOutputSpacing(*SPACING_MM)
        stencil.SetOutputWholeExtent(0, int(last[0]), 0, int(last[1]), 0, int(last[2]))
        image.SetInputConnection(stencil.GetOutputPort())
        image.SetInsideValue(1)
        image.SetOutsideValue(0)
        image.Update()
        inside = vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(*(last[::-1] + 1))
        labels[inside.transpose(2, 1, 0) > 0] = VERSE_LABELS[level]
    return labels, origin


def write_volume(path: Path, labels: np.ndarray, origin: np.ndarray, spacing: np.ndarray = SPACING_MM) -> Path:
    """Write (x, y, z) labels whose axes are RAS; kind by the name."""
    import SimpleITK as sitk

    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(np.ascontiguousarray(labels.transpose(2, 1, 0)))
    image.SetSpacing([float(step) for step in spacing])
    image.SetOrigin([-float(origin[0]), -float(origin[1]), float(origin[2])])
    image.SetDirection([-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0])
    sitk.WriteImage(image, str(path), useCompression=True)
    return path
