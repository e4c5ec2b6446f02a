"""The room around a cannula's path, in planes across it: to the walls on its four sides, all along the path.

    stations along the path -> planes across its local tangent -> all cut at once -> signed distances to the walls

Straight, bent and curved paths alike. A cannula's wall is nearer by its radius.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..types import Cannula
from .anatomy import Anatomy
from .planes import Sections, Walls, cut_all, nearest_walls
from .sections import compass
from .surface import PreparedSurface

DIRECTIONS: tuple[str, ...] = ("medial", "superior", "lateral", "inferior")
"""In the order of ``compass(4)`` in the plane across the path."""

PARTS = ("entry", "pedicle", "body")

STEP_MM = 0.5
"""Distance between planes within the pedicle: the smallest room is then found to less than 0.1 mm (300 paths in the
true vertebrae of seven people against every point of their surfaces: at most 0.09 mm too much, median 0.004)."""

COARSE = 2
"""Elsewhere every so-manieth plane: 1 mm."""

REACH_MM = 10.0
"""Walls farther than this are not looked for: nothing needs more room."""

BEND_MM = 1.0
"""A path's tangent is taken over so much of it on either side, which rounds off its corners."""

SHORTEST_MM = 1e-3
"""Entry and target nearer than this are the same point."""

WITHIN_MM = 0.05
"""How far behind a wall one stands to look at the others."""


@dataclass(frozen=True)
class Corridor:
    """The room around a path.

    Attributes:
        stations_mm: (s,) along the path from the entry.
        part: (s,) "entry" | "pedicle" | "body": which of them the path is in.
        room_mm: (s, 4) signed distance of the path to the wall that faces medial, superior, lateral, inferior
            (``DIRECTIONS``): inf where none is seen; outside the bone, the side that it went through is negative.
        distance_mm: the smallest within the pedicle; nan if nothing could be measured.
        position: where along entry-to-target (0 to 1) that is.
        direction: which wall it is, or, outside, through which it went.
        status: "measured" or one of types.UNMEASURED.
        reason: a sentence for whatever is not "measured".
        points_mm: (s, 3) the stations, RAS mm.
    """

    stations_mm: np.ndarray
    part: np.ndarray
    room_mm: np.ndarray
    distance_mm: float
    position: float
    direction: str
    status: str = "measured"
    reason: str = ""
    points_mm: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))

    def smallest_mm(self, part: str) -> np.ndarray:
        """(4,) the smallest room on each side in a part of the path; inf where the path is not in it."""
        return self.room_mm[self.part == part].min(axis=0, initial=np.inf)


def corridor(cannula: Cannula, surface: PreparedSurface) -> Corridor:
    """Measure the room around a path, from its entry to its target.

    A point of the path is in the pedicle if it lies between the pedicle's two ends along the pedicle's axis. Which wall
    is which is told by the way that it faces.
    """
    status, reason = surface.state(cannula.side)
    if status == "measured":
        status, reason = _path_fault(cannula)
    if status != "measured":
        return _unmeasured(status, reason)
    return _measured(cannula, surface)


def clearances(cannula: Cannula, surfaces: Sequence[PreparedSurface]) -> np.ndarray:
    """(n,) mm smallest clearance of the cannula's wall within the pedicle, in each of n surfaces; nan if unmeasured.

    The same figures as ``safety.assess``'s, and nothing else.
    """
    if _path_fault(cannula)[0] != "measured":
        return np.full(len(surfaces), np.nan)
    known = [surface.state(cannula.side)[0] == "measured" for surface in surfaces]
    found = [
        _measured(cannula, surface, ("pedicle",)).distance_mm if measurable else np.nan
        for surface, measurable in zip(surfaces, known, strict=True)
    ]
    return np.array(found, dtype=np.float64) - cannula.diameter_mm / 2


def _path_fault(cannula: Cannula) -> tuple[str, str]:
    path = cannula.path_mm
    if not (np.isfinite(path).all() and np.isfinite(cannula.diameter_mm)):
        return "no_path", "The path has coordinates that are not numbers."
    if np.linalg.norm(path[-1] - path[0]) < SHORTEST_MM:
        return "no_path", "Entry and target are the same point."
    return "measured", ""


def _unmeasured(status: str, reason: str) -> Corridor:
    return Corridor(np.zeros(0), np.zeros(0, dtype="<U7"), np.zeros((0, 4)), np.nan, np.nan, "", status, reason)


def _measured(cannula: Cannula, surface: PreparedSurface, parts: Sequence[str] = PARTS) -> Corridor:
    side = cannula.side
    stations, points, tangents, part = _stations(cannula.path_mm, surface.anatomy, side)
    if not (part == "pedicle").any():
        return _unmeasured("no_pedicle", f"The path does not pass the {side} pedicle.")
    chosen = np.isin(part, parts)
    stations, points, tangents, part = stations[chosen], points[chosen], tangents[chosen], part[chosen]
    frames = surface.anatomy.across(tangents, side)
    sections = cut_all(surface.vertices_mm, surface.faces, points, frames, REACH_MM)
    room, apart = _room(sections, points, frames, surface.anatomy, side)
    if parts == PARTS and apart > cannula.diameter_mm / 2:
        return _unmeasured("outside_bone", "The path does not touch the vertebra.")
    _across_midline(room, points, part, surface.anatomy, side)
    smallest = np.where((part == "pedicle")[:, None], room, np.inf)
    station, direction = np.unravel_index(smallest.argmin(), room.shape)
    length = float(np.linalg.norm(np.diff(cannula.path_mm, axis=0), axis=1).sum())
    return Corridor(
        stations, part, room, float(smallest.min()), float(stations[station]) / length, DIRECTIONS[direction],
        points_mm=points,
    )  # fmt: skip


