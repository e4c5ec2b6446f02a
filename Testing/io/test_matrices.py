"""Projection matrices and intrinsics with extrinsics from text, JSON and NumPy: any scale, sign and axes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.geometry.detector import mirror
from SpineDARTLib.io.cameras import Camera
from SpineDARTLib.io.foreign import read_geometry_file

SHAPE, SPACING = (300, 400), (0.5, 0.4)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SAID: dict[str, Any] = {"coordinate_system": "RAS", "source_to_detector_mm": 1020.0}


def camera(primary_deg: float, secondary_deg: float, roll_deg: float = 0.0) -> Camera:
    made = c_arm_camera(
        primary_deg, secondary_deg, 1020.0, 530.0, SPACING, SHAPE, (40.0, -300.0, 900.0),
        detector_rotation_deg=roll_deg, principal_point_px=(180.0, 140.0),
    )  # fmt: skip
    return *made, SPACING, 1020.0


CAMERAS = (camera(10.0, -5.0, 7.0), camera(95.0, 12.0, -20.0))


def matrix_of(camera: Camera) -> np.ndarray:
    return camera[0] @ camera[1][:3]


def assert_same(found: Camera, true: Camera) -> None:
    for one, other in zip(found, true, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, [0, 0, 0, 1]])


def lines(matrix: np.ndarray) -> str:
    return "\n".join(" ".join(repr(float(number)) for number in row) for row in matrix)


WRITERS: dict[str, Callable[[Path, list[np.ndarray]], Path]] = {}


def writer(name: str) -> Callable[[Callable[[list[np.ndarray]], str]], None]:
    def register(text_of: Callable[[list[np.ndarray]], str]) -> None:
        def write(folder: Path, matrices: list[np.ndarray]) -> Path:
            (folder / name).write_text(text_of(matrices))
            return folder / name

        WRITERS[name] = write

    return register


writer("three lines.txt")(lambda matrices: "# made by hand\n" + "\n\n".join(lines(matrix) for matrix in matrices))
writer("four lines.txt")(lambda matrices: "\n".join(lines(square(matrix)) for matrix in matrices))
writer("twelve.csv")(lambda matrices: "\n".join(",".join(map(str, matrix.ravel())) for matrix in matrices))
writer("brackets.txt")(lambda matrices: "\n".join(str(matrix.tolist()) for matrix in matrices))
writer("bare.json")(lambda matrices: json.dumps([matrix.tolist() for matrix in matrices]))
writer("named.json")(
    lambda matrices: json.dumps({"views": {str(i): {"projection_matrix": m.tolist()} for i, m in enumerate(matrices)}})
)
writer("names.json")(lambda matrices: json.dumps({str(index): m.tolist() for index, m in enumerate(matrices)}))
writer("square.json")(
    lambda matrices: json.dumps({"views": [{"projection_matrix": square(matrix).tolist()} for matrix in matrices]})
)


def write_stack(folder: Path, matrices: list[np.ndarray]) -> Path:
    np.save(folder / "stack.npy", np.stack(matrices))
    return folder / "stack.npy"


def write_names(folder: Path, matrices: list[np.ndarray]) -> Path:
    np.savez(folder / "named.npz", **{str(index): matrix for index, matrix in enumerate(matrices)})
    return folder / "named.npz"


WRITERS |= {"stack.npy": write_stack, "named.npz": write_names}


@pytest.mark.parametrize("factors", [(1.0, 1.0), (-1.0, 1.0), (1e-5, -3e4)])
@pytest.mark.parametrize("name", WRITERS)
def test_every_file_at_every_scale_and_sign(name: str, factors: tuple[float, float], tmp_path: Path):
    matrices = [factor * matrix_of(one) for factor, one in zip(factors, CAMERAS, strict=True)]
    found = read_geometry_file(WRITERS[name](tmp_path, matrices), SHAPE, **SAID)
    assert found.kind == "projection matrices"
    assert not found.mirrored
    for number, true in enumerate(CAMERAS):
        assert_same(found.cameras[str(number)], true)


def test_axes_must_be_said_and_are_turned(tmp_path: Path):
    path = write_stack(tmp_path, [matrix_of(one) @ LPS for one in CAMERAS])
    found = read_geometry_file(path, SHAPE, coordinate_system="LPS", pixel_spacing_mm=SPACING)
    assert_same(found.cameras["1"], CAMERAS[1])
    with pytest.raises(InputError, match='got no coordinate system; expected a coordinate_system, "RAS" or "LPS"'):
        read_geometry_file(path, SHAPE, pixel_spacing_mm=SPACING)


def test_spacing_and_distance_follow_from_each_other(tmp_path: Path):
    path = write_stack(tmp_path, [matrix_of(one) for one in CAMERAS])
    for said in ({"pixel_spacing_mm": SPACING}, {"source_to_detector_mm": 1020.0}):
        found = read_geometry_file(path, SHAPE, coordinate_system="RAS", **said)  # type: ignore[arg-type]
        assert_same(found.cameras["0"], CAMERAS[0])
    with pytest.raises(InputError, match="got neither; expected pixel_spacing_mm or source_to_detector_mm"):
        read_geometry_file(path, SHAPE, coordinate_system="RAS")
    with pytest.raises(InputError, match="horizontal focal length"):
        read_geometry_file(path, SHAPE, pixel_spacing_mm=(0.5, 0.5), **SAID)


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_mirrored_pictures_are_found_by_where_the_beams_meet(factor: float, tmp_path: Path):
    """World far from the origin: the sign that puts the patient in front tells the mirror, whatever the file's."""
    matrices = [matrix_of(CAMERAS[0]), factor * mirror(SHAPE[1]) @ matrix_of(CAMERAS[1])]
    path = write_stack(tmp_path, matrices)
    found = read_geometry_file(path, SHAPE, mirrored_ok=True, **SAID)
    assert found.mirrored == {"1"}
    assert "the picture of 1 is seen from the detector's side" in found.notes[0]
    for number, true in enumerate(CAMERAS):
        assert_same(found.cameras[str(number)], true)
    with pytest.raises(InputError, match="got a mirrored picture"):
        read_geometry_file(path, SHAPE, **SAID)
    with pytest.raises(InputError, match="got a mirrored picture of unknown width; expected its number of columns"):
        read_geometry_file(path, mirrored_ok=True, **SAID)


