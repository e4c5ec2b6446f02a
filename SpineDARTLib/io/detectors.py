"""Geometry files that say where source and detector stand, to a projection and back.

- Panel (as robotic rings such as Loop-X give it, for each projection): ``source_mm``, ``detector_centre_mm``,
  ``row_direction`` (along a row, from one column to the next), ``column_direction`` (along a column), ``pixel_size_mm``
  (between rows, between columns, or one number), ``rows``, ``columns``; ``coordinate_system`` must be said.
- ASTRA toolbox, ``cone_vec``: ``DetectorRowCount``, ``DetectorColCount``, ``Vectors`` of 12 numbers (source, detector's
  centre, step from pixel (0, 0) to (0, 1), to (1, 0)): astra-toolbox.com, "3D geometries".
- xreg (rg2/xreg, lib/transforms/xregPerspectiveXform.cpp, lib/file_formats/xregH5CamModelIO.cpp) and the DeepFluoro
  data set: ``intrinsic``, ``extrinsic``, ``num-rows``, ``num-cols``, ``row-spacing``, ``col-spacing``,
  ``cam-coord-frame-type``; the world is ITK's, LPS; pixels count from the first one's centre. As HDF5 where h5py is
  there, else as JSON.
- RTK (docs.openrtk.org, "3D circular projection geometry"): ThreeDCircularProjectionGeometry as XML.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from ..errors import InputError
from ..geometry.detector import detector_of_camera, projection_of_detector
from .cameras import Camera, explained
from .fields import Field
from .projections import LARGEST, Projection, Said, axes_of, distance_of, rigid_of, shape_of, spacing_of

MOST_BYTES = 16 << 20
"""Of an XML file: RTK writes about 500 bytes a projection."""

RTK_DEFAULTS = {
    "GantryAngle": 0.0, "OutOfPlaneAngle": 0.0, "InPlaneAngle": 0.0, "SourceOffsetX": 0.0, "SourceOffsetY": 0.0,
    "ProjectionOffsetX": 0.0, "ProjectionOffsetY": 0.0, "RadiusCylindricalDetector": 0.0,
}  # fmt: skip

XREG_FRAMES = ("origin-at-focal-pt-det-pos-z", "origin-at-focal-pt-det-neg-z", "origin-on-det")


def of_panel(item: Field) -> Projection:
    """A source and a detector panel."""
    shape, spacing = shape_of(item, "rows", "columns"), spacing_of(item, "pixel_size_mm")
    if shape is None or spacing is None:
        item.fail("rows, columns and pixel_size_mm", "not all of them")
    source, centre = item.child("source_mm").numbers(3), item.child("detector_centre_mm").numbers(3)
    along_row, along_column = (_unit(item.child(name)) for name in ("row_direction", "column_direction"))
    if abs(along_row @ along_column) > 1e-3:
        item.child("column_direction").fail("a direction at right angles to row_direction")
    column, row = spacing[1] * along_row, spacing[0] * along_column
    return _of_detector(item, source, centre, column, row, shape, axes_of(item))


def panel_of(camera: Camera, shape: tuple[int, int]) -> dict[str, object]:
    """A camera as a panel in RAS mm: the way back."""
    source, first, column, row = detector_of_camera(*camera[:2], camera[3])
    centre = first + column * (shape[1] - 1) / 2 + row * (shape[0] - 1) / 2
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    return {
        "coordinate_system": "RAS", "source_mm": source.tolist(), "detector_centre_mm": centre.tolist(),
        "row_direction": (column / lengths[1]).tolist(), "column_direction": (row / lengths[0]).tolist(),
        "pixel_size_mm": [float(length) for length in lengths], "rows": shape[0], "columns": shape[1],
    }  # fmt: skip


def of_astra(root: Field) -> dict[str, Projection]:
    """All projections of an ASTRA ``cone_vec`` geometry, by number."""
    shape = shape_of(root, "DetectorRowCount", "DetectorColCount")
    if shape is None:
        root.fail("DetectorRowCount and DetectorColCount", "neither")
    found = {}
    for number, item in enumerate(root.child("Vectors").items()):
        source, centre, column, row = item.numbers(12).reshape(4, 3)
        found[str(number)] = _of_detector(item, source, centre, column, row, shape, axes_of(root))
    return found


def _of_detector(
    item: Field, source: np.ndarray, centre: np.ndarray, column: np.ndarray, row: np.ndarray, shape: tuple[int, int],
    axes: str | None,
) -> Projection:  # fmt: skip
    first = centre - column * (shape[1] - 1) / 2 - row * (shape[0] - 1) / 2
    matrix = explained(item, lambda: projection_of_detector(source, first, column, row))
    normal = np.cross(column, row)
    distance = abs(float((centre - source) @ normal / np.linalg.norm(normal)))
    spacing = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    return Projection(item, matrix, axes, spacing, distance, shape)


def of_xreg(item: Field) -> Projection:
    """xreg's camera model, or DeepFluoro's ``proj-params``."""
    intrinsics = item.child("intrinsic").numbers(3, 3)
    world_to_camera = rigid_of(item.child("extrinsic"))
    said = item.optional("cam-coord-frame-type")
    frame = said.text(XREG_FRAMES) if said else XREG_FRAMES[1 if intrinsics[0, 0] < 0 else 0]
    if frame == XREG_FRAMES[1]:  # the detector lies at negative z: so does what is in front of the source
        intrinsics = -intrinsics
    if frame == XREG_FRAMES[2]:  # z counts from the detector towards the source
        focal = _xreg_focal(item, intrinsics)
        world_to_camera = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, focal], [0, 0, 0, 1]]) @ world_to_camera
    spacing = _xreg_spacing(item)
    distance = None if spacing is None else _xreg_focal(item, intrinsics)
    shape = shape_of(item, "num-rows", "num-cols")
    return Projection(item, intrinsics @ world_to_camera[:3], axes_of(item) or "LPS", spacing, distance, shape)


def xreg_of(camera: Camera, shape: tuple[int, int]) -> dict[str, object]:
    """A camera as xreg's model with the detector at positive z, LPS: the way back."""
    intrinsics, world_to_camera, spacing, _ = camera
    return {
        "cam-coord-frame-type": XREG_FRAMES[0], "intrinsic": intrinsics.tolist(),
        "extrinsic": (world_to_camera @ np.diag([-1.0, -1.0, 1.0, 1.0])).tolist(), "num-rows": shape[0],
        "num-cols": shape[1], "row-spacing": spacing[0], "col-spacing": spacing[1],
    }  # fmt: skip


