"""Which pixels a closed surface covers: its projected triangles, rasterised exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...geometry.camera import project_with_depth
from ...types import View
from ..nouns import Crop

ON_EDGE_PX2 = 1e-9
"""A pixel centre so near to an edge lies on it, and belongs to the triangles on both sides."""


@dataclass(frozen=True)
class Silhouette:
    """A surface's projection.

    Attributes:
        box_px: (4,) left, top, right, bottom of all of it, also outside the picture.
        mask: bool crop, as far as it is in the picture (0 x 0 where it is not).
        area_px: number of pixel centres that it covers, also outside the picture.
    """

    box_px: np.ndarray
    mask: Crop
    area_px: int


def silhouette(vertices: np.ndarray, faces: np.ndarray, view: View) -> Silhouette:
    """The amodal projection of a closed surface: the pixels whose centre it covers.

    Args:
        vertices: (n, 3) RAS mm.
        faces: (f, 3), consistently oriented.

    Raises:
        ValueError: part of the surface lies behind the source.
    """
    pixels, depths = project_with_depth(vertices, view)
    if depths.min() <= 0:
        raise ValueError(f'view "{view.name}": part of the surface lies behind the source')
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    first = np.floor(box[:2]).astype(int)
    width, height = (np.ceil(box[2:]).astype(int) - first + 1).tolist()
    covered = _cover(pixels[faces] - first, (height, width))
    rows, columns = view.image.shape
    top, left = max(0, -first[1]), max(0, -first[0])
    inside = covered[top : max(top, rows - first[1]), left : max(left, columns - first[0])]
    if inside.size == 0:
        inside, top, left = np.zeros((0, 0), dtype=bool), -first[1], -first[0]
    return Silhouette(box, Crop(int(first[1] + top), int(first[0] + left), inside), int(covered.sum()))


def _cover(corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(rows, columns) bool: the pixel centres inside any of the triangles (f, 3, 2) that face the source."""
    first, second, third = corners[:, 0], corners[:, 1], corners[:, 2]
    doubled = _cross(second - first, third - first)
    # Those that face the source cover as much as all: every ray that meets a closed surface enters it somewhere.
    corners = corners[doubled > 0]
    low = np.ceil(corners.min(1) - 1e-6).astype(int)
    high = np.floor(corners.max(1) + 1e-6).astype(int) + 1
    item, column, row = pixels_in_boxes(np.hstack([np.maximum(low, 0), np.minimum(high, [shape[1], shape[0]])]))
    inside = np.ones(len(item), dtype=bool)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        # a * column + b * row + c >= 0 on the inner side of each edge
        x, y = corners[:, start].T
        across, down = (corners[:, end] - corners[:, start]).T
        constant = down * x - across * y
        inside &= across[item] * row - down[item] * column + constant[item] >= -ON_EDGE_PX2
    covered = np.zeros(shape, dtype=bool)
    covered[row[inside], column[inside]] = True
    return covered


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n,) of (n, 2) vectors."""
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


def pixels_in_boxes(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel of every box: (k,) the box's number, column and row.

    Args:
        boxes: (n, 4) integer: first column, first row, end column, end row (not in it).
    """
    widths, heights = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).T
    numbers = widths * heights
    item = np.repeat(np.arange(len(boxes)), numbers)
    place = np.arange(len(item)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    width = widths[item]
    return item, boxes[item, 0] + place % width, boxes[item, 1] + place // width
