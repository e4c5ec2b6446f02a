"""The drawings of the atlas's report, as PNG: means, modes and levels with the annotations on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ..atlas.model import ShapeModel
from ..atlas.pictures import draw_shape, projected, region_colours
from ..types import SIDES
from .atlas_plots import as_png, new_figure

DIRECTIONS: Mapping[str, str] = {"left": "from the left", "top": "from above", "back": "from behind"}
COLOURS: Mapping[str, str] = {
    "superior_endplate": "#8fbf9f",
    "inferior_endplate": "#5f9e82",
    "anterior_wall": "#c9b28f",
    "posterior_wall": "#b79ac8",
    "canal": "#f0d264",
    "left_pedicle": "#7fb2e5",
    "right_pedicle": "#7fb2e5",
    "left_pedicle_medial_wall": "#e0644b",
    "right_pedicle_medial_wall": "#e0644b",
}
"""Of the named regions, later ones over earlier: the wall towards the canal must be seen."""
RING, CANNULA, CURVED, LANDMARK, BACKUP = "#00306b", "#111111", "#8a1c7c", "#d1001f", "white"
LEGEND: Mapping[str, str] = {
    "pedicle": COLOURS["left_pedicle"],
    "its medial wall": COLOURS["left_pedicle_medial_wall"],
    "canal": COLOURS["canal"],
    "posterior wall": COLOURS["posterior_wall"],
    "anterior wall": COLOURS["anterior_wall"],
    "superior endplate": COLOURS["superior_endplate"],
    "inferior endplate": COLOURS["inferior_endplate"],
    "isthmus (ring)": RING,
    "cannula (line)": CANNULA,
    "curved path (line)": CURVED,
    "landmarks": LANDMARK,
    "backup landmarks": BACKUP,
}
MODE_SD = 2.0
LEVELS_A_ROW = 9
BAR_MM = 20


def mean_drawing(model: ShapeModel, level: str) -> bytes:
    """A level's mean, large, from three sides."""
    figure = new_figure(10.5, 3.7)
    vertices = model.means[level]
    for axes, direction in zip(figure.subplots(1, 3), DIRECTIONS, strict=True):
        _draw(axes, vertices, model, direction)
        axes.set_title(f"{level} {DIRECTIONS[direction]}", fontsize=10)
    return as_png(figure)


def mode_drawing(model: ShapeModel, level: str, mode: int) -> bytes:
    """A mode at -2, 0 and +2 standard deviations (columns) from three sides (rows), all at one scale."""
    figure = new_figure(5.2, 5.4)
    panels = figure.subplots(3, 3)
    steps = np.array([-MODE_SD, 0.0, MODE_SD])
    shapes = [model.instance(level, step * np.eye(model.rank)[mode]) for step in steps]
    for row, direction in zip(panels, DIRECTIONS, strict=True):
        for axes, vertices in zip(row, shapes, strict=True):
            _draw(axes, vertices, model, direction, small=True)
        _same_frame(list(row), [projected(vertices, direction) for vertices in shapes])
    for axes, step in zip(panels[0], steps, strict=True):
        axes.set_title(f"{step:+.0f} SD" if step else "mean", fontsize=9)
    return as_png(figure)


def levels_drawing(means: Mapping[str, tuple[ShapeModel, np.ndarray]]) -> bytes:
    """The means of all levels side by side at one scale, from three sides, in as many blocks as the page needs.

    Args:
        means: level, head to foot, to its model and its mean's vertices.
    """
    levels = list(means)
    blocks = [levels[first : first + LEVELS_A_ROW] for first in range(0, len(levels), LEVELS_A_ROW)]
    figure = new_figure(10.5, 3.4 * len(blocks))
    panels = figure.subplots(3 * len(blocks), min(len(levels), LEVELS_A_ROW), squeeze=False)
    for place, direction in enumerate(DIRECTIONS):
        used, flat = [], []
        for block, row in zip(blocks, panels[place::3], strict=True):
            for axes, level in zip(row, block, strict=False):
                model, vertices = means[level]
                _draw(axes, vertices, model, direction, small=True)
                axes.set_title(level if place == 0 else "", fontsize=9)
                used.append(axes)
                flat.append(projected(vertices, direction))
        _same_frame(used, flat)
        _bar(used[0])
    for axes in panels.flat:
        axes.axis("off")
    return as_png(figure)


def _bar(axes: Axes) -> None:
    """A scale bar in the lower left corner."""
    left, bottom = axes.get_xlim()[0], axes.get_ylim()[0]
    axes.plot([left, left + BAR_MM], [bottom + 0.8] * 2, color="black", linewidth=1.5, solid_capstyle="butt")
    axes.text(left + BAR_MM / 2, bottom + 2.0, f"{BAR_MM} mm", fontsize=6, ha="center")


def _draw(axes: Axes, vertices: np.ndarray, model: ShapeModel, direction: str, small: bool = False) -> None:
    known = {name: colour for name, colour in COLOURS.items() if name in model.regions}
    lines: dict[str, list[np.ndarray]] = {RING: [], CANNULA: [], CURVED: []}
    for side in SIDES:
        ring = vertices[model.regions[f"{side}_isthmus"]]
        lines[RING].append(np.vstack([ring, ring[:1]]))
        ends = model.cannulas[side]
        lines[CANNULA].append(np.stack([ends[name].on(vertices) for name in ("entry", "target")]))
    lines[CURVED] = [np.stack([anchor.on(vertices) for anchor in path]) for path in model.paths.values()]
    points = {} if small else _points(vertices, model)
    colours = region_colours(len(vertices), model.regions, known)
    draw_shape(axes, vertices, model.faces, direction, colours=colours, lines=lines, points=points)


def _points(vertices: np.ndarray, model: ShapeModel) -> dict[str, np.ndarray]:
    groups = {BACKUP: model.backup_landmarks, LANDMARK: model.landmarks}
    return {colour: np.stack([anchor.on(vertices) for anchor in group.values()]) for colour, group in groups.items()}


def _same_frame(row: Sequence[Axes], flat: Sequence[np.ndarray]) -> None:
    """One scale for a row of pictures: each around its own middle, all as wide and as high as the largest."""
    low, high = np.array([points.min(axis=0) for points in flat]), np.array([points.max(axis=0) for points in flat])
    half = (high - low).max(axis=0) / 2 + 2.0
    for axes, middle in zip(row, (low + high) / 2, strict=True):
        axes.set(xlim=(middle[0] - half[0], middle[0] + half[0]), ylim=(middle[1] - half[1], middle[1] + half[1]))
