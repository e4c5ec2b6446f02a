"""What a DICOM X-ray says of its C-arm, for the form (clinical.md, DICOM PS3.3 C.8.7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .state import CArm

DIFFERENT = 0.005
"""Relative difference of two spacings that is worth saying."""


@dataclass(frozen=True)
class Tags:
    """What was found.

    Attributes:
        c_arm: with the form's defaults for what is missing.
        notes: what is doubtful, a sentence each.
        missing: what the file does not say, in words; all of it where it is no DICOM.
    """

    c_arm: CArm
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


NOTHING = Tags(CArm(), (), ("angles", "distances", "pixel spacing"))


def c_arm_of_dicom(path: Path) -> Tags:
    """Read the tags of one file; ``NOTHING`` for a file that is no DICOM."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError, EOFError, ValueError, KeyError, AttributeError):
        return NOTHING
    angles = [_number(dataset, f"Positioner{which}Angle") for which in ("Primary", "Secondary")]
    distances = [_number(dataset, f"DistanceSourceTo{what}") for what in ("Detector", "Patient")]
    spacing, notes = _spacing(dataset)
    missing = [
        words
        for words, found in (
            ("primary angle (0018,1510)", angles[0]),
            ("secondary angle (0018,1511)", angles[1]),
            ("source-detector distance (0018,1110)", distances[0]),
            ("source-isocentre distance (0018,1111)", distances[1]),
            ("pixel spacing (0018,1164)", spacing),
        )
        if found is None
    ]
    form = CArm()
    c_arm = CArm(
        form.primary_deg if angles[0] is None else angles[0],
        form.secondary_deg if angles[1] is None else angles[1],
        distances[0] or form.source_to_detector_mm,
        distances[1] or form.source_to_isocentre_mm,
        spacing or form.pixel_spacing_mm,
    )
    if not missing:
        notes.append("DICOM angles share a frame with other views only if table and isocentre were not moved between.")
    return Tags(c_arm, tuple(notes), tuple(missing))


def _spacing(dataset: Any) -> tuple[tuple[float, float] | None, list[str]]:
    """At the detector; where only the calibrated one stands it is taken, and said."""
    detector, calibrated = (_pair(dataset, name) for name in ("ImagerPixelSpacing", "PixelSpacing"))
    if detector is None:
        return calibrated, ["Pixel spacing may be calibrated to another plane than the detector."] * bool(calibrated)
    if calibrated is not None and abs(calibrated[0] / detector[0] - 1) > DIFFERENT:
        words = f"spacing: 2 values, {detector[0]:g} mm at the detector is used, not {calibrated[0]:g} mm"
        return detector, [words]
    return detector, []


def _number(dataset: Any, keyword: str) -> float | None:
    try:
        value = float(dataset.get(keyword))
    except (TypeError, ValueError):
        return None
    return value if value == value else None


def _pair(dataset: Any, keyword: str) -> tuple[float, float] | None:
    try:
        rows, columns = (float(value) for value in dataset.get(keyword))
    except (TypeError, ValueError):
        return None
    return (rows, columns) if rows > 0 and columns > 0 else None
