"""How the stored picture lies against what the source sees.

In XA and DX the angles are anatomical and the picture is shown with the patient's head up, as one looks towards the
source (PS3.17 FFF.2.1.3.1.2; measured on eight runs of a GE DL: mirrored against the source's view). What the header
says of flips and turns relates the picture to the detector, which matters only where the detector's own position is
known, in the isocentre reference system. A PatientOrientation speaks of the picture itself and wins.
"""

from __future__ import annotations

import numpy as np

from ...geometry.c_arm import c_arm_camera
from ...geometry.known import quantity_of
from ...geometry.patient import image_change
from .findings import Findings

FIELD = "FieldOfViewSequence"
"""X-Ray Field of View Macro of the Enhanced objects (PS3.3 C.8.19.6.2)."""

CATH_LAB = ("XA", "RF", "Enhanced XA", "Enhanced XRF")
"""Kinds whose pictures the standard takes to be shown so; plain radiographs hang as the radiologist likes them."""

USUAL = "shown as one looks towards the source (PS3.3 C.8.19.6.13.1.2)"


def read_display(found: Findings) -> None:
    """image_flip_horizontal and image_rotation_deg."""
    turn, flip = detector_to_picture(found)
    pose = found.value("world_to_camera")
    if pose:
        # Detector rows are seen towards the source; turning before mirroring turns the other way round.
        source = f"{found.header.source('FieldOfViewHorizontalFlip', FIELD)}, {USUAL}"
        found.add("image_flip_horizontal", float(not flip), source, "derived")
        found.add(
            "image_rotation_deg", float(-turn % 360), found.header.source("FieldOfViewRotation", FIELD), "derived"
        )
    else:
        found.add("image_flip_horizontal", 1.0, USUAL, "derived")
        found.add("image_rotation_deg", 0.0, "head up (PS3.17 FFF.2.1.3.1.2)", "derived")
        if turn or flip:
            changes = " and ".join([f"turned by {turn} degrees"] * bool(turn) + ["mirrored"] * flip)
            found.warnings.append(
                f"The picture was {changes} against the detector, it is said; it is taken to be shown as usual, head "
                "up and as one looks towards the source. Check left and right by eye."
            )
        elif found.patient_orientation is None and (
            found.kind not in CATH_LAB or "primary_deg" not in found.quantities
        ):
            found.warnings.append(
                "Nothing says which way round the picture is; it is taken to be shown head up and as one looks towards "
                "the source. Check left and right by eye."
            )
    _against_orientation(found, np.array(pose).reshape(4, 4) if pose else _anatomical(found))


def detector_to_picture(found: Findings) -> tuple[int, bool]:
    """Degrees (0, 90, 180, 270) clockwise and whether mirrored after: from the detector's rows to the stored ones."""
    turn = found.header.number("FieldOfViewRotation", FIELD) or 0.0
    if turn % 90:
        found.header.doubt("FieldOfViewRotation", f"{turn:g}, which is no quarter turn")
        turn = 0.0
    flip = found.header.text("FieldOfViewHorizontalFlip", FIELD)
    if flip not in (None, "YES", "NO"):
        found.header.doubt("FieldOfViewHorizontalFlip", "neither YES nor NO")
    return int(turn) % 360, flip == "YES"


def _anatomical(found: Findings) -> np.ndarray | None:
    """A camera with the right directions, wherever it stands."""
    primary, secondary = found.value("primary_deg"), found.value("secondary_deg")
    if primary is None or secondary is None:
        return None
    return c_arm_camera(primary[0], secondary[0], 1000.0, 500.0, (1.0, 1.0), found.shape)[1]


def _against_orientation(found: Findings, world_to_camera: np.ndarray | None) -> None:
    """PatientOrientation (0020,0020) against the rule."""
    letters = found.patient_orientation
    if letters is None or world_to_camera is None:
        return
    source = f"{found.header.source('PatientOrientation')} {letters[0]}\\{letters[1]}"
    try:
        change = image_change(world_to_camera, letters)
    except ValueError:
        change = None
    if change is None:
        found.warnings.append(f"{source} cannot be what this beam shows; angles or orientation are wrong.")
        return
    for name, said in (("image_flip_horizontal", float(change[0])), ("image_rotation_deg", float(change[1]))):
        usual = found.quantities[name]
        used = quantity_of(name, said, source, "derived")
        found.quantities[name] = used
        if said != usual.value[0]:
            found.dispute(used, [usual], "the orientation speaks of this very picture")
