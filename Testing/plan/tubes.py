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


def tube_vertebra(spacing: float = 0.8, eaten: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) and faces (f, 3) in the vertebra's frame, outward normals; exact to about 0.05 mm.

    Args:
        eaten: what is not there of the left pedicle: "all" of it, a "gap" across it, or its "medial half".
    """
    axes = [np.arange(-26, 26.1, spacing), np.arange(BACK - 3, 19.1, spacing), np.arange(-16, 16.1, spacing)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    body = np.maximum(_ellipse(x, y, BODY_HALF_WIDTH, BODY_HALF_DEPTH), np.abs(z) - BODY_HALF_HEIGHT)
    value = body
    for side in ("left", "right"):
        tube = _ellipse(x - OFFSET[side], z - HEIGHT[side], HALF_WIDTH[side], HALF_HEIGHT[side])
        tube = np.maximum(tube, np.maximum(BACK - y, y))
        if side == "left" and eaten:
            hole = {"all": y + 17.0, "gap": np.abs(y + 24.0) - 1.5, "medial half": np.abs(y + 24.0) - 4.0}[eaten]
            kept = OFFSET["left"] - x if eaten == "medial half" else np.full_like(x, -1e3)
            tube = np.maximum(tube, -np.maximum(hole, kept))
        value = np.minimum(value, tube)
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


ARC_RADIUS, ARC_TUBE = 60.0, 4.0
"""A left pedicle and body in one: a round tube along an arc that turns to the midline."""
ARC_ANGLES = np.deg2rad((0.0, 45.0))
ARC_MIDDLE = np.deg2rad(20.0)


def arc(angles: np.ndarray, outwards_mm: float = 0.0, up_mm: float = 0.0) -> np.ndarray:
    """(k, 3) points along the bent tube's middle, moved outwards (laterally) and up, in the vertebra's frame."""
    radius = ARC_RADIUS + outwards_mm
    x = -20.0 + ARC_RADIUS - radius * np.cos(angles)
    return np.stack([x, -45.0 + radius * np.sin(angles), np.full_like(angles, 3.0 + up_mm)], axis=-1)


def bent_tube(rings: int = 91, around: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of the bent tube, closed at both ends, outward normals."""
    along = np.repeat(np.linspace(*ARC_ANGLES, rings), around)
    turn = np.tile(np.arange(around) * 2 * np.pi / around, rings)
    vertices = np.stack([arc(a, ARC_TUBE * np.cos(b), ARC_TUBE * np.sin(b)) for a, b in zip(along, turn, strict=True)])
    first = np.arange(rings * around).reshape(rings, around)
    here, there = first[:-1], first[1:]
    beside, both = np.roll(here, -1, axis=1), np.roll(there, -1, axis=1)
    sides = [np.stack(corners, axis=-1).reshape(-1, 3) for corners in ((here, there, both), (here, both, beside))]
    ends = [(len(vertices), first[0]), (len(vertices) + 1, np.roll(first[-1][::-1], 1))]
    caps = [np.stack([np.full(around, middle), ring, np.roll(ring, -1)], axis=-1) for middle, ring in ends]
    return np.vstack([vertices, arc(np.array(ARC_ANGLES))]), np.vstack([*sides, *caps])


def arc_anatomy() -> Anatomy:
    """The bent tube's left pedicle, around a third of its length; the right one is the same and not there."""
    centre = arc(np.array(ARC_MIDDLE))
    axis = np.array([np.sin(ARC_MIDDLE), np.cos(ARC_MIDDLE), 0.0])
    left = Pedicle("left", centre, axis, -6.0, 6.0)
    return Anatomy(np.eye(3), np.zeros(3), {"left": left, "right": Pedicle("right", -centre, axis, -6.0, 6.0)})


def tube_anatomy(turn: np.ndarray, shift: np.ndarray) -> Anatomy:
    """The anatomy of the made-up vertebra after ``turn`` and ``shift``."""
    pedicles = {}
    for side in ("left", "right"):
        centre = np.array([OFFSET[side], -24.0, HEIGHT[side]])
        pedicles[side] = Pedicle(side, turn @ centre + shift, turn @ np.array([0.0, 1.0, 0.0]), -6.0, 6.0)
    return Anatomy(turn.T, np.asarray(shift, dtype=np.float64), pedicles)
