"""Which way round a picture is: PatientOrientation together with the beam, asked again whenever the beam changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from SpineDARTLib.geometry.known import KnownGeometry, quantity_of
from SpineDARTLib.geometry.orientation import is_under_table, oriented

USUAL = (
    quantity_of("image_flip_horizontal", 1, "usual", "derived"),
    quantity_of("image_rotation_deg", 0, "up", "derived"),
)


def known_of(letters: tuple[str, str] | None, position: str | None = None, **values: float) -> KnownGeometry:
    known = KnownGeometry("x.dcm", "DX", (32, 48), patient_orientation=letters, patient_position=position)
    return replace(known, quantities={quantity.name: quantity for quantity in USUAL}).overridden(**values)


def flip_of(known: KnownGeometry) -> tuple[float, str]:
    quantity = known.quantities["image_flip_horizontal"]
    return quantity.value[0], quantity.confidence


@pytest.mark.parametrize(
    ("primary_deg", "letters", "flip"),
    [
        (0, ("L", "F"), 1), (0, ("R", "F"), 0), (180, ("L", "F"), 0), (180, ("R", "F"), 1),
        (90, ("A", "F"), 0), (90, ("P", "F"), 1), (-90, ("A", "F"), 1), (-90, ("P", "F"), 0),
    ],
)  # fmt: skip
def test_the_same_letters_are_mirrored_or_not_by_where_the_detector_is(
    primary_deg: int, letters: tuple[str, str], flip: int
):
    known = oriented(known_of(letters, primary_deg=primary_deg, secondary_deg=0))
    assert flip_of(known) == (flip, "derived")
    assert [conflict.name for conflict in known.conflicts] == ["image_flip_horizontal"] * (flip == 0)


def test_it_is_asked_again_when_the_beam_changes():
    known = oriented(known_of(("L", "F"), primary_deg=180, secondary_deg=0))
    assert flip_of(known)[0] == 0 and len(known.conflicts) == 1
    known = oriented(known.overridden(primary_deg=0))
    assert flip_of(known)[0] == 1 and not known.conflicts
    known = oriented(known.overridden(primary_deg=90))
    assert flip_of(known) == (1, "assumed") and any(
        "cannot be what this beam shows" in words for words in known.warnings
    )
    known = oriented(known.overridden(primary_deg=180))
    assert flip_of(known) == (0, "derived") and not known.warnings


def test_the_picture_may_be_upside_down():
    known = oriented(known_of(("R", "H"), primary_deg=0, secondary_deg=0))
    assert (flip_of(known)[0], known.quantities["image_rotation_deg"].value) == (1, (180.0,))


def test_what_the_user_says_stands():
    known = oriented(known_of(("L", "F"), primary_deg=180, secondary_deg=0, image_flip_horizontal=1))
    assert flip_of(known) == (1, "given")


def test_without_a_beam_nothing_is_told():
    known = known_of(("L", "F"))
    assert oriented(known) == known
    assert (
        oriented(known_of(("L", "F"), primary_deg=0, secondary_deg=0), "table").quantities["image_rotation_deg"]
        == (USUAL[1])
    )  # counted from the table, and nobody says how the patient lies


@pytest.mark.parametrize(
    ("position", "convention", "primary_deg", "under"),
    [
        ("HFP", "dicom", 0, True), ("HFP", "dicom", 176, False), ("HFP", "table", 0, False),
        ("HFP", "dicom", 90, False),
        ("HFS", "dicom", 0, False), ("HFS", "dicom", 180, True), ("FFP", "dicom", 10, True), (None, "dicom", 0, False),
        ("HFDL", "dicom", 90, True), ("HFDR", "dicom", 90, False),
    ],
)  # fmt: skip
def test_where_the_detector_is_against_the_table(position: str | None, convention: str, primary_deg: int, under: bool):
    known = known_of(None, position, primary_deg=primary_deg, secondary_deg=5)
    assert is_under_table(known, convention) is under
