"""The safest straight path through a pedicle: from the transferred one, moved for room under the textbook's rules.

A small move of a line shifts it, in the planes across it, by what is linear in the moves of two of its points; and a
wall's point comes nearer by at most as much as the line moves towards it. So the best small move is a linear programme
(sequential linear programming in a trust region). ``assess`` has the last word on every step: only a better line is
kept, so no path ends with less room than it started with, unless the start broke a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog

from ..atlas.sections import first_exit
from ..config import PlanSettings
from ..types import Cannula, Option, Safety
from .cannula import MOVE_COST
from .corridor import corridor
from .rules import RULE_COST, TOLERANCE_MM, Rule, midline_limits, rules
from .safety import assess
from .surface import PreparedSurface
from .walls import Line, WallPoints, Walls, line_between, wall_points, walls_along
from .words import explain, warning

BODY_MARGIN_MM = 1.0
"""Free bone that is kept around the needle in the body where there is room for it."""

BREACH_COST = 12.0
"""What a millimetre of breach in the pedicle costs within a step: more than any rule."""

SPARE_MM = 0.1
"""A step stays so far from a breach in the pedicle."""

BODY_WORTH = 0.3
"""What a millimetre of that margin is worth in millimetres of room in the pedicle."""

ROUNDS, TRUST_MM, SMALLEST_TRUST_MM = 8, 2.0, 0.2
"""Steps from one start, how far the first may move the line at the isthmus, and what is too little to go on."""

TIP_TRUST = 1.5
"""How many times farther the tip may move in a step."""

SHORTEST_MM = 5.0
"""From the pedicle's middle to the tip: a shorter path leads nowhere that a small move could mend."""

GAIN_MM = 0.01
"""A step that gains less is the last."""


@dataclass(frozen=True)
class _Found:
    """A line that was measured."""

    line: Line
    cannula: Cannula
    safety: Safety
    standing: tuple[bool, float]
    """Without breach or not, then its worth in mm: what is compared."""


def safest(
    transferred: Cannula,
    surface: PreparedSurface,
    settings: PlanSettings,
    diameter_mm: float,
    unipedicular: bool = False,
) -> Option:
    """Move a cannula to the path with most room in its pedicle that the textbook's rules allow.

    Args:
        transferred: where to start; short moves from it are preferred where there is room enough.
        surface: the vertebra, fitted or true.
        settings: how much room is enough.
        diameter_mm: outer, of the needle.
        unipedicular: whether its tip is to reach the midline instead of staying on its side.

    Returns:
        The cannula, named "safest" or "unipedicular". Where its surface cannot be measured it is the transferred line
        with a safety that says so.
    """
    name = "unipedicular" if unipedicular else "safest"
    start = replace(transferred, diameter_mm=diameter_mm, name=name, via_mm=None)
    before = assess(start, surface)
    if surface.state(start.side)[0] != "measured" or before.status == "no_path":
        return Option(start, before, words=warning(start, before))
    if unipedicular:  # of the transferred one nobody asks that it reach the midline
        before = assess(replace(start, name=transferred.name), surface)
    best = _Search(start, surface, settings, unipedicular).best()
    return Option(best.cannula, best.safety, words=explain(start, best.cannula, before, best.safety, surface.anatomy))


