"""What plain XA, RF, DX and CR headers say of their geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.c_arm import camera_of
from SpineDARTLib.geometry.turned import turn_image
from SpineDARTLib.io.dicom import frame_list, read_known
from Testing.io.dicoms import WHOLE, gradient, make_xray, missing, read, values, write_xray


@pytest.mark.parametrize("kind", ["XA", "RF", "DX", "CR"])
def test_whole_header(tmp_path: Path, kind: str):
    known = read(tmp_path, kind, **WHOLE, ViewPosition="", PatientOrientation=["L", "F"])
    assert (known.kind, known.file, known.shape, known.complete) == (kind, "a.dcm", (32, 48), True)
    found = values(known)
    assert found["primary_deg"] == (31.5,)
    assert found["secondary_deg"] == (-12.25,)
    assert found["source_to_detector_mm"] == (1000,)
    assert found["source_to_isocentre_mm"] == (700,)
    assert found["pixel_spacing_mm"] == (0.4, 0.5)
    assert found["principal_point_px"] == (23.5, 15.5)
    assert known.quantities["pixel_spacing_mm"].source == "ImagerPixelSpacing (0018,1164)"
    assert known.quantities["pixel_spacing_mm"].confidence == "stated"
    assert (known.patient_position, known.patient_orientation, known.conflicts) == ("HFS", ("L", "F"), ())


def test_patient_s_left_is_where_the_radiologist_expects_it(tmp_path: Path):
    """PA beam, detector in front: the stored picture shows the patient's left on its right, the head up."""
    path = write_xray(tmp_path / "a.dcm", **WHOLE | {"PositionerPrimaryAngle": 0, "PositionerSecondaryAngle": 0})
    known = read_known(path)
    intrinsics, world_to_camera, _, _ = camera_of(known)
    marker = np.array([-4.0, 1.0, 2.0])  # the patient's left, to the head
    in_camera = intrinsics @ (world_to_camera[:3, :3] @ marker + world_to_camera[:3, 3])
    u, v = np.round(in_camera[:2] / in_camera[2]).astype(int)
    seen = np.zeros((32, 48))
    seen[v, u] = 1.0
    stored = seen[:, ::-1]  # what ``turn_image`` must undo
    row, column = np.argwhere(stored)[0]
    assert column > 24
    assert row < 16
    np.testing.assert_array_equal(turn_image(stored, known), seen)


def test_lao_turns_the_detector_to_the_left(tmp_path: Path):
    world_to_camera = camera_of(read(tmp_path, **WHOLE | {"PositionerPrimaryAngle": 40}))[1]
    assert world_to_camera[2, 0] < -0.5  # the beam runs to the patient's left
    assert world_to_camera[2, 2] == pytest.approx(np.sin(np.deg2rad(-12.25)))


@pytest.mark.parametrize(
    ("increments", "frame", "expected"),
    [
        ([0, 5, 10], 2, 41.5),
        ([0, -5, -10], 1, 26.5),
        ([4], 2, 39.5),  # one number is the step from frame to frame
        ([1, 2], 2, 31.5),  # neither one nor as many as frames
    ],
)
def test_angles_of_a_turning_run(tmp_path: Path, increments: list[float], frame: int, expected: float):
    path = write_xray(
        tmp_path / "a.dcm", gradient(3), **WHOLE, PositionerMotion="DYNAMIC", PositionerPrimaryAngleIncrement=increments
    )
    known = read_known(path, frame)
    assert values(known)["primary_deg"] == (expected,)
    assert any("C-arm moved during this run" in words for words in known.warnings)
    assert any("2 numbers for 3 frames" in words for words in known.warnings) == (len(increments) == 2)
    assert frame_list(path)[frame].primary_deg == expected


def test_angles_are_wrapped(tmp_path: Path):
    assert values(read(tmp_path, **WHOLE | {"PositionerPrimaryAngle": 190}))["primary_deg"] == (-170,)
    assert values(read(tmp_path, **WHOLE | {"PositionerPrimaryAngle": -180}))["primary_deg"] == (180,)


def test_zero_means_not_known(tmp_path: Path):
    known = read(tmp_path, **WHOLE | {"DistanceSourceToDetector": 0, "ImagerPixelSpacing": [0, 0]})
    assert set(missing(known)) == {"source_to_detector_mm", "pixel_spacing_mm"}
    assert known.warnings == ()


def test_ge_s_private_table(tmp_path: Path):
    dataset = make_xray(**WHOLE)
    block = dataset.private_block(0x0019, "DLX_SERIE_01", create=True)
    for element, number in ((0x21, "84"), (0x22, "503.9"), (0x23, "9.2")):
        block.add_new(element, "DS", number)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    known = read_known(tmp_path / "a.dcm")
    assert values(known)["table_position_mm"] == (9.2, 84, 503.9)
    assert values(known)["isocentre_mm"] == (9.2, 84, -503.9)
    assert "GE private" in known.quantities["table_position_mm"].source
    dataset.TableAngle = 5
    dataset.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    known = read_known(tmp_path / "b.dcm")
    assert "isocentre_mm" not in known.quantities
    assert any("table is tilted" in words for words in known.warnings)


def test_moving_table(tmp_path: Path):
    """GE's position is that of the first frame; "longitudinal" increments run to the patient's left (PS3.3 C.8.7.4)."""
    dataset = make_xray(gradient(3), **WHOLE, TableMotion="DYNAMIC")
    dataset.TableLongitudinalIncrement, dataset.TableVerticalIncrement = [0, 1, 2], [0, 10, 20]
    dataset.TableLateralIncrement = [0, 100, 200]
    block = dataset.private_block(0x0019, "DLX_SERIE_01", create=True)
    for element, number in ((0x21, "80"), (0x22, "500"), (0x23, "9")):
        block.add_new(element, "DS", number)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert values(read_known(tmp_path / "a.dcm", 0))["isocentre_mm"] == (9, 80, -500)
    assert values(read_known(tmp_path / "a.dcm", 2))["isocentre_mm"] == (11, 100, -700)


def test_what_is_no_projection_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"Modality \(0008,0060\): got CT; expected an X-ray projection"):
        read(tmp_path, "CT", **WHOLE)


def test_no_such_frame(tmp_path: Path):
    path = write_xray(tmp_path / "a.dcm", gradient(3), **WHOLE)
    with pytest.raises(InputError, match="frame: got 3; expected a frame from 0 to 2"):
        read_known(path, 3)
    assert read_known(path).frame == 1
