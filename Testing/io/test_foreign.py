"""Other programs' parameters: to ours as their own code sees points, and back; every file is recognised or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.io.detectors import panel_of, xreg_of
from SpineDARTLib.io.drr_programs import deepdrr_of, diffdrr_of, nanodrr_of
from SpineDARTLib.io.foreign import read_geometry_file
from Testing.io.drr_oracles import DEEPDRR, DEEPDRR_SHARED, DIFFDRR, DIFFDRR_SHARED, NANODRR, POINTS_MM
from Testing.io.foreign_cameras import LPS, SHAPE, SPACING, assert_same, camera, file_of, seen


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
