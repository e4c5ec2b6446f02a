"""What was detected of each vertebra in each view, on a stage's pictures: where its outline runs, and what it alone
would look like. Arrays here are NumPy; ``outline`` makes terms of the fit from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ..types import Crop, Seed, View

CAP_MM = 8.0
"""Distance from an outline beyond which all places are alike: past it lies the next vertebra (discs are 8-12 mm)."""

UNSURE_MM = 3.0
"""Distance between the outlines of 25 and 75 per cent at which a part of an outline counts half."""

FAINT = 0.02
"""Of a soft region, below which it ends."""

BAND_PX = 1.5
"""Half the width of the band in which an outline's length is measured."""


@dataclass(frozen=True)
class Outline:
    """One vertebra's silhouette in one view, on a stage's grid.

    Attributes:
        vertebra, view: places in the scene and among the views.
        probability: (height, width) that the vertebra shows there; 0 where nothing was said.
        distance: (height, width) signed distance from the outline, negative inside, mm, at most ``CAP_MM``, times how
            sure that part is (0 to 1); 0 where nothing is known.
        length_mm: of the outline, each part counted as far as it is sure.
        weight: 0 to 1, how sure it is along its length, times the detection's score.
    """

    vertebra: int
    view: int
    probability: np.ndarray
    distance: np.ndarray
    length_mm: float
    weight: float


@dataclass(frozen=True)
class Grid:
    """What of each view a stage looks at.

    Attributes:
        views: full pictures. regions: the parts of them, as views of one size.
        valid: (views, height, width) 0 to 1, what of a region is on the detector.
        pixel_mm: side of a region's pixel at the spine.
    """

    views: Sequence[View]
    regions: Sequence[View]
    valid: np.ndarray
    pixel_mm: float


def outlines_of(seeds: Sequence[Seed], levels: Sequence[str], grid: Grid, reach_mm: float) -> list[Outline]:
    """Every silhouette that was detected, of the levels and within the grid.

    Args:
        reach_mm: the outlines of what they will be compared with run so far outside of the surface's own.
    """
    found = []
    for seed in seeds:
        for number, view in enumerate(grid.views):
            mask = seed.masks.get(view.name)
            if mask is not None and seed.level in levels:
                score = float(np.clip(seed.scores.get(view.name, 1.0), 0.0, 1.0))
                place = list(levels).index(seed.level), number
                found.append(outline_of(mask, place, grid, reach_mm, score))
    return [one for one in found if one is not None]


def outline_of(
    mask: Crop, place: tuple[int, int], grid: Grid, reach_mm: float = 0.0, score: float = 1.0
) -> Outline | None:
    """A detected silhouette on the grid; None where no outline runs through it.

    Args:
        mask: amodal, probabilities.
        place: of the vertebra in the scene, and of its view.
    """
    if min(mask.values.shape) < 2:
        return None
    valid, pixel_mm = grid.valid[place[1]], grid.pixel_mm
    values, inside = on_region(mask, grid.views[place[1]], grid.regions[place[1]])
    # A mask that its crop cuts goes on somewhere beyond it: there nothing is known.
    cut = bool(((values > 0.5) & ~inside).any())
    known = valid * inside if cut else valid
    near, middle, far = (_distance_mm(values > level, pixel_mm) for level in (0.25, 0.5, 0.75))
    share = known / (1.0 + ((far - near) / UNSURE_MM) ** 2)
    band = (np.abs(middle) < BAND_PX * pixel_mm) & (known > 0)
    if not band.any():
        return None
    length_mm = float(share[band].sum()) * pixel_mm / (2 * BAND_PX)
    shown = (values * inside * valid).astype(np.float32)
    distance = (share * (middle - reach_mm)).astype(np.float32)
    return Outline(*place, shown, distance, length_mm, score * float(share[band].mean()))


