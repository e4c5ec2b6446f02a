"""How safe a cannula is in a given surface: its wall's distance to the bone's, and the textbook's checks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..types import Cannula, Safety
from .anatomy import Anatomy, Isthmus
from .cannula import REFERENCE_DIAMETER_MM, largest_gauge
from .corridor import DIRECTIONS, Corridor, clearances, corridor
from .surface import PreparedSurface
from .tip import Tip, angles_deg, tip_of

__all__ = ["assess", "clearances", "gertzbein_robbins", "CHECKS", "NUMBERS"]

MARGIN_MM = 1.0
"""What the largest gauge keeps on all sides."""

GRADES = ((0.0, "A"), (2.0, "B"), (4.0, "C"), (6.0, "D"))
"""Breach in mm up to which a grade reaches: A none, B < 2, C 2-4, D 4-6, E 6 and more (Gertzbein and Robbins 1990)."""

ANTERIOR_THIRD = 2.0 / 3.0
"""AO Surgery Reference, vertebroplasty: the tip lies in the anterior third of the body on the lateral view."""

MID_HEIGHT = (1.0 / 3.0, 2.0 / 3.0)
"""Near mid-height: the middle third between the endplates."""

REACHES_MIDLINE_MM = 3.0
"""A single cannula's tip is this near to the midline: two would stop short of it (``cannula.TARGET_MIDLINE_MM``)."""

ENTRY_REACH_MM = 5.0
"""How far outside of the pedicle's oval on AP an entry may lie: at its rim, and laterally of it by what a convergent
path moves between there and the isthmus. Our choice; transferred cannulas of seven people enter between 2 mm inside and
3 mm outside of it (5th and 95th percentile)."""

CHECKS = (
    "within_pedicle", "within_body", "anterior_third", "mid_height", "short_of_anterior_wall", "own_side_of_midline",
    "posterior_wall_before_medial_wall", "entry_on_pedicle", "entry_lateral_and_cranial",
)  # fmt: skip
"""The textbook's rules; "reaches_midline" stands in for "own_side_of_midline" of one that is ``ONE_SIDED``."""

ONE_SIDED = ("unipedicular", "curved")
"""Names of cannulas of which one is enough: they reach the midline."""

NUMBERS = (
    "diameter_mm", "axis_to_wall_mm", "body_clearance_mm", "body_direction", "isthmus_width_mm", "isthmus_height_mm",
    "tip_depth_fraction", "tip_height_fraction", "tip_to_midline_mm", "tip_to_anterior_wall_mm", "posterior_wall_mm",
    "convergence_deg", "sagittal_deg", "path_length_mm", "largest_gauge", "clearance_of_5mm_cylinder_mm",
    "grade_of_5mm_cylinder",
)  # fmt: skip
"""``Safety.numbers``, in the order in which they are written; None is what could not be measured."""


def assess(cannula: Cannula, surface: PreparedSurface) -> Safety:
    """All that clinical.md's `safety` asks for, of a cannula in one vertebra's surface.

    Args:
        cannula: straight or not.
        surface: the fitted one, or the true one.
    """
    room = corridor(cannula, surface)
    narrowest = surface.isthmus[cannula.side]
    if room.status != "measured" or narrowest is None:
        return _unmeasured(cannula, room)
    radius = cannula.diameter_mm / 2
    clearance = room.distance_mm - radius
    tip = tip_of(cannula, surface)
    by_direction = dict(zip(DIRECTIONS, (room.smallest_mm("pedicle") - radius).tolist(), strict=True))
    numbers = _numbers(cannula, room, narrowest, tip, angles_deg(room, cannula.side, surface.anatomy))
    return Safety(
        clearance_mm=clearance,
        clearance_by_direction_mm=by_direction,
        position=room.position,
        grade=gertzbein_robbins(clearance),
        breach_direction=room.direction if clearance < 0 else "",
        checks=_checks(cannula, surface.anatomy, numbers, narrowest),
        numbers=numbers,
    )


def gertzbein_robbins(clearance_mm: float) -> str:
    """ "A" to "E" from the signed clearance of the wall (negative is a breach)."""
    breach = max(0.0, -clearance_mm)
    if breach == 0.0:
        return "A"
    return next((grade for limit, grade in GRADES if breach < limit), "E")


def _unmeasured(cannula: Cannula, room: Corridor) -> Safety:
    """No number, no grade, no check passed."""
    return Safety(
        clearance_mm=np.nan,
        clearance_by_direction_mm=dict.fromkeys(DIRECTIONS, np.nan),
        position=np.nan,
        grade="",
        breach_direction="",
        checks=dict.fromkeys(_checks_of(cannula), False),
        numbers=dict.fromkeys(NUMBERS),
        status=room.status,
        reason=room.reason,
    )


def _checks_of(cannula: Cannula) -> tuple[str, ...]:
    if cannula.name not in ONE_SIDED:
        return CHECKS
    return tuple("reaches_midline" if name == "own_side_of_midline" else name for name in CHECKS)


