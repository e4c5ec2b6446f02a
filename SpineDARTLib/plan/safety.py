"""How safe a cannula is in a given surface: its wall's distance to the bone in the pedicle, and textbook checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Cannula, Safety
from .anatomy import Anatomy, isthmus
from .cannula import REFERENCE_DIAMETER_MM, largest_gauge
from .sections import Section, compass, cut, look, nearest
from .tip import tip_numbers

STEP_MM = 0.5
"""Distance between the planes in which the cannula's wall is measured."""

MARGIN_MM = 1.0
"""What the largest gauge keeps on all sides."""

DIRECTIONS: tuple[str, ...] = ("medial", "superior", "lateral", "inferior")
"""In the order of ``compass(4)`` in the plane across the path."""

GRADES = ((0.0, "A"), (2.0, "B"), (4.0, "C"), (6.0, "D"))
"""Breach in mm up to which a grade reaches: A none, B < 2, C 2-4, D 4-6, E 6 and more (Gertzbein and Robbins 1990)."""

ANTERIOR_THIRD = 2.0 / 3.0
"""AO Surgery Reference, vertebroplasty: the tip lies in the anterior third of the body on the lateral view."""

MID_HEIGHT = (1.0 / 3.0, 2.0 / 3.0)
"""Near mid-height: the middle third between the endplates."""


@dataclass(frozen=True)
class Corridor:
    """The smallest distances from a path to the bone's wall within the pedicle, whatever runs along the path.

    Attributes:
        distance_mm: the smallest signed distance of the axis to the wall, negative outside the bone.
        position: where along entry-to-target (0 to 1) it is.
        direction: which wall it is, or, outside, through which it went.
        by_direction_mm: "medial" | "lateral" | "superior" | "inferior" to the smallest towards that wall.
    """

    distance_mm: float
    position: float
    direction: str
    by_direction_mm: dict[str, float]


def assess(cannula: Cannula, vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy) -> Safety:
    """All that clinical.md's `safety` asks for, of a cannula in one vertebra's surface.

    Args:
        vertices_mm: (n, 3) closed surface, RAS mm: the fitted one, or the true one.
        faces: (f, 3), outward normals.
        anatomy: where the pedicles and the body are (from the fitted model, also when the surface is the true one).
    """
    found = corridor(cannula, vertices_mm, faces, anatomy)
    radius = cannula.diameter_mm / 2
    clearance = found.distance_mm - radius
    narrowest = isthmus(vertices_mm, faces, anatomy, cannula.side)
    tip = tip_numbers(cannula, vertices_mm, faces, anatomy)
    reference = found.distance_mm - REFERENCE_DIAMETER_MM / 2
    gauge = largest_gauge(found.distance_mm, MARGIN_MM)
    numbers: dict[str, float | str | None] = {
        "diameter_mm": cannula.diameter_mm,
        "axis_to_wall_mm": found.distance_mm,
        "isthmus_width_mm": narrowest["width_mm"],
        "isthmus_height_mm": narrowest["height_mm"],
        **tip,
        "largest_gauge": None if gauge is None else f"{gauge}G",
        "clearance_of_5mm_cylinder_mm": reference,
        "grade_of_5mm_cylinder": gertzbein_robbins(reference),
    }
    return Safety(
        clearance_mm=clearance,
        clearance_by_direction_mm={name: value - radius for name, value in found.by_direction_mm.items()},
        position=found.position,
        grade=gertzbein_robbins(clearance),
        breach_direction=found.direction if clearance < 0 else "",
        checks=_checks(cannula, anatomy, clearance, narrowest["medial_wall_mm"], tip),
        numbers=numbers,
    )


def gertzbein_robbins(clearance_mm: float) -> str:
    """ "A" to "E" from the signed clearance of the wall (negative is a breach)."""
    breach = max(0.0, -clearance_mm)
    if breach == 0.0:
        return "A"
    return next((grade for limit, grade in GRADES if breach < limit), "E")


def corridor(cannula: Cannula, vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy) -> Corridor:
    """Measure the path's room in the pedicle, in planes across it.

    A path that misses the vertebra altogether gets the distance to its nearest vertex, as a breach.
    """
    entry, target = np.asarray(cannula.entry_mm), np.asarray(cannula.target_mm)
    length = float(np.linalg.norm(target - entry))
    if length < 1e-6:
        raise ValueError(f"got a {cannula.side} cannula of length 0; expected entry and target apart")
    axes = anatomy.across(target - entry, cannula.side)
    by_direction: dict[str, float] = dict.fromkeys(DIRECTIONS, np.inf)
    distance, position, wall = np.inf, 0.5, DIRECTIONS[0]
    for share in _shares_in_pedicle(entry, target, anatomy, cannula.side):
        section = cut(vertices_mm, faces, entry + share * (target - entry), axes)
        for name, value in _room(section).items():
            by_direction[name] = min(by_direction[name], value)
            if value < distance:
                distance, position, wall = value, float(share), name
    if not np.isfinite(distance):
        return _missed(entry, target, vertices_mm, anatomy, cannula.side)
    return Corridor(distance, position, wall, by_direction)


def _shares_in_pedicle(entry: np.ndarray, target: np.ndarray, anatomy: Anatomy, side: str) -> np.ndarray:
    """Where along the path (0 to 1) it is between the pedicle's two ends; its nearest approach if it never is."""
    pedicle = anatomy.pedicles[side]
    length = float(np.linalg.norm(target - entry))
    shares = np.linspace(0.0, 1.0, max(2, int(np.ceil(length / STEP_MM)) + 1))
    points = entry + shares[:, None] * (target - entry)
    along = (points - pedicle.centre_mm) @ pedicle.axis
    inside = (along >= pedicle.back_mm) & (along <= pedicle.front_mm)
    if inside.any():
        return shares[inside]
    return shares[[np.linalg.norm(points - pedicle.centre_mm, axis=1).argmin()]]


