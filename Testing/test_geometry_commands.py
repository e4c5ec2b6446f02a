"""``spinedart geometry``: what it says of DICOM, pictures and cases, what it writes and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.__main__ import main
from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import c_arm_camera, project
from SpineDARTLib.geometry.known import quantity_of
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.gathered import Choices
from SpineDARTLib.io.gathering import gather
from SpineDARTLib.io.sources import find_sources
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import View
from Testing.conftest import SHAPE, SOURCE_TO_DETECTOR_MM, SOURCE_TO_ISOCENTRE_MM, SPACING_MM
from Testing.io.dicoms import write_xray

PLANTED = ("DOE^JANE", "PATIENT-4711", "19610401", "1.2.3.4.5.6.7.8")
"""Name, number, date and study of a patient, which nothing may show."""


def write_xa(path: Path, view: View, primary_deg: float, secondary_deg: float, **tags: Any) -> Path:
    """An XA file of a view's picture as cath-labs store it: counts, mirrored, angles and distances in the tags."""
    said = {
        "PatientName": PLANTED[0], "PatientID": PLANTED[1], "PatientBirthDate": PLANTED[2],
        "StudyInstanceUID": PLANTED[3], "PixelIntensityRelationship": "LIN", "PatientPosition": "HFS",
        "PositionerPrimaryAngle": primary_deg, "PositionerSecondaryAngle": secondary_deg,
        "DistanceSourceToDetector": SOURCE_TO_DETECTOR_MM, "DistanceSourceToPatient": SOURCE_TO_ISOCENTRE_MM,
        "ImagerPixelSpacing": list(SPACING_MM), **tags,
    }  # fmt: skip
    pixels = np.round(60000 * np.exp(-view.image[:, ::-1])).astype(np.uint16)
    return write_xray(path, pixels, **{name: value for name, value in said.items() if value is not None})


def at_isocentre(view: View, primary_deg: float, secondary_deg: float) -> View:
    """The view of a world whose origin is the isocentre: what tags without a table describe."""
    camera = c_arm_camera(
        primary_deg, secondary_deg, SOURCE_TO_DETECTOR_MM, SOURCE_TO_ISOCENTRE_MM, SPACING_MM, view.image.shape
    )
    return View(view.name, view.image, *camera, SPACING_MM, SOURCE_TO_DETECTOR_MM)


@pytest.fixture
def xa_files(tmp_path: Path, views: tuple[View, View]) -> tuple[Path, Path]:
    """AP and lateral of the synthetic patient as DICOM."""
    first = write_xa(tmp_path / "IM1.dcm", views[0], 4.0, 3.0)
    return first, write_xa(tmp_path / "IM2.dcm", views[1], 88.0, -5.0)


