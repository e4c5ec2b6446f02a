"""The textbook's rules as limits on a line's move. ``safety`` has the last word; these say which way a rule lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..atlas.sections import first_exit
from ..types import Safety
from .anatomy import Isthmus
from .cannula import TARGET_MIDLINE_MM, TIP_MARGIN_MM
from .safety import ANTERIOR_THIRD, ENTRY_REACH_MM, MARGIN_MM, MID_HEIGHT
from .surface import PreparedSurface
from .walls import Line

TOLERANCE_MM = 0.3
"""A rule is kept with so much to spare, as moves are linear only about."""

FRACTION_TOLERANCE = 0.02
"""The same for a share of the body's depth or height."""

RULE_COST = 3.0
"""What a broken rule, or a millimetre short of one, is worth in millimetres of room. Our choice: rules are not broken
for room as long as nothing breaches."""

REACHES_MIDLINE_MM = 2.0
"""A unipedicular tip is at most so far from the midline."""


ON_PEDICLE = 0.8
"""An entry is within this share of the oval that ``safety`` asks for on AP."""


WALL_AHEAD_WORTH = 0.05
"""What a millimetre of the bone that is wanted ahead of the tip is worth in millimetres of room: it is had where it
costs nothing. The textbook's own margin counts as a rule."""


@dataclass(frozen=True)
class Rule:
    """A limit on a line's move: ``row @ move >= least``.

    Attributes:
        row: (5,) as in ``Line.moved``.
        least: mm; positive where the rule is broken.
        cost: what a millimetre short of it is worth in millimetres of room.
    """

    row: np.ndarray
    least: float
    cost: float = RULE_COST


def midline_limits(radius_mm: float, unipedicular: bool) -> tuple[float, float]:
    """Least and most mm from the midline on its own side that a tip is to have."""
    if unipedicular:
        return -REACHES_MIDLINE_MM, REACHES_MIDLINE_MM
    nearest, farthest = TARGET_MIDLINE_MM
    return max(nearest, radius_mm), farthest


def rules(
    line: Line,
    surface: PreparedSurface,
    narrowest: Isthmus,
    found: Safety,
    radius_mm: float,
    tip_mm: tuple[float, float],
) -> Iterator[Rule]:
    """The limits on where the line enters, crosses into the body and ends.

    Args:
        narrowest: of the line's pedicle.
        found: the line's safety as it is.
        radius_mm: of the needle.
        tip_mm: least and most that the tip is to be from the midline.
    """
    yield from _tip_rules(line, surface, tip_mm)
    yield from _entry_rules(line, surface, narrowest)
    posterior, depth = found.numbers.get("posterior_wall_mm"), found.numbers.get("tip_depth_fraction")
    ahead = found.numbers.get("tip_to_anterior_wall_mm")
    if isinstance(posterior, float):
        yield _crossing_rule(line, surface, narrowest, posterior)
    if isinstance(ahead, float):
        yield from _wall_ahead_rules(line, surface, ahead, radius_mm)
    if isinstance(posterior, float) and isinstance(depth, float) and depth > 0.1:
        body = (float(surface.anatomy.local(line.target_mm)[1]) - posterior) / depth
        deeper = np.array([0.0, 0.0, 0.0, 0.0, line.forward(surface.anatomy)])
        yield Rule(deeper, (ANTERIOR_THIRD + FRACTION_TOLERANCE - depth) * body)


def _crossing_rule(line: Line, surface: PreparedSurface, narrowest: Isthmus, posterior_mm: float) -> Rule:
    """Lateral of the pedicle's medial wall until the posterior wall is passed."""
    anatomy = surface.anatomy
    station = (posterior_mm - float(anatomy.local(line.through_mm)[1])) / line.forward(anatomy)
    crossing = line.through_mm + station * line.direction - anatomy.centre_mm
    outwards = -anatomy.medial(line.side)
    least = narrowest.medial_wall_mm + TOLERANCE_MM - float(crossing @ outwards)
    return Rule(_row(line, station, outwards, surface), least)


