"""Other programs' parameters: to ours as their own code sees points, and back; every file is recognised or refused."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.io.cameras import Camera
from SpineDARTLib.io.detectors import panel_of, xreg_of
from SpineDARTLib.io.drr_programs import deepdrr_of, diffdrr_of, nanodrr_of
from SpineDARTLib.io.foreign import read_geometry_file
from Testing.io.drr_oracles import DEEPDRR, DEEPDRR_SHARED, DIFFDRR, DIFFDRR_SHARED, NANODRR, POINTS_MM

SHAPE, SPACING = (300, 400), (0.5, 0.4)
LPS = np.diag([-1.0, -1.0, 1.0])


def camera(seed: int = 0, shape: tuple[int, int] = SHAPE, spacing: tuple[float, float] = SPACING, **how: Any) -> Camera:
    """An oblique camera with its axis off the middle and a roll."""
    generator = np.random.default_rng(seed)
    primary, secondary = generator.uniform([-80, -40], [80, 40])
    x, y, z = generator.uniform(-50, 50, 3)
    point = {"principal_point_px": (190.0, 160.0), "detector_rotation_deg": float(generator.uniform(-20, 20))}
    made = c_arm_camera(primary, secondary, 1020.0, 530.0, spacing, shape, (x, y, z), **{**point, **how})
    return *made, spacing, 1020.0


def seen(camera: Camera, mirrored_width: int | None = None) -> np.ndarray:
    """(u, v) of the points in the picture as the program stores it."""
    intrinsics, world_to_camera = camera[:2]
    points = intrinsics @ (world_to_camera @ np.c_[POINTS_MM, np.ones(3)].T)[:3]
    assert (points[2] > 0).all()
    pixels = (points[:2] / points[2]).T
    if mirrored_width:
        pixels[:, 0] = mirrored_width - 1 - pixels[:, 0]
    return pixels


def file_of(folder: Path, values: object, name: str = "cameras.json") -> Path:
    (folder / name).write_text(json.dumps(values))
    return folder / name


def assert_same(found: Camera, true: Camera) -> None:
    for one, other in zip(found, true, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("case", DIFFDRR)
def test_diffdrr_sees_the_points_where_its_own_code_does(case: dict[str, Any], tmp_path: Path):
    values = {key: value for key, value in {**DIFFDRR_SHARED, **case}.items() if key != "pixels"}
    found = read_geometry_file(file_of(tmp_path, {"program": "diffdrr", **values}), mirrored_ok=True)
    assert found.kind == "DiffDRR parameters"
    np.testing.assert_allclose(
        seen(found.cameras["0"], case["width"] if found.mirrored else None), case["pixels"], atol=1e-6
    )
    assert bool(found.mirrored) == ((case["orientation"] == "PA") == case["reverse_x_axis"])
    back = diffdrr_of(found.cameras["0"], (case["height"], case["width"]), case["orientation"], case["reverse_x_axis"])
    for key in ("rotation", "translation", "x0", "y0", "sdd"):
        np.testing.assert_allclose(back[key], values[key], atol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", NANODRR)
def test_nanodrr_sees_the_points_where_its_own_code_does(case: dict[str, Any], tmp_path: Path):
    values = {key: value for key, value in {**DIFFDRR_SHARED, **case}.items() if key != "pixels"}
    found = read_geometry_file(file_of(tmp_path, {"program": "nanodrr", **values}), mirrored_ok=True)
    assert found.kind == "nanodrr parameters"
    assert bool(found.mirrored) == (case["orientation"] == "PA")
    np.testing.assert_allclose(
        seen(found.cameras["0"], case["width"] if found.mirrored else None), case["pixels"], atol=1e-6
    )


@pytest.mark.parametrize("case", DEEPDRR)
def test_deepdrr_sees_the_points_where_its_own_code_does(case: dict[str, Any], tmp_path: Path):
    values = {key: value for key, value in {**DEEPDRR_SHARED, **case}.items() if key != "pixels"}
    found = read_geometry_file(file_of(tmp_path, values))
    assert found.kind == "DeepDRR C-arm"
    assert "face up" in found.notes[0]
    np.testing.assert_allclose(seen(found.cameras["0"]), np.array(case["pixels"]) - 0.5, atol=2e-4)


def test_deepdrr_patient_elsewhere_in_its_world(tmp_path: Path):
    """The same picture after patient and C-arm are moved together."""
    move = np.eye(4)
    move[:3, :3], move[:3, 3] = Rotation.from_euler("zyx", [20, -30, 50], degrees=True).as_matrix(), [100, 20, -7]
    face_up = np.eye(4)
    face_up[:3, :3] = [[0, 0, -1], [-1, 0, 0], [0, 1, 0]]  # anterior to +z, inferior to +x, left to +y
    values = {**DEEPDRR_SHARED, **{key: DEEPDRR[3][key] for key in ("alpha", "beta", "gamma", "isocenter")}}
    values |= {"world_from_device": move.tolist(), "world_from_anatomical": {"data": (move @ face_up).tolist()}}
    found = read_geometry_file(file_of(tmp_path, values))
    np.testing.assert_allclose(seen(found.cameras["0"]), np.array(DEEPDRR[3]["pixels"]) - 0.5, atol=2e-4)
    assert not found.notes


@pytest.mark.parametrize("seed", range(4))
def test_round_trips(seed: int, tmp_path: Path):
    true = camera(seed)
    for values in (
        panel_of(true, SHAPE), xreg_of(true, SHAPE), nanodrr_of(true, SHAPE), diffdrr_of(true, SHAPE),
        nanodrr_of(true, SHAPE, "none"), nanodrr_of(true, SHAPE, "PA"), diffdrr_of(true, SHAPE, "PA"),
        diffdrr_of(true, SHAPE, "AP", False), diffdrr_of(true, SHAPE, "PA", False),
    ):  # fmt: skip
        found = read_geometry_file(file_of(tmp_path, values), SHAPE, mirrored_ok=True)
        assert_same(found.cameras["0"], true)
    square = camera(seed, spacing=(0.5, 0.5), principal_point_px=None)
    found = read_geometry_file(file_of(tmp_path, deepdrr_of(square, SHAPE, 530.0)), SHAPE)
    assert_same(found.cameras["0"], square)


def test_views_by_name_share_what_they_do_not_say(tmp_path: Path):
    cameras = {name: camera(seed) for seed, name in enumerate(("AP", "LAT"))}
    views = {name: nanodrr_of(one, SHAPE) for name, one in cameras.items()}
    shared = {key: views["AP"][key] for key in ("program", "orientation", "height", "width", "sdd", "delx", "dely")}
    own = {name: {key: value for key, value in view.items() if key not in shared} for name, view in views.items()}
    found = read_geometry_file(file_of(tmp_path, {**shared, "views": own}), SHAPE)
    assert list(found.cameras) == ["AP", "LAT"]
    listed = [{"name": name, **view} for name, view in own.items()]
    again = read_geometry_file(file_of(tmp_path, {**shared, "projections": listed}), SHAPE)
    for name, true in cameras.items():
        assert_same(found.cameras[name], true)
        assert_same(again.cameras[name], true)


def test_batches_of_poses(tmp_path: Path):
    cameras = [camera(seed) for seed in range(3)]
    values = [nanodrr_of(one, SHAPE) for one in cameras]
    batch = {**values[0], "rotations": [one["rotation"] for one in values],
             "translations": [one["translation"] for one in values]}  # fmt: skip
    found = read_geometry_file(file_of(tmp_path, batch), SHAPE)
    for number, true in enumerate(cameras):
        assert_same(found.cameras[str(number)], true)
    with pytest.raises(InputError, match="got 1 translations; expected 3 of them"):
        read_geometry_file(file_of(tmp_path, {**batch, "translations": [[0, 0, 0]]}), SHAPE)


def test_a_panel_by_hand(tmp_path: Path):
    """Source behind the back, detector before the chest, seen from the source: the right is on the right."""
    panel = {
        "coordinate_system": "LPS", "source_mm": [0, 600, 10], "detector_centre_mm": [0, -400, 10], "rows": 101,
        "columns": 201, "pixel_size_mm": [0.5, 0.4], "row_direction": [-1, 0, 0], "column_direction": [0, 0, -2],
    }  # fmt: skip
    found = read_geometry_file(file_of(tmp_path, panel))
    assert not found.mirrored
    assert_same(found.cameras["0"], (*c_arm_camera(0.0, 0.0, 1000.0, 600.0, (0.5, 0.4), (101, 201), (0.0, 0.0, 10.0)),
                                     (0.5, 0.4), 1000.0))  # fmt: skip
    from_detector = file_of(tmp_path, {**panel, "row_direction": [1, 0, 0]})
    with pytest.raises(InputError, match=r"got a mirrored picture .*; expected a picture as the source sees it"):
        read_geometry_file(from_detector)
    turned = read_geometry_file(from_detector, mirrored_ok=True)
    assert turned.mirrored == {"0"}
    assert "seen from the detector's side" in turned.notes[0]
    assert_same(turned.cameras["0"], found.cameras["0"])


def test_astra(tmp_path: Path):
    panel = panel_of(camera(1), SHAPE)
    column = np.array(panel["row_direction"]) * SPACING[1]
    row = np.array(panel["column_direction"]) * SPACING[0]
    vectors = [*panel["source_mm"], *panel["detector_centre_mm"], *column, *row]  # type: ignore[misc]
    values = {"DetectorRowCount": SHAPE[0], "DetectorColCount": SHAPE[1], "Vectors": [vectors]}
    path = file_of(tmp_path, values)
    found = read_geometry_file(path, coordinate_system="RAS")
    assert found.kind == "ASTRA cone_vec"
    assert_same(found.cameras["0"], camera(1))
    with pytest.raises(
        InputError, match=r'Vectors\[0\]: got no coordinate system; expected a coordinate_system, "RAS"'
    ):
        read_geometry_file(path)


def test_xreg_with_the_detector_at_negative_z(tmp_path: Path):
    """As Cios Fusion's and DeepFluoro's: focal lengths below 0; what is in front has a negative z."""
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ LPS
    world_to_camera[:3, 3] = [5.0, -6.0, -530.0]
    intrinsics = np.array([[-1020 / 0.4, 0, 199.5], [0, -1020 / 0.5, 149.5], [0, 0, 1]])
    values = {
        "intrinsic": intrinsics.tolist(), "extrinsic": world_to_camera.tolist(), "num-rows": 300, "num-cols": 400,
        "pixel-row-spacing": 0.5, "pixel-col-spacing": 0.4,
    }  # fmt: skip
    points = intrinsics @ (world_to_camera @ np.c_[np.array(POINTS_MM) @ LPS, np.ones(3)].T)[:3]
    found = read_geometry_file(file_of(tmp_path, values), mirrored_ok=True)
    assert found.kind == "xreg camera model"
    assert found.mirrored == {"0"}
    np.testing.assert_allclose(seen(found.cameras["0"], 400), (points[:2] / points[2]).T, atol=1e-6)
    assert "LPS" in found.notes[0]
    assert found.cameras["0"][3] == pytest.approx(1020.0)


def test_xreg_with_its_origin_on_the_detector(tmp_path: Path):
    """z counts from the detector to the source: phys_pt_to_ind_pt turns it over."""
    values = xreg_of(camera(2), SHAPE)
    flip = np.array([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 1020.0], [0, 0, 0, 1]])
    extrinsic = flip @ np.array(values["extrinsic"])
    values |= {"cam-coord-frame-type": "origin-on-det", "extrinsic": extrinsic.tolist()}
    intrinsics = np.array(values["intrinsic"])
    inside = (extrinsic @ np.c_[np.array(POINTS_MM) @ LPS, np.ones(3)].T)[:3]
    inside[2] = 1020.0 - inside[2]
    points = intrinsics @ inside
    found = read_geometry_file(file_of(tmp_path, values), mirrored_ok=True)
    np.testing.assert_allclose(seen(found.cameras["0"], SHAPE[1]), (points[:2] / points[2]).T, atol=1e-6)


def test_xreg_hdf5(tmp_path: Path):
    path = tmp_path / "cam.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    try:
        import h5py
    except ImportError:
        with pytest.raises(InputError, match=r"cannot be read without h5py; expected h5py beside it, or .* as JSON"):
            read_geometry_file(path)
        return
    with pytest.raises(InputError, match="no HDF5 file, or a broken one"):
        read_geometry_file(path)
    with h5py.File(path, "w") as file:
        group = file.create_group("proj-params")
        for key, value in xreg_of(camera(3), SHAPE).items():
            group[key] = value
    assert_same(read_geometry_file(path).cameras["proj-params"], camera(3))


RTK = """<?xml version="1.0"?>
<!DOCTYPE RTKGEOMETRY>
<RTKThreeDCircularGeometry version="3">
  <SourceToIsocenterDistance>1000</SourceToIsocenterDistance>
  <SourceToDetectorDistance>1536</SourceToDetectorDistance>
  <Projection>
    <GantryAngle>271.847274780273</GantryAngle>
    <ProjectionOffsetX>-117.056503295898</ProjectionOffsetX>
    <ProjectionOffsetY>-1.01195001602173</ProjectionOffsetY>
    <Matrix>
          -166.5093078829                   0   -1531.42837748039   -117056.503295898
        -1.01142410874151               -1536  0.0326206557691505   -1011.95001602173
       -0.999480303105996                   0  0.0322354417240802               -1000
    </Matrix>
  </Projection>
  {more}
