"""A made-up vertebra with known measures: a body (elliptic cylinder) and two pedicles (straight elliptic tubes)."""

from __future__ import annotations

import numpy as np
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from SpineDARTLib.plan.anatomy import Anatomy, Pedicle

# Everything differs from left to right and from medial to lateral, so that a mirrored answer is wrong.
BODY_HALF_WIDTH, BODY_HALF_DEPTH, BODY_HALF_HEIGHT = 22.0, 16.0, 13.0
HALF_WIDTH = {"left": 4.0, "right": 5.0}
HALF_HEIGHT = {"left": 7.0, "right": 6.0}
OFFSET = {"left": -14.0, "right": 15.0}
HEIGHT = {"left": 3.0, "right": 2.0}
BACK = -45.0
"""Where the tubes end behind."""


def rotation(axis_angle: tuple[float, float, float]) -> np.ndarray:
    """(3, 3) by Rodrigues."""
    vector = np.asarray(axis_angle)
    angle = np.linalg.norm(vector)
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def tube_vertebra(spacing: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) and faces (f, 3) in the vertebra's frame, outward normals; exact to about 0.05 mm."""
    axes = [np.arange(-26, 26.1, spacing), np.arange(BACK - 3, 19.1, spacing), np.arange(-16, 16.1, spacing)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    body = np.maximum(_ellipse(x, y, BODY_HALF_WIDTH, BODY_HALF_DEPTH), np.abs(z) - BODY_HALF_HEIGHT)
    value = body
    for side in ("left", "right"):
        tube = _ellipse(x - OFFSET[side], z - HEIGHT[side], HALF_WIDTH[side], HALF_HEIGHT[side])
        value = np.minimum(value, np.maximum(tube, np.maximum(BACK - y, y)))
    return _contour(-value, [axis[0] for axis in axes], spacing)


def _ellipse(a: np.ndarray, b: np.ndarray, half_a: float, half_b: float) -> np.ndarray:
    """Zero on the ellipse, about the distance near it."""
    norm = np.sqrt((a / half_a) ** 2 + (b / half_b) ** 2)
    steep = np.sqrt((a / half_a**2) ** 2 + (b / half_b**2) ** 2)
    return norm * (norm - 1) / np.maximum(steep, 1e-6)


def _contour(value: np.ndarray, origin: list[float], spacing: float) -> tuple[np.ndarray, np.ndarray]:
    image = vtk.vtkImageData()
    image.SetDimensions(*value.shape)
    image.SetOrigin(*origin)
    image.SetSpacing(spacing, spacing, spacing)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(value.ravel(order="F")), deep=True))
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.0)
    contour.Update()
    surface = contour.GetOutput()
    vertices = vtk_to_numpy(surface.GetPoints().GetData()).astype(np.float64)
    faces = vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    first, second, third = vertices[faces].swapaxes(0, 1)
    volume = np.einsum("ij,ij->i", first, np.cross(second, third)).sum()
    return vertices, faces if volume > 0 else faces[:, ::-1]


def tube_anatomy(turn: np.ndarray, shift: np.ndarray) -> Anatomy:
    """The anatomy of the made-up vertebra after ``turn`` and ``shift``."""
    pedicles = {}
    for side in ("left", "right"):
        centre = np.array([OFFSET[side], -24.0, HEIGHT[side]])
        pedicles[side] = Pedicle(side, turn @ centre + shift, turn @ np.array([0.0, 1.0, 0.0]), -6.0, 6.0)
    return Anatomy(turn.T, np.asarray(shift, dtype=np.float64), pedicles)
