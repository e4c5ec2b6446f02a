"""What a DICOM file says of an X-ray, as the panel shows it: picture, C-arm form, doubts; several in one world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry.c_arm import camera_of
from ..geometry.known import KnownGeometry
from ..geometry.sharing import share_frame, together
from ..geometry.turned import turn_image, turned
from ..io.image import is_dicom, read_image
from .state import CArm

DICOM, BY_HAND = "DICOM", "DICOM and C-arm form"
OF_TAGS = (DICOM, BY_HAND)
"""``XRay.source`` of those whose camera is as their tags have it, or as the user has corrected these."""


ASSUMED = "{what}: {value} is proposed ({why}). Check it, then press Use these numbers."


@dataclass(frozen=True)
class Acquired:
    """A picture as it was read.

    Attributes:
        image: (height, width) as stored but turned so that the source sees it; a camera belongs to this one.
        polarity: as the file says, or None.
        known: of the stored picture; None where it is no DICOM.
        holds: whether the last of several pictures is a fluoroscopy's last-image hold.
    """

    image: np.ndarray
    polarity: str | None
    known: KnownGeometry | None
    holds: bool = False


def acquired(file: Path, frame: int | None = None) -> Acquired:
    """Read one frame of a file, and all that it says of its camera.

    Raises:
        InputError: it cannot be read, is no X-ray, or has no such frame.
    """
    stored, polarity = read_image(file, frame)
    if not is_dicom(file):
        return Acquired(stored, polarity, None)
    from ..io.dicom import frame_list, read_known

    known = read_known(file, frame)
    holds = known.frames > 1 and frame_list(file)[-1].last_image_hold
    return Acquired(turn_image(stored, known), polarity, known, holds)


def form_of(known: KnownGeometry | None) -> CArm:
    """The form of what a file says: proposals for what it does not, a mobile C-arm's numbers where there are none."""
    if known is None:
        return CArm()
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
    )


ROUNDED: Mapping[str, float] = {
    "primary_deg": 0.05, "secondary_deg": 0.05, "source_to_detector_mm": 0.5, "source_to_isocentre_mm": 0.5,
    "pixel_spacing_mm": 0.0005,
}  # fmt: skip
"""What the form has, and how much of it its rounding may take: less is no change by the user's hand."""


def said_by_hand(known: KnownGeometry, shown: CArm, form: CArm) -> KnownGeometry:
    """The tags with what the user has changed in a form, and with what was missing as the form has it.

    Args:
        shown: the form as it was before.

    Raises:
        ValueError: lengths that are not above zero.
    """
    proposed = {missing.name: missing.proposal for missing in known.missing}
    said: dict[str, float | Sequence[float]] = {}
    for name, rounding in ROUNDED.items():
        before, now = np.atleast_1d(getattr(shown, name)), np.atleast_1d(getattr(form, name))
        changed = float(np.abs(now - before).max()) > rounding
        proposal = proposed.get(name)
        if changed or (name in proposed and proposal is None):
            said[name] = [float(number) for number in now]
        elif proposal is not None:
            said[name] = proposal.value
    return known.overridden(**said)


def doubts(known: KnownGeometry | None) -> tuple[str, ...]:
    """What the user should look at, a sentence each: conflicts, proposals, warnings."""
    if known is None:
        return ()
    proposed = [
        ASSUMED.format(what=missing.words, value=missing.proposal.numbers, why=missing.why)
        for missing in known.missing
        if missing.proposal is not None
    ]
    return (*(conflict.words for conflict in known.conflicts), *proposed, *known.warnings)


def cameras(known: Sequence[KnownGeometry]) -> list[tuple[np.ndarray, np.ndarray, tuple[float, float], float]]:
    """The camera of each file in one world: intrinsics, world_to_camera, pixel spacing, source to detector.

    Raises:
        ValueError: one that is not complete, or distances that no C-arm has.
    """
    return [camera_of(one) for one in together(known)]


def worlds_apart(known: Sequence[KnownGeometry]) -> tuple[bool, str]:
    """Whether the tags say that files do not share a world, and the sentence about the pair that is worst, or ""."""
    found = [share_frame(known[0], other) for other in known[1:]]
    for verdict in (False, None):
        for one, words in found:
            if one is verdict:
                return verdict is False, words
    return False, ""
