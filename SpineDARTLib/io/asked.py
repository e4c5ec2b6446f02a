"""What somebody should see of one view's geometry, and what must be answered before a case is made of it."""

from __future__ import annotations

from collections.abc import Iterator

from ..geometry.conventions import CONVENTIONS
from ..geometry.known import KnownGeometry
from ..geometry.orientation import is_under_table

MIRRORED = (
    "Nothing says for sure which way round the picture is. Give --set {name}.image_flip_horizontal=0 if it is as the "
    "tube sees it, =1 if it is as one looks towards the tube, as cath labs show it. The letters in --picture help."
)
FROM_TABLE = (
    "The patient lies {position}, and by these angles the detector was under the table; many machines count them from "
    "the table, whoever lies there. Give --convention table if the detector was above it, --convention dicom if it "
    "really was under it."
)
FEET_FIRST = (
    "The patient lies {position}: nothing says whether the head is at the top of the picture. Give --set "
    "{name}.image_rotation_deg=0 if it is, =180 if the feet are."
)


def question_of(known: KnownGeometry, convention: str | None) -> str:
    """What must be said of a view before a case is made of it.

    Args:
        convention: that the user chose, if any.

    Returns:
        "mirrored" (which way round is its picture), "table" (what are its angles counted from), "up" (what is up in
        it), or "" where all is said.
    """
    flip = known.quantities.get("image_flip_horizontal")
    if flip is None or flip.confidence == "assumed":
        return "mirrored"
    position, turn = known.patient_position or "", known.quantities.get("image_rotation_deg")
    if "world_to_camera" in known.quantities:
        return ""
    if convention is None and not position.endswith("S") and is_under_table(known):
        return "table"
    told = known.patient_orientation is not None or (turn is not None and turn.confidence == "given")
    # Angles that are counted from the table have the table's head end at the picture's top, whoever lies there.
    if position.startswith("FF") and not told and CONVENTIONS[convention or "dicom"].relative_to == "patient":
        return "up"
    return ""


def unanswered(known: KnownGeometry, name: str, convention: str | None) -> str:
    """What must be said of a view: which way round its picture is, what its angles are counted from, what is up in it.

    Args:
        name: of the view.
        convention: that the user chose, if any.

    Returns:
        A sentence or two; "" where all is said.
    """
    words = {"mirrored": MIRRORED, "table": FROM_TABLE, "up": FEET_FIRST, "": ""}[question_of(known, convention)]
    return words.format(name=name, position=known.patient_position)


def notes(known: KnownGeometry, convention: str) -> Iterator[str]:
    """What was done to a stored picture so that it is as the tube sees it, and how else angles are counted."""
    value = {name: quantity for name, quantity in known.quantities.items() if name.startswith("image_")}
    flip, turn = value.get("image_flip_horizontal"), value.get("image_rotation_deg")
    if flip is not None and flip.value[0]:
        yield f"The picture is turned over left to right, to be as the tube sees it ({flip.source})."
    if turn is not None and turn.value[0] % 360:
        yield f"The picture is turned back by {turn.value[0]:g}° ({turn.source})."
    if convention != "dicom" and "world_to_camera" in known.quantities:
        yield f"Counting angles as {convention} does changes nothing: a whole pose stands in the file."
    elif convention != "dicom":
        counted = CONVENTIONS[convention]
        checked = "" if counted.verified else f" (not verified: {counted.source}; look at the picture)"
        yield f"Angles are counted as {convention} does: {counted.words}{checked}."
