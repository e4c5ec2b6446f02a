"""Surfaces from and to files: STL, PLY, OBJ and VTK, as (vertices, faces) in RAS mm."""

from __future__ import annotations

import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError

Mesh = tuple[np.ndarray, np.ndarray]
"""vertices (n, 3) RAS mm float64; faces (f, 3) vertex indices int64."""

HEADER = "SpineDART, not for clinical use. SPACE=RAS"
"""3D Slicer takes a mesh that does not say SPACE=RAS to be LPS."""

READERS = {
    ".stl": "vtkIOGeometry.vtkSTLReader", ".ply": "vtkIOPLY.vtkPLYReader", ".obj": "vtkIOGeometry.vtkOBJReader",
    ".vtk": "vtkIOLegacy.vtkPolyDataReader", ".vtp": "vtkIOXML.vtkXMLPolyDataReader",
}  # fmt: skip
WRITERS = {
    ".stl": "vtkIOGeometry.vtkSTLWriter", ".ply": "vtkIOPLY.vtkPLYWriter", ".obj": "vtkIOGeometry.vtkOBJWriter",
    ".vtk": "vtkIOLegacy.vtkPolyDataWriter",
}  # fmt: skip
"""By VTK's own modules: to import all of VTK takes a second."""


def read_mesh(path: Path | str) -> Mesh:
    """A surface of triangles, coincident vertices merged, oriented as in the file.

    RAS unless the file's header says SPACE=LPS, as 3D Slicer's do.

    Raises:
        InputError: missing, unknown kind, unreadable, no triangles, or coordinates that are not finite.
    """
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersCore import vtkCleanPolyData, vtkTriangleFilter

    path = Path(path)
    if not path.is_file():
        raise InputError(path, "", "no such file", "a mesh that exists")
    name = READERS.get(path.suffix.lower())
    if name is None:
        raise InputError(path, "", f'a mesh of kind "{path.suffix}"', "one of " + ", ".join(READERS))
    reader, complaints = _quiet(name)
    reader.SetFileName(str(path))
    if path.suffix.lower() == ".stl":
        _check_stl_length(path)
    elif path.suffix.lower() == ".ply":
        _check_ply_length(path)
    triangles, cleaner = vtkTriangleFilter(), vtkCleanPolyData()
    triangles.PassLinesOff()
    triangles.PassVertsOff()
    triangles.SetInputConnection(reader.GetOutputPort())
    cleaner.SetInputConnection(triangles.GetOutputPort())
    cleaner.SetTolerance(0.0)
    cleaner.ConvertPolysToLinesOff()
    cleaner.Update()
    data = cleaner.GetOutput()
    if complaints or data.GetNumberOfPolys() == 0:
        raise InputError(path, "", complaints[0] if complaints else "no triangles", "a readable surface of triangles")
    vertices = vtk_to_numpy(data.GetPoints().GetData()).astype(np.float64)
    faces = vtk_to_numpy(data.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    if not np.isfinite(vertices).all():
        raise InputError(path, "", "a vertex that is not finite", "finite coordinates in mm")
    # A triangle that lost a corner to its neighbour in the merge is none.
    different = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    if "SPACE=LPS" in _header(reader, data):
        vertices = vertices * (-1.0, -1.0, 1.0)
    return vertices, faces[different]


def write_mesh(path: Path | str, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Write a surface (STL and PLY in binary) under a temporary name and rename it.

    Args:
        vertices: (n, 3) RAS mm.
        faces: (f, 3).

    Raises:
        InputError: unknown kind, or the folder cannot be written.
    """
    path = Path(path)
    name = WRITERS.get(path.suffix.lower())
    if name is None:
        raise InputError(path, "", f'a mesh of kind "{path.suffix}"', "one of " + ", ".join(WRITERS))
    writer, complaints = _quiet(name)
    writer.SetInputData(to_polydata(vertices, faces))
    if path.suffix.lower() in (".stl", ".ply"):
        writer.SetFileTypeToBinary()
    for method in ("SetHeader", "AddComment"):
        if hasattr(writer, method):
            getattr(writer, method)(HEADER)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise InputError(path, "", error.strerror or error, "a file that can be written") from None
    try:
        writer.SetFileName(temporary)
        if not writer.Write() or complaints:
            raise InputError(path, "", complaints[0] if complaints else "an error of the disk", "room to write a mesh")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def to_polydata(vertices: np.ndarray, faces: np.ndarray) -> Any:
    """(n, 3) vertices and (f, 3) faces as a vtkPolyData of its own memory."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    points, cells, data = vtkPoints(), vtkCellArray(), vtkPolyData()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(vertices, dtype=np.float64), deep=True))
    connectivity = np.ascontiguousarray(faces, dtype=np.int64).reshape(-1)
    offsets = np.arange(0, len(connectivity) + 1, 3, dtype=np.int64)
    cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(connectivity, deep=True))
    data.SetPoints(points)
    data.SetPolys(cells)
    return data


def outward(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces (f, 3) of a closed surface, turned where needed so that normals point outwards."""
    return faces if enclosed_volume(vertices, faces) >= 0 else np.ascontiguousarray(faces[:, ::-1])


def enclosed_volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Signed volume in mm3: positive where normals point outwards."""
    corners = vertices[faces] - vertices.mean(axis=0)
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))) / 6.0