def _stations(path: np.ndarray, anatomy: Anatomy, side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where to measure: (s,) mm along the path, (s, 3) points, (s, 3) tangents, (s,) parts; dense in the pedicle."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])

    def at(distance: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(distance, lengths, path[:, axis]) for axis in range(3)], axis=1)

    pedicle = anatomy.pedicles[side]
    even = np.linspace(0.0, lengths[-1], int(np.ceil(lengths[-1] / STEP_MM)) + 1)
    along = (at(even) - pedicle.centre_mm) @ pedicle.axis
    ends = [_crossings(even, along - end) for end in (pedicle.back_mm, pedicle.front_mm)]
    dense = (along >= pedicle.back_mm) & (along <= pedicle.front_mm)
    dense[::COARSE] = dense[-1] = True
    stations = np.unique(np.concatenate([even[dense], *ends]))
    points = at(stations)
    tangents = np.broadcast_to(path[-1] - path[0], points.shape)
    if len(path) > 2:
        tangents = at(np.minimum(stations + BEND_MM, lengths[-1])) - at(np.maximum(stations - BEND_MM, 0.0))
    along = (points - pedicle.centre_mm) @ pedicle.axis
    part = np.full(len(stations), "pedicle")
    part[along < pedicle.back_mm - 1e-6] = "entry"
    part[along > pedicle.front_mm + 1e-6] = "body"
    return stations, points, tangents, part


def _crossings(stations: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where values, linear between the stations, change their sign."""
    at = np.flatnonzero((values[:-1] < 0) != (values[1:] < 0))
    return stations[at] + values[at] / (values[at] - values[at + 1]) * (stations[at + 1] - stations[at])


def _room(
    sections: Sections, points: np.ndarray, frames: np.ndarray, anatomy: Anatomy, side: str
) -> tuple[np.ndarray, float]:
    """(s, 4) room on each side, and how far the whole path stays away from the bone: 0 if any of it is inside."""
    walls = nearest_walls(sections, np.zeros((sections.count, 2)))
    inside = _filled(walls)
    room = _by_side(sections, walls)
    if not inside.all():
        outside = sections.of(~inside)
        room[~inside] = _from_outside(outside, walls, points, frames, anatomy, side)[~inside]
    room[room > REACH_MM] = np.inf
    return room, 0.0 if inside.any() else float(walls.distance.min())


def _across_midline(room: np.ndarray, points: np.ndarray, part: np.ndarray, anatomy: Anatomy, side: str) -> None:
    """Beyond the midline a path at the pedicle's depth is in the canal or the other pedicle: whatever bone may be
    there, it is as far outside as this pedicle's middle is away."""
    outwards = -anatomy.medial(side)
    beyond = (part == "pedicle") & ((points - anatomy.centre_mm) @ outwards < 0.0)
    room[beyond] = np.inf
    room[beyond, DIRECTIONS.index("medial")] = ((points - anatomy.pedicles[side].centre_mm) @ outwards)[beyond]


def _filled(walls: Walls) -> np.ndarray:
    """(s,) inside or not; where no wall is near, as at the nearest station that has one: none was crossed since."""
    seen = np.flatnonzero(walls.distance <= REACH_MM)
    if not len(seen):
        return np.zeros(len(walls.inside), dtype=bool)
    every = np.arange(len(walls.inside))
    after = np.clip(np.searchsorted(seen, every), 0, len(seen) - 1)
    before = np.maximum(np.searchsorted(seen, every, side="right") - 1, 0)
    nearer = np.where(np.abs(seen[after] - every) < np.abs(seen[before] - every), after, before)
    return walls.inside[seen[nearer]]


def _by_side(sections: Sections, walls: Walls) -> np.ndarray:
    """(s, 4) distance to the nearest wall that faces each side, of those that one would leave the bone by."""
    across, up = sections.normals.T
    facing = np.where(np.abs(across) >= np.abs(up), np.where(across > 0, 0, 2), np.where(up > 0, 1, 3))
    leaving = walls.each[:, 0] * across + walls.each[:, 1] * up > 0.0
    sides = [np.where(leaving & (facing == index), walls.each_distance, np.inf) for index in range(4)]
    return np.stack([sections.smallest(one) for one in sides], axis=1)


def _from_outside(
    sections: Sections, walls: Walls, points: np.ndarray, frames: np.ndarray, anatomy: Anatomy, side: str
) -> np.ndarray:
    """(s, 4) for points outside the bone: minus the way back on the side gone through; the rest from just inside."""
    away, out = walls.distance, walls.normals.copy()
    # Where no wall is near at all: at least so far out, as seen from the pedicle.
    far = away > REACH_MM
    out[far] = np.einsum("sij,sj->si", frames[:, :2], points - anatomy.pedicles[side].centre_mm)[far]
    behind = walls.closest - WITHIN_MM * out
    room = _by_side(sections, nearest_walls(sections, behind)) + behind @ compass(4).T
    room[np.arange(len(room)), (out @ compass(4).T).argmax(1)] = -np.where(far, REACH_MM, away)
    return room
