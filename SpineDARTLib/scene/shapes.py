"""Surfaces, lines and tubes as VTK's polygons, from NumPy and back; coordinates RAS mm, float64 to the last digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkTriangleFilter, vtkTubeFilter

TUBE_SIDES = 24


def points_to_vtk(points_mm: np.ndarray) -> vtkPoints:
    """(n, 3) to points of their own copy."""
    points = vtkPoints()
    points.SetDataTypeToDouble()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(points_mm, dtype=np.float64).reshape(-1, 3), deep=True))
    return points


def points_of(shape: vtkPolyData) -> np.ndarray:
    """(n, 3) RAS mm, a copy."""
    if shape is None or not shape.GetNumberOfPoints():
        return np.zeros((0, 3))
    return vtk_to_numpy(shape.GetPoints().GetData()).astype(np.float64)


def surface(vertices_mm: np.ndarray, faces: np.ndarray, scalars: Mapping[str, np.ndarray] | None = None) -> vtkPolyData:
    """A triangle surface.

    Args:
        vertices_mm: (n, 3).
        faces: (f, 3).
        scalars: name to (n,), the first the active one.
    """
    shape = vtkPolyData()
    shape.SetPoints(points_to_vtk(vertices_mm))
    shape.SetPolys(_cells(np.asarray(faces).ravel(), np.full(len(faces), 3)))
    for name, values in (scalars or {}).items():
        array = numpy_to_vtk(np.ascontiguousarray(values, dtype=np.float32), deep=True)
        array.SetName(name)
        shape.GetPointData().AddArray(array)
    if scalars:
        shape.GetPointData().SetActiveScalars(next(iter(scalars)))
    set_normals(shape, vertices_mm, np.asarray(faces))
    return shape


def set_normals(shape: vtkPolyData, vertices_mm: np.ndarray, faces: np.ndarray) -> None:
    """Give a surface the normals of its points, (n, 3) and (f, 3), by which it is shaded smoothly."""
    one, two, three = (vertices_mm[faces[:, corner]] for corner in range(3))
    across = np.cross(two - one, three - one)
    corners = faces.ravel()
    total = np.stack([np.bincount(corners, np.repeat(column, 3), len(vertices_mm)) for column in across.T], axis=1)
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    normals = numpy_to_vtk(total.astype(np.float32), deep=True)
    normals.SetName("Normals")
    shape.GetPointData().SetNormals(normals)


def faces_of(shape: vtkPolyData) -> np.ndarray:
    """(f, 3) of a triangle surface."""
    if not shape.GetNumberOfPolys():
        return np.zeros((0, 3), dtype=np.int64)
    return vtk_to_numpy(shape.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)


def lines(polylines: Sequence[np.ndarray]) -> vtkPolyData:
    """Polylines, each (n, 3) with n of at least 2."""
    kept = [np.asarray(line) for line in polylines if len(line) > 1]
    shape = vtkPolyData()
    if not kept:
        shape.SetPoints(points_to_vtk(np.zeros((0, 3))))
        return shape
    points = np.concatenate(kept)
    shape.SetPoints(points_to_vtk(points))
    shape.SetLines(_cells(np.arange(len(points)), np.array([len(line) for line in kept])))
    return shape


def _cells(indices: np.ndarray, sizes: np.ndarray) -> vtkCellArray:
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    cells = vtkCellArray()
    cells.SetData(
        numpy_to_vtkIdTypeArray(offsets.astype(np.int64), deep=True),
        numpy_to_vtkIdTypeArray(np.ascontiguousarray(indices, dtype=np.int64), deep=True),
    )
    return cells


def tube(path_mm: np.ndarray, radius_mm: float | np.ndarray) -> vtkPolyData:
    """A capped tube of triangles, normals outwards.

    Args:
        path_mm: (k, 3), k of at least 2, no two neighbours the same.
        radius_mm: one, or (k,).
    """
    line = lines([path_mm])
    radii = numpy_to_vtk(np.ascontiguousarray(np.broadcast_to(radius_mm, len(path_mm)), dtype=np.float64), deep=True)
    radii.SetName("radius_mm")
    line.GetPointData().SetScalars(radii)
    around = vtkTubeFilter()
    around.SetInputData(line)
    around.SetNumberOfSides(TUBE_SIDES)
    around.SetVaryRadiusToVaryRadiusByAbsoluteScalar()
    around.CappingOn()
    whole = vtkTriangleFilter()
    whole.SetInputConnection(around.GetOutputPort())
    whole.Update()
    return whole.GetOutput()


def extended(path_mm: np.ndarray, back_mm: float) -> np.ndarray:
    """A path that begins so much before its first point, in its first direction; the same where it has none."""
    first = path_mm[1] - path_mm[0]
    length = float(np.linalg.norm(first))
    if length < 1e-9 or back_mm <= 0.0:
        return path_mm
    return np.vstack([path_mm[0] - back_mm / length * first, path_mm])


def dashed(line_mm: np.ndarray, dash_mm: float, gap_mm: float) -> list[np.ndarray]:
    """The dashes of a polyline (n, 3) or (n, 2), by its own length."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line_mm, axis=0), axis=1))])
    dashes = []
    for start in np.arange(0.0, along[-1], dash_mm + gap_mm):
        end = min(start + dash_mm, along[-1])
        stations = np.concatenate([[start], along[(along > start) & (along < end)], [end]])
        dashes.append(np.stack([np.interp(stations, along, column) for column in line_mm.T], axis=1))
    return dashes
