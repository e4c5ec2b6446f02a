"""DICOM headers that contradict themselves, say nonsense, or do not say enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from SpineDARTLib.geometry.c_arm import camera_of
from SpineDARTLib.geometry.known import KnownGeometry
from Testing.io.dicoms import ANGLES, WHOLE, missing, read, values


@pytest.mark.parametrize(
    ("tags", "name", "used", "other", "tag"),
    [
        ({"PixelSpacing": [0.28, 0.35]}, "pixel_spacing_mm", (0.4, 0.5), (0.28, 0.35), "PixelSpacing (0028,0030)"),
        (
            {"EstimatedRadiographicMagnificationFactor": 2.0},
            "source_to_isocentre_mm", (700,), (500,), "Factor (0018,1114)",
        ),
        ({"IntensifierSize": 25}, "pixel_spacing_mm", (0.4, 0.5), (0.520833, 0.520833), "IntensifierSize (0018,1162)"),
        ({"FieldOfViewDimensions": [16, 32]}, "pixel_spacing_mm", (0.4, 0.5), (0.5, 0.666667), "(0018,1149)"),
        ({"DetectorActiveDimensions": [12, 18]}, "pixel_spacing_mm", (0.4, 0.5), (0.375, 0.375), "(0018,7026)"),
        ({"ViewPosition": "RL"}, "primary_deg", (31.5,), (-90,), "ViewPosition (0018,5101) RL"),
        ({"PatientOrientation": ["R", "F"]}, "image_flip_horizontal", (0,), (1,), "C.8.19.6.13"),
    ],
)  # fmt: skip
def test_conflicts(tmp_path: Path, tags: dict[str, Any], name: str, used: Any, other: Any, tag: str):
    known = read(tmp_path, **WHOLE | tags)
    assert [conflict.name for conflict in known.conflicts] == [name]
    conflict = known.conflicts[0]
    assert conflict.quantities[conflict.used].value == used == values(known)[name]
    assert conflict.quantities[1].value == pytest.approx(other, abs=1e-5)
    assert tag in conflict.words
    assert "is used:" in conflict.words


@pytest.mark.parametrize(
    "tags",
    [
        {"PixelSpacing": [0.4, 0.5]},
        {"EstimatedRadiographicMagnificationFactor": 1.4286},
        {"FieldOfViewDimensions": [24, 13]},  # 12.8 x 24 mm, rounded, the other way round
        {"IntensifierSize": 230},  # zoomed in
        {"DetectorActiveDimensions": [300, 400]},
        {"ViewPosition": "PA"},
        {"PatientOrientation": ["LP", "F"]},
    ],
)
def test_what_agrees_is_no_conflict(tmp_path: Path, tags: dict[str, Any]):
    assert read(tmp_path, **WHOLE | tags).conflicts == ()


def test_orientation_that_this_beam_cannot_show(tmp_path: Path):
    known = read(tmp_path, **WHOLE | {"PositionerPrimaryAngle": 90, "PatientOrientation": ["L", "F"]})
    assert any("cannot be what this beam shows" in words for words in known.warnings)


def test_flips_against_the_detector_are_said_but_not_believed(tmp_path: Path):
    known = read(tmp_path, **WHOLE, FieldOfViewHorizontalFlip="YES", FieldOfViewRotation=90)
    assert values(known)["image_flip_horizontal"] == (1,)
    assert any("turned by 90 degrees and mirrored" in words for words in known.warnings)


def test_radiographs_hang_as_someone_likes_them(tmp_path: Path):
    def asked(known: KnownGeometry) -> bool:
        return any("Nothing says which way round" in words for words in known.warnings)

    assert not asked(read(tmp_path, "XA", **WHOLE))
    assert asked(read(tmp_path, "DX", **WHOLE))
    assert not asked(read(tmp_path, "DX", **WHOLE, PatientOrientation=["L", "F"]))
    assert asked(read(tmp_path, "XA"))


@pytest.mark.parametrize(
    ("tags", "name", "proposal", "words"),
    [
        ({"FieldOfViewDimensions": [24]}, "pixel_spacing_mm", (0.5, 0.5), "FieldOfViewDimensions"),
        ({"IntensifierSize": 240}, "pixel_spacing_mm", (5, 5), "IntensifierSize"),
        ({"PixelSpacing": [0.3, 0.3]}, "pixel_spacing_mm", (0.3, 0.3), "PixelSpacing (0028,0030)"),
        (
            {"PixelSpacing": [0.21, 0.21], "PixelSpacingCalibrationType": "GEOMETRY"},
            "pixel_spacing_mm", (0.3, 0.3), "calibrated by GEOMETRY x 1.429",
        ),
        ({}, "pixel_spacing_mm", (298 / 48,) * 2, "common mobile C-arm"),
        ({"EstimatedRadiographicMagnificationFactor": 1.25}, "source_to_isocentre_mm", (800,), "(0018,1114)"),
        ({"Manufacturer": "Philips Medical Systems"}, "source_to_isocentre_mm", (810,), "common fixed suite"),
        ({"Manufacturer": "GE OEC Medical Systems"}, "source_to_isocentre_mm", (530,), "common mobile C-arm"),
        ({"Manufacturer": "GENORAY"}, "source_to_isocentre_mm", (530,), "common mobile C-arm"),
        ({}, "source_to_isocentre_mm", (530,), "common mobile C-arm"),
        ({}, "source_to_detector_mm", (1020,), "common mobile C-arm"),
        ({"ViewPosition": "LL"}, "primary_deg", (90,), "ViewPosition"),
        ({"ViewPosition": "AP"}, "secondary_deg", (0,), "ViewPosition"),
    ],
)  # fmt: skip
def test_proposals(tmp_path: Path, tags: dict[str, Any], name: str, proposal: tuple[float, ...], words: str):
    taken_out = {
        "pixel_spacing_mm": ("ImagerPixelSpacing",), "source_to_isocentre_mm": ("DistanceSourceToPatient",),
        "source_to_detector_mm": ("DistanceSourceToDetector",), "primary_deg": tuple(ANGLES),
        "secondary_deg": tuple(ANGLES),
    }[name]  # fmt: skip
    known = read(tmp_path, **{keyword: value for keyword, value in WHOLE.items() if keyword not in taken_out} | tags)
    assert name not in known.quantities
    found = missing(known)[name].proposal
    assert found is not None
    assert found.value == pytest.approx(proposal)
    assert words in found.source
    assert found.confidence == "assumed"
    assert known.with_proposals().complete


def test_no_proposal_without_a_reason(tmp_path: Path):
    known = read(tmp_path, **{keyword: value for keyword, value in WHOLE.items() if keyword not in ANGLES})
    assert missing(known)["primary_deg"].proposal is None
    assert "C-arm's display" in missing(known)["primary_deg"].why
    with pytest.raises(ValueError, match="primary_deg"):
        camera_of(known.with_proposals())


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"DistanceSourceToDetector": 7}, "DistanceSourceToDetector (0018,1110): got 7, which is not 100 to 5000"),
        ({"DistanceSourceToPatient": 1000}, "DistanceSourceToPatient (0018,1111): got 1000 mm, which is not before"),
        ({"PositionerSecondaryAngle": 135}, "PositionerSecondaryAngle (0018,1511): got 135"),
        ({"ImagerPixelSpacing": [0.3, -0.3]}, "ImagerPixelSpacing (0018,1164): got -0.3"),
        ({"FieldOfViewRotation": 45}, "FieldOfViewRotation (0018,7032): got 45, which is no quarter turn"),
        ({"IntensifierSize": 3}, "IntensifierSize (0018,1162): got a size that no detector has"),
        ({"DistanceSourceToEntrance": 740}, "740 mm from the source, beyond the isocentre at 700 mm"),
        ({"DetectorPrimaryAngle": 12}, "The detector is tilted against the beam by 12 degrees"),
        ({"TableMotion": "DYNAMIC"}, "The table moved during this run"),
        ({"PatientPosition": "SITTING"}, "PatientPosition (0018,5100): got no position on a table"),
        ({"PatientOrientation": ["Q", "F"]}, "PatientOrientation (0020,0020): got no two directions"),
        ({"ViewPosition": "SMITH"}, "ViewPosition (0018,5101): got no view that is known"),
        ({"FieldOfViewHorizontalFlip": "MAYBE"}, "FieldOfViewHorizontalFlip (0018,7034): got neither YES nor NO"),
    ],
)
def test_doubts_are_said(tmp_path: Path, tags: dict[str, Any], words: str):
    assert words in " ".join(read(tmp_path, **WHOLE | tags).warnings)
