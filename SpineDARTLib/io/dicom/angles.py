"""Angles of the beam, frame by frame, and how the patient lies (PS3.3 C.8.7.5, C.8.19.6.10)."""

from __future__ import annotations

from ...geometry.known import quantity_of
from .findings import Findings

POSITIONER = "PositionerPositionSequence"
"""X-Ray Positioner Macro of the Enhanced objects."""

VIEWS = {"PA": (0.0, 0.0), "AP": (180.0, 0.0), "LL": (90.0, 0.0), "RL": (-90.0, 0.0), "LAT": (90.0, 0.0),
         "LAO": (45.0, 0.0), "RAO": (-45.0, 0.0)}  # fmt: skip
"""View Position (0018,5101) to the angles it usually has: LL has the left side at the detector."""

KNOWN_VIEWS = (*VIEWS, "RLD", "LLD", "RLO", "LLO", "XTL", "AXIAL", "OBL")
"""View positions that are shown as they are."""

FAR_DEG = 60.0
"""An angle further than this from its view position's contradicts it."""

POSITIONS = ("HFS", "HFP", "HFDL", "HFDR", "FFS", "FFP", "FFDL", "FFDR")
"""Patient Position (0018,5100), PS3.3 C.7.3.1.1.2."""

LYING = {"40199007": "S", "F-10340": "S", "1240000": "P", "F-10310": "P", "102535000": "DR", "F-10317": "DR",
         "102536004": "DL", "F-10319": "DL"}  # fmt: skip
"""Codes of Patient Orientation Modifier (CID 20): supine, prone, right and left decubitus."""

FIRST = {"102540001": "HF", "F-10470": "HF", "102541002": "FF", "F-10480": "FF"}
"""Codes of Patient Gantry Relationship (CID 21): head first, feet first."""


def read_patient(found: Findings) -> None:
    """How the patient lies on the table, and where the picture's rows and columns run."""
    header = found.header
    position = header.text("PatientPosition")
    codes = header.codes("PatientOrientationCodeSequence", "PatientOrientationModifierCodeSequence")
    lying = next((LYING[code] for code in codes if code in LYING), None)
    first = next(
        (FIRST[code] for code in header.codes("PatientGantryRelationshipCodeSequence", "") if code in FIRST), None
    )
    if position in POSITIONS:
        found.patient_position = position
    elif first and lying:
        found.patient_position = f"{first}{lying}"
    elif position:
        header.doubt("PatientPosition", "no position on a table")
    letters = header.texts("PatientOrientation", "PatientOrientationInFrameSequence")
    if len(letters) == 2 and all(part and set(part) <= set("LRAPHF") for part in letters):
        found.patient_orientation = (letters[0], letters[1])
    elif any(letters):
        header.doubt("PatientOrientation", "no two directions")


def read_angles(found: Findings) -> str | None:
    """Primary and secondary angle of this frame. Returns the view position, if there is one."""
    for name, which, limit in (("primary_deg", "Primary", 360.0), ("secondary_deg", "Secondary", 90.0)):
        keyword = f"Positioner{which}Angle"
        angle = found.measured(keyword, -limit, limit, inside=POSITIONER)
        if angle is None:
            continue
        source, confidence = found.header.source(keyword, POSITIONER), "stated"
        increment = _increment(found, f"{keyword}Increment")
        if increment:
            source, confidence = f"{source} + {keyword}Increment", "derived"
        found.add(name, _wrapped(angle[0] + increment), source, confidence)
    _detector_angles(found)
    view = found.header.text("ViewPosition")
    if view and view not in KNOWN_VIEWS:
        found.header.doubt("ViewPosition", "no view that is known")  # never quoted: it may be anything
        view = None
    _against_view(found, view)
    return view


def _increment(found: Findings, keyword: str) -> float:
    """How far the C-arm had turned since the first frame: one number a frame, or one for all, the step of each."""
    numbers = found.header.numbers(keyword)
    if not numbers or found.frames == 1:
        return 0.0
    if len(numbers) == found.frames:
        return numbers[found.frame]
    if len(numbers) == 1:
        return numbers[0] * found.frame
    found.header.doubt(keyword, f"{len(numbers)} numbers for {found.frames} frames")
    return 0.0


def _wrapped(angle_deg: float) -> float:
    """Within -180 (excluded) to 180."""
    return 180.0 - (180.0 - angle_deg) % 360.0


def _detector_angles(found: Findings) -> None:
    """A detector that is not square to the beam is not what a pinhole camera draws."""
    for which in ("Primary", "Secondary"):
        angle = found.measured(f"Detector{which}Angle", -90.0, 90.0)
        if angle and abs(angle[0]) > 0.5:
            tilt = f"{angle[0]:g} degrees"
            found.warnings.append(f"The detector is tilted against the beam by {tilt}; that is not modelled.")


def _against_view(found: Findings, view: str | None) -> None:
    """The view position proposes angles where they are missing, and disputes those that are far from it."""
    usual = VIEWS.get(view or "")
    if view is None or usual is None:
        for name in ("primary_deg", "secondary_deg"):
            found.nothing_to_propose(name, "read it from the C-arm's display")
        return
    source = found.header.source("ViewPosition")
    primary = found.quantities.get("primary_deg")
    if primary is None:
        found.propose("primary_deg", usual[0], source, f"the usual angle of {view}")
        found.propose("secondary_deg", usual[1], source, f"the usual angle of {view}")
    elif abs(_wrapped(primary.value[0] - usual[0])) > FAR_DEG:
        other = quantity_of("primary_deg", usual[0], f"{source} {view}", "derived")
        found.dispute(primary, [other], "the angle is measured, the view position is a word chosen by hand")
    found.nothing_to_propose("secondary_deg", "read it from the C-arm's display")
