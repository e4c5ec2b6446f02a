"""A straight line through a pedicle, how it moves, and the walls around it as limits on that move."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .anatomy import Anatomy, Pedicle
from .surface import PreparedSurface

BIN_MM = 1.0
"""Length of path over which walls are taken together."""

SECTORS = 24
"""Of all points in a bin and a sector around the axis the nearest speaks for the others."""

SPACING_MM = 0.7
"""Of the points on the wall: a wall 2 mm away is then met to 0.03 mm."""

BESIDE = 0.85
"""Cosine of the angle to the line of the normals of walls beside it; walls behind and ahead (the body's posterior wall
beside the pedicle) do not limit a move aside."""

NEAR_MM = 16.0
"""Walls farther from the pedicle's axis than this are left out; the widest half pedicle and body's height is less."""


@dataclass(frozen=True)
class Line:
    """A straight path that can be moved by two of its points.

    Attributes:
        side: "left" | "right".
        through_mm: (3,) where it is nearest to the middle of the pedicle, RAS mm.
        target_mm: (3,) its tip.
        axes: (3, 3) rows medial, superior and along the line.
    """

    side: str
    through_mm: np.ndarray
    target_mm: np.ndarray
    axes: np.ndarray

    @property
    def direction(self) -> np.ndarray:
        """(3,) unit, towards the tip."""
        return self.axes[2]

    @property
    def length_mm(self) -> float:
        """From the isthmus to the tip."""
        return float((self.target_mm - self.through_mm) @ self.direction)

    def forward(self, anatomy: Anatomy) -> float:
        """How far forward in the vertebra a millimetre along the line leads; of one that leads elsewhere a little."""
        return max(float(anatomy.axes[1] @ self.direction), 0.2)

    def station(self, point_mm: np.ndarray) -> float:
        """Where (3,) a point is along the line, mm from the isthmus."""
        return float((point_mm - self.through_mm) @ self.direction)

    def rows(self, stations_mm: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """(m, 4) how far the line comes towards (m, 2) directions at (m,) stations for each millimetre of ``moved``'s
        first four."""
        share = np.asarray(stations_mm)[:, None] / self.length_mm
        return np.hstack([directions * (1.0 - share), directions * share])

    def moved(self, move_mm: np.ndarray, anatomy: Anatomy) -> Line:
        """The line after (5,) mm medial and superior at the isthmus, the same at the tip, and the tip's way along it;
        moves aside leave the tip's depth in the body as it is."""
        through = self.through_mm + move_mm[:2] @ self.axes[:2]
        target = self.target_mm + move_mm[2:4] @ self.axes[:2]
        line = line_between(through, target, anatomy, self.side)
        depth = float((self.target_mm + move_mm[4] * self.direction - target) @ anatomy.axes[1])
        return replace(line, target_mm=target + depth / line.forward(anatomy) * line.direction)


def line_between(point_mm: np.ndarray, target_mm: np.ndarray, anatomy: Anatomy, side: str) -> Line:
    """The line from any point on it to its tip."""
    direction = (target_mm - point_mm) / np.linalg.norm(target_mm - point_mm)
    ahead = float((anatomy.pedicles[side].centre_mm - point_mm) @ direction)
    return Line(side, point_mm + ahead * direction, np.asarray(target_mm), anatomy.across(direction, side))


@dataclass(frozen=True)
class WallPoints:
    """Points all over the walls near a pedicle and the body ahead of it.

    Attributes:
        points_mm: (k, 3) RAS mm.
        normals: (k, 3) unit, out of the bone.
    """

    points_mm: np.ndarray
    normals: np.ndarray