def _xreg_spacing(item: Field) -> tuple[float, float] | None:
    """(between rows, between columns) mm under either name."""
    for prefix in ("", "pixel-"):
        rows, columns = distance_of(item, f"{prefix}row-spacing"), distance_of(item, f"{prefix}col-spacing")
        if rows and columns:
            return rows, columns
    return None


def _xreg_focal(item: Field, intrinsics: np.ndarray) -> float:
    """The focal length in mm as xreg has it, the mean of both directions."""
    spacing = _xreg_spacing(item)
    if spacing is None:
        item.fail("row-spacing and col-spacing", "not both")
    return float(abs(intrinsics[0, 0]) * spacing[1] + abs(intrinsics[1, 1]) * spacing[0]) / 2


def fields_of_hdf5(path: Path) -> dict[str, Field]:
    """The camera models of an HDF5 file of xreg or DeepFluoro, by the name of the group that holds them.

    Raises:
        InputError: unreadable, h5py is not there, or no camera model in it.
    """
    try:
        import h5py
    except ImportError:
        expected = "h5py beside it, or the same names and values as JSON"
        raise InputError(path, "", "an HDF5 file, which cannot be read without h5py", expected) from None
    found: dict[str, Field] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Group) and {"intrinsic", "extrinsic"} <= set(node):
            values = {key: _plain(node[key][()]) for key in node if isinstance(node[key], h5py.Dataset)}
            found[name or "0"] = Field(path, name, values)

    try:
        with h5py.File(path, "r") as file:
            visit("", file)
            file.visititems(visit)
    except OSError:
        raise InputError(path, "", "no HDF5 file, or a broken one", "a camera model of xreg") from None
    if not found:
        raise InputError(path, "", "no group with intrinsic and extrinsic", "a camera model of xreg or DeepFluoro")
    return found


