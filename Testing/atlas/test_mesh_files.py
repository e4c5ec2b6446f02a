"""Vertebrae from mesh files: units, axes, parts and holes, and what cannot be a vertebra."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.atlas.mesh_files import axes_matrix, read_bone
from SpineDARTLib.atlas.sources import Source
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.mesh import enclosed_volume, open_edges, write_mesh
from Testing.atlas.spines import spine
from Testing.shapes import sphere

Change = Callable[[np.ndarray], np.ndarray]


def source(path: Path, **fields: Any) -> Source:
    return Source(path, path.name, "Anna", "L2", **fields)


def write_l2(folder: Path, change: Change) -> Path:
    """The spine's L2 with its coordinates changed and its triangles as they were."""
    vertices, faces = spine()["L2"]
    write_mesh(folder / "L2_Anna.ply", change(vertices), faces)
    return folder / "L2_Anna.ply"


def same(vertices: np.ndarray, level: str = "L2") -> bool:
    """Whether these are the spine's vertices, in any order, to a file's precision."""
    wanted = spine()[level][0]
    return len(vertices) == len(wanted) and np.allclose(
        vertices[np.lexsort(vertices.T.round(2))], wanted[np.lexsort(wanted.T.round(2))], atol=0.02
    )


@pytest.mark.parametrize(
    ("change", "axes", "unit"),
    [
        (lambda p: p, "RAS", "mm"),
        (lambda p: p[:, [1, 0, 2]] * [0.001, -0.001, 0.001], "ALS", "m"),
        (lambda p: p * [-1, -1, 1], "LPS", "mm"),
        (lambda p: p * [-1, 1, 1], "LAS", "mm"),  # mirrored, and it says so
    ],
)
def test_a_mesh_is_read_in_its_own_axes_and_unit(tmp_path: Path, change: Change, axes: str, unit: str):
    vertices, faces = read_bone(source(write_l2(tmp_path, change), axes=axes, unit=unit))
    assert np.ptp(vertices, axis=0) == pytest.approx(np.ptp(spine()["L2"][0], axis=0), abs=0.01)
    assert vertices.mean(axis=0) == pytest.approx(spine()["L2"][0].mean(axis=0), abs=0.01)
    assert enclosed_volume(vertices, faces) == pytest.approx(enclosed_volume(*spine()["L2"]), rel=1e-4)
    assert axes_matrix("LPS").tolist() == [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("change", "fields", "said"),
    [
        (lambda p: p / 1000, {}, 'mm across: the file is in metres, give it the unit "m"'),
        (lambda p: p, {"unit": "m"}, 'is its unit "mm"?'),
        (lambda p: p * 4, {}, "expected a vertebra, 20 to 200 mm across"),
        (lambda p: p / 10, {}, "expected a vertebra, 20 to 200 mm across"),
        (lambda p: p * [-1, 1, 1], {}, "axes: got RAS, by which the surface is inside out; expected normals"),
        (lambda p: p, {"axes": "LAS"}, "axes: got LAS, by which the surface is inside out"),
        (lambda p: p, {"part": 1}, "part: got 1; expected a part from 0 to 0"),
    ],
)
def test_a_mesh_that_cannot_be_right_is_named(tmp_path: Path, change: Change, fields: dict[str, Any], said: str):
    path = write_l2(tmp_path, change)
    with pytest.raises(InputError, match=str(path)) as caught:
        read_bone(source(path, **fields))
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["a.stl", "a.ply", "a.obj", "a.vtk", "a_vertices.csv"])
def test_an_unreadable_mesh_is_named(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"solid nonsense\0\1\2" * 20)
    with pytest.raises(InputError, match=name):
        read_bone(source(tmp_path / name))


def test_small_holes_are_closed_and_large_ones_named(tmp_path: Path):
    vertices, faces = spine()["L2"]
    tip = vertices[vertices[:, 1].argmin()]
    distances = np.linalg.norm(vertices[faces].mean(axis=1) - tip, axis=1)
    for radius in (5.0, 45.0):
        write_mesh(tmp_path / f"{radius:.0f}.stl", vertices, faces[distances > radius])
    closed = read_bone(source(tmp_path / "5.stl"))
    assert open_edges(closed[1]) == 0
    assert enclosed_volume(*closed) == pytest.approx(enclosed_volume(vertices, faces), rel=0.01)
    with pytest.raises(InputError, match=r"45\.stl: got \d+ edges of a larger hole; expected a closed surface"):
        read_bone(source(tmp_path / "45.stl"))


def test_a_file_of_several_parts_gives_the_one_asked_for(tmp_path: Path):
    meshes = [sphere((0, -60, 60), 12.0, rings=6), spine()["L1"], spine()["L3"]]
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = np.vstack([start + part for (_, part), start in zip(meshes, starts[:-1], strict=True)])
    path = tmp_path / "mean_vertices.csv"
    np.savetxt(path, np.vstack([vertices for vertices, _ in meshes]), delimiter=",")
    np.savetxt(tmp_path / "mean_faces.csv", faces + 1, delimiter=",", fmt="%d")
    for part, (vertices, triangles) in enumerate(meshes):
        found = read_bone(source(path, part=part))
        assert found[0] == pytest.approx(vertices)
        assert (found[1] == triangles).all()
    assert same(read_bone(source(path))[0], max(("L1", "L3"), key=lambda level: enclosed_volume(*spine()[level])))
    np.savetxt(tmp_path / "mean_faces.csv", faces, delimiter=",", fmt="%d")
    with pytest.raises(InputError, match=r"mean_faces\.csv: got numbers from 0 to .*expected whole numbers from 1"):
        read_bone(source(path))
    (tmp_path / "mean_faces.csv").unlink()
    with pytest.raises(InputError, match=r"mean_faces\.csv"):
        read_bone(source(path))