def _numbers(
    cannula: Cannula, room: Corridor, narrowest: Isthmus, tip: Tip, angles: tuple[float, float]
) -> dict[str, float | str | None]:
    in_body = room.smallest_mm("body")
    reference = room.distance_mm - REFERENCE_DIAMETER_MM / 2
    gauge = largest_gauge(room.distance_mm, MARGIN_MM)
    seen = bool(np.isfinite(in_body).any())
    found: dict[str, float | str | None] = {
        "diameter_mm": cannula.diameter_mm,
        "axis_to_wall_mm": room.distance_mm,
        "body_clearance_mm": float(in_body.min()) - cannula.diameter_mm / 2 if seen else None,
        "body_direction": DIRECTIONS[int(in_body.argmin())] if seen else None,
        "isthmus_width_mm": narrowest.width_mm,
        "isthmus_height_mm": narrowest.height_mm,
        "tip_depth_fraction": tip.depth_fraction,
        "tip_height_fraction": tip.height_fraction,
        "tip_to_midline_mm": tip.to_midline_mm,
        "tip_to_anterior_wall_mm": tip.to_anterior_wall_mm,
        "posterior_wall_mm": tip.posterior_wall_mm,
        "convergence_deg": angles[0],
        "sagittal_deg": angles[1],
        "path_length_mm": float(np.linalg.norm(np.diff(cannula.path_mm, axis=0), axis=1).sum()),
        "largest_gauge": None if gauge is None else f"{gauge}G",
        "clearance_of_5mm_cylinder_mm": reference,
        "grade_of_5mm_cylinder": gertzbein_robbins(reference),
    }
    return {name: None if found[name] != found[name] else found[name] for name in NUMBERS}  # nan is not itself


def _checks(
    cannula: Cannula, anatomy: Anatomy, numbers: Mapping[str, float | str | None], narrowest: Isthmus
) -> dict[str, bool]:
    """Each textbook rule as passed or not; what could not be measured has not passed."""

    def between(name: str, low: float, high: float = np.inf) -> bool:
        value = numbers[name]
        return isinstance(value, float) and bool(low <= value <= high)

    posterior = numbers["posterior_wall_mm"]
    passed = {
        "within_pedicle": between("axis_to_wall_mm", cannula.diameter_mm / 2),
        "within_body": between("body_clearance_mm", 0.0),
        "anterior_third": between("tip_depth_fraction", ANTERIOR_THIRD),
        "mid_height": between("tip_height_fraction", *MID_HEIGHT),
        "short_of_anterior_wall": between("tip_to_anterior_wall_mm", MARGIN_MM),
        "own_side_of_midline": between("tip_to_midline_mm", 0.0),
        "reaches_midline": between("tip_to_midline_mm", -REACHES_MIDLINE_MM, REACHES_MIDLINE_MM),
        "posterior_wall_before_medial_wall": isinstance(posterior, float)
        and _posterior_first(cannula, anatomy, narrowest.medial_wall_mm, posterior),
        "entry_on_pedicle": _entry_on_pedicle(cannula, anatomy, narrowest),
        "entry_lateral_and_cranial": _entry_on_rim(cannula, anatomy, narrowest),
    }
    return {name: bool(passed[name]) for name in _checks_of(cannula)}


def _posterior_first(cannula: Cannula, anatomy: Anatomy, medial_wall_mm: float, posterior_mm: float) -> bool:
    """Whether the path passes the body's posterior wall (lateral view) before the pedicle's medial wall (AP view).

    The rule that keeps a needle out of the canal (clinical.md; Jensen 1997).
    """
    path = anatomy.local(cannula.path_mm)
    from_midline = path @ (-anatomy.axes @ anatomy.medial(cannula.side))
    crossed = np.flatnonzero(from_midline <= medial_wall_mm)
    if not len(crossed):
        return bool(path[-1, 1] > posterior_mm)  # never crosses the medial wall's line; must still reach the body
    after = crossed[0]
    if after == 0:
        return False  # enters medial of it
    before = after - 1
    share = (from_midline[before] - medial_wall_mm) / (from_midline[before] - from_midline[after])
    return bool(path[before, 1] + share * (path[after, 1] - path[before, 1]) >= posterior_mm)


def _from_isthmus(cannula: Cannula, anatomy: Anatomy, narrowest: Isthmus) -> tuple[float, float]:
    """How far lateral and how far cranial of the isthmus's middle the entry lies on AP, mm."""
    offset = anatomy.axes @ (np.asarray(cannula.entry_mm) - narrowest.centre_mm)
    return float(-offset @ (anatomy.axes @ anatomy.medial(cannula.side))), float(offset[2])


def _entry_on_pedicle(cannula: Cannula, anatomy: Anatomy, narrowest: Isthmus) -> bool:
    """Whether the entry lies on the pedicle's oval on AP, or near its rim."""
    lateral, cranial = _from_isthmus(cannula, anatomy, narrowest)
    half_width, half_height = narrowest.width_mm / 2 + ENTRY_REACH_MM, narrowest.height_mm / 2 + ENTRY_REACH_MM
    return bool((lateral / half_width) ** 2 + (cranial / half_height) ** 2 <= 1.0)


def _entry_on_rim(cannula: Cannula, anatomy: Anatomy, narrowest: Isthmus) -> bool:
    """Whether the entry lies lateral of and not below the pedicle's middle on AP (10 o'clock left, 2 o'clock right)."""
    lateral, cranial = _from_isthmus(cannula, anatomy, narrowest)
    return lateral > 0.0 and cranial >= 0.0