</RTKThreeDCircularGeometry>
"""
"""The example of RTK's documentation (Geometry.md): parameters and the matrix that RTK made of them."""

DETECTOR: dict[str, Any] = {"shape": (385, 513), "pixel_spacing_mm": (0.776, 0.7), "coordinate_system": "LPS"}


def test_rtk_makes_the_matrix_that_rtk_made(tmp_path: Path):
    path = tmp_path / "geometry.xml"
    path.write_text(RTK.format(more=""))
    found = read_geometry_file(path, mirrored_ok=True, **DETECTOR)
    matrix = np.array([float(word) for word in RTK.split("<Matrix>")[1].split("</Matrix>")[0].split()]).reshape(3, 4)
    points = matrix @ np.c_[np.array(POINTS_MM) @ LPS, np.ones(3)].T
    millimetres = (points[:2] / points[2]).T
    pixels = millimetres / [0.7, 0.776] + [256, 192]
    np.testing.assert_allclose(seen(found.cameras["0"], 513 if found.mirrored else None), pixels, atol=1e-6)
    assert found.cameras["0"][3] == 1536.0


def test_rtk_source_stands_where_its_parameters_say(tmp_path: Path):
    """In the detector's axes the source is at (offset x, offset y, distance), and the angles turn about z, x, y."""
    more = """<Projection><GantryAngle>30</GantryAngle><OutOfPlaneAngle>10</OutOfPlaneAngle>
    <InPlaneAngle>5</InPlaneAngle><SourceOffsetX>7</SourceOffsetX><SourceOffsetY>-3</SourceOffsetY></Projection>"""
    path = tmp_path / "geometry.xml"
    path.write_text(RTK.format(more=more))
    world_to_camera = read_geometry_file(path, mirrored_ok=True, **DETECTOR).cameras["1"][1]
    source = -world_to_camera[:3, :3].T @ world_to_camera[:3, 3]
    turn = Rotation.from_euler("Y", 30, degrees=True) * Rotation.from_euler("XZ", [10, 5], degrees=True)
    np.testing.assert_allclose(source @ LPS, turn.apply([7.0, -3.0, 1000.0]), atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("271.847", "91.847", "got another Matrix; expected the matrix that the parameters make"),
        ("<SourceToDetectorDistance>1536<", "<SourceToDetectorDistance>0<", "got a curved detector or parallel beams"),
        ("<GantryAngle>271.847274780273<", "<GantryAngle>east<", "GantryAngle: got a word; expected numbers"),
        ("<GantryAngle>271.847274780273<", "<GantryAngle>nan<", "GantryAngle: got a number that is not finite"),
        ("</RTKThreeDCircularGeometry>", "", "got broken XML"),
        ("<!DOCTYPE RTKGEOMETRY>", '<!DOCTYPE RTKGEOMETRY [<!ENTITY a "b">]>', "got XML with entities"),
        ("RTKThreeDCircularGeometry", "Other", "got XML of Other; expected RTKThreeDCircularGeometry"),
        ("Projection>", "View>", "View: got 0 numbers; expected one number"),
        ("SourceToIsocenterDistance>", "Distance>", "expected a SourceToIsocenterDistance"),
    ],
)
def test_rtk_files_that_are_wrong(old: str, new: str, message: str, tmp_path: Path):
    path = tmp_path / "geometry.xml"
    path.write_text(RTK.format(more="").replace(old, new))
    with pytest.raises(InputError, match=message):
        read_geometry_file(path, mirrored_ok=True, **DETECTOR)


