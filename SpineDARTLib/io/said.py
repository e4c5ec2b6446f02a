"""What a user may say of a geometry: numbers that some machine can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..geometry.known import KnownGeometry

LIMITS: Mapping[str, tuple[float, float]] = {
    "primary_deg": (-360.0, 360.0),
    "secondary_deg": (-90.0, 90.0),
    "detector_rotation_deg": (-360.0, 360.0),
    "source_to_detector_mm": (100.0, 5000.0),
    "source_to_isocentre_mm": (50.0, 5000.0),
    "pixel_spacing_mm": (0.01, 20.0),
    "principal_point_px": (-20000.0, 20000.0),
    "isocentre_mm": (-5000.0, 5000.0),
    "table_position_mm": (-5000.0, 5000.0),
    "table_angles_deg": (-180.0, 180.0),
}
"""Of each number of a quantity; beyond them it was mistyped, or is in another unit. As the DICOM reader has them."""

CHOICES: Mapping[str, tuple[float, ...]] = {
    "image_flip_horizontal": (0.0, 1.0),
    "image_rotation_deg": (0.0, 90.0, 180.0, 270.0),
}


def said(known: KnownGeometry, name: str, numbers: Sequence[float]) -> KnownGeometry:
    """The geometry with what the user says.

    Raises:
        ValueError: no such quantity, not its kind of numbers, or numbers that no machine has.
    """
    changed = known.overridden(**{name: numbers})
    quantity = changed.quantities[name]
    low, high = LIMITS.get(name, (-np.inf, np.inf))
    if not all(low <= number <= high for number in quantity.value):
        raise ValueError(f"got {quantity.numbers}; expected {low:g} to {high:g}")
    if name in CHOICES and quantity.value[0] not in CHOICES[name]:
        raise ValueError(f"got {quantity.numbers}; expected {' or '.join(f'{choice:g}' for choice in CHOICES[name])}")
    if name == "world_to_camera" and not _is_rigid(np.reshape(quantity.value, (4, 4))):
        raise ValueError("got a matrix that is no rigid motion; expected a turn and a shift, row by row")
    return changed


def _is_rigid(matrix: np.ndarray) -> bool:
    turn = matrix[:3, :3]
    proper = np.allclose(turn @ turn.T, np.eye(3), atol=1e-6) and np.linalg.det(turn) > 0
    return bool(proper and np.allclose(matrix[3], (0, 0, 0, 1)))
