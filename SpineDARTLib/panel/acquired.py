"""What a file says of an X-ray, as the panel shows it: picture, C-arm form, doubts; several in one world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..geometry.known import KnownGeometry
from ..geometry.orientation import oriented
from ..geometry.turned import turn_image, turned
from ..io.image import frame_count, is_dicom, read_image
from ..io.posed import known_of_picture, lying
from ..io.said import said
from .state import CArm

DICOM, FORM, BY_HAND, MATRIX, POINTS = "DICOM", "C-arm form", "DICOM and C-arm form", "matrix", "points"
"""Where a geometry is from, ``XRay.source``."""

OF_VALUES = (DICOM, FORM, BY_HAND)
"""Of those whose camera follows from ``XRay.known`` value by value."""

ASSUMED = "{what}: {value} is proposed ({why}). Check it, then press Use these numbers."


@dataclass(frozen=True)
class Acquired:
    """A picture as it was read.

    Attributes:
        stored: (height, width) as the file has it.
        polarity: as the file says, or None.
        holds: whether the last of several pictures is a fluoroscopy's last-image hold.
    """

    stored: np.ndarray
    polarity: str | None
    known: KnownGeometry
    holds: bool = False


def acquired(file: Path, frame: int | None = None) -> Acquired:
    """Read one frame of a file (without a choice the one in the middle), and all that it says of its camera.

    Raises:
        InputError: it cannot be read, is no X-ray, or has no such frame.
    """
    if is_dicom(file):
        from ..io.dicom import frame_list, read_known

        stored, polarity = read_image(file, frame)
        known = read_known(file, frame)
        return Acquired(stored, polarity, known, known.frames > 1 and frame_list(file)[-1].last_image_hold)
    count = frame_count(file)
    chosen = count // 2 if frame is None else frame
    stored, polarity = read_image(file, chosen)
    height, width = stored.shape
    known = known_of_picture(file.name, file.suffix.lstrip(".").upper(), (height, width))
    return Acquired(stored, polarity, replace(known, frame=chosen, frames=count))


def form_of(known: KnownGeometry) -> CArm:
    """The form of what a file says: proposals for what it does not, a mobile C-arm's numbers where there are none."""
    value = {name: one.value for name, one in turned(known.with_proposals()).quantities.items()}
    form = CArm()

    def one(name: str, default: float) -> float:
        return value.get(name, (default,))[0]

    rows, columns = value.get("pixel_spacing_mm", form.pixel_spacing_mm)
    x, y, z = value.get("isocentre_mm", form.isocentre_mm)
    point = value.get("principal_point_px")
    return CArm(
        one("primary_deg", form.primary_deg),
        one("secondary_deg", form.secondary_deg),
        one("source_to_detector_mm", form.source_to_detector_mm),
        one("source_to_isocentre_mm", form.source_to_isocentre_mm),
        (rows, columns),
        (x, y, z),
        detector_rotation_deg=one("detector_rotation_deg", 0.0),
        principal_point_px=None if point is None else (point[0], point[1]),
        patient_position=known.patient_position or "",
    )


ROUNDED: Mapping[str, float] = {
    "primary_deg": 0.05, "secondary_deg": 0.05, "source_to_detector_mm": 0.5, "source_to_isocentre_mm": 0.5,
    "pixel_spacing_mm": 0.0005, "detector_rotation_deg": 0.05, "isocentre_mm": 0.05,
}  # fmt: skip
"""What the form has, and how much of it its rounding may take: less is no change by the user's hand."""


def said_by_hand(known: KnownGeometry, shown: CArm, form: CArm) -> KnownGeometry:
    """The geometry with what the user has changed in a form, and with what was missing as the form has it.

    Args:
        shown: the form as it was before.

    Raises:
        ValueError: numbers that no machine has.
    """
    proposed = {missing.name: missing.proposal for missing in known.missing}
    for name, rounding in ROUNDED.items():
        before, now = np.atleast_1d(getattr(shown, name)), np.atleast_1d(getattr(form, name))
        changed = float(np.abs(now - before).max()) > rounding
        proposal = proposed.get(name)
        if changed or (name in proposed and proposal is None):
            known = said(known, name, [float(number) for number in now])
        elif proposal is not None:
            known = said(known, name, proposal.value)
    if form.patient_position != shown.patient_position:
        known = lying(known, form.patient_position or None)
    return oriented(known, form.convention)


def kept_by_hand(known: KnownGeometry, before: KnownGeometry, convention: str) -> KnownGeometry:
    """What another picture of the same file says, with what the user has said of the one before."""
    for name, quantity in before.quantities.items():
        if quantity.confidence == "given":
            known = said(known, name, quantity.value)
    if before.patient_position != known.patient_position:
        known = lying(known, before.patient_position)
    return oriented(known, convention)


def as_stored(known: KnownGeometry) -> KnownGeometry:
    """What turns the picture that the source sees back to the stored one, by ``geometry.turned``."""
    of_seen = turned(known)
    value = {name: quantity.value[0] for name, quantity in known.quantities.items() if name.startswith("image_")}
    flip, turn = value.get("image_flip_horizontal", 0.0), value.get("image_rotation_deg", 0.0)
    # A turn before or after a flip is its own opposite: flipped and turned twice, a picture is as it was.
    back = KnownGeometry(known.file, known.kind, of_seen.shape)
    return back.overridden(image_flip_horizontal=flip, image_rotation_deg=turn if flip else (360.0 - turn) % 360.0)


def turned_anew(image: np.ndarray, before: KnownGeometry, now: KnownGeometry) -> np.ndarray:
    """A picture as the source sees it according to one geometry, as it sees it according to another."""
    return turn_image(turn_image(image, as_stored(before)), now)


def doubts(known: KnownGeometry | None) -> tuple[str, ...]:
    """What the user should look at, a sentence each: conflicts, proposals, warnings."""
    if known is None:
        return ()
    # Without any value there is no doubt of some, but all to be asked for.
    proposed = [
        ASSUMED.format(what=missing.words, value=missing.proposal.numbers, why=missing.why)
        for missing in known.missing
        if missing.proposal is not None and known.quantities
    ]
    return (*(conflict.words for conflict in known.conflicts), *proposed, *known.warnings)


def spacing_said(known: KnownGeometry) -> tuple[float, float] | None:
    """(between rows, between columns) mm of the stored picture, where it is more than a proposal."""
    found = known.quantities.get("pixel_spacing_mm")
    return (found.value[0], found.value[1]) if found else None
