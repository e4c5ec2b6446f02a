"""How the stored picture lies against what the source sees.

In XA and DX the angles are anatomical and the picture is shown with the patient's head up, as one looks towards the
source (PS3.17 FFF.2.1.3.1.2; measured on eight runs of a GE DL: mirrored against the source's view). What the header
says of flips and turns relates the picture to the detector, which matters only where the detector's own position is
known, in the isocentre reference system. A PatientOrientation speaks of the picture itself and wins
(``geometry.orientation``).
"""

from __future__ import annotations

from .findings import Findings

FIELD = "FieldOfViewSequence"
"""X-Ray Field of View Macro of the Enhanced objects (PS3.3 C.8.19.6.2)."""

CATH_LAB = ("XA", "RF", "Enhanced XA", "Enhanced XRF")
"""Kinds whose pictures the standard takes to be shown so; plain radiographs hang as the radiologist likes them."""

USUAL = "shown as one looks towards the source (PS3.3 C.8.19.6.13.1.2)"


def read_display(found: Findings) -> None:
    """image_flip_horizontal and image_rotation_deg; "assumed" is a flip that somebody must confirm."""
    turn, flip = detector_to_picture(found)
    if "world_to_camera" in found.quantities:
        # Detector rows are seen towards the source; turning before mirroring turns the other way round.
        source = f"{found.header.source('FieldOfViewHorizontalFlip', FIELD)}, {USUAL}"
        found.add("image_flip_horizontal", float(not flip), source, "derived")
        found.add(
            "image_rotation_deg", float(-turn % 360), found.header.source("FieldOfViewRotation", FIELD), "derived"
        )
    else:
        doubtful = flip or found.kind not in CATH_LAB or "primary_deg" not in found.quantities
        unsaid = doubtful and found.patient_orientation is None
        found.add("image_flip_horizontal", 1.0, USUAL, "assumed" if unsaid else "derived")
        found.add("image_rotation_deg", 0.0, "head up (PS3.17 FFF.2.1.3.1.2)", "derived")
        if turn or flip:
            changes = " and ".join([f"turned by {turn} degrees"] * bool(turn) + ["mirrored"] * flip)
            found.warnings.append(
                f"The picture was {changes} against the detector, it is said; it is taken to be shown as usual, head "
                "up and as one looks towards the source. Check left and right by eye."
            )
        elif unsaid:
            found.warnings.append(
                "Nothing says which way round the picture is; it is taken to be shown head up and as one looks towards "
                "the source. Check left and right by eye."
            )


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
