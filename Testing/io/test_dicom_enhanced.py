"""Enhanced XA: functional groups, and the full pose of the isocentre reference system against PS3.17's own formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.geometry.c_arm import camera_of
from SpineDARTLib.geometry.sharing import share_frame
from SpineDARTLib.geometry.turned import turn_pixels
from SpineDARTLib.io.dicom import frame_list, read_known
from Testing.io.dicoms import Groups, gradient, write_enhanced

SID, ISO, SPACING = 1150.0, 760.0, (0.4, 0.5)
ELEMENT = (0.2, 0.25)
ISOCENTRE_ELEMENT, ORIGIN = (70.0, 90.0), (8.0, 12.0)

COSINES = {
    # Where left, back and head of the patient point to on the table: PS3.17 FFF.1.2.2.2.
    "HFS": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "HFP": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "HFDR": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "FFDL": ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
    "FFS": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
}

POINTS = np.array([[30.0, 5, -12], [-14, 60, 25], [3, -22, 41], [0, 0, 0]])
"""RAS mm from the table's reference point; no mirror image of them is themselves."""


def system(**changes: float) -> dict[str, float]:
    """An isocentre reference system in which nothing is zero but the detector's rotation."""
    numbers = {
        "PositionerIsocenterPrimaryAngle": 28.0,
        "PositionerIsocenterSecondaryAngle": 17.0,
        "PositionerIsocenterDetectorRotationAngle": 0.0,
        "TableXPositionToIsocenter": 12.0,
        "TableYPositionToIsocenter": 35.0,
        "TableZPositionToIsocenter": -20.0,
        "TableHorizontalRotationAngle": 8.0,
        "TableHeadTiltAngle": -5.0,
        "TableCradleTiltAngle": 3.0,
    }
    return numbers | changes