def test_one_matrix_alone_is_taken_for_not_mirrored_and_that_is_said(tmp_path: Path):
    found = read_geometry_file(write_stack(tmp_path, [-2.0 * matrix_of(CAMERAS[0])]), SHAPE, **SAID)
    assert_same(found.cameras["0"], CAMERAS[0])
    assert "does not tell whether its picture is mirrored" in found.notes[0]


def parts(camera: Camera, **values: Any) -> dict[str, Any]:
    return {"intrinsics": camera[0].tolist(), "coordinate_system": "RAS", "pixel_spacing_mm": SPACING, **values}


@pytest.mark.parametrize(
    "extrinsics",
    [
        lambda pose: {"world_to_camera": pose.tolist()},
        lambda pose: {"world_to_camera": pose[:3].tolist()},
        lambda pose: {"camera_to_world": np.linalg.inv(pose).tolist()},
        lambda pose: {"R": pose[:3, :3].tolist(), "t": pose[:3, 3].tolist()},
        lambda pose: {"R": pose[:3, :3].tolist(), "t": pose[:3, 3:].tolist()},
    ],
)
def test_intrinsics_and_extrinsics(extrinsics: Callable[[np.ndarray], dict[str, Any]], tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(parts(CAMERAS[1], **extrinsics(CAMERAS[1][1]))))
    assert_same(read_geometry_file(path, SHAPE).cameras["0"], CAMERAS[1])


