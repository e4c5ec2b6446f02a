"""DICOM files in the panel: pictures the right way round, cameras in one world, runs with several pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.geometry.words import angles_deg
from SpineDARTLib.panel import lacking
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.state import CArm
from SpineDARTLib.panel.steps import steps
from SpineDARTLib.types import View

from .processes import Stage

Present = Callable[..., Presenter]

ALL_TAGS = {
    "PositionerPrimaryAngle": 88.0,
    "PositionerSecondaryAngle": -5.0,
    "DistanceSourceToDetector": 1020.0,
    "DistanceSourceToPatient": 700.0,
    "ImagerPixelSpacing": [3.0, 3.0],
    "StudyInstanceUID": "1.2.3",
}


def counts_of(view: View, frames: int) -> np.ndarray:
    """(frames, height, width) uint16 as a machine stores them: shown as one looks towards the source."""
    counts = np.round(4000 * np.exp(-view.image[:, ::-1])).astype(np.uint16)
    return np.stack([np.roll(counts, 7 * at, axis=0) for at in range(frames)])


def write_dicom(path: Path, view: View, frames: int = 1, **tags: object) -> Path:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = XRayAngiographicImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.Modality, dataset.PatientName = "XA", "Somebody^Private"
    counts = counts_of(view, frames)
    _, dataset.Rows, dataset.Columns = counts.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelIntensityRelationship = "LIN"
    if frames > 1:
        dataset.NumberOfFrames, dataset.RadiationSetting = frames, "SC"
    dataset.PixelData = counts.tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def lack(presenter: Presenter) -> str:
    return lacking.what_case_lacks(presenter.state)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_a_stored_picture_is_turned_to_what_the_source_sees(present: Present, views: tuple[View, View], tmp_path: Path):
    """DICOM shows the patient from the detector's side: with the picture as stored every plan would be mirrored."""
    presenter = present()
    presenter.add_view(write_dicom(tmp_path / "lat.dcm", views[1], PixelSpacing=[2.0, 2.0], **ALL_TAGS))
    (xray,) = presenter.state.xrays
    assert (xray.name, xray.source, xray.polarity, xray.frames) == ("LAT", "DICOM", "bone-dark", 1)
    assert alike(xray.image, views[1].image) > 0.95 > alike(xray.image, views[1].image[:, ::-1])
    assert presenter.state.case is not None
    (view,) = presenter.state.case.views
    np.testing.assert_allclose(view.world_to_camera[:3, :3], views[1].world_to_camera[:3, :3], atol=1e-6)
    np.testing.assert_allclose(view.intrinsics, views[1].intrinsics, atol=1e-6)
    assert any(note.startswith("pixel spacing: 3 x 3 mm") and "2 x 2 mm" in note for note in xray.notes)
    assert "Private" not in json.dumps(presenter.save()) and str(tmp_path) not in json.dumps(presenter.save())


@pytest.mark.parametrize(
    ("left_out", "words"),
    [("PositionerPrimaryAngle", "primary angle"), ("DistanceSourceToDetector", "distance from the source"),
     ("DistanceSourceToPatient", "turns about"), ("ImagerPixelSpacing", "pixel spacing")],
)  # fmt: skip
def test_what_a_file_does_not_say_is_asked_for(
    present: Present, views: tuple[View, View], tmp_path: Path, left_out: str, words: str
):
    presenter = present()
    tags = {name: value for name, value in ALL_TAGS.items() if name != left_out}
    presenter.add_view(write_dicom(tmp_path / "lat.dcm", views[1], **tags))
    assert presenter.state.attention and words in presenter.state.message and not presenter.state.view_names
    presenter.set_c_arm("LAT", CArm(88.0, -5.0, 1020.0, 700.0, (3.0, 3.0)))
    (xray,) = presenter.state.xrays
    assert xray.source == "DICOM and C-arm form" and presenter.state.case is not None
    np.testing.assert_allclose(presenter.state.case.views[0].intrinsics, views[1].intrinsics, atol=1e-6)
    np.testing.assert_allclose(angles_deg(presenter.state.case.views[0]), (88.0, -5.0), atol=1e-6)


@pytest.mark.parametrize(("letters", "mirrored"), [(["A", "F"], False), (["P", "F"], True)])
def test_which_way_round_follows_from_angles_that_come_later(
    present: Present, views: tuple[View, View], tmp_path: Path, letters: list[str], mirrored: bool
):
    """The header's letters tell a mirrored picture only once the beam is known."""
    stored = views[1] if mirrored else replace(views[1], image=views[1].image[:, ::-1])
    tags = {name: value for name, value in ALL_TAGS.items() if not name.startswith("Positioner")}
    presenter = present()
    presenter.add_view(write_dicom(tmp_path / "lat.dcm", stored, PatientOrientation=letters, **tags))
    presenter.set_c_arm("LAT", CArm(88.0, -5.0, 1020.0, 700.0, (3.0, 3.0)))
    (xray,), (view,) = presenter.state.xrays, presenter.state.case.views
    assert not xray.unanswered and alike(view.image, views[1].image) > 0.95
    np.testing.assert_allclose(view.intrinsics, views[1].intrinsics, atol=1e-6)