def test_rtk_needs_the_pictures(tmp_path: Path):
    path = tmp_path / "geometry.xml"
    path.write_text(RTK.format(more=""))
    with pytest.raises(InputError, match="got neither size nor spacing"):
        read_geometry_file(path, coordinate_system="LPS")


NANO = nanodrr_of(camera(0), SHAPE)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**NANO, "program": None}, '"program": "diffdrr" or "nanodrr", whose parameters have the same names'),
        ({**NANO, "program": "itk"}, 'program: got itk; expected one of "nanodrr", "diffdrr"'),
        ({**NANO, "program": "xreg"}, "expected projection_matrix, intrinsics and extrinsics, or the parameters of"),
        ({"a": 1}, "expected projection_matrix, intrinsics and extrinsics, or the parameters of a known program"),
        ({**NANO, "rotation": [1, 2]}, "rotation: got .*; expected 3 finite numbers"),
        ({**NANO, "sdd": -5}, "sdd: got -5; expected a number above 1e-06"),
        ({**NANO, "orientation": "LAT"}, 'orientation: got LAT; expected one of "AP", "PA"'),
        ({**NANO, "height": 512}, "got 512 rows x 400 columns; expected those of the picture, 300 x 400"),
        ({**NANO, "x0": 9000.0}, "got a principal point of"),
        ({**diffdrr_of(camera(0), SHAPE), "convention": "ZZX"}, 'got ZZX; expected three letters of X, Y and Z'),
        ({**diffdrr_of(camera(0), SHAPE), "degrees": "yes"}, "degrees: got yes; expected true or false"),
        ({**panel_of(camera(0), SHAPE), "coordinate_system": "IEC"}, 'expected one of "RAS", "LPS"'),
        ({**panel_of(camera(0), SHAPE), "column_direction": [1, 1, 0]}, "a direction at right angles to row_direction"),
        ({**panel_of(camera(0), SHAPE), "row_direction": [0, 0, 0]}, "row_direction: .*; expected a direction"),
        ({**panel_of(camera(0), SHAPE), "pixel_size_mm": 0}, "expected lengths above 0"),
        ({**xreg_of(camera(0), SHAPE), "cam-coord-frame-type": "up"}, 'expected one of "origin-at-focal-pt-det-pos-z"'),
        ({"views": [{"name": "AP", **NANO}] * 2}, "views: got the same name twice"),
        ({"views": []}, "expected"),
        ({"views": 3}, "views: got 3; expected an array"),
    ],
)  # fmt: skip
def test_files_that_are_refused(values: dict[str, Any], message: str, tmp_path: Path):
    with pytest.raises(InputError, match=message):
        read_geometry_file(file_of(tmp_path, values), SHAPE)


