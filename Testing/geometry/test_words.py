"""A camera in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from SpineDARTLib.geometry import words
from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.types import View


def view(primary_deg: float, secondary_deg: float, name: str = "AP", **how: Any) -> View:
    camera = c_arm_camera(float(primary_deg), float(secondary_deg), 1000.0, 600.0, (0.3, 0.2), (50, 70), **how)
    return View(name, np.zeros((50, 70), np.float32), *camera, (0.3, 0.2), 1000.0)


@pytest.mark.parametrize(
    ("angles", "sentence", "display"),
    [
        ((0, 0), "beam from behind, detector in front of the patient", "LAO 0 CRA 0"),
        ((30, 10), "beam from behind, detector 30° to the patient's left, 10° towards the head", "LAO 30 CRA 10"),
        ((-30, -10), "beam from behind, detector 30° to the patient's right, 10° towards the feet", "RAO 30 CAU 10"),
        ((90, 0), "beam from the patient's right, detector at the patient's left", "LAO 90 CRA 0"),
        ((80, 0), "beam from the patient's right, detector 10° towards the front", "LAO 80 CRA 0"),
        ((-80, 5), "beam from the patient's left, detector 10° towards the front, 5° towards the head", "RAO 80 CRA 5"),
        ((-100, 0), "beam from the patient's left, detector 10° towards the back", "RAO 100 CRA 0"),
        ((180, 0), "beam from the front, detector behind the patient", "LAO 180 CRA 0"),
        ((150, 0), "beam from the front, detector 30° to the patient's left", "LAO 150 CRA 0"),
        ((-150, 0), "beam from the front, detector 30° to the patient's right", "RAO 150 CRA 0"),
        ((0, 80), "beam from the feet, detector at the head, 10° off the body's axis", "LAO 0 CRA 80"),
    ],
)
def test_sentences(angles: tuple[float, float], sentence: str, display: str):
    assert words.describe(view(*angles)) == sentence
    assert words.display(view(*angles)) == display
    assert words.angles_of_display(display) == pytest.approx(words.angles_deg(view(*angles)), abs=1e-6)


def test_a_turned_picture_is_said():
    assert words.describe(view(0, 0, detector_rotation_deg=12.0)).endswith(", picture turned 12° anticlockwise")
    assert words.describe(view(0, 0, image_rotation_deg=90.0)).endswith(", picture turned 90° clockwise")
    feet_first = view(0, 0, angles_relative_to="table", patient_position="FFS")
    assert words.describe(feet_first) == "beam from behind, detector in front of the patient, picture upside down"


@pytest.mark.parametrize(
    ("position", "sentence"),
    [
        ("HFP", "beam from the front, detector behind the patient"),
        ("HFDL", "beam from the patient's left, detector at the patient's right"),
        ("HFDR", "beam from the patient's right, detector at the patient's left"),
    ],
)
def test_a_detector_above_the_table(position: str, sentence: str):
    above = view(0, 0, angles_relative_to="table", patient_position=position)
    assert words.describe(above) == sentence


def test_pairs():
    views = [view(2, 0), view(90, 0, "LAT"), view(45, 0, "OBL")]
    assert words.describe_pair(views[:2]) == "AP and LAT: 88° apart"
    assert words.describe_pair(views).count("apart") == 3
    assert words.describe_pair(views[:1]) == ""
    assert words.angle_words(views) == "3 views, 88° apart"
    assert [words.angle_words(views[:1]), words.angle_words([])] == ["1 view", "0 views"]


@pytest.mark.parametrize(
    ("text", "angles"), [("30 RAO / 5 CAUD", (-30, -5)), ("lao 2.5° cran 10", (2.5, 10)), ("CRA 10, LAO 30", (30, 10))]
)
def test_displays_are_read(text: str, angles: tuple[float, float]):
    assert words.angles_of_display(text) == pytest.approx(angles)


@pytest.mark.parametrize(
    "text", ["", "LAO 30", "LAO 30 RAO 10", "LAO x CRA 10", "LAO 30 CRA 10 5", "LAO 400 CRA 1", "30 10"]
)
def test_other_displays_are_refused(text: str):
    with pytest.raises(ValueError, match='expected a display such as "LAO 30 CRA 10"'):
        words.angles_of_display(text)