@dataclass(frozen=True)
class Walls:
    """Limits on a line's move: at ``stations_mm`` it has ``room_mm`` left towards ``directions``.

    Attributes:
        stations_mm: (m,) mm from the isthmus.
        directions: (m, 2) unit, medial and superior across the line.
        room_mm: (m,) of the axis, negative where the line must come back into the bone.
        in_pedicle: (m,) or else in the body.
    """

    stations_mm: np.ndarray
    directions: np.ndarray
    room_mm: np.ndarray
    in_pedicle: np.ndarray

    def nearer_than(self, room_mm: float) -> Walls:
        """Those that are."""
        near = self.room_mm < room_mm
        return Walls(self.stations_mm[near], self.directions[near], self.room_mm[near], self.in_pedicle[near])


def wall_points(surface: PreparedSurface, pedicle: Pedicle, target_mm: np.ndarray) -> WallPoints:
    """The walls around a pedicle and a path from it to a target."""
    corners = surface.vertices_mm[surface.faces]
    back = pedicle.centre_mm + pedicle.back_mm * pedicle.axis
    corners = corners[_from_segment(corners.mean(1), back, np.asarray(target_mm)) < NEAR_MM]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normals = np.cross(first, second)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    longest = float(np.percentile(np.linalg.norm(first, axis=1), 90)) if len(corners) else 1.0
    count = int(np.clip(np.ceil(longest / SPACING_MM), 1, 6))
    # The middles of the small triangles that each is divided into: no point twice.
    steps = (np.arange(count) + 1 / 3) / count
    u, v = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
    u, v = u[u + v < 1], v[u + v < 1]
    points = corners[:, None, 0] + u[:, None] * first[:, None] + v[:, None] * second[:, None]
    return WallPoints(points.reshape(-1, 3), np.repeat(normals, len(u), axis=0))


def walls_along(line: Line, walls: WallPoints, pedicle: Pedicle, outside_mm: np.ndarray | None = None) -> Walls:
    """What limits a line between the pedicle's back end and the tip.

    Args:
        outside_mm: (o,) stations along the line where its axis is out of the bone.
    """
    local = (walls.points_mm - line.through_mm) @ line.axes.T
    station, across = local[:, 2], local[:, :2]
    along = (line.through_mm + station[:, None] * line.direction - pedicle.centre_mm) @ pedicle.axis
    beside = np.abs(walls.normals @ line.direction) < BESIDE
    used = (along >= pedicle.back_mm) & (station <= line.length_mm) & beside
    station, across, along, normals = station[used], across[used], along[used], walls.normals[used]
    distance = np.maximum(np.linalg.norm(across, axis=1), 1e-9)
    direction = across / distance[:, None]
    leaving = (normals @ line.axes[:2].T * direction).sum(1) > 0.0
    bins = np.floor(station / BIN_MM).astype(int)
    sector = np.floor(np.arctan2(across[:, 1], across[:, 0]) * (SECTORS / (2 * np.pi))).astype(int) % SECTORS
    ways_out, ways_in = np.flatnonzero(leaving), np.flatnonzero(~leaving)
    if outside_mm is None:
        outside_mm = np.zeros(0)
    ways_in = ways_in[np.isin(bins[ways_in], np.floor(outside_mm / BIN_MM).astype(int))]
    ways_out = ways_out[_nearest((bins * SECTORS + sector)[ways_out], distance[ways_out])]
    # Out of the bone, the line must come back through the nearest wall that shows its outer face.
    ways_in = ways_in[_nearest(bins[ways_in], distance[ways_in])]
    kept = np.r_[ways_out, ways_in]
    sign = np.r_[np.ones(len(ways_out)), -np.ones(len(ways_in))]
    return Walls(station[kept], sign[:, None] * direction[kept], sign * distance[kept], along[kept] <= pedicle.front_mm)


def _nearest(groups: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """(g,) index of the nearest point of each group."""
    order = np.lexsort((distance, groups))
    return order[np.flatnonzero(np.diff(groups[order], prepend=groups.min(initial=0) - 1))]


def _from_segment(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(n,) distances of points from a segment."""
    path = end - start
    share = np.clip((points - start) @ path / max(float(path @ path), 1e-12), 0.0, 1.0)
    return np.linalg.norm(points - start - share[:, None] * path, axis=1)
