"""Does a vertebra lie in the world as its file claims? What of a wrong or mirrored orientation bone can show.

Seen: a spinous process that points forward, sideways, up or down; a column whose levels do not run from head to foot;
a single vertebra from T7 to L2 that stands clearly upside down; a mesh inside out (``mesh_files``); a NIfTI file whose
two orientations contradict each other (``label_volumes``). So a volume with one axis flipped is found unless that axis
runs from left to right: a vertebra is as good as symmetric, and a column mirrored left to right, with its normals
outwards, is another possible column. (The models are made symmetric: it would do them no harm.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..io.mesh import Mesh, to_polydata
from ..types import LEVELS

GRID_MM = 2.0
FORWARD_MM = -2.0
"""How far the body's centre is before the middle of the vertebra, at least. Over the 63 of the shipped manifest it is
4.6 to 25.6 mm, tilted and turned by 20 degrees still 2.9 or more."""
SIDEWAYS_MM, UPWARDS_MM = 8.0, 17.0
"""It is beside and above the middle by no more than one and a half times and twice what it is before it, or no more
than this: 5.3 and 12.1 mm over the same, 16.3 above when tilted by 20 degrees."""
UPRIGHT_MM = -6.0
"""From T7 to L2 it is above the middle, by 1.6 to 12.1 mm there; a tilt of 20 degrees can take 9 mm off. At other
levels the spinous process lies no lower than the body."""
UPRIGHT_LEVELS = LEVELS[LEVELS.index("T7") : LEVELS.index("L2") + 1]
DOWNWARD = 0.5
"""A column runs downwards by at least this part of its length."""
EXPECTED = "vertebrae in RAS mm; is it mirrored, or turned? (axes of a mesh stand in a manifest.csv)"


def check_orientation(where: Path, bones: Sequence[tuple[str, Mesh]]) -> None:
    """Refuse a file whose vertebrae lie the wrong way round.

    Args:
        where: the file.
        bones: its levels, head to foot, with vertices (n, 3) RAS mm and outward faces (f, 3).

    Raises:
        InputError: says what points where.
    """
    if not bones:
        return
    centres = np.array([_centres(*mesh) for _, mesh in bones])
    column = centres[-1, 0] - centres[0, 0]
    if len(bones) > 1 and column[2] > -DOWNWARD * np.linalg.norm(column):
        levels = f"{bones[0][0]} to {bones[-1][0]}"
        raise InputError(where, "orientation", f"{levels} not from head to foot", EXPECTED)
    offsets = centres[:, 0] - centres[:, 1]
    right, forward, up = offsets.mean(axis=0)
    if abs(right) > max(SIDEWAYS_MM, 1.5 * abs(forward)):
        raise InputError(where, "orientation", "a spinous process that points to a side", EXPECTED)
    if forward < FORWARD_MM:
        raise InputError(where, "orientation", "a spinous process that points forward", EXPECTED)
    if abs(up) > max(UPWARDS_MM, 2 * forward):
        raise InputError(where, "orientation", "a spinous process that points up or down", EXPECTED)
    upright = [level in UPRIGHT_LEVELS for level, _ in bones]
    if any(upright) and offsets[upright, 2].mean() < UPRIGHT_MM:
        raise InputError(where, "orientation", "a vertebra upside down", EXPECTED)


def _centres(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(2, 3) mm: the centre of the body, and the middle of the whole vertebra's extent.

    The body is where bone is thick: every point inside counts with the cube of its depth.
    """
    inside = _inside(vertices, faces)
    depth = np.asarray(ndimage.distance_transform_edt(inside)) ** 3
    low = vertices.min(axis=0) - GRID_MM
    body = np.array(ndimage.center_of_mass(depth)) * GRID_MM + low
    return np.stack([body, (vertices.min(axis=0) + vertices.max(axis=0)) / 2])


def _inside(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(x, y, z) whether the points of a grid of ``GRID_MM`` from one step below the lowest vertex are in a surface."""
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    low, high = vertices.min(axis=0) - GRID_MM, vertices.max(axis=0) + GRID_MM
    last = np.ceil((high - low) / GRID_MM).astype(int)
    stencil, image = vtk.vtkPolyDataToImageStencil(), vtk.vtkImageStencilToImage()
    stencil.SetInputData(to_polydata(vertices, faces))
    stencil.SetOutputOrigin(*low)
    stencil.SetOutputSpacing(GRID_MM, GRID_MM, GRID_MM)
    stencil.SetOutputWholeExtent(0, int(last[0]), 0, int(last[1]), 0, int(last[2]))
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.Update()
    values = vtk_to_numpy(image.GetOutput().GetPointData().GetScalars())
    return values.reshape(*(last[::-1] + 1)).transpose(2, 1, 0) > 0
