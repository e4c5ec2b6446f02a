"""Random shapes of a model, looked over one by one: surface whole, cannulas inside, measures as published.

How they are drawn: the levels in turn; every coefficient, and the size, from a normal distribution cut off at two
standard deviations.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from ..atlas.intersections import self_intersections
from ..atlas.measure import Measure
from ..atlas.mesh import edges_of
from ..atlas.model import ShapeModel
from ..plan.anatomy import anatomy_of
from ..plan.cannula import NEEDLE_DIAMETERS_MM, REFERENCE_DIAMETER_MM, transfer
from ..plan.corridor import clearances
from ..plan.surface import prepare
from ..types import SIDES

LIMIT_SD = 2.0
GAUGES_MM: Mapping[str, float] = {"5 mm": REFERENCE_DIAMETER_MM, "11G": NEEDLE_DIAMETERS_MM[11]}
"""The cylinder that is scored and the needle that vertebroplasty takes most often."""
CRITICAL = ("left_pedicle", "right_pedicle", "canal")
"""Where a surface that runs through itself would make a plan wrong."""
PORTION = 25
"""Shapes looked over between two states of progress."""
WHOLE_SURFACE_EVERY = 10
"""The whole surface is searched in every so-manieth round of the levels only: it is slow and no plan depends on it."""


@dataclass(frozen=True)
class Topology:
    """What holds for every shape of a model, since all have the same triangles.

    Attributes:
        closed: every edge has two triangles, which run along it in opposite directions.
        parts: connected parts.
        genus: handles; a vertebra has one, around the vertebral foramen.
    """

    closed: bool
    parts: int
    genus: int


def topology(faces: np.ndarray) -> Topology:
    """The topology of (f, 3) faces."""
    directed = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    once = len(np.unique(directed, axis=0)) == len(directed)
    edges, used = edges_of(faces), np.unique(faces)
    graph = sparse.coo_array((np.ones(len(edges)), edges.T), shape=(used[-1] + 1,) * 2)
    label = sparse.csgraph.connected_components(graph, directed=False)[1]
    parts = len(np.unique(label[used]))
    euler = len(used) - len(edges) + len(faces)
    return Topology(once and 2 * len(edges) == len(directed), parts, (2 * parts - euler) // 2)


@dataclass(frozen=True)
class Looked:
    """What was seen of s random shapes.

    Attributes:
        levels: (s,) of each.
        crossing: (s,) pairs of triangles that cross in the pedicles and the canal.
        crossing_anywhere: (s,) on the whole surface; -1 where not looked for.
        width_mm: (s, 2) each pedicle's narrowest width, left and right.
        axis_to_wall_mm: (s, 2) each cannula's axis to the pedicle's wall, negative outside.
        measures: name to (s,) its value.
    """

    levels: np.ndarray
    crossing: np.ndarray
    crossing_anywhere: np.ndarray
    width_mm: np.ndarray
    axis_to_wall_mm: np.ndarray
    measures: Mapping[str, np.ndarray]

    def wide_enough(self, diameter_mm: float) -> np.ndarray:
        """(s, 2) whether the pedicle is wider than a cannula."""
        return self.width_mm > diameter_mm

    def inside(self, diameter_mm: float) -> np.ndarray:
        """(s, 2) whether the cannula's wall stays within the pedicle."""
        return self.axis_to_wall_mm >= diameter_mm / 2


def draw(model: ShapeModel, count: int, generator: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """``count`` random shapes as (level, (n, 3) vertices mm at true size), the levels in turn."""
    normal = stats.truncnorm(-LIMIT_SD, LIMIT_SD)
    numbers = normal.rvs((count, model.rank + 1), random_state=generator)
    for number, (*coefficients, size) in enumerate(numbers):
        level = model.levels[number % len(model.levels)]
        scale = np.exp(size * model.log_scale_deviation)
        yield level, scale * model.instance(level, np.array(coefficients))


def look_over(
    model: ShapeModel, measures: Mapping[str, Measure], count: int, generator: np.random.Generator
) -> Generator[str, None, Looked]:
    """Draw and look over random shapes; says how far it is after every ``PORTION``."""
    critical = np.flatnonzero(np.isin(model.faces, np.concatenate([model.regions[r] for r in CRITICAL])).any(axis=1))
    rows: list[tuple] = []
    for number, (level, vertices) in enumerate(draw(model, count, generator), start=1):
        crossing = len(self_intersections(vertices, model.faces, critical))
        whole = (number - 1) // len(model.levels) % WHOLE_SURFACE_EVERY == 0
        anywhere = len(self_intersections(vertices, model.faces)) if whole else -1
        width, room = _pedicles(vertices, model)
        rows.append((level, crossing, anywhere, width, room, [measure.of(vertices) for measure in measures.values()]))
        if number % PORTION == 0 or number == count:
            yield f"{number} of {count} random shapes"
    return _gathered(rows, tuple(measures))


def _pedicles(vertices: np.ndarray, model: ShapeModel) -> tuple[list[float], list[float]]:
    """Width and the cannula's room, left and right."""
    surface = prepare(vertices, model.faces, anatomy_of(vertices, model, np.eye(4)))
    narrowest = [surface.isthmus[side] for side in SIDES]
    width = [np.nan if one is None else one.width_mm for one in narrowest]
    cannulas = transfer(vertices, model, REFERENCE_DIAMETER_MM)
    room = [float(clearances(one, [surface])[0]) + REFERENCE_DIAMETER_MM / 2 for one in cannulas]
    return width, room


def _gathered(rows: Sequence[tuple], names: Sequence[str]) -> Looked:
    levels, crossing, anywhere, width, room, values = (np.array(column) for column in zip(*rows, strict=True))
    measures = {name: values[:, i] for i, name in enumerate(names)}
    return Looked(levels, crossing, anywhere, width, room, measures)
