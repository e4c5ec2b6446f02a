"""Surfaces and truths: what is written is read, RAS stays RAS, and label volumes stand in for meshes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.mesh import enclosed_volume, open_edges, outward, read_mesh, write_mesh
from SpineDARTLib.io.truth import Truth, mask_to_mesh, read_subject, read_truth, write_truth
from Testing.shapes import box

CORNER, SIZES = (10.0, -40.0, 5.0), (6.0, 9.0, 14.0)
"""A box off the origin with three different edges: no mirror image of it stands at the same place."""


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj", ".vtk"])
def test_write_and_read_again(tmp_path: Path, suffix: str, capfd):
    vertices, faces = box(CORNER, SIZES)
    write_mesh(tmp_path / f"a{suffix}", vertices, faces)
    back, triangles = read_mesh(tmp_path / f"a{suffix}")
    assert back.shape == (8, 3)
    assert (back.min(axis=0) == CORNER).all()
    assert (back.max(axis=0) == np.add(CORNER, SIZES)).all()
    assert enclosed_volume(back, triangles) == pytest.approx(6 * 9 * 14)
    assert open_edges(triangles) == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]
    assert capfd.readouterr() == ("", "")


def test_stl_is_binary_and_says_ras(tmp_path: Path):
    write_mesh(tmp_path / "a.stl", *box(CORNER, SIZES))
    content = (tmp_path / "a.stl").read_bytes()
    assert len(content) == 84 + 12 * 50
    assert b"SPACE=RAS" in content[:80]


def test_files_that_say_lps_are_turned(tmp_path: Path):
    write_mesh(tmp_path / "a.stl", *box(CORNER, SIZES))
    content = (tmp_path / "a.stl").read_bytes().replace(b"SPACE=RAS", b"SPACE=LPS")
    (tmp_path / "a.stl").write_bytes(content)
    vertices, faces = read_mesh(tmp_path / "a.stl")
    assert (vertices.min(axis=0) == [-16, 31, 5]).all()
    assert enclosed_volume(vertices, faces) > 0


def test_outward():
    vertices, faces = box(CORNER, SIZES)
    np.testing.assert_array_equal(outward(vertices, faces[:, ::-1]), faces)
    np.testing.assert_array_equal(outward(vertices, faces), faces)
    assert open_edges(faces[1:]) == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.stl", b"short", "got 5 bytes"),
        ("a.stl", b"x" * 80 + (9).to_bytes(4, "little") + b"\0" * 50, "got 134 bytes; expected 534 bytes for its 9"),
        ("a.ply", b"ply nonsense", "got 12 bytes; expected at least"),
        ("a.ply", b"ply\nformat ascii 1.0\nend_header\n", "expected a readable surface"),
        ("a.ply", b"ply\nelement vertex many\nend_header\n", "expected a PLY header"),
        ("a.vtk", b"nonsense", "expected a readable surface"),
        ("a.obj", b"", "expected a readable surface"),
        ("a.gltf", b"", 'got a mesh of kind ".gltf"; expected one of .stl'),
    ],
)
def test_unreadable_meshes(tmp_path: Path, name: str, content: bytes, message: str, capfd):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_mesh(tmp_path / name)
    assert message in str(raised.value)
    assert str(tmp_path / name) in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_half_a_binary_ply_is_named(tmp_path: Path):
    write_mesh(tmp_path / "a.ply", *box(CORNER, SIZES))
    content = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(content[:-40])
    with pytest.raises(InputError, match=rf"got {len(content) - 40} bytes; expected at least {len(content)}"):
        read_mesh(tmp_path / "a.ply")


def test_an_error_travels_between_processes():
    error = pickle.loads(pickle.dumps(InputError("here", "field", 3, "more")))
    assert str(error) == "here: field: got 3; expected more"


def test_meshes_that_cannot_be_written(tmp_path: Path):
    with pytest.raises(InputError, match="expected a file that can be written"):
        write_mesh(tmp_path / "none" / "a.stl", *box(CORNER, SIZES))
    with pytest.raises(InputError, match="got a mesh of kind"):
        write_mesh(tmp_path / "a.xyz", *box(CORNER, SIZES))


def test_truth_round_trip(tmp_path: Path):
    pose = np.eye(4)
    pose[:3, 3] = [1, 2, 3]
    vertices, faces = box(CORNER, SIZES)
    truth = Truth("person-7", {"L3": (vertices, faces[:, ::-1]), "T12": box((0.0, 0.0, 0.0), SIZES)}, {"L3": pose})
    write_truth(tmp_path / "truth", truth, {"kind": "test"})
    for place in (tmp_path, tmp_path / "truth", tmp_path / "truth" / "truth.json"):
        back = read_truth(place)
        assert (back.subject, list(back.surfaces)) == ("person-7", ["L3", "T12"])
        assert enclosed_volume(*back.surfaces["L3"]) == pytest.approx(6 * 9 * 14)
        np.testing.assert_array_equal(back.poses["L3"], pose)
    assert list(read_truth(tmp_path, levels=("T12",)).surfaces) == ["T12"]
    assert read_subject(tmp_path) == "person-7"


def test_label_volume_in_the_place_of_a_mesh(tmp_path: Path):
    """An LPS file with unequal voxels and a turned direction gives RAS millimetres."""
    labels = np.zeros((20, 16, 12), dtype=np.uint8)  # planes, rows, columns
    labels[4:9, 2:8, 3:6] = 22
    labels[12:15, 0:3, 0:3] = 21
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((2.0, 1.0, 1.5))
    image.SetOrigin((30.0, -20.0, 100.0))
    image.SetDirection((0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0))
    sitk.WriteImage(image, str(tmp_path / "mask.nii.gz"))
    document: dict[str, Any] = {"format": "spinedart-truth/1", "subject": "s"}
    document["vertebrae"] = {level: {"volume": "mask.nii.gz"} for level in ("L2", "L3")}
    (tmp_path / "truth.json").write_text(json.dumps(document))
    surfaces = read_truth(tmp_path).surfaces
    vertices, faces = surfaces["L3"]
    assert open_edges(faces) == 0
    assert enclosed_volume(vertices, faces) == pytest.approx(3 * 6 * 5 * 3.0, rel=0.2)
    # Columns run along LPS y, rows along LPS x, planes down.
    columns, rows, planes = (2.5, 5.5), (1.5, 7.5), (3.5, 8.5)
    x, y, z = (
        (30 + row for row in rows),
        (-20 + 2 * column for column in columns),
        (100 - 1.5 * plane for plane in planes),
    )
    expected = [sorted(-value for value in x), sorted(-value for value in y), sorted(z)]
    np.testing.assert_allclose(np.stack([vertices.min(axis=0), vertices.max(axis=0)]).T, expected, atol=1e-4)
    assert open_edges(surfaces["L2"][1]) == 0  # though it touches the border of the volume


def test_mask_surface_of_a_single_voxel():
    vertices, faces = mask_to_mesh(np.ones((1, 1, 1), dtype=bool), np.eye(4))
    assert open_edges(faces) == 0
    assert np.abs(vertices).max() == pytest.approx(0.5)
    assert enclosed_volume(vertices, faces) > 0


@pytest.mark.parametrize(
    ("vertebrae", "message"),
    [
        ({"L9": {"mesh": "a.stl"}}, 'truth.json: vertebrae.L9: got "L9"; expected levels from T1 to L5'),
        ({"L3": {}}, 'vertebrae.L3: got {}; expected a "mesh" or a "volume"'),
        ({"L3": {"mesh": "a.stl"}}, "a.stl: got no such file; expected a mesh that exists"),
        ({"L3": {"volume": "a.nii"}}, "vertebrae.L3.volume: got a.nii; expected a label volume"),
        (
            {"L3": {"volume": "m.mha"}},
            "vertebrae.L3.volume: got m.mha; expected a 3-D label volume with L3 as VerSe label 22",
        ),
    ],
)
def test_truths_that_are_wrong(tmp_path: Path, vertebrae: dict[str, Any], message: str):
    sitk.WriteImage(sitk.GetImageFromArray(np.full((4, 4, 4), 21, np.uint8)), str(tmp_path / "m.mha"))
    document = {"format": "spinedart-truth/1", "subject": "s", "vertebrae": vertebrae}
    (tmp_path / "truth.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as raised:
        read_truth(tmp_path)
    assert message in str(raised.value)


def test_no_truth(tmp_path: Path):
    with pytest.raises(InputError, match=r"expected a truth folder with a truth\.json in it"):
        read_truth(tmp_path)


def test_shared_truths(shared_cases):
    truth = read_truth(shared_cases[0])
    for vertices, faces in truth.surfaces.values():
        assert 10e3 < enclosed_volume(vertices, faces) < 120e3