@pytest.fixture
def unjudged(monkeypatch) -> None:
    """Without advice and consistency, which take their time and have tests of their own."""
    monkeypatch.setattr("SpineDARTLib.io.gathering.judged", lambda gathered: gathered)


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main(["geometry", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_dicom_is_said_value_by_value(xa_files, capsys):
    code, said, _ = run(capsys, *xa_files)
    words = " ".join(said.split())
    assert code == 0
    assert "IM1.dcm, XA, 112 x 96, bone-dark, HFS. Not for clinical use." in words
    assert "(0018,1510)" in words and "stated" in words
    assert "LAO 88 CAU 5: beam from the patient's right, detector 2° towards the front, 5° towards the feet" in words
    assert "turned over left to right" in words
    assert "One frame: not known." in words
    assert "A and B: 84° apart" in words
    assert "View advice:" in words and "Can the geometry be true" in words
    assert not any(secret in said for secret in PLANTED)


@pytest.mark.usefixtures("unjudged")
def test_a_case_of_dicom_is_not_mirrored(xa_files, views, tmp_path, capsys):
    """A stored XA picture is the mirror image of what the source sees: camera and pixels must agree all the same."""
    out = tmp_path / "case"
    code, said, _ = run(capsys, *xa_files, "--name", "AP,LAT", "--same-frame", "--out", out)
    assert code == 0 and f"Written to {out}: 2 views." in said
    assert (out / "orientation.png").stat().st_size > 20_000
    case = read_case(out)
    for view, true, angles in zip(case.views, views, ((4.0, 3.0), (88.0, -5.0)), strict=True):
        np.testing.assert_allclose(view.projection, at_isocentre(true, *angles).projection, atol=1e-6)
        assert np.corrcoef(view.image.ravel(), true.image.ravel())[0, 1] > 0.999
        assert view.polarity == "bone-dark"
    text = (out / "case.json").read_text(encoding="utf-8")
    assert not any(secret in text for secret in PLANTED)
    sources = json.loads(text)["views"][1]["geometry"]["sources"]
    assert "(0018,1510)" in sources["primary_deg"] and sources["primary_deg"].startswith("stated: ")
    assert "You say that the views share a frame" in sources["frame"]
    code, again, _ = run(capsys, out)
    assert code == 0 and "As the case was made, frame: You say that" in again


def test_json_is_all_of_it_and_nothing_else(xa_files, capsys):
    code, said, _ = run(capsys, *xa_files, "--json")
    found = json.loads(said)
    assert code == 0 and found["format"] == "spinedart-geometry/1"
    first = found["views"][0]
    assert first["quantities"]["primary_deg"]["value"] == [4.0]
    assert first["quantities"]["primary_deg"]["confidence"] == "stated"
    assert (first["display"], first["patient_position"]) == ("LAO 4 CRA 3", "HFS")
    assert np.shape(first["projection_matrix"]) == (3, 4)
    assert found["one_frame"]["shared"] is None
    assert found["advice"]["point"]["axes_mm"] and found["consistency"]["pictures"] is not None
    assert not any(secret in said for secret in PLANTED)


@pytest.mark.usefixtures("unjudged")
def test_what_is_missing_is_asked_for_and_only_taken_when_told(tmp_path, views, capsys):
    first = write_xa(tmp_path / "a.dcm", views[0], 4.0, 3.0, ImagerPixelSpacing=None, DistanceSourceToPatient=None)
    second = write_xa(tmp_path / "b.dcm", views[1], 88.0, -5.0)
    code, said, _ = run(capsys, first, second)
    words = " ".join(said.split())
    assert code == 0 and "Missing: pixel spacing" in words and "--set A.pixel_spacing_mm=" in words
    assert "ASSUMED" not in said
    out = ["--same-frame", "--out", tmp_path / "case"]
    code, _, error = run(capsys, first, second, *out)
    assert code == 2 and error.count("\n") == 1 and "a.dcm: A.source_to_isocentre_mm: got nothing" in error
    assert not (tmp_path / "case").exists()
    code, said, _ = run(capsys, first, second, *out, "--accept-proposals")
    assert code == 0 and "ASSUMED, NOT KNOWN" in said
    sources = json.loads((tmp_path / "case" / "case.json").read_text(encoding="utf-8"))["views"][0]["geometry"][
        "sources"
    ]
    assert sources["pixel_spacing_mm"].startswith("assumed: ")
    _, again, _ = run(capsys, tmp_path / "case")
    assert "ASSUMED, NOT KNOWN: pixel_spacing_mm" in again


@pytest.mark.usefixtures("unjudged")
def test_what_the_user_says_wins(xa_files, tmp_path, capsys):
    change = ["--set", "B.primary_deg=60", "--set", "pixel_spacing_mm=1.5", "--polarity", "A=bone-bright"]
    code, said, _ = run(capsys, *xa_files, *change, "--patient-position", "HFP", "--json")
    first, second = json.loads(said)["views"]
    assert code == 0
    assert first["quantities"]["pixel_spacing_mm"] == quantity("pixel_spacing_mm", (1.5, 1.5))
    assert second["quantities"]["primary_deg"] == quantity("primary_deg", 60.0)
    assert second["display"] == "LAO 60 CAU 5" and first["display"] == "LAO 4 CRA 3"
    assert (first["polarity"], second["polarity"]) == ("bone-bright", "bone-dark")
    assert first["patient_position"] == second["patient_position"] == "HFP"


def quantity(name: str, value: Any) -> dict[str, Any]:
    """A given one as JSON has it."""
    one = quantity_of(name, value, "given", "given")
    return {"name": one.name, "value": list(one.value), "unit": one.unit, "source": "given", "confidence": "given"}


@pytest.mark.usefixtures("unjudged")
def test_angles_counted_otherwise(xa_files, capsys):
    _, said, _ = run(capsys, *xa_files, "--convention", "B=deepdrr", "--json")
    first, second = json.loads(said)["views"]
    assert (first["display"], second["display"]) == ("LAO 4 CRA 3", "RAO 88 CRA 5")
    assert any("deepdrr" in note for note in second["notes"])


@pytest.mark.usefixtures("unjudged")
def test_pictures_with_angles_make_the_case_that_was_true(views, tmp_path, capsys):
    for view in views:
        pixels = np.round(255 * view.image / view.image.max()).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{view.name.lower()}.png")
    values = {
        "AP.primary_deg": 4, "AP.secondary_deg": 3, "LAT.primary_deg": 88, "LAT.secondary_deg": -5,
        "isocentre_mm": "0,0,-10", "source_to_isocentre_mm": SOURCE_TO_ISOCENTRE_MM,
        "source_to_detector_mm": SOURCE_TO_DETECTOR_MM, "pixel_spacing_mm": SPACING_MM[0],
    }  # fmt: skip
    given = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    Image.fromarray(np.ascontiguousarray(pixels[:, ::-1])).save(tmp_path / "lat.png")  # as a cath lab shows it
    command = [tmp_path / "ap.png", tmp_path / "lat.png", *given, "--polarity", "bone-bright", "--same-frame"]
    code, _, error = run(capsys, *command, "--out", tmp_path / "case")
    assert code == 2 and "AP: got an open question; expected an answer. Nothing says for sure which way round" in error
    flips = ["--set", "AP.image_flip_horizontal=0", "--set", "LAT.image_flip_horizontal=1"]
    assert run(capsys, *command, *flips, "--out", tmp_path / "case")[0] == 0
    for view, true in zip(read_case(tmp_path / "case").views, views, strict=True):
        np.testing.assert_allclose(view.projection, true.projection, atol=1e-6)
        assert np.corrcoef(view.image.ravel(), true.image.ravel())[0, 1] > 0.999


@pytest.mark.usefixtures("unjudged")
def test_a_case_goes_through_unchanged(case_folder, tmp_path, capsys):
    assert run(capsys, case_folder, "--out", tmp_path / "copy")[0] == 0
    before, after = read_case(case_folder), read_case(tmp_path / "copy")
    assert after.seeds == before.seeds
    for one, other in zip(before.views, after.views, strict=True):
        np.testing.assert_allclose(other.projection, one.projection, atol=1e-9)
        np.testing.assert_allclose(other.image, one.image, atol=2e-3)


@pytest.mark.usefixtures("unjudged")
def test_a_matrix_wins_over_tags_and_the_difference_is_said(xa_files, views, tmp_path, capsys):
    true = at_isocentre(views[0], 14.0, 3.0)
    matrix = {"projection_matrix": (-3 * true.projection).tolist(), "coordinate_system": "RAS",
              "pixel_spacing_mm": list(SPACING_MM), "source_to_detector_mm": SOURCE_TO_DETECTOR_MM}  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(matrix), encoding="utf-8")
    code, said, _ = run(capsys, *xa_files, "--matrix", f"A={tmp_path / 'm.json'}", "--json")
    first = json.loads(said)["views"][0]
    assert code == 0 and first["display"] == "LAO 14 CRA 3"
    np.testing.assert_allclose(first["projection_matrix"], true.projection, atol=1e-6)
    assert any("14 deg" in one["words"] and "is believed" in one["words"] for one in first["conflicts"])
    assert first["notes"] == []  # a matrix speaks of the stored pixels: nothing is turned over


@pytest.mark.usefixtures("unjudged")
def test_points_bring_views_into_one_frame(xa_files, views, tmp_path, capsys):
    """The lateral picture was taken after the table had moved by 8 mm; clicks on the pictures as stored find it."""
    world = np.random.default_rng(3).uniform(-60, 60, (10, 3)) * [0.6, 0.6, 1.0]
    truth = [at_isocentre(views[0], 4.0, 3.0), at_isocentre(views[1], 88.0, -5.0)]
    moved = world + [0.0, 3.0, 7.5]
    lines = ["point,view,u,v"]
    for view, points, name in ((truth[0], world, "A"), (truth[1], moved, "B")):
        for index, (u, v) in enumerate(project(points, view)):
            lines.append(f"p{index},{name},{SHAPE[1] - 1 - u:.4f},{v:.4f}")
    (tmp_path / "points.csv").write_text("\n".join(lines), encoding="utf-8")
    code, said, _ = run(capsys, *xa_files, "--points", tmp_path / "points.csv", "--out", tmp_path / "case")
    assert code == 0 and re.search(r"From the points: A stays; moved: B by [67]\.\d mm and 0", said)
    found = read_case(tmp_path / "case").views
    np.testing.assert_allclose(found[0].projection, truth[0].projection, atol=1e-6)
    clicks = np.stack([project(world, truth[0]), project(moved, truth[1])], axis=1)
    before, after = ([triangulate(one, cameras)[2].max() for one in clicks] for cameras in (truth, found))
    assert max(after) < 0.3 and min(before) > 1.0


@pytest.mark.usefixtures("unjudged")
def test_a_folder_is_read_as_far_as_it_can_be(xa_files, tmp_path, capsys):
    (tmp_path / "broken.dcm").write_bytes(b"no DICOM at all")
    (tmp_path / "readme.txt").write_text("not a picture", encoding="utf-8")
    code, said, _ = run(capsys, tmp_path)
    assert code == 0 and "broken.dcm is left out: PixelData (7FE0,0010): got nothing" in said
    assert [source.file.name for source in find_sources([tmp_path])] == ["IM1.dcm", "IM2.dcm", "broken.dcm"]
    assert run(capsys, tmp_path / "broken.dcm")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["FILES", "nothing"]),
        (["{tmp}/none.dcm"], ["none.dcm", "no such file"]),
        (["{xa}", "--set", "A.colour=3"], ["--set", "A.colour=3", "primary_deg"]),
        (["{xa}", "--set", "A.primary_deg=left"], ["--set", "left", "numbers"]),
        (["{xa}", "--set", "A.pixel_spacing_mm=-1"], ["--set A.pixel_spacing_mm", "more than 0"]),
        (["{xa}", "--set", "C.primary_deg=1"], ["--set", "got C", "a view (A)"]),
        (["{xa}", "--frame", "A=first"], ["--frame", "first"]),
        (["{xa}", "--polarity", "dark"], ["--polarity", "dark", "bone-dark"]),
        (["{xa}", "--convention", "nobodys"], ["--convention", "nobodys", "dicom, deepdrr"]),
        (["{xa}", "--patient-position", "A=standing"], ["--patient-position", "standing", "HFS"]),
        (["{xa}", "--name", "X,Y"], ["--name", "X, Y", "at most 1"]),
        (["{xa}", "{xa}", "--name", "X,X"], ["--name", "two pictures"]),
        (["{xa}", "--matrix", "A={tmp}/none.json"], ["none.json"]),
        (["{xa}", "--out", "{tmp}/case"], ["--out", "1 view", "two or more"]),
        (["{xa}", "{xa}", "--out", "{tmp}/case"], ["--out", "nothing says that they share a frame", "--same-frame"]),
        (["{xa}", "{xa}", "--same-frame", "--out", "{tmp}/case"], ["0.0 degrees apart", "20 degrees"]),
        (["{xa}", "{lat}", "--same-frame", "--set", "B.isocentre_mm=0,900,0", "--out", "{tmp}/x"], ["behind", "of A"]),
        (["{xa}", "--out", "{tmp}"], ["other files"]),
        (["{xa}", "--picture", "{tmp}/none/a.png"], ["--picture", "a.png"]),
        (["{png}", "--picture", "{tmp}/a.png"], ["--picture", "no view with a camera"]),
        (["{xa}", "--points", "{tmp}/none.csv"], ["none.csv", "no such file"]),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(arguments, words, xa_files, views, tmp_path, capsys):
    pixels = np.round(255 * views[0].image / views[0].image.max()).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    before = sorted(path.name for path in tmp_path.iterdir())
    places = {"tmp": tmp_path, "xa": xa_files[0], "lat": xa_files[1], "png": tmp_path / "plain.png"}
    code, _, error = run(capsys, *(argument.format(**places) for argument in arguments))
    assert code == 2, error
    assert error.startswith("spinedart: ") and error.count("\n") == 1, error
    assert all(word in error for word in words), error
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_sample_and_its_picture(tmp_path, capsys):
    try:
        sample = resource_folder("sample")
    except InputError as error:
        pytest.skip(f"no sample case: {error}")
    code, said, _ = run(capsys, sample, "--picture", tmp_path / "orientation.png")
    assert code == 0
    assert "AP is LAO 176 CRA 3: beam from the front" in said and "One frame: yes." in said
    with Image.open(tmp_path / "orientation.png") as picture:
        assert picture.size == (1200, 960)


@pytest.mark.usefixtures("unjudged")
def test_gathering_prints_nothing(xa_files, capsys):
    gathered = gather(xa_files, Choices(names=("AP", "LAT")))
    assert [one.name for one in gathered.views] == ["AP", "LAT"] and gathered.shared is None
    assert capsys.readouterr().out == ""
