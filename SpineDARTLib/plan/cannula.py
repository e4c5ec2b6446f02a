"""Cannulas: the needles there are, and those carried over from the template."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from ..atlas.model import ShapeModel
from ..atlas.sections import first_exit
from ..config import PlanSettings
from ..types import SIDES, Cannula
from .sections import compass, cut, look

NEEDLE_DIAMETERS_MM = {8: 4.19, 10: 3.40, 11: 3.05, 13: 2.41, 15: 1.83}
"""Gauge to outer diameter, thickest first (regular-wall needle gauges as sold for vertebroplasty and kyphoplasty)."""

REFERENCE_DIAMETER_MM = 5.0
"""The cylinder that the published method scores: 2.5 mm to the pedicle's wall (Inigo et al., arXiv 2512.05803)."""

TARGET_MIDLINE_MM = (3.0, 9.0)
"""How near to and how far from the midline a tip may come: close to but not across it, with half of a cannula's width
to spare."""

CONVERGENCE = 0.8
"""A tip is at most so much of the isthmus's distance away from the midline, so that every path converges and its entry
lies lateral of the pedicle's middle. Our choice."""

TIP_MARGIN_MM = 2.0
"""A tip is drawn back to leave so much bone ahead of it: narrow bodies round off early, and vessels lie beyond."""

ENOUGH_MM = REFERENCE_DIAMETER_MM / 2 + 1.0
"""Room that is enough on either side: where the template's own line has it, that line stays."""

MOVE_COST = 0.02
"""What a millimetre's move is worth in millimetres of room: little, so that moves are made for room alone."""

STEP_MM = 0.5
"""Distance between the planes in which the pedicle's walls are looked for."""


def needle_diameter_mm(settings: PlanSettings) -> float:
    """The outer diameter that settings ask for.

    Raises:
        ValueError: a gauge that is not in ``NEEDLE_DIAMETERS_MM``, a diameter that is not more than 0.
    """
    if settings.diameter_mm is not None:
        if not 0 < settings.diameter_mm < np.inf:
            raise ValueError(f"got a cannula diameter of {settings.diameter_mm:g} mm; expected more than 0")
        return float(settings.diameter_mm)
    if settings.gauge not in NEEDLE_DIAMETERS_MM:
        known = ", ".join(map(str, NEEDLE_DIAMETERS_MM))
        raise ValueError(f"got a needle of {settings.gauge} gauge; expected one of {known}")
    return NEEDLE_DIAMETERS_MM[settings.gauge]


def transfer(vertices_mm: np.ndarray, model: ShapeModel, diameter_mm: float) -> tuple[Cannula, Cannula]:
    """The template's two cannulas, left then right, where its vertices have gone.

    The template gives the isthmus's centre and the target. Between the medial and the lateral wall the line is laid
    through the middle of this very pedicle (the target moves sideways with it, on its own side of the midline); the
    entry is where the line leaves the bone behind.

    Args:
        vertices_mm: (n, 3) a placed instance of the model, RAS mm.
        diameter_mm: outer diameter to give them.
    """
    if not diameter_mm > 0:
        raise ValueError(f"got a cannula diameter of {diameter_mm:g} mm; expected more than 0")
    left, right = (_transferred(vertices_mm, model, side, float(diameter_mm)) for side in SIDES)
    return left, right


def curved_paths(vertices_mm: np.ndarray, model: ShapeModel) -> dict[str, np.ndarray]:
    """The template's curved kyphoplasty paths: side to (k, 3) RAS mm from entry to tip; empty if the model has none.

    Args:
        vertices_mm: (n, 3) a placed instance of the model, RAS mm.
    """
    named = {side: model.paths.get(f"kyphoplasty_{side}", ()) for side in SIDES}
    return {side: np.stack([point.on(vertices_mm) for point in path]) for side, path in named.items() if path}


def largest_gauge(axis_to_wall_mm: float, margin_mm: float) -> int | None:
    """The thickest needle whose wall stays ``margin_mm`` inside the bone, given the axis's smallest distance to it."""
    fitting = [gauge for gauge, diameter in NEEDLE_DIAMETERS_MM.items() if axis_to_wall_mm - diameter / 2 >= margin_mm]
    return min(fitting, default=None)


