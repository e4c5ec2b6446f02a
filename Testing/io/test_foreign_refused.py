"""RTK's files, and files of any program that are wrong or damaged: refused by name, or cameras of finite numbers."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
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
from Testing.io.drr_oracles import POINTS_MM
from Testing.io.foreign_cameras import LPS, SHAPE, SPACING, camera, file_of, seen

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
