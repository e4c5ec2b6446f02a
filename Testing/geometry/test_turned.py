"""Stored pictures turned to what the source sees, pixel by pixel."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from SpineDARTLib.geometry.known import KnownGeometry, quantity_of
from SpineDARTLib.geometry.turned import turn_image, turn_pixels, turned

SEEN = np.arange(12, dtype=np.float32).reshape(3, 4)  # no turn or mirror image of it is itself
CLOCKWISE = {0: 0, 90: -1, 180: 2, 270: 1}


def stored(rotation_deg: int, flip: bool) -> np.ndarray:
    """As the quantities are defined: turned clockwise, then mirrored."""
    picture = np.rot90(SEEN, CLOCKWISE[rotation_deg])
    return picture[:, ::-1] if flip else picture


def known(rotation_deg: int, flip: bool) -> KnownGeometry:
    picture = stored(rotation_deg, flip)
    rows, columns = picture.shape
    values = {
        "image_rotation_deg": (float(rotation_deg),),
        "image_flip_horizontal": (float(flip),),
        "pixel_spacing_mm": (0.2, 0.3),
        "principal_point_px": (columns - 1.0, 0.0),
    }
    quantities = {name: quantity_of(name, value, "test", "stated") for name, value in values.items()}
    return KnownGeometry("a", "XA", (rows, columns), quantities=quantities)


@pytest.mark.parametrize(("rotation_deg", "flip"), list(product((0, 90, 180, 270), (False, True))))
def test_image_pixels_and_principal_point_go_the_same_way(rotation_deg: int, flip: bool):
    geometry, picture = known(rotation_deg, flip), stored(rotation_deg, flip)
    seen = turn_image(picture, geometry)
    np.testing.assert_array_equal(seen, SEEN)
    places = np.array([(u, v) for v in range(picture.shape[0]) for u in range(picture.shape[1])], dtype=float)
    moved = turn_pixels(places, geometry).astype(int)
    assert [seen[v, u] for u, v in moved] == [picture[int(v), int(u)] for u, v in places]
    result = turned(geometry)
    assert result.shape == SEEN.shape
    u, v = (int(number) for number in result.quantities["principal_point_px"].value)
    assert seen[v, u] == picture[0, -1]
    spacing = (0.2, 0.3) if rotation_deg in (0, 180) else (0.3, 0.2)
    assert result.quantities["pixel_spacing_mm"].value == spacing
    assert turned(result) is result


def test_patient_orientation_is_turned_too():
    geometry = KnownGeometry("a", "XA", (3, 4), patient_orientation=("L", "F"), quantities=known(0, True).quantities)
    assert turned(geometry).patient_orientation == ("R", "F")
    # Turned clockwise before it was stored: what ran down now runs to the left.
    geometry = KnownGeometry("a", "XA", (4, 3), patient_orientation=("H", "R"), quantities=known(90, False).quantities)
    assert turned(geometry).patient_orientation == ("R", "F")


def test_nothing_said_is_nothing_turned():
    geometry = KnownGeometry("a", "XA", (3, 4))
    assert turned(geometry) is geometry
    np.testing.assert_array_equal(turn_image(SEEN, geometry), SEEN)
