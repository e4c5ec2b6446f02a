"""Case folders: what is read is what was meant, and everything wrong is named by file, field, value and expectation."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.io.case import read_case
from SpineDARTLib.types import Seed
from Testing.conftest import BODIES_MM, SHAPE, SPACING_MM

Change = Callable[[dict[str, Any]], Any]


def test_reads_what_was_meant(case_folder: Path, views):
    case = read_case(case_folder)
    assert (case.id, case.folder, [view.name for view in case.views]) == ("synthetic", case_folder, ["AP", "LAT"])
    for view, true in zip(case.views, views, strict=True):
        np.testing.assert_allclose(view.intrinsics, true.intrinsics, atol=1e-7)
        np.testing.assert_allclose(view.world_to_camera, true.world_to_camera, atol=1e-9)
        assert (view.pixel_spacing_mm, view.source_to_detector_mm) == (SPACING_MM, 1020.0)
        assert view.image.dtype == np.float32
        # Log-attenuation up to an affine change, whatever the file's polarity.
        assert np.corrcoef(view.image.ravel(), true.image.ravel())[0, 1] > 0.999
        assert -0.2 < view.image.min() < 0.1 < 0.9 < view.image.max() < 1.3
    assert [view.polarity for view in case.views] == ["bone-dark", "bone-bright"]
    assert [seed.level for seed in case.seeds] == ["L2", "L3"]
    for seed in case.seeds:
        point = triangulate(np.array([seed.clicks_px["AP"], seed.clicks_px["LAT"]]), case.views)[0]
        np.testing.assert_allclose(point, BODIES_MM[seed.level], atol=1e-4)


def test_folder_or_file(case_folder: Path):
    assert read_case(str(case_folder / "case.json")).id == "synthetic"


def test_shared_cases_are_read(shared_cases):
    for folder in shared_cases[::8]:
        case = read_case(folder)
        assert len(case.views) == 2
        assert case.seeds


def test_a_lone_click_is_kept_for_a_detector_to_complete(case_folder: Path, edit_case):
    edit_case(without("vertebrae", 0, "seeds", "LAT"))
    first, second = read_case(case_folder).seeds
    assert list(first.clicks_px) == ["AP"] and list(second.clicks_px) == ["AP", "LAT"]


def without(*path: Any) -> Change:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def put(value: Any, *path: Any) -> Change:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


GEOMETRY = ("views", 0, "geometry")
MATRIX = (*GEOMETRY, "projection_matrix")
ARM = ("views", 1, "geometry", "c_arm")
RANK_2 = [[1.0, 0, 0, 5], [2.0, 0, 0, 7], [0, 0, 1.0, 700]]

WRONG = {
    "format": (put("spinedart-case/2", "format"), 'format: got spinedart-case/2; expected "spinedart-case/1"'),
    "no id": (without("id"), "id: got nothing; expected this field to be there"),
    "id is a number": (put(7, "id"), "id: got 7; expected a text"),
    "LPS": (put("LPS", "coordinate_system"), 'coordinate_system: got LPS; expected "RAS"'),
    "views no list": (put({"AP": 1}, "views"), "views: got {'AP': 1}; expected an array"),
    "one view": (lambda d: d["views"].pop(), "views: got 1 view; expected two or more views"),
    "no view": (put([], "views"), "views: got 0 views; expected two or more"),
    "same name": (put("AP", "views", 1, "name"), "views[1].name: got AP; expected a name that no other view has"),
    "missing image": (put("x.png", "views", 1, "image"), "views[1].image: got x.png; expected an image file"),
    "image is a list": (put(["ap.png"], "views", 0, "image"), "views[0].image: got ['ap.png']; expected a text"),
    "polarity": (
        put("dark", "views", 0, "polarity"),
        'views[0].polarity: got dark; expected one of "bone-dark", "bone-',
    ),
    "frame": (put(1.5, "views", 0, "frame"), "views[0].frame: got 1.5; expected a whole number from 0"),
    "frame beyond": (put(2, "views", 0, "frame"), "ap.png: frame: got 2; expected a frame from 0 to 0"),
    "no geometry": (without("views", 0, "geometry"), "views[0].geometry: got nothing"),
    "empty geometry": (put({}, *GEOMETRY), "views[0].geometry: got {}; expected a projection_matrix or a c_arm"),
    "short matrix": (
        put([[1, 2, 3, 4], [1, 2, 3, 4]], *MATRIX),
        "views[0].geometry.projection_matrix: got [[1, 2, 3, 4], [1, 2, 3, 4]]; expected 3 rows of 4 finite numbers",
    ),
    "text in matrix": (put("1", *MATRIX, 0, 0), "projection_matrix: got [['1',"),
    "true in matrix": (put(True, *MATRIX, 0, 0), "expected 3 rows of 4 finite numbers"),
    "rank 2": (put(RANK_2, *MATRIX), "views[0].geometry.projection_matrix: got a matrix whose left 3x3 block has rank"),
    "no spacing": (without(*GEOMETRY, "pixel_spacing_mm"), "views[0].geometry.pixel_spacing_mm: got nothing"),
    "spacing": (put([3.0, -3.0], *GEOMETRY, "pixel_spacing_mm"), "got [3.0, -3.0]; expected two lengths above 0"),
    "one spacing": (
        put([3.0], *GEOMETRY, "pixel_spacing_mm"),
        "pixel_spacing_mm: got [3.0]; expected 2 finite numbers",
    ),
    "other spacing": (
        put([3.0, 2.0], *GEOMETRY, "pixel_spacing_mm"),
        "got a horizontal focal length of 340.0 px x 2 mm",
    ),
    "distance": (put(0, *GEOMETRY, "source_to_detector_mm"), "source_to_detector_mm: got 0; expected a number above 0"),
    "other distance": (put(1200, *GEOMETRY, "source_to_detector_mm"), "expected the source-detector distance, 1200 mm"),
    "no angle": (without(*ARM, "primary_deg"), "views[1].geometry.c_arm.primary_deg: got nothing"),
    "angle": (put("90", *ARM, "primary_deg"), "views[1].geometry.c_arm.primary_deg: got 90; expected a number"),
    "isocentre": (put([0, 0], *ARM, "isocentre_mm"), "c_arm.isocentre_mm: got [0, 0]; expected 3 finite numbers"),
    "isocentre far": (put(1100, *ARM, "source_to_isocentre_mm"), "c_arm: got source_to_isocentre_mm 1100"),
    "convention": (put("iec", *ARM, "convention"), 'convention: got iec; expected one of "dicom", "deepdrr"'),
    "same direction": (
        put(15.0, *ARM, "primary_deg"),
        "degrees between the beams of AP and LAT; expected two views at least 20 degrees apart",
    ),
    "vertebrae": (put("L3", "vertebrae"), "vertebrae: got L3; expected an array"),
    "unknown level": (
        put("C7", "vertebrae", 1, "level"),
        "vertebrae[1].level: got C7; expected a level from T1 to T12 or",
    ),
    "no level": (without("vertebrae", 0, "level"), "vertebrae[0].level: got nothing"),
    "level twice": (put("L2", "vertebrae", 1, "level"), "vertebrae[1].level: got L2; expected each level once"),
    "click outside": (
        put([SHAPE[1], 4.0], "vertebrae", 0, "seeds", "AP"),
        f"vertebrae[0].seeds.AP: got [{SHAPE[1]}, 4.0]; expected a pixel (column, row) inside the 112 x 96 image",
    ),
    "click of 3": (
        put([1, 2, 3], "vertebrae", 0, "seeds", "AP"),
        "vertebrae[0].seeds.AP: got [1, 2, 3]; expected 2 fin",
    ),
    "click elsewhere": (
        put([1, 2], "vertebrae", 0, "seeds", "OBL"),
        'got a click in "OBL"; expected a view of this case',
    ),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_fields_are_named(edit_case, change: Change, message: str):
    folder = edit_case(change)
    with pytest.raises(InputError) as raised:
        read_case(folder)
    text = str(raised.value)
    assert message in text
    assert str(folder) in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "valid JSON"),
        (b'{"format": "spinedart-case/1",}', "at line 1, column"),
        (b"[]", "expected an object"),
        (b'{"id": NaN}', "JSON has no NaN"),
        (b"\xff\xfe\x00", "JSON text in UTF-8"),
    ],
)
def test_unreadable_json(case_folder: Path, text: bytes, message: str):
    (case_folder / "case.json").write_bytes(text)
    with pytest.raises(InputError, match=message) as raised:
        read_case(case_folder)
    assert "case.json" in str(raised.value)


def test_no_case(tmp_path: Path):
    with pytest.raises(InputError, match=r"case\.json: got no such file; expected a case folder"):
        read_case(tmp_path)
    with pytest.raises(InputError, match="nowhere: got no such file"):
        read_case(tmp_path / "nowhere")


def test_matrix_and_c_arm_that_agree(edit_case, views):
    def change(document: dict[str, Any]) -> None:
        geometry = document["views"][1]["geometry"]
        # Spacing and distance stand in the C-arm already.
        geometry["projection_matrix"] = (views[1].projection * 3).tolist()

    np.testing.assert_allclose(read_case(edit_case(change)).views[1].projection, views[1].projection, atol=1e-6)


def test_matrix_and_c_arm_that_differ(edit_case, views):
    def change(document: dict[str, Any]) -> None:
        matrix = views[1].projection.copy()
        matrix[0] += 1.5 * matrix[2]
        document["views"][1]["geometry"]["projection_matrix"] = matrix.tolist()

    with pytest.raises(
        InputError, match=r"views\[1\].geometry.projection_matrix: got a camera that differs from c_arm by up"
    ):
        read_case(edit_case(change))


def test_half_a_pixel_is_no_difference_and_the_matrix_wins(edit_case, views):
    matrix = views[1].projection.copy()
    matrix[0] += 0.5 * matrix[2]
    case = read_case(edit_case(put(matrix.tolist(), "views", 1, "geometry", "projection_matrix")))
    np.testing.assert_allclose(case.views[1].projection, matrix, atol=1e-6)


def test_mirrored_image(edit_case, views):
    """The matrix of an image that was flipped left to right puts the patient behind the source."""

    def change(document: dict[str, Any]) -> None:
        width = SHAPE[1]
        mirror = np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
        document["views"][0]["geometry"]["projection_matrix"] = (mirror @ views[0].projection).tolist()
        for entry in document["vertebrae"]:
            entry["seeds"]["AP"][0] = width - 1 - entry["seeds"]["AP"][0]

    with pytest.raises(InputError, match=r"vertebrae\[0\].seeds: .* behind the .*may be mirrored"):
        read_case(edit_case(change))


def test_vertebrae_may_be_absent_or_without_seeds(edit_case):
    assert read_case(edit_case(without("vertebrae"))).seeds == ()
    case = read_case(edit_case(put([{"level": "T4"}, {"level": "L5", "seeds": {}}], "vertebrae")))
    assert case.seeds == (Seed("T4"), Seed("L5"))


def test_third_view_close_to_the_first(edit_case):
    """With three views one wide pair is enough; clicks only in the narrow pair are not."""

    def change(document: dict[str, Any]) -> None:
        third = json.loads(json.dumps(document["views"][1])) | {"name": "OBL"}
        third["geometry"]["c_arm"]["primary_deg"] = 80.0
        document["views"].append(third)

    folder = edit_case(change)
    assert len(read_case(folder).views) == 3
    edit_case(put({"LAT": [50, 40], "OBL": [50, 40]}, "vertebrae", 0, "seeds"))
    with pytest.raises(InputError, match=r"vertebrae\[0\].seeds: got 8.0 degrees between the beams of LAT and OBL"):
        read_case(folder)


def test_misspelt_optional_fields_are_told(edit_case, caplog):
    with caplog.at_level(logging.WARNING):
        read_case(edit_case(put("bone-dark", "views", 1, "polarty")))
    assert "views[1].polarty: no such field" in caplog.text


def test_polarity_is_guessed_and_told(edit_case, caplog):
    def change(document: dict[str, Any]) -> None:
        for view in document["views"]:
            del view["polarity"]

    with caplog.at_level(logging.INFO):
        case = read_case(edit_case(change))
    assert [view.polarity for view in case.views] == ["bone-dark", "bone-bright"]
    assert "view AP: polarity bone-dark, guessed" in caplog.text


@pytest.mark.parametrize("name", ["nan.nii.gz", "nan.nii", "nan.mha", "nan.nrrd", "nan.tif"])
def test_nan_in_an_image(edit_case, name: str):
    import SimpleITK as sitk

    folder = edit_case(put(name, "views", 1, "image"))
    image = np.ones(SHAPE, dtype=np.float32)
    image[5, 60], image[6, 0] = np.nan, np.inf
    if name.endswith(".tif"):
        Image.fromarray(image).save(folder / name)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(image), str(folder / name))
    with pytest.raises(
        InputError, match=r"pixel \(60, 5\): got NaN or infinity \(2 such pixels\).*expected finite"
    ) as raised:
        read_case(folder)
    assert name in str(raised.value)
