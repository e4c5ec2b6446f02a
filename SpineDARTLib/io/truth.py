"""Truth folders (format ``spinedart-truth/1``): the true surface of each level, and whose spine it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..types import LEVELS, VERSE_LABELS
from .fields import Field, load_json
from .files import new_folder
from .mesh import Mesh, outward, read_mesh, write_mesh
from .volume import read_itk

FORMAT = "spinedart-truth/1"
FILE_NAME = "truth.json"


@dataclass(frozen=True)
class Truth:
    """What is known to be true of a case.

    Attributes:
        subject: the person; whoever learned from this person is not tested here.
        surfaces: level to (vertices (n, 3) RAS mm, faces (f, 3) with outward normals).
        poses: level to (4, 4) true rigid model-to-world pose, where one is known (simulated shapes).
    """

    subject: str
    surfaces: Mapping[str, Mesh]
    poses: Mapping[str, np.ndarray] = field(default_factory=dict)


def read_truth(path: Path | str, levels: Collection[str] | None = None) -> Truth:
    """Read a truth folder.

    Args:
        path: a folder with ``truth.json`` in it or in its folder ``truth``, or that file itself.
        levels: only these, where given; others are not opened.

    Raises:
        InputError: names file, field, value and what was expected.
    """
    file = _truth_file(Path(path))
    root = load_json(file)
    root.child("format").text((FORMAT,))
    subject = root.child("subject").text()
    surfaces: dict[str, Mesh] = {}
    poses: dict[str, np.ndarray] = {}
    volumes: dict[Path, tuple[np.ndarray, np.ndarray]] = {}
    for level, entry in root.child("vertebrae").named().items():
        if level not in LEVELS:
            entry.fail(f"levels from {LEVELS[0]} to {LEVELS[-1]}", f'"{level}"')
        if levels is not None and level not in levels:
            continue
        surfaces[level] = _read_surface(entry, level, volumes)
        if (pose := entry.optional("pose")) is not None:
            poses[level] = pose.numbers(4, 4)
    return Truth(subject, surfaces, poses)


def read_subject(path: Path | str) -> str:
    """The subject alone, without opening any mesh.

    Raises:
        InputError: as ``read_truth``.
    """
    return load_json(_truth_file(Path(path))).child("subject").text()


def _truth_file(path: Path) -> Path:
    candidates = [path / FILE_NAME, path / "truth" / FILE_NAME] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise InputError(path, "", "no such file", f"a truth folder with a {FILE_NAME} in it")


def _read_surface(entry: Field, level: str, volumes: dict[Path, tuple[np.ndarray, np.ndarray]]) -> Mesh:
    mesh, volume = entry.optional("mesh"), entry.optional("volume")
    if mesh is not None:
        vertices, faces = read_mesh(entry.where.parent / mesh.text())
        return vertices, outward(vertices, faces)
    if volume is None:
        entry.fail('a "mesh" or a "volume"')
    path = entry.where.parent / volume.text()
    if path not in volumes:
        if not path.is_file():
            volume.fail(f"a label volume beside {entry.where.name}, but there is none")
        volumes[path] = read_itk(path)
    labels, to_ras = volumes[path]
    mask = labels == VERSE_LABELS[level]
    if mask.ndim != 3 or not mask.any():
        volume.fail(f"a 3-D label volume with {level} as VerSe label {VERSE_LABELS[level]}")
    return mask_to_mesh(mask, to_ras)


def mask_to_mesh(mask: np.ndarray, voxel_to_ras: np.ndarray) -> Mesh:
    """The closed surface between the voxels that are in a mask and those that are not.

    No smoothing: a metric is to see the mask as it is.

    Args:
        mask: (planes, rows, columns) bool, not empty.
        voxel_to_ras: (4, 4) from (column, row, plane) to RAS mm.
    """
    import vtk
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    corner = np.argwhere(mask).min(axis=0) - 1
    end = np.argwhere(mask).max(axis=0) + 2
    # One empty voxel all round, also where the mask touches the border of its volume: the surface must close.
    padded = np.pad(mask, 1)[tuple(slice(low + 1, high + 1) for low, high in zip(corner, end, strict=True))]
    image = vtk.vtkImageData()
    image.SetDimensions(*padded.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(padded, dtype=np.uint8).ravel(), deep=True))
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.5)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    surface = contour.GetOutput()
    indices = vtk_to_numpy(surface.GetPoints().GetData()).astype(np.float64) + corner[::-1]
    faces = vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    vertices = indices @ voxel_to_ras[:3, :3].T + voxel_to_ras[:3, 3]
    return vertices, outward(vertices, faces)


def write_truth(folder: Path | str, truth: Truth, extra: Mapping[str, Any] | None = None) -> None:
    """Write a truth folder, all of it or nothing; ``extra`` are further fields of ``truth.json``.

    Raises:
        InputError: the folder cannot be written.
    """
    with new_folder(Path(folder), marker=FILE_NAME) as target:
        fill_truth(target, truth, extra)


def fill_truth(folder: Path, truth: Truth, extra: Mapping[str, Any] | None = None) -> None:
    """Write a truth's files into an existing folder; for who writes more beside it in one atomic step."""
    vertebrae: dict[str, dict[str, Any]] = {}
    for level, (vertices, faces) in truth.surfaces.items():
        write_mesh(folder / f"{level}.stl", vertices, outward(vertices, faces))
        vertebrae[level] = {"mesh": f"{level}.stl"}
        if level in truth.poses:
            vertebrae[level]["pose"] = np.asarray(truth.poses[level]).tolist()
    document = {"format": FORMAT, "subject": truth.subject, **(extra or {}), "vertebrae": vertebrae}
    (folder / FILE_NAME).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
