"""How machines and programs count a C-arm's angles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

RELATIVE_TO = ("patient", "table")


@dataclass(frozen=True)
class Convention:
    """How somebody counts a C-arm's two angles.

    Attributes:
        words: which movement is positive.
        signs: what first and second angle are multiplied with to become positive to the left (LAO) and to the head.
        joints: "isocentric": the first angle turns what carries the second (a cath-lab's stand, DICOM's sphere);
            "mobile": the second, the tilt, turns what carries the first, the orbital movement (a C-arm on wheels that
            stands at the table's side). They agree as long as one of the angles is 0.
        relative_to: "patient" or "table" (which takes the patient for head first, supine).
        source: who says so.
        verified: whether that was checked against a standard or a program's code; else try it and look at the picture.
    """

    words: str
    signs: tuple[float, float]
    joints: str
    relative_to: str
    source: str
    verified: bool


_DISPLAY = Convention(
    "LAO/RAO and CRA/CAU on the display (words.angles_of_display reads them)", (1.0, 1.0), "isocentric", "patient",
    "taken to show what PS3.3 has written to DICOM; neither its display nor its files were at hand", False,
)  # fmt: skip

_MOBILE = Convention(
    "orbital movement and angulation (tilt), as Stroh 2020 names them; wig-wag or swivel is swivel_deg",
    (1.0, 1.0), "mobile", "table",
    "scales on mobile machines have no common sign; none of the makers' documents was at hand", False,
)  # fmt: skip
"""Names of movements: Stroh et al., JAAOS Global 2020, doi 10.5435/JAAOSGlobal-D-20-00008."""

CONVENTIONS: Mapping[str, Convention] = {
    "dicom": Convention(
        "primary positive with the detector at the patient's left (LAO), secondary positive towards the head (CRA)",
        (1.0, 1.0), "isocentric", "patient", "DICOM PS3.3 C.8.7.5.1.2", True,
    ),
    "deepdrr": Convention(
        "both signs the other way round: RAO and caudal positive; of DeepDRR's own C-arm only while one angle is 0",
        (-1.0, -1.0), "isocentric", "patient", "DeepDRR 1.2, MobileCArm: documentation of alpha and beta", True,
    ),
    "deepdrr-carm": Convention(
        "alpha and beta of DeepDRR's MobileCArm: RAO and caudal positive, alpha carried by beta; patient face up",
        (-1.0, -1.0), "mobile", "patient", "DeepDRR 1.2, MobileCArm.device_from_arm and Volume.faceup", True,
    ),
    "table": Convention(
        "as DICOM for a patient who lies head first and supine, whoever lies there",
        (1.0, 1.0), "isocentric", "table", "DICOM PS3.3 C.8.7.5.1.2 with the table for the patient", True,
    ),
    "mobile": Convention(
        "orbital movement and tilt of a C-arm at the table's side; positive to the table's left and to its head end",
        (1.0, 1.0), "mobile", "table", "order of the joints: DeepDRR 1.2, MobileCArm.device_from_arm", True,
    ),
    "siemens-cios": _MOBILE,
    "ziehm": _MOBILE,
    "ge-oec": replace(_MOBILE, words="orbital rotation and lateral rotation (tilt); wig-wag is swivel_deg"),
    "siemens-artis": _DISPLAY,
    "philips-azurion": _DISPLAY,
    "ge-innova": replace(
        _DISPLAY, source="eight runs of a phantom (GE DL) have DICOM's signs in their files; the display was not seen"
    ),
}  # fmt: skip
"""Name to convention. ``verified`` False: a proposal to be confirmed by looking at the picture of the arrangement."""


def convention_of(name: str, relative_to: str | None = None) -> Convention:
    """The convention of that name, its angles counted from ``relative_to`` where that is said.

    Raises:
        ValueError: no such convention, or another reference than "patient" and "table".
    """
    if name not in CONVENTIONS:
        raise ValueError(f'got convention "{name}"; expected one of {", ".join(CONVENTIONS)}')
    if relative_to not in (None, *RELATIVE_TO):
        raise ValueError(f'got angles_relative_to "{relative_to}"; expected one of {", ".join(RELATIVE_TO)}')
    return replace(CONVENTIONS[name], relative_to=relative_to or CONVENTIONS[name].relative_to)
