"""Where a cannula's tip lies in the body, and how the path is angled, in the vertebra's own frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Cannula
from .anatomy import Anatomy
from .corridor import Corridor
from .surface import PreparedSurface


@dataclass(frozen=True)
class Tip:
    """Where a tip lies; nan where the surface has no wall to measure from.

    Attributes:
        depth_fraction: 0 posterior wall, 1 anterior wall, in the midsagittal plane at the tip's height, as in the
            lateral view.
        height_fraction: 0 lower endplate, 1 upper.
        to_midline_mm: positive on its own side.
        to_anterior_wall_mm: straight ahead; negative when through.
        posterior_wall_mm: where the midsagittal posterior wall is, anterior of the body's centre.
    """

    depth_fraction: float
    height_fraction: float
    to_midline_mm: float
    to_anterior_wall_mm: float
    posterior_wall_mm: float


def tip_of(cannula: Cannula, surface: PreparedSurface) -> Tip:
    """Measure where a path ends."""
    anatomy = surface.anatomy
    tip = anatomy.local(cannula.target_mm)
    # In the midsagittal plane at the tip's height, or at mid-height; over the tip, or in the middle if it is outside.
    posterior, anterior = _first_inside(surface, 1, [(0.0, 0.0, tip[2]), (0.0, 0.0, 0.0)])
    inferior, superior = _first_inside(surface, 2, [(*tip[:2], 0.0), (0.0, 0.0, 0.0)])
    return Tip(
        depth_fraction=float((tip[1] - posterior) / (anterior - posterior)),
        height_fraction=float((tip[2] - inferior) / (superior - inferior)),
        to_midline_mm=float(-(np.asarray(cannula.target_mm) - anatomy.centre_mm) @ anatomy.medial(cannula.side)),
        to_anterior_wall_mm=_bone_ahead(surface, tip),
        posterior_wall_mm=posterior,
    )


def angles_deg(room: Corridor, side: str, anatomy: Anatomy) -> tuple[float, float]:
    """Convergence (to the midline) and sagittal angle (to the head) of the path's course through the pedicle."""
    course = room.points_mm[room.part == "pedicle"]
    # A path that only touches the pedicle has its angles from end to end.
    along = course[-1] - course[0] if len(course) > 1 else room.points_mm[-1] - room.points_mm[0]
    _, forward, up = anatomy.axes @ along
    convergence = np.arctan2(along @ anatomy.medial(side), forward)
    return float(np.rad2deg(convergence)), float(np.rad2deg(np.arctan2(up, forward)))


def _first_inside(surface: PreparedSurface, axis: int, points: list[tuple[float, float, float]]) -> tuple[float, float]:
    """The walls behind and ahead of the first of the points that is in the bone, along an axis of the vertebra."""
    for point in points:
        places, leaving = crossings(surface, np.array(point), axis)
        ahead, behind = places >= point[axis], places < point[axis]
        if ahead.any() and behind.any():
            front = np.where(ahead, places, np.inf).argmin()
            back = np.where(behind, places, -np.inf).argmax()
            if leaving[front] and not leaving[back]:
                return float(places[back]), float(places[front])
    return float("nan"), float("nan")


def _bone_ahead(surface: PreparedSurface, tip: np.ndarray) -> float:
    """Bone straight in front of the tip; in front of the bone, minus the way back to it; nan beside it."""
    places, leaving = crossings(surface, tip, 1)
    ahead, behind = places >= tip[1], places < tip[1]
    if ahead.any() and leaving[ahead][places[ahead].argmin()]:
        return float(places[ahead].min() - tip[1])
    return float(places[behind].max() - tip[1]) if behind.any() else float("nan")


def crossings(surface: PreparedSurface, point: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a line through a point along one of the vertebra's axes meets the surface.

    Args:
        point: (3,) in the vertebra's frame; its own place along the axis does not matter.
        axis: 0 right, 1 anterior, 2 superior.

    Returns:
        (k,) mm along the axis, and (k,) whether the line leaves the bone there.
    """
    one, other = (axis + 1) % 3, (axis + 2) % 3
    low, high = surface.local_bounds_mm
    near = (low[one] <= point[one]) & (high[one] >= point[one]) & (low[other] <= point[other])
    corners = surface.local_mm[surface.faces[near & (high[other] >= point[other])]]
    flat = corners[:, :, [one, other]] - point[[one, other]]
    following = flat[:, [1, 2, 0]]
    # (f, 3) twice the area that each edge spans with the point: all of one sign if the triangle is hit.
    spanned = flat[..., 0] * following[..., 1] - flat[..., 1] * following[..., 0]
    area = spanned.sum(axis=1)
    hit = ((spanned >= 0).all(axis=1) | (spanned <= 0).all(axis=1)) & (np.abs(area) > 1e-12)
    weights = spanned[hit][:, [1, 2, 0]] / area[hit, None]
    return (weights * corners[hit][..., axis]).sum(axis=1), area[hit] > 0