def on_region(crop: Crop, view: View, region: View) -> tuple[np.ndarray, np.ndarray]:
    """A crop of a view on the pixels of a region of it, without aliasing: values (height, width), continued beyond the
    crop's border, and where they lie in the crop, bool."""
    step = view.intrinsics[0, 0] / region.intrinsics[0, 0]
    height, width = region.image.shape
    u, v = view.intrinsics[:2, 2] - step * region.intrinsics[:2, 2]
    rows = (v + step * np.arange(height) - crop.row) / crop.step_px
    columns = (u + step * np.arange(width) - crop.column) / crop.step_px
    sigma = np.sqrt(max((step / crop.step_px) ** 2 - 1.0, 0.0) / 12.0)
    values = np.nan_to_num(np.asarray(crop.values, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    smooth = ndimage.gaussian_filter(values, sigma, mode="nearest") if sigma > 0 else values
    found = ndimage.map_coordinates(smooth, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest")
    last_row, last_column = np.array(values.shape) - 0.5
    across = (columns > -0.5) & (columns < last_column)
    return found, ((rows > -0.5) & (rows < last_row))[:, None] & across[None]


def _distance_mm(inside: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Signed distance (height, width) from the border of a region, negative in it, at most ``CAP_MM``."""
    if inside.all() or not inside.any():
        return np.full(inside.shape, -CAP_MM if inside.all() else CAP_MM)
    out = np.asarray(ndimage.distance_transform_edt(~inside))
    into = np.asarray(ndimage.distance_transform_edt(inside))
    pixels = np.where(inside, 0.5 - into, out - 0.5)
    return np.clip(pixels * pixel_mm, -CAP_MM, CAP_MM)


@dataclass(frozen=True)
class Window:
    """A box of a stage's grid around one vertebra in one view, and what that vertebra alone looks like there.

    Attributes:
        vertebra, view: places in the scene and among the views.
        row, column: first pixel.
        picture: (rows, columns) line integral of the vertebra alone.
        region: (rows, columns) 0 to 1, where it and its margin are.
        weight: 0 to 1, how far it is to be believed.
    """

    vertebra: int
    view: int
    row: int
    column: int
    picture: np.ndarray
    region: np.ndarray
    weight: float


def windows_of(
    seeds: Sequence[Seed], levels: Sequence[str], grid: Grid, outlines: Sequence[Outline], margin_px: float
) -> list[Window]:
    """What was detected of each vertebra alone, where its outline is known, with a soft margin around that."""
    by_level = {seed.level: seed for seed in seeds}
    windows = []
    for one in outlines:
        view = grid.views[one.view]
        projection = by_level[levels[one.vertebra]].projections.get(view.name)
        if projection is None or min(projection.values.shape) < 2:
            continue
        values, inside = on_region(projection, view, grid.regions[one.view])
        near = np.minimum(3.0 * ndimage.gaussian_filter((one.probability > 0.5).astype(np.float32), margin_px), 1.0)
        near = np.where(near > FAINT, near, 0.0) * grid.valid[one.view] * inside
        if near.any():
            picture = (values * inside).astype(np.float32)
            windows.append(Window(one.vertebra, one.view, 0, 0, picture, near.astype(np.float32), one.weight))
    return windows


def same_size(windows: Sequence[Window], multiple: int) -> list[Window]:
    """The windows cut to one size that holds each one's region, in multiples that a pyramid can halve.

    Args:
        windows: whose pictures are still of the whole grid (row 0, column 0).
    """
    if not windows:
        return []
    boxes = [ndimage.find_objects((window.region > 0).astype(np.int8))[0] for window in windows]
    grid = windows[0].picture.shape
    needed = [max(box[axis].stop - box[axis].start for box in boxes) for axis in (0, 1)]
    rows, columns = (min(grid[axis], multiple * math.ceil(needed[axis] / multiple)) for axis in (0, 1))
    cut = []
    for window, box in zip(windows, boxes, strict=True):
        row, column = min(box[0].start, grid[0] - rows), min(box[1].start, grid[1] - columns)
        part = np.s_[row : row + rows, column : column + columns]
        cut.append(replace(window, row=row, column=column, picture=window.picture[part], region=window.region[part]))
    return cut
