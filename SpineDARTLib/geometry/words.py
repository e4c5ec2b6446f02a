"""What a camera is, in words that a radiographer can check by eye."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ..types import View
from .c_arm import c_arm_of
from .camera import angle_between_deg

ROLL_WORTH_SAYING_DEG = 2.0
AXIAL_DEG = 60.0
"""Beyond this secondary angle the beam comes from the feet or from the head rather than from a side."""

_SIDES = {
    0: ("from behind", "in front of the patient", "to the patient's left", "to the patient's right"),
    90: ("from the patient's right", "at the patient's left", "towards the back", "towards the front"),
    180: ("from the front", "behind the patient", "to the patient's right", "to the patient's left"),
    270: ("from the patient's left", "at the patient's right", "towards the front", "towards the back"),
}
"""Quarter of the primary angle to: where the beam comes from, where the detector is, and where a larger and a smaller
angle moves it."""


def describe(view: View) -> str:
    """ "beam from behind, detector 30° to the patient's left, 10° towards the head"."""
    pose = c_arm_of(view.intrinsics, view.world_to_camera, view.pixel_spacing_mm)
    primary, secondary = round(pose.primary_deg), round(pose.secondary_deg)
    if abs(secondary) > AXIAL_DEG:
        beam, place = ("from the feet", "head") if secondary > 0 else ("from the head", "feet")
        words = [f"beam {beam}", f"detector at the {place}, {90 - abs(secondary)}° off the body's axis"]
    else:
        quarter = round(primary / 90) * 90
        beam, place, more, less = _SIDES[quarter % 360]
        leans = [f"{abs(primary - quarter)}° {more if primary > quarter else less}"] if primary != quarter else []
        leans += [f"{abs(secondary)}° towards the {'head' if secondary > 0 else 'feet'}"] if secondary else []
        words = [f"beam {beam}", f"detector {', '.join(leans) if leans else place}"]
    if abs(pose.detector_rotation_deg) >= ROLL_WORTH_SAYING_DEG:
        words.append(turned_words(pose.detector_rotation_deg))
    return ", ".join(words)


def turned_words(detector_rotation_deg: float) -> str:
    """ "picture turned 12° anticlockwise": against the upright one, for a detector turned the other way."""
    turn_deg = round(abs(detector_rotation_deg))
    if turn_deg == 180:
        return "picture upside down"
    return f"picture turned {turn_deg}° {'anticlockwise' if detector_rotation_deg > 0 else 'clockwise'}"


def display(view: View) -> str:
    """ "LAO 30 CRA 10", as a C-arm's display has it."""
    primary, secondary = (round(angle) for angle in angles_deg(view))
    return f"{'LAO' if primary >= 0 else 'RAO'} {abs(primary)} {'CRA' if secondary >= 0 else 'CAU'} {abs(secondary)}"


def angles_deg(view: View) -> tuple[float, float]:
    """Primary (LAO positive) and secondary (cranial positive) angle of a view's beam, DICOM PS3.3 C.8.7.5.1.2."""
    pose = c_arm_of(view.intrinsics, view.world_to_camera, view.pixel_spacing_mm)
    return pose.primary_deg, pose.secondary_deg


def angle_words(views: Sequence[View]) -> str:
    """ "2 views, 88° apart"."""
    if len(views) < 2:
        return f"{len(views)} view" + "s" * (len(views) != 1)
    return f"{len(views)} views, {widest_angle_deg(views):.0f}° apart"


def describe_pair(views: Sequence[View]) -> str:
    """ "AP and LAT: 88° apart"; of more views every pair, of fewer ""."""
    pairs = itertools.combinations(views, 2)
    return "; ".join(f"{one.name} and {other.name}: {angle_between_deg(one, other):.0f}° apart" for one, other in pairs)


def widest_angle_deg(views: Sequence[View]) -> float:
    """Between the two beams that are farthest apart, 0 for fewer than two."""
    pairs = itertools.combinations(views, 2)
    return max((angle_between_deg(one, other) for one, other in pairs), default=0.0)


def angles_of_display(text: str) -> tuple[float, float]:
    """Primary and secondary angle in degrees from what a display shows: "LAO 30 CRA 10", "30 RAO / 5 CAUD".

    Raises:
        ValueError: not one number with LAO or RAO and one with CRA or CAU.
    """
    words = text.upper().replace("°", " ").replace("/", " ").replace(",", " ").split()
    found: dict[str, float] = {}
    for one, other in zip(words[::2], words[1::2], strict=False):
        letters, number = (one, other) if one.isalpha() else (other, one)
        sign = {"LAO": 1.0, "RAO": -1.0, "CRA": 1.0, "CAU": -1.0}.get(letters[:3])
        axis = {"LAO": "primary", "RAO": "primary"}.get(letters[:3], "secondary")
        if sign is None or axis in found or not _is_angle(number):
            break
        found[axis] = sign * float(number)
    if len(words) != 4 or len(found) != 2:
        raise ValueError(f'got "{text}"; expected a display such as "LAO 30 CRA 10"')
    return found["primary"], found["secondary"]


def _is_angle(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)) and abs(float(text)) <= 180.0)
    except ValueError:
        return False