def _transferred(vertices: np.ndarray, model: ShapeModel, side: str, diameter_mm: float) -> Cannula:
    """One side's line through the middle of its corridor."""
    anchors = model.cannulas[side]
    isthmus, target = anchors["isthmus"].on(vertices), anchors["target"].on(vertices)
    other = model.cannulas[SIDES[1 - SIDES.index(side)]]["target"].on(vertices)
    # The targets are each other's mirror images: the midline is midway between them.
    outwards = (target - other) / np.linalg.norm(target - other)
    from_midline = float(np.linalg.norm(target - other)) / 2
    length = float(np.linalg.norm(target - isthmus))
    stations, walls = _walls(vertices, model, side, isthmus, (target - isthmus) / length, outwards)
    nearest, farthest = TARGET_MIDLINE_MM
    farthest = min(farthest, CONVERGENCE * (float((isthmus - other) @ outwards) - from_midline))
    shift, turn = _middle_line(stations, walls, length, (nearest - from_midline, farthest - from_midline))
    middle = isthmus + shift * outwards
    target = _short_of_wall(vertices, model.faces, middle, target + (shift + turn * length) * outwards)
    entry = first_exit(vertices, model.faces, middle, middle - target)
    # A folded surface may have no wall behind: the template's own entry is then as good as any.
    entry = anchors["entry"].on(vertices) if entry is None else entry
    return Cannula(side, entry_mm=entry, target_mm=target, diameter_mm=diameter_mm)


def _short_of_wall(vertices: np.ndarray, faces: np.ndarray, start: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The target, or the last point before it on the way from ``start`` that has enough bone ahead."""
    wall = first_exit(vertices, faces, start, target - start)
    if wall is None:
        return target
    length = float(np.linalg.norm(target - start))
    room = float(np.linalg.norm(wall - start)) - TIP_MARGIN_MM
    return start + (target - start) * np.clip(room / length, 0.0, 1.0)


def _beside(direction: np.ndarray, outwards: np.ndarray) -> np.ndarray:
    """(3, 3) orthonormal rows: outwards, up or down, ahead. The path crosses such planes at an angle, so that a shift
    outwards in them leaves its depth in the body as it is."""
    ahead = direction - (direction @ outwards) * outwards
    ahead = ahead / np.linalg.norm(ahead)
    return np.stack([outwards, np.cross(ahead, outwards), ahead])


def _walls(
    vertices: np.ndarray,
    model: ShapeModel,
    side: str,
    isthmus: np.ndarray,
    direction: np.ndarray,
    outwards: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Along the nominal path through the pedicle: (s,) mm from the isthmus, (s, 2) mm to the outer and inner wall."""
    axes = _beside(direction, outwards)
    along = (vertices[model.regions[f"{side}_pedicle"]] - isthmus) @ direction
    stations, walls = [], []
    for station in np.arange(along.min(), along.max() + STEP_MM, STEP_MM):
        sight = look(cut(vertices, model.faces, isthmus + station * direction, axes), np.zeros(2), compass(4))
        if sight.inside and np.isfinite(sight.distances[[0, 2]]).all():
            stations.append(station)
            walls.append(sight.distances[[0, 2]])
    return np.array(stations), np.array(walls).reshape(-1, 2)


def _middle_line(
    stations: np.ndarray, walls: np.ndarray, length: float, allowed: tuple[float, float]
) -> tuple[float, float]:
    """Shift (mm outwards) and turn (mm outwards per mm) that give the line most room, and no more of them than needed.

    Args:
        stations: (s,) mm along the path.
        walls: (s, 2) mm to the outer and the inner wall there.
        length: mm along the path to the target.
        allowed: least and largest mm that the target may move outwards.
    """
    none, one = np.zeros(len(stations)), np.ones(len(stations))
    outer = np.stack([one, stations, one, none, none], axis=1)
    inner = np.stack([-one, -stations, one, none, none], axis=1)
    # Unknown: shift, turn, room, and the sizes of the moves at the isthmus and at the target.
    at_isthmus, at_target = np.array([1.0, 0.0, 0.0, 0.0, 0.0]), np.array([1.0, length, 0.0, 0.0, 0.0])
    moved, aimed = np.eye(5)[3], np.eye(5)[4]
    sizes = [at_isthmus - moved, -at_isthmus - moved, at_target - aimed, -at_target - aimed]
    rows = np.vstack([outer, inner, at_target, -at_target, *sizes])
    limits = np.r_[walls[:, 0], walls[:, 1], allowed[1], -allowed[0], np.zeros(4)]
    bounds = [(None, None), (None, None), (None, ENOUGH_MM), (0, None), (0, None)]
    found = linprog([0.0, 0.0, -1.0, MOVE_COST, MOVE_COST], A_ub=rows, b_ub=limits, bounds=bounds)
    return (float(found.x[0]), float(found.x[1])) if found.success else (0.0, 0.0)
