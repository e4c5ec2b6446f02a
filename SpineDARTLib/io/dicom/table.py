"""Where the table stood, and what that says of the isocentre in the patient's world."""

from __future__ import annotations

from ...geometry.patient import table_to_patient
from .findings import Findings
from .isocentre import LEFT_DOWN_TO_RIGHT_UP, TILTS

TABLE = "TablePositionSequence"
"""X-Ray Table Position Macro of the Enhanced objects (PS3.3 C.8.19.6.11)."""

POSITIONS = ("TableTopLongitudinalPosition", "TableTopVerticalPosition", "TableTopLateralPosition")
"""Towards the patient's left, down, towards the head. So PS3.3 C.8.19.6.11 has it: "longitudinal" and "lateral" are
those of someone who stands at the table's side."""

INCREMENTS = ("TableLongitudinalIncrement", "TableVerticalIncrement", "TableLateralIncrement")
"""The same directions for XA runs with a moving table (PS3.3 C.8.7.4)."""

GE_CREATOR = (0x0019, "DLX_SERIE_01")
GE_POSITIONS = (0x23, 0x21, 0x22)
"""GE's private lateral, vertical and longitudinal position of the table. Signs to the patient's left, down, to the head
and millimetres: measured on eight runs of a static phantom, 32 px rms without them, 3.6 px with them."""


def read_table(found: Findings) -> None:
    """table_position_mm and, where the table lies flat, isocentre_mm in the patient's RAS relative to the table."""
    for keyword in ("TableMotion", "PositionerMotion"):
        if found.header.text(keyword) == "DYNAMIC":
            what = "table" if keyword == "TableMotion" else "C-arm"
            found.warnings.append(f"The {what} moved during this run: frames do not share one geometry.")
    if "world_to_camera" in found.quantities:
        return
    position, source = _position(found)
    if position:
        moved = [_increment(found, keyword) for keyword in INCREMENTS]
        found.add("table_position_mm", [a + b for a, b in zip(position, moved, strict=True)], source)
    tilts = [found.measured(keyword, -180.0, 180.0, inside=TABLE) for keyword in TILTS]
    if all(tilts):
        found.add("table_angles_deg", [value[0] for value in tilts if value], f"{TABLE} (0018,9406)")
    else:
        tilts = [found.measured("TableAngle", -180.0, 180.0)]
    _isocentre(found, level=not any(value and abs(value[0]) > 0.1 for value in tilts))


def _position(found: Findings) -> tuple[list[float], str]:
    """Where the table stood when the run began, and who says so."""
    stated = [found.measured(keyword, -5000.0, 5000.0, inside=TABLE) for keyword in POSITIONS]
    if all(stated):
        return [value[0] for value in stated if value], f"table position ({TABLE} (0018,9406))"
    private = found.header.private(*GE_CREATOR, GE_POSITIONS)
    return (list(private), "table position (0019,1021..1023), GE private") if private else ([], "")


def _increment(found: Findings, keyword: str) -> float:
    """How far the table had moved since the first frame of an XA run."""
    numbers = found.header.numbers(keyword)
    return numbers[found.frame] if numbers and len(numbers) == found.frames else 0.0


def _isocentre(found: Findings, level: bool) -> None:
    """A table moved one way moves the isocentre the other way in the patient."""
    table = found.quantities.get("table_position_mm")
    if table is None or found.patient_position is None:
        return
    if not level:
        found.warnings.append("The table is tilted or turned; where the isocentre lies in the patient is not known.")
        return
    to_patient = table_to_patient(found.patient_position) @ LEFT_DOWN_TO_RIGHT_UP
    found.add("isocentre_mm", (-to_patient @ table.value).tolist(), f"from the {table.source}", "derived")
