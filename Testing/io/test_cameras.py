"""A case's C-arm with everything that may be said of it, and images that are turned over when they are read."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.io.cameras import is_flipped, read_camera
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.fields import Field

SHAPE = (300, 400)
C_ARM: dict[str, Any] = {
    "primary_deg": 30.0, "secondary_deg": -10.0, "source_to_detector_mm": 1020.0, "source_to_isocentre_mm": 530.0,
    "pixel_spacing_mm": [0.5, 0.4], "isocentre_mm": [5.0, 6.0, 7.0],
}  # fmt: skip


def geometry(**values: Any) -> Field:
    return Field(Path("case.json"), "views[0].geometry", {"c_arm": {**C_ARM, **values}})


def made(convention: str = "dicom", **how: Any) -> tuple[np.ndarray, np.ndarray]:
    return c_arm_camera(30.0, -10.0, 1020.0, 530.0, (0.5, 0.4), SHAPE, (5.0, 6.0, 7.0), convention, **how)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"patient_position": "HFP", "angles_relative_to": "table"},
        {"patient_position": "FFDL", "convention": "mobile", "swivel_deg": -15.0},
        {"convention": "deepdrr-carm", "detector_rotation_deg": 12.5},
        {"image_rotation_deg": 90},
    ],
)
def test_what_is_said_of_a_c_arm_reaches_its_camera(said: dict[str, Any]):
    found = read_camera(geometry(**said), SHAPE)
    how = {key: float(value) if key.endswith("_deg") else value for key, value in said.items()}
    for one, other in zip(found, made(**how), strict=False):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"patient_position": "prone"}, 'c_arm.patient_position: got prone; expected one of "HFS"'),
        ({"angles_relative_to": "room"}, 'c_arm.angles_relative_to: got room; expected one of "patient", "table"'),
        ({"angles_relative_to": "table"}, "c_arm: got no patient position; expected one, because the angles"),
        ({"detector_rotation_deg": "12"}, "c_arm.detector_rotation_deg: got 12; expected a number"),
        ({"image_rotation_deg": [90]}, r"c_arm.image_rotation_deg: got \[90\]; expected a number"),
        ({"image_flip_horizontal": 1}, "c_arm.image_flip_horizontal: got 1; expected true or false"),
        ({"image_flip_horizontal": True}, "c_arm.image_flip_horizontal: got True; expected false here"),
    ],
)
def test_what_is_refused(said: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        read_camera(geometry(**said), SHAPE)


def test_sources_are_texts_and_no_camera():
    field = geometry()
    field.value["sources"] = {"primary_deg": "PositionerPrimaryAngle (0018,1510)"}
    np.testing.assert_allclose(read_camera(field, SHAPE)[1], made()[1])
    for wrong in ({"primary_deg": 7}, ["a"]):
        field.value["sources"] = wrong
        with pytest.raises(InputError, match=r"geometry\.sources"):
            read_camera(field, SHAPE)


def test_a_mirrored_image_has_no_matrix():
    field = geometry(image_flip_horizontal=True)
    field.value["projection_matrix"] = (made()[0] @ made()[1][:3]).tolist()
    assert is_flipped(field)
    with pytest.raises(InputError, match="expected false beside a projection_matrix"):
        read_camera(field, SHAPE, turns_over=True)


def flipped_case(folder: Path) -> dict[str, Any]:
    """The case with its second image (the one with a C-arm) stored as seen from the detector, clicks and all."""
    document = json.loads((folder / "case.json").read_text())
    entry = document["views"][1]
    with Image.open(folder / entry["image"]) as image:
        pixels = np.array(image)
    Image.fromarray(np.ascontiguousarray(pixels[:, ::-1])).save(folder / entry["image"])
    entry["geometry"]["c_arm"]["image_flip_horizontal"] = True
    for vertebra in document["vertebrae"]:
        click = vertebra["seeds"][entry["name"]]
        click[0] = pixels.shape[1] - 1 - click[0]
    (folder / "case.json").write_text(json.dumps(document))
    return document


def test_a_flipped_image_is_turned_over_with_its_clicks(case_folder: Path, caplog: pytest.LogCaptureFixture):
    true = read_case(case_folder)
    flipped_case(case_folder)
    with caplog.at_level(logging.INFO):
        found = read_case(case_folder)
    assert "image and clicks are turned over" in caplog.text
    np.testing.assert_array_equal(found.views[1].image, true.views[1].image)
    np.testing.assert_array_equal(found.views[1].world_to_camera, true.views[1].world_to_camera)
    for one, other in zip(found.seeds, true.seeds, strict=True):
        for name, click in one.clicks_px.items():
            assert click == pytest.approx(other.clicks_px[name], abs=1e-9)


def test_a_flip_that_is_not_said_makes_another_case(case_folder: Path):
    """The clicks then miss each other: a mirrored image does not pass for a right one."""
    true = read_case(case_folder)
    document = flipped_case(case_folder)
    del document["views"][1]["geometry"]["c_arm"]["image_flip_horizontal"]
    (case_folder / "case.json").write_text(json.dumps(document))
    found = read_case(case_folder)
    assert np.abs(found.views[1].image - true.views[1].image).max() > 0.1
    assert found.seeds[0].clicks_px != true.seeds[0].clicks_px


def test_a_mirrored_image_is_refused_without_clicks_too(case_folder: Path):
    document = json.loads((case_folder / "case.json").read_text())
    del document["vertebrae"]
    matrix = np.array(document["views"][0]["geometry"]["projection_matrix"])
    with Image.open(case_folder / document["views"][0]["image"]) as image:
        mirrored = np.array([[-1.0, 0, image.width - 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    document["views"][0]["geometry"]["projection_matrix"] = mirrored.tolist()
    (case_folder / "case.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"views: got beams that meet behind the source of AP; .* be mirrored"):
        read_case(case_folder)