def _plain(value: Any) -> Any:
    """An HDF5 value as JSON has it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    array = np.asarray(value)
    return array.reshape(-1)[0].item() if array.size == 1 else array.tolist()


def of_rtk(path: Path, said: Said) -> dict[str, Projection]:
    """The projections of RTK's XML file, by number; shape, spacing and axes are not in it.

    Raises:
        InputError: not such a file, a curved detector or parallel beams, a matrix that contradicts the parameters, or
            shape and spacing that nobody says.
    """
    root = _xml(path)
    shared = {child.tag: _number(path, child) for child in root if child.tag != "Projection"}
    if said.shape is None or said.pixel_spacing_mm is None:
        raise InputError(path, "", "neither size nor spacing of the pictures", "both beside an RTK file")
    height, width = said.shape
    rows, columns = said.pixel_spacing_mm
    # RTK's picture has its origin in the middle by default; from mm on the detector to pixels.
    to_pixels = np.array([[1 / columns, 0, (width - 1) / 2], [0, 1 / rows, (height - 1) / 2], [0, 0, 1]])
    found = {}
    for number, element in enumerate(root.iter("Projection")):
        own = {child.tag: _number(path, child) for child in element if child.tag != "Matrix"}
        values = {**RTK_DEFAULTS, **shared, **own}
        field = Field(path, f"Projection[{number}]", None)
        matrix = rtk_matrix(values, field)
        _check_rtk(matrix, element.find("Matrix"), field)
        distance = abs(values["SourceToDetectorDistance"])
        # What lies between source and detector has a negative last row in RTK.
        found[str(number)] = Projection(field, -to_pixels @ matrix, None, said.pixel_spacing_mm, distance, said.shape)
    if not found:
        raise InputError(path, "", "no Projection", "an RTK geometry with projections")
    return found


def rtk_matrix(values: dict[str, float], field: Field) -> np.ndarray:
    """RTK's projection matrix (3, 4), mm to mm on the detector, from its nine parameters."""
    for name in ("SourceToIsocenterDistance", "SourceToDetectorDistance"):
        if name not in values:
            field.fail(f"a {name}", "none")
    if values["RadiusCylindricalDetector"] or not values["SourceToDetectorDistance"]:
        field.fail("a flat detector and a point source", "a curved detector or parallel beams")
    angles = [-values[name] for name in ("InPlaneAngle", "OutOfPlaneAngle", "GantryAngle")]
    rotation = np.eye(4)
    rotation[:3, :3] = Rotation.from_euler("ZXY", angles, degrees=True).as_matrix()
    distance, x, y = values["SourceToDetectorDistance"], values["SourceOffsetX"], values["SourceOffsetY"]
    shift = np.array([[1, 0, x - values["ProjectionOffsetX"]], [0, 1, y - values["ProjectionOffsetY"]], [0, 0, 1]])
    magnify = np.array([[-distance, 0, 0, 0], [0, -distance, 0, 0], [0, 0, 1, -values["SourceToIsocenterDistance"]]])
    to_source = np.eye(4)
    to_source[:2, 3] = -x, -y
    return shift @ magnify @ to_source @ rotation


def _check_rtk(matrix: np.ndarray, element: ElementTree.Element | None, field: Field) -> None:
    """The matrix that the file has for information must be the one that its parameters make."""
    if element is None:
        return
    numbers = _floats(field.where, element)
    if len(numbers) != 12 or not np.allclose(np.reshape(numbers, (3, 4)), matrix, rtol=1e-4, atol=1e-2):
        field.fail("the matrix that the parameters make", "another Matrix")


def _xml(path: Path) -> ElementTree.Element:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(path, "", "a file too large for a geometry", "RTK's XML")
        data = path.read_bytes()
        if b"<!ENTITY" in data:  # entities can blow up a parser; RTK writes none
            raise InputError(path, "", "XML with entities", "RTK's XML")
        root = ElementTree.fromstring(data)
    except OSError as error:
        raise InputError(path, "", error.strerror or error, "a file that can be read") from None
    except ElementTree.ParseError:
        raise InputError(path, "", "broken XML", "RTK's XML") from None
    if root.tag != "RTKThreeDCircularGeometry":
        raise InputError(path, "", f"XML of {root.tag[:40]}", "RTKThreeDCircularGeometry")
    return root


def _number(path: Path, element: ElementTree.Element) -> float:
    numbers = _floats(path, element)
    if len(numbers) != 1:
        raise InputError(path, element.tag[:40], f"{len(numbers)} numbers", "one number")
    return numbers[0]


def _floats(path: Path, element: ElementTree.Element) -> list[float]:
    try:
        numbers = [float(word) for word in (element.text or "").split()]
    except ValueError:
        raise InputError(path, element.tag[:40], "a word", "numbers") from None
    if not all(abs(number) <= LARGEST for number in numbers):
        raise InputError(path, element.tag[:40], "a number that is not finite, or absurd", "finite numbers")
    return numbers


def _unit(field: Field) -> np.ndarray:
    vector = field.numbers(3)
    length = np.linalg.norm(vector)
    if length <= 0:
        field.fail("a direction")
    return vector / length
