"""Which way round a stored picture is, by what its header says of the patient's directions in it.

A PatientOrientation (0020,0020) tells a mirrored picture from another only together with the beam: patient's left on
the right is mirrored with the detector in front, and is not with the detector behind. So it is asked again whenever
angles, pose or patient change.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .c_arm import c_arm_camera
from .known import Conflict, KnownGeometry, Quantity, quantity_of
from .patient import image_change, table_to_patient

RULE = "the orientation speaks of this very picture"

UNDER_TABLE = -0.5
"""Of the beam's unit vector upwards: beyond it the detector is under the table, by more than 30 degrees."""


def beam_of(known: KnownGeometry, convention: str = "dicom") -> np.ndarray | None:
    """World to camera (4, 4) of the picture as the source sees it; only its directions count.

    Returns:
        None where angles, or how the patient lies, are not known.
    """
    value = {name: quantity.value for name, quantity in known.quantities.items()}
    if "world_to_camera" in value:
        return np.array(value["world_to_camera"], dtype=np.float64).reshape(4, 4)
    if "primary_deg" not in value or "secondary_deg" not in value:
        return None
    try:
        return c_arm_camera(
            value["primary_deg"][0], value["secondary_deg"][0], 1000.0, 500.0, (1.0, 1.0), known.shape,
            convention=convention, patient_position=known.patient_position,
            detector_rotation_deg=value.get("detector_rotation_deg", (0.0,))[0],
        )[1]  # fmt: skip
    except ValueError:
        return None


def oriented(known: KnownGeometry, convention: str = "dicom") -> KnownGeometry:
    """With image_flip_horizontal and image_rotation_deg as PatientOrientation and this beam have them.

    What the user said of them stands. Where the orientation cannot be what this beam shows, a warning is added and
    which way round the picture is becomes an assumption.
    """
    names = ("image_flip_horizontal", "image_rotation_deg")
    letters, beam = known.patient_orientation, beam_of(known, convention)
    here = {name: known.quantities[name] for name in names if name in known.quantities}
    if letters is None or beam is None or any(quantity.confidence == "given" for quantity in here.values()):
        return known
    source = f"PatientOrientation (0020,0020) {letters[0]}\\{letters[1]}"
    impossible = f"{source} cannot be what this beam shows; angles or orientation are wrong."
    usual = {**here, **{conflict.name: conflict.quantities[1] for conflict in known.conflicts if conflict.rule == RULE}}
    conflicts = tuple(conflict for conflict in known.conflicts if conflict.rule != RULE)
    warnings = tuple(words for words in known.warnings if words != impossible)
    try:
        change = image_change(beam, letters)
    except ValueError:
        change = None
    if change is None:
        assumed = {name: replace(quantity, confidence="assumed") for name, quantity in usual.items()}
        found, warnings = assumed, (*warnings, impossible)
    else:
        found = {name: quantity_of(name, float(said), source, "derived")
                 for name, said in zip(names, change, strict=True)}  # fmt: skip
        conflicts += tuple(
            _disputed(found[name], usual[name]) for name in usual if found[name].value != usual[name].value
        )
    return replace(known, quantities={**known.quantities, **found}, conflicts=conflicts, warnings=warnings)


def _disputed(used: Quantity, usual: Quantity) -> Conflict:
    return Conflict(used.name, (used, usual), 0, RULE)


def is_under_table(known: KnownGeometry, convention: str = "dicom") -> bool:
    """Whether the detector stands under the table, as far as beam and patient's position are known."""
    beam = beam_of(known, convention)
    if beam is None or known.patient_position is None:
        return False
    return float((table_to_patient(known.patient_position).T @ beam[2, :3])[1]) < UNDER_TABLE