POSE = CAMERAS[0][1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (parts(CAMERAS[0]), "got none or several of them; expected one of world_to_camera"),
        (parts(CAMERAS[0], world_to_camera=POSE.tolist(), R=[]), "got none or several"),
        (parts(CAMERAS[0], world_to_camera=(2 * POSE).tolist()), "got a matrix that scales, skews"),
        (parts(CAMERAS[0], world_to_camera=(np.diag([-1, 1, 1, 1]) @ POSE).tolist()), "scales, skews or mirrors"),
        (parts(CAMERAS[0], R=POSE[:3, :3].tolist(), t=[1, 2]), "t: got .*; expected 3 finite numbers"),
        (parts(CAMERAS[0], R=POSE[:3, :3].tolist()), "t: got nothing"),
        ({**parts(CAMERAS[0], R=1), "world_to_camera": None, "intrinsics": (-CAMERAS[0][0]).tolist()}, "positive"),
        ({**parts(CAMERAS[0], world_to_camera=POSE.tolist()), "height": 512, "width": 512}, "512 rows x 512 columns"),
        ({"projection_matrix": [[1, 2, 3, 4]] * 3, **parts(CAMERAS[0])}, "got a matrix of rank below 3"),
    ],
)  # fmt: skip
def test_json_that_is_refused(values: dict[str, Any], message: str, tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=message):
        read_geometry_file(path, SHAPE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "got no numbers; expected lines of 4, 12 or 16 numbers"),
        ("a.txt", b"1 2 3\n", "got lines of 3 numbers"),
        ("a.txt", b"1 2 3 4\n5 6 7 8\n", "got 2 lines of 4 numbers; expected 3 lines a matrix"),
        ("a.txt", b"Name: Smith\n", "line 1: got a word; expected numbers"),
        ("a.txt", b"1 2 3 inf\n", "line 1: got a number that is not finite"),
        ("a.txt", b"\xff\xfe\x00\x01", "got bytes that are no text"),
        ("a.txt", b"1 2 3 4\n" * 30000, "got more than 65536 numbers"),
        ("a.npy", b"\x93NUMPY\x01\x00", "expected a NumPy file of numbers"),
        ("a.npz", b"PK\x03\x04broken", "expected a NumPy file of numbers"),
        ("a.json", b"[[1, 2], [3, 4]]", "expected"),
        ("a.json", b"[", "expected valid JSON"),
        ("a.json", b"[]", "expected"),
        ("a.json", b'{"views": ' + b"[" * 900 + b"1" + b"]" * 900 + b"}", "nested too deeply"),
        ("a.json", b'["AP"]', "expected"),
    ],
)
def test_files_that_are_refused(name: str, content: bytes, message: str, tmp_path: Path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_geometry_file(tmp_path / name, SHAPE, **SAID)
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.eye(3), r"got an array of shape \(3, 3\); expected \(3, 4\), \(4, 4\) or a stack"),
        (np.full((3, 4), np.nan), "not finite"),
        (np.zeros((0, 3, 4)), "empty"),
        (np.array(["a"] * 12).reshape(3, 4), "an array of shape"),
        (np.stack([matrix_of(CAMERAS[0])] * 2), "got matrices with parallel beams; expected beams that cross"),
    ],
)
def test_arrays_that_are_refused(array: np.ndarray, message: str, tmp_path: Path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=message):
        read_geometry_file(tmp_path / "a.npy", SHAPE, **SAID)


def test_pickles_are_not_opened(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="without pickles"):
        read_geometry_file(tmp_path / "a.npy", SHAPE, **SAID)


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.npy", "a.xml", "a.h5"])
def test_files_that_are_not_there(name: str, tmp_path: Path):
    with pytest.raises(InputError, match=name):
        read_geometry_file(tmp_path / name, SHAPE, **SAID)
