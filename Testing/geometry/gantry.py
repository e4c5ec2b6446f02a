"""A C-arm, a table and a patient built by hand in a room, as an independent word on every sign.

Room: x east, y north, z up. The table's head end is in the north. Nothing of ``SpineDARTLib`` is used.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

EAST, NORTH, UP = np.eye(3)
ISOCENTRE = np.array([300.0, -200.0, 1100.0])


def turned_about(axis: np.ndarray, angle_deg: float) -> np.ndarray:
    return Rotation.from_rotvec(np.deg2rad(angle_deg) * axis).as_matrix()


def lying(position: str) -> np.ndarray:
    """Columns: where the patient's right, front and head point in the room."""
    # Standing, the face to the south, the left hand is in the east. Then laid on the back, the head to the north.
    standing = np.stack([-EAST, -NORTH, UP], axis=1)
    body = turned_about(EAST, -90.0) @ standing
    # Rolled about the long axis; at +90 what was in the east, the left side, comes to lie on the table.
    body = turned_about(NORTH, {"S": 0.0, "P": 180.0, "DL": 90.0, "DR": -90.0}[position[2:]]) @ body
    return (turned_about(UP, 180.0) if position[0] == "F" else np.eye(3)) @ body


def arm(
    primary_deg: float, secondary_deg: float, primary_carries_secondary: bool = True, swivel_deg: float = 0.0
) -> np.ndarray:
    """Columns: where the detector's right, its bottom and the beam point in the room, seen from the source.

    At rest the source is under the table: looking up with the north at the top, the right is in the west. The detector
    moves to the east (the left of a patient on the back) with the primary angle and to the north with the secondary.
    """
    rest = np.stack([-EAST, -NORTH, UP], axis=1)
    to_east, to_north = turned_about(NORTH, primary_deg), turned_about(EAST, -secondary_deg)
    # What is carried moves first, while its axis still stands as at rest; the stand last.
    moved = to_east @ to_north @ rest if primary_carries_secondary else to_north @ to_east @ rest
    return turned_about(UP, swivel_deg) @ moved


def seen_at(
    marker: np.ndarray, axes: np.ndarray, to_isocentre: float, to_detector: float, spacing: tuple[float, float],
    shape: tuple[int, int],
) -> np.ndarray:  # fmt: skip
    """(u, v) of a marker in the room on the detector, whose middle the beam's axis meets."""
    right, down, beam = axes.T
    source = ISOCENTRE - to_isocentre * beam
    ray = marker - source
    on_detector = ray * to_detector / (ray @ beam)
    middle = np.array([shape[1] - 1, shape[0] - 1]) / 2
    return middle + np.array([on_detector @ right / spacing[1], on_detector @ down / spacing[0]])