def test_c_arm_angles_of_a_case(tmp_path: Path):
    c_arm = {
        "primary_deg": 30, "secondary_deg": 5, "source_to_detector_mm": 1020, "source_to_isocentre_mm": 530,
        "pixel_spacing_mm": SPACING, "image_flip_horizontal": True,
    }  # fmt: skip
    path = file_of(tmp_path, {"geometry": {"c_arm": c_arm}})
    found = read_geometry_file(path, SHAPE, mirrored_ok=True)
    assert (found.kind, found.mirrored) == ("C-arm angles", {"0"})
    np.testing.assert_allclose(found.cameras["0"][1], c_arm_camera(30.0, 5.0, 1020.0, 530.0, SPACING, SHAPE)[1])
    with pytest.raises(InputError, match="mirrored picture"):
        read_geometry_file(path, SHAPE)


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key)
        yield from paths_in(member, (*path, key))


JUNK = (None, True, "", -1, 0, 1e300, 1e-300, [], {}, [1], [[1, 2, 3]] * 3, 10**400, {"data": [1]}, 3.5)


def test_damaged_files_are_refused_or_make_finite_cameras(tmp_path: Path):
    generator = random.Random(0)
    square = camera(1, spacing=(0.5, 0.5), principal_point_px=None)
    good = [panel_of(square, SHAPE), xreg_of(square, SHAPE), nanodrr_of(square, SHAPE), diffdrr_of(square, SHAPE),
            deepdrr_of(square, SHAPE, 530.0), {"views": [xreg_of(square, SHAPE)]}]  # fmt: skip
    refused = 0
    for _ in range(120):
        values = copy.deepcopy(generator.choice(good))
        *way, last = generator.choice(list(paths_in(values)))
        holder: Any = values
        for key in way:
            holder = holder[key]
        holder[last] = copy.deepcopy(generator.choice(JUNK))
        try:
            found = read_geometry_file(file_of(tmp_path, values), SHAPE, mirrored_ok=True)
        except InputError:
            refused += 1
        else:
            assert all(np.isfinite(part).all() for camera in found.cameras.values() for part in camera)
    assert 80 < refused < 120