def open_edges(faces: np.ndarray) -> int:
    """How many edges do not belong to exactly two triangles: 0 for a closed surface."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return int((np.unique(edges, axis=0, return_counts=True)[1] != 2).sum())


def _quiet(name: str) -> tuple[Any, list[str]]:
    """VTK's algorithm of this name with its complaints gathered in a list instead of printed."""
    module, kind = name.split(".")
    algorithm = getattr(import_module(f"vtkmodules.{module}"), kind)()
    complaints: list[str] = []

    def gather(_caller: Any, _event: str, text: str = "") -> None:
        complaints.append(text.strip().splitlines()[-1] if text.strip() else "an error")

    gather.CallDataType = "string0"  # type: ignore[attr-defined]
    algorithm.AddObserver("ErrorEvent", gather)
    algorithm.AddObserver("WarningEvent", lambda *_: None)
    # The executive repeats in its own name that the algorithm failed.
    algorithm.GetExecutive().AddObserver("ErrorEvent", lambda *_: None)
    return algorithm, complaints


PLY_SIZES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8} | {
    f"{kind}{bits}": bits // 8 for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)
}
"""Bytes of the types in a PLY header."""


def _check_ply_length(path: Path) -> None:
    """A binary PLY must be as long as its header says: VTK's reader runs past the end of a shorter one and crashes."""
    content = path.read_bytes()
    head, found, _ = content.partition(b"end_header")
    lines = [line.split() for line in head.decode("ascii", "replace").splitlines()]
    if ["format", "ascii", "1.0"] in lines:
        return
    least, count = len(head) + len(found) + 1, 0
    try:
        for words in lines:
            if words[:1] == ["element"]:
                count = int(words[2])
            elif words[:2] == ["property", "list"]:
                least += count * (PLY_SIZES[words[2]] + 3 * PLY_SIZES[words[3]])
            elif words[:1] == ["property"]:
                least += count * PLY_SIZES[words[1]]
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(path, "header", error, "a PLY header of elements and their properties") from None
    if not found or len(content) < least:
        raise InputError(path, "", f"{len(content)} bytes", f"at least {least}, as its header says")


def _check_stl_length(path: Path) -> None:
    """A binary STL says how many triangles it has; VTK reads a truncated one without a word."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(84)
    if head[:5].lower() == b"solid" and b"\0" not in head:
        return
    count = int.from_bytes(head[80:84], "little") if len(head) == 84 else 0
    if len(head) < 84 or size < 84 + 50 * count:
        raise InputError(path, "", f"{size} bytes", f"{84 + 50 * count} bytes for its {count} triangles")


def _header(reader: Any, data: Any) -> str:
    parts = []
    for method in ("GetHeader", "GetComment"):
        if hasattr(reader, method):
            parts.append(str(getattr(reader, method)() or ""))
    if hasattr(reader, "GetComments"):
        comments = reader.GetComments()
        parts += [comments.GetValue(index) for index in range(comments.GetNumberOfValues())]
    space = data.GetFieldData().GetAbstractArray("SPACE")
    if space is not None and space.GetNumberOfValues():
        parts.append("SPACE=" + str(space.GetValue(0)).removeprefix("SPACE="))
    return " ".join(parts)
