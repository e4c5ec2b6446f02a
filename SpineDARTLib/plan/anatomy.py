"""Where a vertebra's pedicles and body are, apart from any one surface.

Taken from the fitted model's named regions, it says where to measure; the measuring is done on a surface, which may be
the fitted one or the true one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..atlas.model import ShapeModel
from ..types import SIDES
from .planes import Sections, axis_sight, cut_all, nearest_walls

ISTHMUS_PLANES = 9
"""Across the middle half of a pedicle: less than a millimetre from one to the next."""

ASTRAY_MM = 4.0
"""How far a pedicle's middle, taken from a fit, may lie outside of the true bone: fits taken for good are not worse."""

REACH_MM = 20.0
"""Walls farther than this from the middle are not looked for: no pedicle is as wide (Lien: L5 17.5 +- 2.6 mm)."""


@dataclass(frozen=True)
class Pedicle:
    """One pedicle.

    Attributes:
        side: "left" | "right" (the patient's).
        centre_mm: (3,) middle of its isthmus, RAS mm.
        axis: (3,) unit, from the back of the vertebra into its body.
        back_mm: where it begins along the axis, from the centre (negative).
        front_mm: where it ends along the axis.
    """

    side: str
    centre_mm: np.ndarray
    axis: np.ndarray
    back_mm: float
    front_mm: float


@dataclass(frozen=True)
class Anatomy:
    """A vertebra's own frame and its pedicles.

    Attributes:
        axes: (3, 3) rows right, anterior, superior of the vertebra, unit, RAS.
        centre_mm: (3,) centre of the body, RAS mm.
        pedicles: side to Pedicle.
    """

    axes: np.ndarray
    centre_mm: np.ndarray
    pedicles: Mapping[str, Pedicle]

    def local(self, points_mm: np.ndarray) -> np.ndarray:
        """(..., 3) RAS mm to the vertebra's frame: right, anterior, superior of the body's centre."""
        return (np.asarray(points_mm) - self.centre_mm) @ self.axes.T

    def medial(self, side: str) -> np.ndarray:
        """(3,) unit vector from that side towards the midline."""
        return -self.axes[0] if side == "right" else self.axes[0]

    def across(self, direction: np.ndarray, side: str) -> np.ndarray:
        """(..., 3, 3) rows medial, superior and (..., 3) ``direction``: frames across a path (made orthonormal)."""
        direction = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
        # A trace of another axis, should the path itself run along this one.
        medial = _perpendicular(self.medial(side) + 1e-12 * self.axes[1], direction)
        superior = _perpendicular(_perpendicular(self.axes[2] + 1e-12 * self.axes[1], direction, False), medial)
        return np.stack([medial, superior, direction], axis=-2)


def _perpendicular(vector: np.ndarray, direction: np.ndarray, unit: bool = True) -> np.ndarray:
    """What is left of ``vector`` across (..., 3) unit ``direction``, made a unit vector if wanted."""
    left = vector - (vector * direction).sum(axis=-1, keepdims=True) * direction
    return left / np.linalg.norm(left, axis=-1, keepdims=True) if unit else left


def anatomy_of(vertices_mm: np.ndarray, model: ShapeModel, pose: np.ndarray) -> Anatomy:
    """The anatomy of a placed instance of a model.

    Args:
        vertices_mm: (n, 3) the instance's vertices, RAS mm.
        model: whose regions "left_pedicle", "left_isthmus", ... are used.
        pose: (4, 4) model frame to RAS mm; its axes are the vertebra's, its origin the body's centre.
    """
    axes = np.asarray(pose, dtype=np.float64)[:3, :3].T
    pedicles = {}
    for side in SIDES:
        points = vertices_mm[model.regions[f"{side}_pedicle"]]
        centre = _middle(vertices_mm[model.regions[f"{side}_isthmus"]])
        axis = _tube_axis(vertices_mm, model, side, axes)
        along = (points - centre) @ axis
        pedicles[side] = Pedicle(side, centre, axis, float(along.min()), float(along.max()))
    return Anatomy(axes, np.asarray(pose)[:3, 3].astype(np.float64), pedicles)


