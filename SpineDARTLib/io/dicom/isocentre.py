"""The full pose from the isocentre reference system of Enhanced XA (PS3.3 C.8.19.6.13, PS3.17 Z and FFF.1.2).

Isocentre axes are fixed in the room: x to the left of a patient who lies head first on his back, y down, z towards the
table's head end. The table's axes start from its reference point and lie as the room's when all its angles are 0. The
world is the patient's RAS with that reference point as its origin, so a moved table moves the camera, not the patient.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ...geometry.known import Quantity, quantity_of
from ...geometry.patient import table_to_patient
from .display import detector_to_picture
from .findings import Findings

SYSTEM = "IsocenterReferenceSystemSequence"

BEAM = ("PositionerIsocenterPrimaryAngle", "PositionerIsocenterSecondaryAngle")
ROLL = "PositionerIsocenterDetectorRotationAngle"
PLACE = ("TableXPositionToIsocenter", "TableYPositionToIsocenter", "TableZPositionToIsocenter")
TILTS = ("TableHorizontalRotationAngle", "TableHeadTiltAngle", "TableCradleTiltAngle")

FAR_DEG = 1.0
"""Anatomical angles that point the beam elsewhere than the isocentre system by more than this are in conflict."""

LEFT_DOWN_TO_RIGHT_UP = np.diag([-1.0, -1.0, 1.0])
"""From these axes to those of ``table_to_patient``, which counts to the right and up."""


def read_isocentre(found: Findings) -> None:
    """world_to_camera where the isocentre reference system is whole, and what of it is worth showing."""
    degrees = [found.measured(keyword, -360.0, 360.0, inside=SYSTEM) for keyword in (*BEAM, ROLL, *TILTS)]
    place = [found.header.number(keyword, SYSTEM) for keyword in PLACE]
    if degrees[0] is None and degrees[1] is None:
        return
    named = dict(zip((*BEAM, ROLL, *TILTS, *PLACE), (*degrees, *place), strict=True))
    lacking = [keyword for keyword, value in named.items() if value is None]
    if found.value("source_to_isocentre_mm") is None:
        lacking.append("DistanceSourceToIsocenter")
    if found.patient_position is None:
        lacking.append("PatientPosition")
    if lacking:
        found.warnings.append(f"The isocentre reference system is not whole (without {', '.join(lacking)}); not used.")
        return
    angles = [value[0] for value in degrees if value]
    table = np.array([value for value in place if value is not None])
    _pose(found, angles[:3], angles[3:], table)
    _principal_point(found)


def _pose(found: Findings, beam_deg: list[float], tilts_deg: list[float], table_mm: np.ndarray) -> None:
    """Put beam and table together."""
    isocentre = found.value("source_to_isocentre_mm")
    assert isocentre is not None and found.patient_position is not None
    to_camera = beam_axes(*beam_deg)
    to_room = table_axes(*tilts_deg).T @ LEFT_DOWN_TO_RIGHT_UP @ table_to_patient(found.patient_position).T
    pose = np.eye(4)
    pose[:3, :3] = to_camera @ to_room
    pose[:3, 3] = to_camera @ (table_mm + isocentre[0] * to_camera[2])
    source = f"{SYSTEM} (0018,9462)"
    found.add("table_position_mm", table_mm.tolist(), source)
    found.add("table_angles_deg", tilts_deg, source)
    centre = pose[:3, :3].T @ (np.array([0.0, 0.0, isocentre[0]]) - pose[:3, 3])
    found.add("isocentre_mm", centre.tolist(), source, "derived")
    found.add("world_to_camera", pose.ravel().tolist(), source, "derived")
    if beam_deg[2]:
        found.add("detector_rotation_deg", -beam_deg[2], f"{ROLL} (0018,9465)", "derived")
        found.warnings.append(
            f"The detector is turned by {beam_deg[2]:g} degrees, taken as clockwise looking towards the source; check "
            "the picture by eye."
        )
    _against_anatomical(found, pose, source)


def beam_axes(primary_deg: float, secondary_deg: float, rotation_deg: float) -> np.ndarray:
    """Isocentre axes to camera axes, (3, 3).

    Primary turns the detector from above (-y) to +x, secondary towards +z (C.8.19.6.13.1.2); the detector's rotation is
    clockwise looking towards the source. Camera: x right and y down as the source sees it, z to the detector.
    """
    upright = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
    turn = Rotation.from_euler("ZX", [primary_deg, -secondary_deg], degrees=True).as_matrix()
    return Rotation.from_euler("z", rotation_deg, degrees=True).as_matrix() @ upright @ turn.T


def table_axes(horizontal_deg: float, head_deg: float, cradle_deg: float) -> np.ndarray:
    """Isocentre axes to table axes, (3, 3): R3 R2 R1 of PS3.17 Z.3.

    Horizontal turns the table's head end from +z to +x; head tilt lifts the head end, cradle tilt the left side.
    """
    return Rotation.from_euler("YXZ", [horizontal_deg, head_deg, -cradle_deg], degrees=True).as_matrix().T


def _against_anatomical(found: Findings, pose: np.ndarray, source: str) -> None:
    """The anatomical angles say the same in other words; they are for reading, and a check on both."""
    x, y, z = pose[2, :3]
    degrees = {"primary_deg": np.rad2deg(np.arctan2(-x, y)), "secondary_deg": np.rad2deg(np.arcsin(np.clip(z, -1, 1)))}
    derived = {name: quantity_of(name, float(value), source, "derived") for name, value in degrees.items()}
    stated = {name: found.quantities.get(name) for name in derived}
    found.quantities |= derived
    primary, secondary = (np.deg2rad(one.value[0]) if one else None for one in stated.values())
    if primary is None or secondary is None:
        return
    beam = [-np.sin(primary) * np.cos(secondary), np.cos(primary) * np.cos(secondary), np.sin(secondary)]
    if np.rad2deg(np.arccos(np.clip(pose[2, :3] @ beam, -1, 1))) <= FAR_DEG:
        return
    for name, used in derived.items():
        other: Quantity | None = stated[name]
        if other and abs(other.value[0] - used.value[0]) > FAR_DEG / 2:
            found.dispute(used, [other], "the isocentre reference system states beam and table of this very frame")


def _principal_point(found: Findings) -> None:
    """Where the isocentre is projected to, from detector elements to pixels of the stored picture (FFF.1.2.5.2)."""
    centre = found.header.numbers("PositionOfIsocenterProjection", 2)
    origin = found.header.numbers("FieldOfViewOrigin", 2, "FieldOfViewSequence")
    elements = found.measured("DetectorElementSpacing", 0.001, 20.0, 2)
    pixels = found.value("pixel_spacing_mm")
    if not (centre and origin and elements and pixels):
        return
    turn, flip = detector_to_picture(found)
    # Spacing of the picture before it was turned; both tags count down the rows first, then along the columns.
    before = pixels[::-1] if turn % 180 else pixels
    row, column = (
        (at - start) * element / pixel - (1 - element / pixel) / 2
        for at, start, element, pixel in zip(centre, origin, elements, before, strict=True)
    )
    rows, columns = found.shape[::-1] if turn % 180 else found.shape
    for _ in range(turn // 90):  # a quarter turn clockwise: the left edge becomes the top
        row, column = column, rows - 1 - row
        rows, columns = columns, rows
    if flip:
        column = columns - 1 - column
    if -columns <= column <= 2 * columns and -rows <= row <= 2 * rows:
        found.add("principal_point_px", (column, row), "PositionOfIsocenterProjection (0018,9430)", "derived")
    else:
        found.header.doubt("PositionOfIsocenterProjection", "a point far outside the picture")