def standing(
    safety: Safety, enough_mm: float, move_mm: float = 0.0, tip_mm: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[bool, float]:
    """How good a path is, the larger the better: without breach first, then room, less what rules and moves cost.

    Args:
        move_mm: how far it was moved.
        tip_mm: least and most that its tip is to be from the midline.
    """
    if safety.status != "measured":
        return False, -np.inf
    missed = float(sum(not passed for name, passed in safety.checks.items() if name != "within_pedicle"))
    tip = safety.numbers.get("tip_to_midline_mm")
    if isinstance(tip, float):
        missed += max(0.0, tip_mm[0] - tip, tip - tip_mm[1])
    return safety.clearance_mm >= 0, min(safety.clearance_mm, enough_mm) - RULE_COST * missed - MOVE_COST * move_mm


class _Search:
    """The search for one cannula: what stays the same over its steps."""

    def __init__(self, start: Cannula, surface: PreparedSurface, settings: PlanSettings, unipedicular: bool):
        self.start, self.surface, self.unipedicular = start, surface, unipedicular
        self.enough_mm, self.radius_mm = settings.enough_mm, start.diameter_mm / 2
        self.pedicle = surface.anatomy.pedicles[start.side]
        self.origin = line_between(start.entry_mm, start.target_mm, surface.anatomy, start.side)
        self.points: WallPoints = wall_points(surface, self.pedicle, start.target_mm)
        narrowest = surface.isthmus[start.side]
        assert narrowest is not None  # a surface that was measured has one
        self.narrowest = narrowest
        self.tip_mm = midline_limits(self.radius_mm, unipedicular)
        if not unipedicular:  # what is farther out than usual need not come in
            outwards = -surface.anatomy.medial(start.side)
            farthest = max(self.tip_mm[1], float((start.target_mm - surface.anatomy.centre_mm) @ outwards))
            self.tip_mm = self.tip_mm[0], farthest

    def best(self) -> _Found:
        """The best line from all starts."""
        unmoved = self._measured(self.origin, self.start)
        if not self.unipedicular and unmoved.standing == (True, self.enough_mm):
            return unmoved
        starts, middle, target = [] if self.unipedicular else [unmoved], self.narrowest.centre_mm, self._aim()
        if np.linalg.norm(target - middle) > SHORTEST_MM:
            starts.append(self._measured(line_between(middle, target, self.surface.anatomy, self.start.side)))
        found = [self._climb(start) for start in starts if start.line.length_mm > SHORTEST_MM]
        return max(found if self.unipedicular and found else [unmoved, *found], key=lambda one: one.standing)

    def _aim(self) -> np.ndarray:
        """(3,) the start's target, or for one pedicle alone as far forward on the midline."""
        target, anatomy = self.start.target_mm, self.surface.anatomy
        if not self.unipedicular:
            return target
        return target - anatomy.axes[0] * float((target - anatomy.centre_mm) @ anatomy.axes[0])

    def _climb(self, found: _Found) -> _Found:
        """Step by step from one line to the best that can be reached from it."""
        trust = TRUST_MM
        for _ in range(ROUNDS):
            step = self._measured(self._stepped(found, trust))
            gain = step.standing[1] - found.standing[1]
            better = step.standing > found.standing
            if better:
                found = step
            if better and step.standing[0] == found.standing[0] and 0 <= gain < GAIN_MM:
                break
            trust = trust if better else trust / 3
            if trust < SMALLEST_TRUST_MM:
                break
        return found

    def _stepped(self, found: _Found, trust_mm: float) -> Line:
        """The line after the best small move."""
        walls = walls_along(found.line, self.points, self.pedicle, self._outside(found))
        bounds = rules(found.line, self.surface, self.narrowest, found.safety, self.radius_mm, self.tip_mm)
        return found.line.moved(self._best_move(found.line, walls, tuple(bounds), trust_mm), self.surface.anatomy)

    def _outside(self, found: _Found) -> np.ndarray:
        """(o,) stations where a line's axis is out of the bone."""
        rooms = found.safety.numbers.get("axis_to_wall_mm"), found.safety.numbers.get("body_clearance_mm")
        if all(isinstance(room, float) and room >= 0 for room in rooms):
            return np.zeros(0)
        room = corridor(found.cannula, self.surface)
        out = (room.part != "entry") & (room.room_mm.min(axis=1, initial=np.inf) < 0)
        return (room.points_mm[out] - found.line.through_mm) @ found.line.direction

    def _best_move(self, line: Line, walls: Walls, bounds: tuple[Rule, ...], trust_mm: float) -> np.ndarray:
        """(5,) mm as in ``Line.moved``: most room first, rules as soft as their cost, no more move than it is worth."""
        radius, far_mm = self.radius_mm, TIP_TRUST * trust_mm
        room = walls.room_mm[walls.in_pedicle].min(initial=radius)
        # No wall beyond can be the nearest after this step.
        walls = walls.nearer_than(max(room, radius + BODY_MARGIN_MM) + 3 * far_mm)
        towards, inside = line.rows(walls.stations_mm, walls.directions), walls.in_pedicle
        done = self._moved(line)
        # Unknown: the move (0-4), the room in pedicle (5) and body (6), what they lack (7, 8), the sizes of all moves
        # from the first line (9-13), and by how much each rule is missed (14 on).
        count = 14 + len(bounds)
        rows = [
            _wide(towards[inside], {5: 1.0}, count),
            _wide(towards[~inside], {6: 1.0}, count),
            _wide(np.zeros((1, 5)), {5: -1.0, 7: -1.0}, count),
            _wide(np.zeros((1, 5)), {6: -1.0, 8: -1.0}, count),
            *(_wide(sign * np.eye(5)[[axis]], {9 + axis: -1.0}, count) for sign in (1, -1) for axis in range(5)),
            *(_wide(-rule.row[None], {14 + index: -1.0}, count) for index, rule in enumerate(bounds)),
        ]
        wanted = [-radius - SPARE_MM, -radius - TOLERANCE_MM, *-done, *done, *(-rule.least for rule in bounds)]
        cost = [*np.zeros(5), -1.0, -BODY_WORTH, BREACH_COST, RULE_COST, *np.full(5, MOVE_COST)]
        near, far = (-trust_mm, trust_mm), (-far_mm, far_mm)
        most = [(None, radius + self.enough_mm), (None, radius + BODY_MARGIN_MM)]
        found = linprog(
            np.r_[cost, [rule.cost for rule in bounds]],
            A_ub=np.vstack(rows),
            b_ub=np.r_[walls.room_mm[inside], walls.room_mm[~inside], wanted],
            bounds=[near, near, far, far, far, *most, *[(0, None)] * (count - 7)],
        )
        return found.x[:5] if found.success else np.zeros(5)

    def _moved(self, line: Line) -> np.ndarray:
        """(5,) mm from the first line to this one, about as in ``Line.moved``."""
        through, target = line.through_mm - self.origin.through_mm, line.target_mm - self.origin.target_mm
        return np.r_[line.axes[:2] @ through, line.axes @ target]

    def _measured(self, line: Line, cannula: Cannula | None = None) -> _Found:
        """A line as a cannula, from where it leaves the bone behind, with its safety."""
        if cannula is None:
            entry = first_exit(self.surface.vertices_mm, self.surface.faces, line.through_mm, -line.direction)
            if entry is None:  # a folded surface may have no wall behind
                entry = line.through_mm + self.pedicle.back_mm * line.direction
            cannula = replace(self.start, entry_mm=entry, target_mm=line.target_mm)
        safety = assess(cannula, self.surface)
        moved = float(np.abs(self._moved(line)).sum())
        return _Found(line, cannula, safety, standing(safety, self.enough_mm, moved, self.tip_mm))


def _wide(moves: np.ndarray, others: dict[int, float], count: int) -> np.ndarray:
    """(m, count) rows of a programme: what is given for the move, and one number for each of some other unknowns."""
    rows = np.zeros((len(moves), count))
    rows[:, : moves.shape[1]] = moves
    for column, value in others.items():
        rows[:, column] = value
    return rows