def _middle(points: np.ndarray) -> np.ndarray:
    """(3,) middle of the bounding box: vertices crowd where a surface bends, a box's middle does not mind."""
    return (points.min(0) + points.max(0)) / 2


def _tube_axis(vertices: np.ndarray, model: ShapeModel, side: str, axes: np.ndarray) -> np.ndarray:
    """(3,) unit axis of a pedicle: across the ring of its isthmus, which is the smallest section; pointing forward."""
    ring = vertices[model.regions[f"{side}_isthmus"]]
    arms = ring - ring.mean(axis=0)
    across = np.cross(arms, np.roll(arms, -1, axis=0)).sum(axis=0)
    axis = across / np.linalg.norm(across)
    return axis if axis @ axes[1] >= 0 else -axis


@dataclass(frozen=True)
class Isthmus:
    """A pedicle's narrowest place on a surface.

    Attributes:
        width_mm: from its medial to its lateral wall.
        height_mm: from its lower to its upper wall, at the same place.
        centre_mm: (3,) its middle, RAS mm.
        medial_wall_mm: how far its medial wall is from the midline plane; positive on the pedicle's own side.
    """

    width_mm: float
    height_mm: float
    centre_mm: np.ndarray
    medial_wall_mm: float


def isthmus(vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy, side: str) -> Isthmus | None:
    """The narrowest place of a pedicle, or None where the surface has none.

    The anatomy may come from another surface (a fit) than the one measured in (the truth): the pedicle is looked for
    up to ``ASTRAY_MM`` away.
    """
    pedicle = anatomy.pedicles[side]
    frame = anatomy.across(pedicle.axis, side)
    # The middle half of its length: towards its ends a pedicle flares into the body and the lamina.
    stations = np.linspace(0.5 * pedicle.back_mm, 0.5 * pedicle.front_mm, ISTHMUS_PLANES)
    origins = pedicle.centre_mm + stations[:, None] * pedicle.axis
    if not np.isfinite(origins).all():
        return None
    frames = np.broadcast_to(frame, (len(origins), 3, 3))
    sections = cut_all(vertices_mm, faces, origins, frames, REACH_MM)
    points = _into_bone(sections)
    if points is None:
        return None
    for _ in range(3):
        reach = axis_sight(sections, points)  # medial, superior, lateral, inferior
        seen = np.isfinite(reach).all(axis=1)
        points[seen] += (reach[seen, :2] - reach[seen, 2:]) / 2
    if seen.sum() < ISTHMUS_PLANES / 2:  # a tiny hole may blind some of the planes
        return None
    width, height = (reach[:, :2] + reach[:, 2:]).T
    best = int(np.where(seen, width, np.inf).argmin())
    centre = origins[best] + points[best] @ frame[:2]
    medial_wall = centre + width[best] / 2 * frame[0]
    outwards = -(medial_wall - anatomy.centre_mm) @ anatomy.medial(side)
    return Isthmus(float(width[best]), float(height[best]), centre, float(outwards))


def _into_bone(sections: Sections) -> np.ndarray | None:
    """(s, 2) a point in the bone of every section, the origin if possible; None if one has none near enough."""
    points, inside = np.zeros((sections.count, 2)), np.zeros(sections.count, dtype=bool)
    for step in _steps_out():
        points[~inside] = step
        inside = nearest_walls(sections, points).inside
        if inside.all():
            return points
    return None


def _steps_out() -> np.ndarray:
    """(k, 2) places on a grid, from the origin outwards, as far as ``ASTRAY_MM``."""
    whole = np.arange(-ASTRAY_MM, ASTRAY_MM + 1.0)
    steps = np.stack(np.meshgrid(whole, whole), axis=-1).reshape(-1, 2)
    away = np.hypot(*steps.T)
    order = away.argsort(kind="stable")
    return steps[order][away[order] <= ASTRAY_MM]