def test_a_detector_under_the_table_is_asked_about(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = present()
    for view, angle in zip(views, (4.0, 88.0), strict=True):
        tags = {**ALL_TAGS, "PatientPosition": "HFP", "PositionerPrimaryAngle": angle}
        presenter.add_view(write_dicom(tmp_path / f"{view.name.lower()}.dcm", view, **tags))
    assert "under the table" in lacking.what_fit_lacks(presenter.state)
    presenter.set_c_arm("AP", replace(presenter.state.xrays[0].c_arm, convention="table"))
    assert "under the table" not in lacking.what_fit_lacks(presenter.state)
    assert abs(angles_deg(presenter.state.case.views[0])[0]) > 170.0


def test_the_form_changes_what_was_changed_and_keeps_the_rest(
    present: Present, views: tuple[View, View], tmp_path: Path
):
    presenter = present()
    tags = {**ALL_TAGS, "PositionerPrimaryAngle": 87.96}
    presenter.add_view(write_dicom(tmp_path / "lat.dcm", views[1], **tags))
    shown = presenter.state.xrays[0].c_arm
    presenter.set_c_arm("LAT", replace(shown, primary_deg=88.0, secondary_deg=-9.0))  # 88.0: what the form rounds to
    np.testing.assert_allclose(angles_deg(presenter.state.case.views[0]), (87.96, -9.0), atol=1e-6)
    presenter.set_c_arm("LAT", replace(shown, source_to_isocentre_mm=5000.0))
    assert presenter.state.attention and "source_to_isocentre_mm" in presenter.state.message


def test_two_examinations_are_not_one_world(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = present()
    frontal = {**ALL_TAGS, "PositionerPrimaryAngle": 4.0, "PositionerSecondaryAngle": 3.0}
    presenter.add_view(write_dicom(tmp_path / "ap.dcm", views[0], **frontal))
    presenter.add_view(write_dicom(tmp_path / "lat.dcm", views[1], **{**ALL_TAGS, "StudyInstanceUID": "1.2.4"}))
    assert "different examinations" in lack(presenter) and "If you know better" in lack(presenter)
    assert steps(presenter.state)[0].mark == "attention"
    presenter.set_c_arm("LAT", presenter.state.xrays[1].c_arm)
    assert lack(presenter) == "" and len(presenter.state.view_names) == 2
    presenter.remove_view("LAT")
    presenter.add_view(write_dicom(tmp_path / "lat.dcm", views[1], **ALL_TAGS))
    assert lack(presenter) == "" and "table or C-arm were moved" in lacking.shared_words(presenter.state)[1]


def test_a_ct_is_no_x_ray(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = present()
    presenter.add_view(
        write_dicom(tmp_path / "x.dcm", views[1], SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT")
    )
    assert presenter.state.attention and "CT" in presenter.state.message and presenter.state.xrays == ()


def test_another_picture_of_a_run(present: Present, views: tuple[View, View], tmp_path: Path, stage: Stage):
    presenter = present()
    presenter.add_view(write_dicom(tmp_path / "lat.dcm", views[1], 3, **ALL_TAGS))
    (xray,) = presenter.state.xrays
    assert (xray.frames, xray.known.frame, xray.holds) == (3, 1, True), "the one in the middle at first"
    presenter.set_frame("LAT", 2)
    (last,) = presenter.state.xrays
    assert last.known.frame == 2 and "picture 3 of 3" in presenter.state.message and not presenter.state.attention
    shown = np.roll(views[1].image, 14, axis=0)
    assert alike(last.image, shown) > 0.95 > alike(last.image, shown[:, ::-1])
    np.testing.assert_array_equal(presenter.state.case.views[0].image, last.image)
    presenter.mirror("LAT")
    presenter.set_polarity("LAT", "bone-bright")
    presenter.set_frame("LAT", 0)
    (again,) = presenter.state.xrays
    assert again.mirrored and again.polarity == "bone-bright"
    assert alike(again.image, -views[1].image[:, ::-1]) > 0.9, "what was said of it by eye stays"
    presenter.set_frame("LAT", 3)
    assert presenter.state.attention and presenter.state.xrays[0].known.frame == 0
    (tmp_path / "lat.dcm").unlink()
    presenter.set_frame("LAT", 1)
    assert presenter.state.attention and str(tmp_path) not in presenter.state.message


def test_a_single_picture_has_no_other(present: Present, stage: Stage):
    presenter = present("slow")
    presenter.open_sample()
    presenter.set_frame("AP", 1)
    assert "one picture only" in presenter.state.message
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L3"].state == "running")
    presenter.set_frame("AP", 1)
    assert "Cancel it first" in presenter.state.message
