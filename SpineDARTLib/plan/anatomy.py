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
from .sections import Section, compass, cut, look


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
        """(3, 3) rows medial, superior and ``direction``: a frame across a path (made orthonormal)."""
        direction = direction / np.linalg.norm(direction)
        medial = self.medial(side) - (self.medial(side) @ direction) * direction
        medial = medial / np.linalg.norm(medial)
        superior = self.axes[2] - (self.axes[2] @ direction) * direction - (self.axes[2] @ medial) * medial
        return np.stack([medial, superior / np.linalg.norm(superior), direction])


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


def isthmus(vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy, side: str) -> dict[str, float]:
    """The pedicle's narrowest place on a surface.

    Returns:
        "width_mm", "height_mm" there, and "medial_wall_mm": how far its medial wall is from the midline plane (signed,
        positive on the pedicle's own side); nan where the surface has no pedicle at the place.
    """
    pedicle = anatomy.pedicles[side]
    axes = anatomy.across(pedicle.axis, side)
    best = {"width_mm": float("nan"), "height_mm": float("nan"), "medial_wall_mm": float("nan")}
    # The middle half of its length: towards its ends a pedicle flares into the body and the lamina.
    for station in np.linspace(0.5 * pedicle.back_mm, 0.5 * pedicle.front_mm, 9):
        origin = pedicle.centre_mm + station * pedicle.axis
        span = _spans(cut(vertices_mm, faces, origin, axes))
        if span is None or span[0] >= np.nan_to_num(best["width_mm"], nan=np.inf):
            continue
        width, height, medial_end = span
        wall = origin + medial_end[0] * axes[0] + medial_end[1] * axes[1]
        outwards = -(wall - anatomy.centre_mm) @ anatomy.medial(side)
        best = {"width_mm": width, "height_mm": height, "medial_wall_mm": float(outwards)}
    return best


def _spans(section: Section) -> tuple[float, float, np.ndarray] | None:
    """Width, height and medial end (2,) of the cross-section around the origin; None where there is no bone."""
    point = np.zeros(2)
    four = compass(4)  # medial, superior, lateral, inferior
    for _ in range(3):
        sight = look(section, point, four)
        if not (sight.inside and np.isfinite(sight.distances).all()):
            return None
        medial, superior, lateral, inferior = sight.distances
        width, height, end = medial + lateral, superior + inferior, point + np.array([medial, 0.0])
        point = point + np.array([medial - lateral, superior - inferior]) / 2
    return float(width), float(height), end
