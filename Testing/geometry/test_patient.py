"""Which way round a picture is: letters of the header against the camera."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.geometry.patient import POSITIONS, direction_of, image_change, orientation_of, table_to_patient
from Testing.geometry.gantry import EAST, NORTH, UP, lying

TABLE = np.stack([-EAST, UP, NORTH], axis=1)
OPPOSITE = str.maketrans("LRAPHF", "RLPAFH")


def camera(primary_deg: float, secondary_deg: float) -> np.ndarray:
    return c_arm_camera(float(primary_deg), float(secondary_deg), 1000.0, 600.0, (0.3, 0.3), (100, 120))[1]


@pytest.mark.parametrize("position", POSITIONS)
def test_table_axes_in_the_patient(position: str):
    """The hand-built patient's axes in the room say how the table's lie in the patient."""
    np.testing.assert_allclose(table_to_patient(position), lying(position).T @ TABLE, atol=1e-12)


@pytest.mark.parametrize(
    ("angles", "letters"),
    [((0, 0), ("R", "F")), ((180, 0), ("L", "F")), ((90, 0), ("A", "F")), ((-90, 0), ("P", "F")),
     ((40, 0), ("RA", "F")), ((-50, 0), ("PR", "F")), ((0, 40), ("R", "FA")), ((0, -40), ("R", "FP"))],
)  # fmt: skip
def test_letters_of_a_camera(angles: tuple[float, float], letters: tuple[str, str]):
    assert orientation_of(camera(*angles)) == letters


def stored(letters: tuple[str, str], quarter_turns: int, flip: bool) -> tuple[str, str]:
    """The letters of a picture after it was turned clockwise, then flipped."""
    row, column = letters
    for _ in range(quarter_turns):  # what pointed up points right, what pointed right points down
        row, column = column.translate(OPPOSITE), row
    return (row.translate(OPPOSITE) if flip else row), column


def test_what_was_done_to_a_picture_is_told_from_its_letters():
    generator = np.random.default_rng(4)
    for _ in range(60):
        pose = camera(generator.uniform(-180, 180), generator.uniform(-45, 45))
        for quarter_turns in range(4):
            for flip in (False, True):
                letters = stored(orientation_of(pose), quarter_turns, flip)
                assert image_change(pose, letters) == (flip, 90 * quarter_turns)


def test_coarse_letters_of_an_oblique_picture_still_tell():
    assert image_change(camera(30.0, 15.0), ("L", "F")) == (True, 0)
    assert image_change(camera(30.0, 15.0), ("R", "F")) == (False, 0)
    assert image_change(camera(-150.0, 10.0), ("L", "F")) == (False, 0)


@pytest.mark.parametrize("letters", [("", ""), ("L", ""), ("L",), ("A", "F"), ("F", "F")])
def test_letters_that_do_not_tell(letters: tuple[str, ...]):
    assert image_change(camera(0.0, 0.0), letters) is None


@pytest.mark.parametrize("letters", ["X", "LR", "", "LAX"])
def test_letters_that_are_none(letters: str):
    with pytest.raises(ValueError, match="expected letters"):
        direction_of(letters)


def test_unknown_position():
    with pytest.raises(ValueError, match='got patient position "prone"; expected one of HFS'):
        table_to_patient("prone")
