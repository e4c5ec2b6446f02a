"""What ``io.gathering`` is made of: points, names of views, a patient who lay otherwise."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import c_arm_camera, project
from SpineDARTLib.geometry.known import quantity_of
from SpineDARTLib.geometry_commands import choices_of
from SpineDARTLib.io.gathered import Choices
from SpineDARTLib.io.gathered_case import case_of
from SpineDARTLib.io.gathering import gather, judged
from SpineDARTLib.io.points import read_points
from SpineDARTLib.io.posed import known_of_camera, known_of_picture, lying
from SpineDARTLib.io.said import said
from SpineDARTLib.io.sources import find_sources
from Testing.conftest import SHAPE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("point,view,u\np,A,1", "line 1: got point, view, u; expected the columns point, view, u, v"),
        ("point,view,u,v\np,C,1,1", "line 2: got C; expected a view (A, B)"),
        ("point,view,u,v\np,A,1,x", "line 2: got 1, x; expected two numbers"),
        ("point,view,u,v\np,A,1,96", "line 2: got 1, 96; expected a pixel (column, row) inside the 112 x 96 picture A"),
        ("point,view,u,v\np,A,1,2\np,A,1,2", "line 3: got p twice in A; expected one click"),
        ("point,view,u,v\n,A,1,2", "line 2: got no point; expected a name"),
        ("", "line 1: got nothing; expected the columns"),
    ],
)
def test_points_that_are_wrong(text, words, tmp_path):
    (tmp_path / "points.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_points(tmp_path / "points.csv", {"A": SHAPE, "B": SHAPE})
    assert words in str(error.value)


def test_points_as_json(tmp_path):
    document = {"format": "spinedart-points/1", "points": {"tip": {"A": [3, 4], "B": [5.5, 6]}, "rim": {"B": [7, 8]}}}
    (tmp_path / "points.json").write_text(json.dumps(document), encoding="utf-8")
    names, pixels = read_points(tmp_path / "points.json", {"A": SHAPE, "B": SHAPE})
    assert names == ("tip", "rim")
    np.testing.assert_array_equal(pixels, [[[3, 4], [5.5, 6]], [[np.nan, np.nan], [7, 8]]])


def test_names_come_from_names_that_say_nothing_of_a_patient(tmp_path):
    files = [tmp_path / name for name in ("ap.png", "Doe_Jane.png", "LL.png", "lat.png")]
    assert [source.name for source in find_sources(files)] == ["AP", "A", "LAT", "B"]
    assert [source.name for source in find_sources(files, ("x", "A"))] == ["x", "A", "LAT", "B"]


def test_a_patient_who_lay_otherwise_turns_table_and_pose():
    """The same machine about the same table: what was in front of the supine patient is behind the prone one."""
    camera = c_arm_camera(30.0, 10.0, 1000.0, 600.0, (0.3, 0.3), SHAPE, (4.0, -7.0, 11.0))
    known = replace(known_of_camera((*camera, (0.3, 0.3), 1000.0), "a.dcm", SHAPE, "tags"), patient_position="HFS")
    centre = quantity_of("isocentre_mm", (4.0, -7.0, 11.0), "table", "derived")
    turned = lying(replace(known, quantities={**known.quantities, "isocentre_mm": centre}), "HFP")
    assert turned.patient_position == "HFP"
    assert turned.quantities["isocentre_mm"].value == pytest.approx((-4.0, 7.0, 11.0))
    assert turned.quantities["primary_deg"].value == pytest.approx((-150.0,))
    pose = np.array(turned.quantities["world_to_camera"].value).reshape(4, 4)
    np.testing.assert_allclose((pose @ [-4.0, 7.0, 11.0, 1.0])[:3], (0.0, 0.0, 600.0), atol=1e-9)


def test_a_table_that_moved_is_taken_in(shared_folder, monkeypatch):
    """Two runs of a real phantom: GE's private tags tell that the table moved by 29 mm between them."""
    monkeypatch.setattr("SpineDARTLib.io.gathering.judged", lambda gathered: gathered)
    folder = shared_folder / "data" / "xa-dicom" / "arso-phantom"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    first, second = folder / "IM1", folder / "IM7"
    gathered = gather((first, second), Choices(values={"": {"pixel_spacing_mm": (0.390625,)}}))
    assert gathered.shared is True and "29 mm" in gathered.shared_words
    isocentres = [one.known.quantities["isocentre_mm"].value for one in gathered.views]
    assert isocentres[0] == (0.0, 0.0, 0.0) and isocentres[1] == pytest.approx((-16.7, -28.9, -6.1), abs=0.1)
    turned = gather((first, second), Choices(("AP",), patient_position={"": "HFP"}))
    assert turned.views[1].known.quantities["isocentre_mm"].value == pytest.approx((16.7, 28.9, -6.1), abs=0.1)


def test_choices_are_parsed():
    each = {"values": ("AP.isocentre_mm=1,2,-3", "pixel_spacing_mm=0.2"), "frames": ("AP=3",), "matrices": ("a=b#c",)}
    choices = choices_of("AP, LAT", each)
    assert choices.names == ("AP", "LAT") and choices.frames == {"AP": 3} and choices.matrices == {"a": "b#c"}
    assert choices.values == {"AP": {"isocentre_mm": (1.0, 2.0, -3.0)}, "": {"pixel_spacing_mm": (0.2,)}}


