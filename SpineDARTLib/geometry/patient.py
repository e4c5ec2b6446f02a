"""How the patient lies on the table, and which way round a picture shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

POSITIONS: Mapping[str, str] = {
    "HFS": "head first, supine",
    "HFP": "head first, prone",
    "HFDL": "head first, lying on the left side",
    "HFDR": "head first, lying on the right side",
    "FFS": "feet first, supine",
    "FFP": "feet first, prone",
    "FFDL": "feet first, lying on the left side",
    "FFDR": "feet first, lying on the right side",
}
"""PatientPosition (0018,5100), DICOM PS3.3 C.7.3.1.1.2, in words."""

_DOWN = {"S": (0, -1, 0), "P": (0, 1, 0), "DL": (-1, 0, 0), "DR": (1, 0, 0)}
"""How the patient lies to what of the patient (RAS) points to the floor: the back, the chest, the left, the right."""

_LETTERS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "H": (2, 1), "F": (2, -1)}
"""DICOM's letters to RAS axis and sign (PS3.3 C.7.6.1.1.1)."""

LETTER_SHARE = 0.26
"""A direction is also named by a second letter if it leans that way by more than 15 degrees (sine)."""

CLEAR_TURN = 0.35
"""What a patient orientation must span of the picture (area of row x column) to say which way round it is."""


def table_to_patient(position: str) -> np.ndarray:
    """The rotation from table axes to the patient's RAS axes.

    Table axes are those of a patient who lies supine, head at the table's head end: x to that patient's right, y up
    from the floor, z along the table to its head end.

    Returns:
        (3, 3); its columns are the table's x, y, z in RAS.

    Raises:
        ValueError: a position that is none of ``POSITIONS``.
    """
    if position not in POSITIONS:
        raise ValueError(f'got patient position "{position}"; expected one of {", ".join(POSITIONS)}')
    up = -np.array(_DOWN[position[2:]], dtype=np.float64)
    head_end = np.array([0.0, 0.0, 1.0 if position[0] == "H" else -1.0])
    return np.stack([np.cross(up, head_end), up, head_end], axis=1)


def orientation_of(world_to_camera: np.ndarray) -> tuple[str, str]:
    """Towards which part of the patient a camera's rows and columns run, as DICOM's PatientOrientation has it.

    Args:
        world_to_camera: (4, 4) RAS mm.

    Returns:
        Two texts of one to three of the letters R, L, A, P, H, F, the main one first: ("R", "F") from behind.
    """
    return _letters_of(world_to_camera[0, :3]), _letters_of(world_to_camera[1, :3])


def direction_of(letters: str) -> np.ndarray:
    """The unit vector (3,) RAS that DICOM's letters name ("L", "LA"); the first weighs most.

    Raises:
        ValueError: a letter that is none, twice the same axis, or nothing at all.
    """
    found = [_LETTERS.get(letter) for letter in letters.strip().upper()]
    axes = [entry[0] for entry in found if entry]
    if not found or None in found or len(set(axes)) != len(axes):
        raise ValueError(f'got patient orientation "{letters}"; expected letters of R or L, A or P, H or F')
    direction = np.zeros(3)
    for weight, entry in zip((1.0, 0.5, 0.25), found, strict=False):
        assert entry is not None
        direction[entry[0]] = weight * entry[1]
    return direction / np.linalg.norm(direction)


def image_change(world_to_camera: np.ndarray, orientation: Sequence[str]) -> tuple[bool, int] | None:
    """What was done to a camera's picture so that its rows and columns run as the header says.

    Args:
        world_to_camera: (4, 4) RAS mm, of the picture as the source sees it.
        orientation: PatientOrientation (0020,0020): towards what rows run, towards what columns run.

    Returns:
        Whether the stored image is mirrored left to right, and by how many degrees (0, 90, 180, 270) the picture was
        turned clockwise before; (False, 0) where header and camera agree. None where the header does not say: nothing
        there, or directions that this camera looks along.

    Raises:
        ValueError: letters that are none.
    """
    if len(orientation) != 2 or not all(text.strip() for text in orientation):
        return None
    # The header's row and column direction (rows of the array): how far right and down they point in the picture.
    seen = np.stack([direction_of(text) for text in orientation]) @ np.asarray(world_to_camera)[:2, :3].T
    area = float(np.linalg.det(seen))
    if abs(area) < CLEAR_TURN:
        return None
    # A flip from left to right leaves "down" where it is: the turn is what brought the column direction there.
    right, down = seen[1]
    turn_deg = int(np.round(np.rad2deg(np.arctan2(right, down)) / 90.0)) * 90
    return bool(area < 0), turn_deg % 360


def _letters_of(direction: np.ndarray) -> str:
    """The letters of a direction, longest share first."""
    named = [(sign * direction[axis], letter) for letter, (axis, sign) in _LETTERS.items()]
    return "".join(letter for share, letter in sorted(named, reverse=True) if share > LETTER_SHARE)
