"""From the stored picture to the one that the source sees: what a camera can be put to.

A DICOM picture is shown as one looks towards the source (PS3.3 C.8.19.6.13.1.2), the patient's left on its right when
the detector is in front. A camera looks the other way, from the source to the detector; no proper rotation makes one
out of the other. So pictures are mirrored (and turned, where the header says that they were), not cameras.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .known import KnownGeometry, Quantity


def turn_image(image: np.ndarray, known: KnownGeometry) -> np.ndarray:
    """The stored picture (rows, columns) as the source sees it; what ``turned(known)`` speaks of."""
    turns, mirrored = _how(known)
    return np.ascontiguousarray(np.rot90(image[:, ::-1] if mirrored else image, turns))


def turn_pixels(pixels: np.ndarray, known: KnownGeometry) -> np.ndarray:
    """(n, 2) pixels (u, v) of the stored picture to those of the picture as the source sees it."""
    turns, mirrored = _how(known)
    rows, columns = known.shape
    u, v = np.asarray(pixels, dtype=np.float64).T
    if mirrored:
        u = columns - 1 - u
    for _ in range(turns):  # a quarter turn against the clock: the right edge becomes the top
        u, v = v, columns - 1 - u
        rows, columns = columns, rows
    return np.stack([u, v], axis=1)


def turned(known: KnownGeometry) -> KnownGeometry:
    """The geometry of the picture as the source sees it; itself where nothing is to be turned."""
    turns, mirrored = _how(known)
    if not turns and not mirrored:
        return known
    quantities = dict(known.quantities)
    if "principal_point_px" in quantities:
        point = turn_pixels(np.array([quantities["principal_point_px"].value]), known)[0]
        quantities["principal_point_px"] = _with(quantities["principal_point_px"], (float(point[0]), float(point[1])))
    if turns % 2 and "pixel_spacing_mm" in quantities:
        spacing = quantities["pixel_spacing_mm"]
        quantities["pixel_spacing_mm"] = _with(spacing, spacing.value[::-1])
    for name in ("image_flip_horizontal", "image_rotation_deg"):
        if name in quantities:
            quantities[name] = _with(quantities[name], (0.0,))
    shape = known.shape[::-1] if turns % 2 else known.shape
    orientation = _orientation(known.patient_orientation, turns, mirrored)
    return replace(known, quantities=quantities, shape=shape, patient_orientation=orientation)


def _how(known: KnownGeometry) -> tuple[int, bool]:
    """Quarter turns against the clock, and whether to mirror left and right before them."""
    rotation, flip = (
        known.quantities[name].value[0] if name in known.quantities else 0.0
        for name in ("image_rotation_deg", "image_flip_horizontal")
    )
    return round(rotation / 90.0) % 4, flip > 0.5


def _with(quantity: Quantity, value: tuple[float, ...]) -> Quantity:
    return replace(quantity, value=value)


OPPOSITE = str.maketrans("LRAPHF", "RLPAFH")


def _orientation(letters: tuple[str, str] | None, turns: int, mirrored: bool) -> tuple[str, str] | None:
    """Where rows and columns run after the same turns."""
    if letters is None:
        return None
    row, column = letters
    if mirrored:
        row = row.translate(OPPOSITE)
    for _ in range(turns):
        row, column = column, row.translate(OPPOSITE)
    return row, column