def test_a_geometry_file_of_a_mirrored_picture_turns_it_over(views, tmp_path, monkeypatch):
    """Matrices of a program that draws as one looks towards the tube: no camera fits before the picture is turned."""
    monkeypatch.setattr("SpineDARTLib.io.gathering.judged", lambda gathered: gathered)
    turn = np.array([[-1.0, 0.0, SHAPE[1] - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    rows = {}
    for view in views:
        picture = np.round(255 * view.image / view.image.max()).astype(np.uint8)
        Image.fromarray(np.ascontiguousarray(picture[:, ::-1])).save(tmp_path / f"{view.name}.png")
        rows[f"shot {view.name}"] = {
            "projection_matrix": (turn @ view.projection).tolist(),
            "source_to_detector_mm": view.source_to_detector_mm,
        }
    document = {"coordinate_system": "RAS", "pixel_spacing_mm": [3.0, 3.0], "views": rows}
    (tmp_path / "machine.json").write_text(json.dumps(document), encoding="utf-8")
    matrices = {view.name: f"{tmp_path / 'machine.json'}#shot {view.name}" for view in views}
    choices = Choices(matrices=matrices, polarity={"": "bone-bright"})
    gathered = gather([tmp_path / "AP.png", tmp_path / "LAT.png"], choices)
    assert gathered.shared is True and "one geometry file" in gathered.shared_words
    for one, true in zip(gathered.views, views, strict=True):
        assert one.view is not None and not one.unanswered
        np.testing.assert_allclose(one.view.projection, true.projection, atol=1e-6)
        assert np.corrcoef(one.view.image.ravel(), true.image.ravel())[0, 1] > 0.999
        assert any("turned over left to right" in note for note in one.notes)
    with pytest.raises(InputError, match=r"no camera named A; expected --matrix A=machine.json#KEY"):
        gather([tmp_path / "AP.png"], Choices(("A",), matrices={"": str(tmp_path / "machine.json")}))


def test_a_recovery_that_is_refused_makes_no_case(case_folder, views, tmp_path, monkeypatch):
    """Points on a line do not tell how the views stand to each other: everything stays, and no case comes of it."""
    monkeypatch.setattr("SpineDARTLib.io.gathering.judged", lambda gathered: gathered)
    world = np.linspace((-10.0, 5.0, -50.0), (12.0, -4.0, 40.0), 7)
    lines = ["point,view,u,v"]
    for view in views:
        lines += [f"p{index},{view.name},{u:.3f},{v:.3f}" for index, (u, v) in enumerate(project(world, view))]
    (tmp_path / "line.csv").write_text("\n".join(lines), encoding="utf-8")
    gathered = gather([case_folder], Choices(points=tmp_path / "line.csv"))
    assert gathered.recovered is not None and not gathered.recovered.identifiable
    np.testing.assert_allclose(gathered.posed[1].projection, views[1].projection, atol=1e-6)
    with pytest.raises(InputError, match=r"a recovery that is refused.*on a line"):
        case_of(gathered)


@pytest.mark.parametrize(
    ("name", "numbers", "words"),
    [
        ("secondary_deg", (100.0,), "got 100 deg; expected -90 to 90"),
        ("pixel_spacing_mm", (0.2, 200.0), "got 0.2 x 200 mm; expected 0.01 to 20"),
        ("image_rotation_deg", (45.0,), "expected 0 or 90 or 180 or 270"),
        ("world_to_camera", tuple(np.diag([-1.0, 1.0, 1.0, 1.0]).ravel()), "no rigid motion"),
        ("isocentre_mm", (1.0, 2.0), "expected 3"),
    ],
)
def test_numbers_that_no_machine_has(name, numbers, words):
    with pytest.raises(ValueError, match=words):
        said(known_of_picture("a.png", "PNG", SHAPE), name, numbers)


def test_pictures_have_proposals_but_no_angles():
    known = known_of_picture("a.png", "PNG", (100, 200)).with_proposals()
    assert {missing.name for missing in known.missing} == {"primary_deg", "secondary_deg"}
    assert known.quantities["pixel_spacing_mm"].value == (1.49, 1.49)
    assert {quantity.confidence for quantity in known.quantities.values()} == {"assumed"}


def test_pictures_that_contradict_the_geometry_make_no_case(views, case_folder):
    """The lateral picture shows the spine 12 mm lower than its camera says."""
    shift = np.eye(4)
    shift[2, 3] = 12.0
    gathered = gather([case_folder])
    assert gathered.consistency is not None and gathered.consistency.consistent != "no"
    wrong = replace(views[1], world_to_camera=views[1].world_to_camera @ shift)
    moved = judged(replace(gathered, views=(gathered.views[0], replace(gathered.views[1], view=wrong))))
    assert moved.consistency is not None and moved.consistency.consistent == "no"
    with pytest.raises(InputError, match="cameras that the pictures contradict"):
        case_of(moved)
    assert len(case_of(moved, despite_pictures=True).views) == 2
    assert len(case_of(gathered).views) == 2