def _room(section: Section) -> dict[str, float]:
    """Signed distance from the section's origin to the walls on its four sides; those that are not seen are left out.

    A wall belongs to the side that it faces. Outside the bone, the side that one went through counts negative.
    """
    origin = np.zeros(2)
    if not len(section.starts):
        return {}
    closest, normal = nearest(section, origin)
    sight = look(section, origin, compass())
    if sight.inside:
        room = _by_side(sight.distances, sight.normals)
        # The nearest wall exactly, not only as near as the rays come to it.
        side = DIRECTIONS[int((compass(4) @ normal).argmax())]
        room[side] = min(room.get(side, np.inf), float(np.linalg.norm(closest)))
        return room
    return _room_from_outside(section, closest)


def _room_from_outside(section: Section, closest: np.ndarray) -> dict[str, float]:
    """The same for an origin outside the bone: through the nearest wall, and the rest as seen from just inside it."""
    away = float(np.linalg.norm(closest))
    outwards = -closest / max(away, 1e-9)
    breached = DIRECTIONS[int((compass(4) @ outwards).argmax())]
    within = closest - 0.05 * outwards
    sight = look(section, within, compass())
    room: dict[str, float] = {}
    if sight.inside:
        # Distances from the origin along each side's own direction, not from the helping point.
        ends = within + np.where(np.isfinite(sight.distances), sight.distances, 0.0)[:, None] * compass()
        for index, name in enumerate(DIRECTIONS):
            facing = (sight.normals @ compass(4).T).argmax(1) == index
            facing &= np.isfinite(sight.distances)
            if facing.any():
                room[name] = float((ends[facing] @ compass(4)[index]).min())
    room[breached] = -away
    return room


def _by_side(distances: np.ndarray, normals: np.ndarray) -> dict[str, float]:
    """The smallest distance to the walls that face each of the four sides."""
    facing = (normals @ compass(4).T).argmax(1)
    seen = np.isfinite(distances)
    return {
        name: float(distances[seen & (facing == index)].min())
        for index, name in enumerate(DIRECTIONS)
        if (seen & (facing == index)).any()
    }


def _missed(entry: np.ndarray, target: np.ndarray, vertices_mm: np.ndarray, anatomy: Anatomy, side: str) -> Corridor:
    """The corridor of a path that passes the vertebra by."""
    middle = (entry + target) / 2
    nearest_vertex = vertices_mm[((vertices_mm - middle) ** 2).sum(1).argmin()]
    away = middle - nearest_vertex
    across = anatomy.across(target - entry, side)[:2] @ away
    direction = DIRECTIONS[int((compass(4) @ across).argmax())]
    distance = -float(np.linalg.norm(away))
    return Corridor(distance, 0.5, direction, dict.fromkeys(DIRECTIONS, distance))


def _checks(
    cannula: Cannula, anatomy: Anatomy, clearance_mm: float, medial_wall_mm: float, tip: dict[str, float]
) -> dict[str, bool]:
    """Each textbook rule as passed or not; what could not be measured has not passed."""
    low, high = MID_HEIGHT
    return {
        "within_pedicle": clearance_mm >= 0.0,
        "anterior_third": tip["tip_depth_fraction"] >= ANTERIOR_THIRD,
        "mid_height": low <= tip["tip_height_fraction"] <= high,
        "short_of_anterior_wall": tip["tip_to_anterior_wall_mm"] >= MARGIN_MM,
        "own_side_of_midline": tip["tip_to_midline_mm"] > 0.0,
        "posterior_wall_before_medial_wall": _posterior_first(cannula, anatomy, medial_wall_mm, tip),
        "entry_lateral_and_cranial": _entry_on_rim(cannula, anatomy),
    }


def _posterior_first(cannula: Cannula, anatomy: Anatomy, medial_wall_mm: float, tip: dict[str, float]) -> bool:
    """Whether the tip passes the body's posterior wall (lateral view) before the pedicle's medial wall (AP view).

    The rule that keeps a needle out of the canal (clinical.md; Jensen 1997).
    """
    posterior = tip["posterior_wall_mm"]
    if not (np.isfinite(posterior) and np.isfinite(medial_wall_mm)):
        return False
    entry, target = anatomy.local(cannula.entry_mm), anatomy.local(cannula.target_mm)
    outwards = -anatomy.axes @ anatomy.medial(cannula.side)
    from_midline = np.array([entry @ outwards, target @ outwards])
    if min(from_midline) > medial_wall_mm:
        return bool(target[1] > posterior)  # never crosses the medial wall's line; must still reach the body
    if from_midline[0] <= medial_wall_mm:
        return False  # enters medial of it
    at_medial = (from_midline[0] - medial_wall_mm) / (from_midline[0] - from_midline[1])
    return bool(entry[1] + at_medial * (target[1] - entry[1]) >= posterior)


def _entry_on_rim(cannula: Cannula, anatomy: Anatomy) -> bool:
    """Whether the entry lies lateral of and not below the pedicle's centre on AP (10 o'clock left, 2 o'clock right)."""
    offset = anatomy.axes @ (np.asarray(cannula.entry_mm) - anatomy.pedicles[cannula.side].centre_mm)
    outwards = -anatomy.axes @ anatomy.medial(cannula.side)
    return bool(offset @ outwards > 0.0 and offset[2] >= 0.0)
