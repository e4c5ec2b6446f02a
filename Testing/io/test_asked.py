"""What must be answered before a case is made: nothing that could mirror or turn a plan is taken in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.gathered import Choices
from SpineDARTLib.io.gathered_case import case_of
from SpineDARTLib.io.gathering import gather
from SpineDARTLib.types import View
from Testing.conftest import SOURCE_TO_DETECTOR_MM, SOURCE_TO_ISOCENTRE_MM, SPACING_MM
from Testing.io.dicoms import write_xray

FAR = {"DistanceSourceToDetector": SOURCE_TO_DETECTOR_MM, "DistanceSourceToPatient": SOURCE_TO_ISOCENTRE_MM,
       "ImagerPixelSpacing": list(SPACING_MM)}  # fmt: skip
ANGLES = ((4.0, 3.0), (88.0, -5.0))


@pytest.fixture(autouse=True)
def unjudged(monkeypatch) -> None:
    """Without advice and consistency, which take their time and have tests of their own."""
    monkeypatch.setattr("SpineDARTLib.io.gathering.judged", lambda gathered: gathered)


def write(path: Path, view: View, mirrored: bool, kind: str = "DX", **tags: Any) -> Path:
    image = view.image[:, ::-1] if mirrored else view.image
    bone = {"PixelIntensityRelationship": "LIN"}
    return write_xray(path, np.round(60000 * np.exp(-image)).astype(np.uint16), kind, **FAR, **bone, **tags)


def by_hand(*flips: int, **more: Any) -> Choices:
    values = {name: {"primary_deg": (first,), "secondary_deg": (second,)}
              for name, (first, second) in zip("AB", ANGLES, strict=True)}  # fmt: skip
    for name, flip in zip("AB", flips, strict=False):
        values[name]["image_flip_horizontal"] = (float(flip),)
    return Choices(values=values, polarity={"": "bone-dark"}, same_frame=True, **more)


@pytest.mark.parametrize(("letters", "mirrored"), [(("R", "A"), False), (("L", "P"), True)])
def test_radiographs_whose_angles_the_user_gives_are_not_mirrored(
    letters: tuple[str, str], mirrored: bool, views: tuple[View, View], tmp_path: Path
):
    """PatientOrientation is weighed with the angles that are used, not only with those of the file."""
    files = [write(tmp_path / f"{index}.dcm", view, mirrored, PatientOrientation=[letter, "F"])
             for index, (view, letter) in enumerate(zip(views, letters, strict=True))]  # fmt: skip
    case = case_of(gather(files, by_hand()))
    for view, true in zip(case.views, views, strict=True):
        assert np.corrcoef(view.image.ravel(), true.image.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_radiograph_without_orientation_is_asked_which_way_round_it_is(
    mirrored: bool, views: tuple[View, View], tmp_path: Path
):
    files = [write(tmp_path / f"{index}.dcm", view, mirrored, "CR") for index, view in enumerate(views)]
    with pytest.raises(InputError, match="which way round the picture is"):
        case_of(gather(files, by_hand()))
    case = case_of(gather(files, by_hand(mirrored, mirrored)))
    for view, true in zip(case.views, views, strict=True):
        assert np.corrcoef(view.image.ravel(), true.image.ravel())[0, 1] > 0.99


def xa_pair(views: tuple[View, View], folder: Path, **tags: Any) -> list[Path]:
    files = []
    for view, (primary_deg, secondary_deg) in zip(views, ANGLES, strict=True):
        angles = {"PositionerPrimaryAngle": primary_deg, "PositionerSecondaryAngle": secondary_deg}
        files.append(write(folder / f"{len(files)}.dcm", view, True, "XA", **angles, **tags))
    return files


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"PatientPosition": "HFP"}, "the detector was under the table"),
        ({"PatientPosition": "FFS"}, "image_rotation_deg=0"),
        ({"PatientPosition": "HFS", "FieldOfViewHorizontalFlip": "YES"}, "which way round"),
        ({"PatientPosition": "HFS", "PatientOrientation": ["A", "F"]}, "which way round"),
    ],
)
def test_headers_that_leave_a_doubt_are_asked(
    tags: dict[str, Any], words: str, views: tuple[View, View], tmp_path: Path
):
    found = gather(xa_pair(views, tmp_path, **tags), Choices(same_frame=True))
    assert words in found.views[0].unanswered
    with pytest.raises(InputError, match=words):
        case_of(found)


@pytest.mark.parametrize(
    ("position", "choices"),
    [
        ("HFS", Choices(same_frame=True)),
        ("HFP", Choices(same_frame=True, convention={"": "dicom"})),
        ("FFS", Choices(same_frame=True, values={"": {"image_rotation_deg": (0.0,)}})),
    ],
)
def test_answers_are_enough(position: str, choices: Choices, views: tuple[View, View], tmp_path: Path):
    case = case_of(gather(xa_pair(views, tmp_path, PatientPosition=position), choices))
    for view, true in zip(case.views, views, strict=True):
        assert np.corrcoef(view.image.ravel(), true.image.ravel())[0, 1] > 0.99


def test_a_prone_patient_whose_angles_are_counted_from_the_table(views: tuple[View, View], tmp_path: Path):
    files = xa_pair(views, tmp_path, PatientPosition="HFP")
    case = case_of(gather(files, Choices(same_frame=True, convention={"": "table"})))
    # The beam that runs to the ceiling runs to a prone patient's back; what is towards the head stays there.
    for view, true in zip(case.views, views, strict=True):
        np.testing.assert_allclose(view.axis, true.axis * (-1, -1, 1), atol=1e-9)


def test_a_case_of_dicom_whose_flip_is_unsaid_is_warned_of(edit_case, views: tuple[View, View], caplog):
    """However the file is called: machines write names without a suffix."""
    from SpineDARTLib.io.case import read_case

    arm = {"primary_deg": 4.0, "secondary_deg": 3.0, "source_to_detector_mm": SOURCE_TO_DETECTOR_MM,
           "source_to_isocentre_mm": SOURCE_TO_ISOCENTRE_MM, "pixel_spacing_mm": list(SPACING_MM)}  # fmt: skip

    def change(document: dict[str, Any]) -> None:
        document["views"][0] |= {"image": "IM1", "geometry": {"c_arm": arm}}
        document["vertebrae"] = []

    folder = edit_case(change)
    write(folder / "IM1", views[0], True, "XA")
    read_case(folder)
    assert "says nothing of image_flip_horizontal" in caplog.text