def _wall_ahead_rules(line: Line, surface: PreparedSurface, ahead_mm: float, radius_mm: float) -> Iterator[Rule]:
    """The tip short of the anterior wall, which comes nearer away from the midline."""
    anatomy = surface.anatomy
    forward, medial = anatomy.axes[1], anatomy.medial(line.side)
    seen = [
        first_exit(surface.vertices_mm, surface.faces, line.target_mm + aside * medial, forward) for aside in (0.0, 1.0)
    ]
    one, other = (None if point is None else float(point @ forward) for point in seen)
    nearer = 0.0 if one is None or other is None else float(np.clip(one - other, -2.0, 0.0))
    row = nearer * _row(line, line.length_mm, -medial, surface)
    row[4] = -line.forward(anatomy)
    yield Rule(row, MARGIN_MM + TOLERANCE_MM - ahead_mm)
    yield Rule(row, TIP_MARGIN_MM + radius_mm - ahead_mm, WALL_AHEAD_WORTH)


def _tip_rules(line: Line, surface: PreparedSurface, tip_mm: tuple[float, float]) -> Iterator[Rule]:
    """The tip on its own side of the midline but near it, or on it; and near mid-height."""
    anatomy, tip = surface.anatomy, line.length_mm
    outwards = -anatomy.medial(line.side)
    from_midline = float((line.target_mm - anatomy.centre_mm) @ outwards)
    low, high = tip_mm
    row = _row(line, tip, outwards, surface)
    yield Rule(row, low + TOLERANCE_MM - from_midline)
    yield Rule(-row, from_midline - high + TOLERANCE_MM)
    heights = _height_limits(line.target_mm, surface)
    if heights is not None:
        row = _row(line, tip, anatomy.axes[2], surface)
        yield Rule(row, heights[0])
        yield Rule(-row, -heights[1])


def _entry_rules(line: Line, surface: PreparedSurface, narrowest: Isthmus) -> Iterator[Rule]:
    """The entry lateral of the pedicle's middle, not below it, and not far from its rim."""
    entry = first_exit(surface.vertices_mm, surface.faces, line.through_mm, -line.direction)
    if entry is None:
        return
    outwards, up = -surface.anatomy.medial(line.side), surface.anatomy.axes[2]
    for towards, size in ((outwards, narrowest.width_mm), (up, narrowest.height_mm)):
        offset = float((entry - narrowest.centre_mm) @ towards)
        row = _row(line, line.station(entry), towards, surface)
        yield Rule(row, TOLERANCE_MM - offset)
        # Short of the oval's rim by a share: it is round, these limits are straight.
        yield Rule(-row, offset - ON_PEDICLE * (size / 2 + ENTRY_REACH_MM))


def _row(line: Line, station_mm: float, towards: np.ndarray, surface: PreparedSurface) -> np.ndarray:
    """(5,) how far the line goes ``towards`` at the depth in the body that it has at a station."""
    forward = surface.anatomy.axes[1]
    level = towards - forward * float(towards @ line.direction) / line.forward(surface.anatomy)
    return np.append(line.rows(np.array([station_mm]), (line.axes[:2] @ level)[None])[0], 0.0)


def _height_limits(target_mm: np.ndarray, surface: PreparedSurface) -> tuple[float, float] | None:
    """Least and most mm up that bring the tip near mid-height; None where no endplate is seen."""
    up = surface.anatomy.axes[2]
    above, below = (first_exit(surface.vertices_mm, surface.faces, target_mm, way) for way in (up, -up))
    if above is None or below is None:
        return None
    upper, lower = float((above - target_mm) @ up), float((below - target_mm) @ up)
    low, high = MID_HEIGHT
    share = np.array([low + FRACTION_TOLERANCE, high - FRACTION_TOLERANCE])
    least, most = lower + share * (upper - lower)
    return float(least), float(most)
