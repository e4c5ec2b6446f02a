"""The outline of a projected surface, fast enough to follow a fit: no drawing library, which Slicer does not have.

    triangles that face the source -> the border of all of them -> winding number on a grid -> contour at a half

The winding number of the border around a pixel is how many of these triangles cover it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersCore import vtkFlyingEdges2D, vtkStripper

CELLS = 288
"""Along the longer side of the outline: 0.4 mm on the detector for a lumbar vertebra."""

SMOOTH_CELLS = 0.8
SMALLEST_CELLS = 24
"""Shorter loops are specks between triangles, no outline."""


def silhouette(points_px: np.ndarray, faces: np.ndarray) -> list[np.ndarray]:
    """The border of what a surface covers, holes too.

    Args:
        points_px: (n, 2) projected vertices.
        faces: (f, 3), all turned one way.

    Returns:
        closed loops, (m, 2) pixels each; none where a vertex has no place.
    """
    if not len(faces) or not np.isfinite(points_px).all():
        return []
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    step = float((high - low).max()) / CELLS
    if step <= 0.0:
        return []
    corner = low - 4.0 * step
    size = np.ceil((high - corner) / step).astype(int) + 5
    starts, ends = _border((points_px - corner) / step, faces)
    covered = gaussian_filter(np.clip(_winding(starts, ends, size), 0.0, 1.0), SMOOTH_CELLS)
    return [corner + step * loop for loop in _contours(covered)]


def _border(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(e, 2) starts and ends of the edges between triangles turned one way and those turned the other, or none."""
    one, two, three = (points[faces[:, corner]] for corner in range(3))
    first, second = two - one, three - one
    front = np.append(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] > 0.0, False)  # -1 is no triangle
    alone = front[:-1, None] & ~front[_neighbours(np.ascontiguousarray(faces, dtype=np.int64).tobytes())]
    return points[faces[alone]], points[np.roll(faces, -1, axis=1)[alone]]


@lru_cache(maxsize=8)
def _neighbours(faces: bytes) -> np.ndarray:
    """(f, 3) the triangle on the other side of each edge, from a corner to the next; -1 where there is none.

    Remembered: a fit moves vertices a hundred times and never changes the triangles.
    """
    start = np.frombuffer(faces, dtype=np.int64).reshape(-1, 3)
    end = np.roll(start, -1, axis=1)
    count = int(start.max()) + 1
    forwards, backwards = (start * count + end).ravel(), (end * count + start).ravel()
    order = np.argsort(forwards)
    place = np.minimum(np.searchsorted(forwards, backwards, sorter=order), len(order) - 1)
    found = order[place]
    return np.where(forwards[found] == backwards, found // 3, -1).reshape(-1, 3)


def _winding(starts: np.ndarray, ends: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(height, width) how often the edges go around each cell's centre; between 0 and 1 in a cell that an edge cuts."""
    low = np.ceil(np.minimum(starts[:, 1], ends[:, 1])).astype(int)
    count = np.ceil(np.maximum(starts[:, 1], ends[:, 1])).astype(int) - low
    edge = np.repeat(np.arange(len(starts)), count)
    row = low[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    rise = ends[edge, 1] - starts[edge, 1]
    across = starts[edge, 0] + (row - starts[edge, 1]) / rise * (ends[edge, 0] - starts[edge, 0]) + 0.5
    column, sign = np.floor(across).astype(int), -np.sign(rise)
    share = across - column
    place = row * size[0] + column
    crossings = np.bincount(
        np.concatenate([place, place + 1]),
        np.concatenate([sign * (1.0 - share), sign * share]),
        int(size[0] * size[1]),
    )
    return np.cumsum(crossings.reshape(size[1], size[0]), axis=1)


def _contours(covered: np.ndarray) -> list[np.ndarray]:
    """Closed lines (m, 2) of (column, row) where (height, width) values cross a half."""
    image = vtkImageData()
    image.SetDimensions(covered.shape[1], covered.shape[0], 1)
    image.GetPointData().SetScalars(numpy_to_vtk(covered.astype(np.float32).ravel(), deep=True))
    edges, joined = vtkFlyingEdges2D(), vtkStripper()
    edges.SetInputData(image)
    edges.SetValue(0, 0.5)
    joined.SetInputConnection(edges.GetOutputPort())
    joined.JoinContiguousSegmentsOn()
    joined.SetMaximumLength(covered.size)
    joined.Update()
    found = joined.GetOutput()
    if not found.GetNumberOfLines():
        return []
    points = vtk_to_numpy(found.GetPoints().GetData())[:, :2].astype(np.float64)
    cells = found.GetLines()
    arrays = cells.GetOffsetsArray(), cells.GetConnectivityArray()
    offsets, indices = (vtk_to_numpy(array).astype(np.int64) for array in arrays)
    loops = [points[indices[start:end]] for start, end in pairwise(offsets)]
    return [_thinned(loop) for loop in loops if len(loop) >= SMALLEST_CELLS]


def _thinned(loop: np.ndarray) -> np.ndarray:
    """Every other point: lines of segments shorter than a pixel are drawn badly."""
    return np.vstack([loop[:-1:2], loop[:1]])