def groups(isocentre: dict[str, float] | None = None, field: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    turned = (field or {}).get("FieldOfViewRotation", 0) in (90, 270)
    return {
        "XRayGeometrySequence": {"DistanceSourceToDetector": SID, "DistanceSourceToIsocenter": ISO},
        "FramePixelDataPropertiesSequence": {"ImagerPixelSpacing": list(SPACING[::-1] if turned else SPACING)},
        "FieldOfViewSequence": {
            "FieldOfViewOrigin": list(ORIGIN), "FieldOfViewRotation": 0, "FieldOfViewHorizontalFlip": "NO",
        } | (field or {}),
        "IsocenterReferenceSystemSequence": isocentre or system(),
    }  # fmt: skip


DETECTOR = {"DetectorElementSpacing": list(ELEMENT), "PositionOfIsocenterProjection": list(ISOCENTRE_ELEMENT)}


def sine_cosine(angle_deg: float) -> tuple[float, float]:
    return float(np.sin(np.deg2rad(angle_deg))), float(np.cos(np.deg2rad(angle_deg)))


def detector_pixels(points: np.ndarray, numbers: dict[str, float], position: str) -> np.ndarray:
    """(n, 2) pixels (u, v) of the field of view before it is turned, by the steps of PS3.17 FFF.1.2."""
    left_back_head = points * [-1, -1, 1]
    on_table = left_back_head @ np.array(COSINES[position], dtype=float)
    s1, c1 = sine_cosine(numbers["TableHorizontalRotationAngle"])
    s2, c2 = sine_cosine(numbers["TableHeadTiltAngle"])
    s3, c3 = sine_cosine(numbers["TableCradleTiltAngle"])
    # Head end from +Z to +X; head end up (-Y); left side up (-Y): each step's axes in those of the step before.
    level = np.array([[c1, 0, -s1], [0, 1, 0], [s1, 0, c1]])
    tilted = np.array([[1, 0, 0], [0, c2, s2], [0, -s2, c2]])
    cradled = np.array([[c3, -s3, 0], [s3, c3, 0], [0, 0, 1]])
    in_room = on_table @ (cradled @ tilted @ level) + [numbers[f"Table{axis}PositionToIsocenter"] for axis in "XYZ"]
    sp, cp = sine_cosine(numbers["PositionerIsocenterPrimaryAngle"])
    ss, cs = sine_cosine(numbers["PositionerIsocenterSecondaryAngle"])
    sr, cr = sine_cosine(numbers["PositionerIsocenterDetectorRotationAngle"])
    to_source = np.array([-sp * cs, cp * cs, -ss])  # the detector goes from -Y to +X, and towards +Z
    up = np.array([-sp * ss, cp * ss, cs])
    right = np.cross(to_source, up)  # looking towards the source
    zp, xp = cr * up + sr * right, cr * right - sr * up
    scale = SID / (ISO - in_room @ to_source)
    middle = [
        (at - start) * element / pixel - (1 - element / pixel) / 2
        for at, start, element, pixel in zip(ISOCENTRE_ELEMENT, ORIGIN, ELEMENT, SPACING, strict=True)
    ]
    column = middle[1] + scale * (in_room @ xp) / SPACING[1]
    row = middle[0] - scale * (in_room @ zp) / SPACING[0]
    return np.stack([column, row], axis=1)


def stored_pixels(pixels: np.ndarray, shape: tuple[int, int], turn_deg: int, flip: bool) -> np.ndarray:
    """Where they are after the field of view was turned clockwise and then mirrored."""
    (u, v), (rows, columns) = pixels.T, shape
    for _ in range(turn_deg // 90):
        u, v = rows - 1 - v, u
        rows, columns = columns, rows
    return np.stack([columns - 1 - u if flip else u, v], axis=1)


def projected(known: Any) -> np.ndarray:
    intrinsics, world_to_camera, _, _ = camera_of(known)
    in_camera = POINTS @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    pixels = in_camera @ intrinsics.T
    return pixels[:, :2] / pixels[:, 2:]


@pytest.mark.parametrize(
    ("position", "changes", "turn_deg", "flip"),
    [
        ("HFS", {}, 0, False),
        ("HFS", {"PositionerIsocenterDetectorRotationAngle": 25.0}, 0, False),
        ("HFP", {"PositionerIsocenterPrimaryAngle": -95.0}, 0, True),
        ("FFDL", {}, 90, False),
        ("HFDR", {"TableCradleTiltAngle": -11.0}, 180, False),
        ("FFS", {"TableHeadTiltAngle": 14.0}, 270, True),
    ],
)
def test_whole_pose(tmp_path: Path, position: str, changes: dict[str, float], turn_deg: int, flip: bool):
    numbers, before = system(**changes), (36, 52)
    field = {"FieldOfViewRotation": turn_deg, "FieldOfViewHorizontalFlip": "YES" if flip else "NO"}
    shape = before[::-1] if turn_deg in (90, 270) else before
    path = write_enhanced(
        tmp_path / "a.dcm", groups(numbers, field), pixels=gradient(shape=shape), PatientPosition=position, **DETECTOR
    )
    known = read_known(path)
    assert known.complete
    assert known.kind == "Enhanced XA"
    stored = stored_pixels(detector_pixels(POINTS, numbers, position), before, turn_deg, flip)
    np.testing.assert_allclose(projected(known), turn_pixels(stored, known), atol=1e-3)
    mirrored = stored * [-1, 1] + [shape[1] - 1, 0]
    assert np.abs(projected(known) - turn_pixels(mirrored, known)).max() > 5


def test_isocentre_and_table_are_told(tmp_path: Path):
    known = read_known(write_enhanced(tmp_path / "a.dcm", groups(), PatientPosition="HFS", **DETECTOR))
    assert known.quantities["table_position_mm"].value == (12, 35, -20)
    assert known.quantities["table_angles_deg"].value == (8, -5, 3)
    assert known.quantities["world_to_camera"].source == "IsocenterReferenceSystemSequence (0018,9462)"
    level = system(TableHorizontalRotationAngle=0, TableHeadTiltAngle=0, TableCradleTiltAngle=0)
    known = read_known(write_enhanced(tmp_path / "b.dcm", groups(level), PatientPosition="HFS", **DETECTOR))
    # The table is 12 mm to the left, 35 mm down and 20 mm to the feet of the isocentre.
    np.testing.assert_allclose(known.quantities["isocentre_mm"].value, (12, 35, 20), atol=1e-4)
    assert known.quantities["primary_deg"].value[0] == pytest.approx(28)
    assert known.quantities["secondary_deg"].value[0] == pytest.approx(17)


def test_moved_table_is_one_world(tmp_path: Path):
    """The same patient after the table went by: points stay where they are in the world."""
    identity = {"StudyInstanceUID": "1.2.3", "PatientPosition": "HFS", **DETECTOR}
    first = read_known(write_enhanced(tmp_path / "a.dcm", groups(), **identity))
    moved = system(TableXPositionToIsocenter=-30.0, PositionerIsocenterPrimaryAngle=-60.0)
    second = read_known(write_enhanced(tmp_path / "b.dcm", groups(moved), **identity))
    assert share_frame(first, second)[0] is True
    for known, numbers in ((first, system()), (second, moved)):
        stored = detector_pixels(POINTS, numbers, "HFS")
        np.testing.assert_allclose(projected(known), turn_pixels(stored, known), atol=1e-3)


def test_frame_speaks_before_the_shared_groups(tmp_path: Path):
    shared: Groups = {
        "PositionerPositionSequence": {"PositionerPrimaryAngle": 10.0, "PositionerSecondaryAngle": 4.0},
        "XRayGeometrySequence": {"DistanceSourceToDetector": SID, "DistanceSourceToIsocenter": ISO},
        "FramePixelDataPropertiesSequence": {"ImagerPixelSpacing": [0.4, 0.5]},
    }
    frames: list[Groups] = [
        {"PositionerPositionSequence": {"PositionerPrimaryAngle": 20.0 + index}} for index in range(3)
    ]
    path = write_enhanced(tmp_path / "a.dcm", shared, frames, "Enhanced XRF")
    known = read_known(path, 2)
    assert (known.kind, known.frame, known.frames) == ("Enhanced XRF", 2, 3)
    assert known.quantities["primary_deg"].value == (22.0,)
    assert known.quantities["primary_deg"].source == "PositionerPrimaryAngle (0018,1510) of this frame"
    assert known.quantities["secondary_deg"].source == "PositionerSecondaryAngle (0018,1511) of all frames"
    assert known.complete
    assert [info.primary_deg for info in frame_list(path)] == [20, 21, 22]


def test_anatomical_angles_that_contradict_the_system(tmp_path: Path):
    level = system(TableHorizontalRotationAngle=0, TableHeadTiltAngle=0, TableCradleTiltAngle=0)
    for primary, conflicts in ((28.2, []), (-28.0, ["primary_deg"])):
        said = {"PositionerPositionSequence": {"PositionerPrimaryAngle": primary, "PositionerSecondaryAngle": 17.0}}
        path = write_enhanced(tmp_path / "a.dcm", groups(level) | said, PatientPosition="HFS", **DETECTOR)
        known = read_known(path)
        assert [conflict.name for conflict in known.conflicts] == conflicts
        assert known.quantities["primary_deg"].value[0] == pytest.approx(28)


@pytest.mark.parametrize(
    ("keyword", "position"), [("TableCradleTiltAngle", "HFS"), ("PositionerIsocenterSecondaryAngle", "HFS"), ("", "")]
)
def test_half_a_system_is_not_used(tmp_path: Path, keyword: str, position: str):
    numbers = {name: value for name, value in system().items() if name != keyword}
    known = read_known(write_enhanced(tmp_path / "a.dcm", groups(numbers), PatientPosition=position, **DETECTOR))
    assert "world_to_camera" not in known.quantities
    assert any(f"without {keyword or 'PatientPosition'}" in words for words in known.warnings)
    assert "primary_deg" in [missing.name for missing in known.missing]


def test_position_in_codes(tmp_path: Path):
    from pydicom.dataset import Dataset

    modifier, orientation, first = Dataset(), Dataset(), Dataset()
    modifier.CodeValue, orientation.CodeValue, first.CodeValue = "1240000", "102538003", "102541002"
    orientation.PatientOrientationModifierCodeSequence = [modifier]
    path = write_enhanced(
        tmp_path / "a.dcm", groups(), PatientOrientationCodeSequence=[orientation],
        PatientGantryRelationshipCodeSequence=[first], **DETECTOR,
    )  # fmt: skip
    assert read_known(path).patient_position == "FFP"


def test_table_positions_without_the_system(tmp_path: Path):
    shared = groups() | {
        "TablePositionSequence": {
            "TableTopVerticalPosition": 80.0, "TableTopLongitudinalPosition": 9.0, "TableTopLateralPosition": 500.0,
            "TableHorizontalRotationAngle": 0.0, "TableHeadTiltAngle": 0.0, "TableCradleTiltAngle": 0.0,
        }
    }  # fmt: skip
    del shared["IsocenterReferenceSystemSequence"]
    known = read_known(write_enhanced(tmp_path / "a.dcm", shared, PatientPosition="HFS"))
    # "Longitudinal" is towards the patient's left and "lateral" towards the head (PS3.3 C.8.19.6.11).
    assert known.quantities["table_position_mm"].value == (9, 80, 500)
    assert known.quantities["isocentre_mm"].value == (9, 80, -500)
    known = read_known(write_enhanced(tmp_path / "b.dcm", shared, PatientPosition="FFP"))
    assert known.quantities["isocentre_mm"].value == (9, -80, 500)
