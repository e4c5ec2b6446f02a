"""A vertebra from a mesh file: its one part, closed, in RAS mm, normals outwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..errors import InputError
from ..io.mesh import Mesh, enclosed_volume, read_mesh
from .manifest import FACES, SIDES, UNITS, VERTICES, Source

VERTEBRA_MM = (20.0, 200.0)
"""What a vertebra's largest extent can be: from a child's, cut, to a very large man's L3 (110 mm, shared data)."""
HOLE_MM = 20.0
"""Width of the holes that are closed: larger than any gap of a segmentation, smaller than a missing end."""


def read_bone(source: Source) -> Mesh:
    """The vertebra that a source of kind mesh describes: vertices (n, 3) RAS mm, faces (f, 3) with outward normals.

    Raises:
        InputError: unreadable, no such part, of no vertebra's size (so a file in metres), not closed, or inside out,
            which is what a mirrored file looks like: one coordinate negated turns every normal inwards.
    """
    vertices, faces = _part(source, *_read(source.path))
    vertices = vertices @ axes_matrix(source.axes).T * UNITS[source.unit]
    _check_size(source, vertices)
    vertices, faces = _closed(source, vertices, faces)
    if enclosed_volume(vertices, faces) <= 0:
        raise InputError(
            source.path,
            "axes",
            f"{source.axes}, by which the surface is inside out",
            "normals that point outwards: the file is mirrored (left and right swapped), or its triangles are turned "
            "inwards; state its axes in a manifest.csv, or turn the triangles",
        )
    return vertices, faces


def axes_matrix(axes: str) -> np.ndarray:
    """(3, 3) from the coordinates of a file whose x, y, z point the ways of three letters to RAS."""
    directions = {side[0].upper(): direction for side, direction in SIDES.items()}
    return np.array([directions[letter] for letter in axes]).T


def _read(path: Path) -> Mesh:
    return _read_tables(path) if path.name.lower().endswith(VERTICES) else read_mesh(path)


def _read_tables(path: Path) -> Mesh:
    """Vertices as rows of x,y,z; triangles as rows of three vertex numbers from 1 in the table beside it."""
    beside = path.with_name(path.name[: -len(VERTICES)] + FACES)
    vertices, numbers = _table(path), _table(beside)
    faces = numbers.astype(np.int64) - 1
    if (faces + 1 != numbers).any() or faces.min() < 0 or faces.max() >= len(vertices):
        found = f"numbers from {numbers.min():g} to {numbers.max():g}"
        raise InputError(beside, "", found, f"whole numbers from 1 to {len(vertices)}, the vertices of {path.name}")
    return vertices, faces


def _table(path: Path) -> np.ndarray:
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(path, "", error, "a table of numbers, three in a row, separated by commas") from None
    if table.shape[1] != 3 or len(table) < 3 or not np.isfinite(table).all():
        raise InputError(path, "", f"{table.shape[0]} x {table.shape[1]} numbers", "rows of three finite numbers")
    return table


def _part(source: Source, vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """The connected part asked for, or the one that encloses most."""
    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    shape = (len(vertices), len(vertices))
    labels = connected_components(coo_array((np.ones(len(edges)), edges.T), shape=shape), directed=False)[1]
    # Numbered by the first vertex, among those that have a face.
    used = labels[np.unique(faces)]
    parts = used[np.sort(np.unique(used, return_index=True)[1])]
    number = source.part
    if number is None:
        number = int(np.argmax([abs(enclosed_volume(vertices, faces[labels[faces[:, 0]] == part])) for part in parts]))
    elif number >= len(parts):
        raise InputError(source.path, "part", number, f"a part from 0 to {len(parts) - 1}, as many as it has")
    chosen = faces[labels[faces[:, 0]] == parts[number]]
    indices, inverse = np.unique(chosen, return_inverse=True)
    return vertices[indices], inverse.reshape(-1, 3)


def _check_size(source: Source, vertices: np.ndarray) -> None:
    size = float(np.ptp(vertices, axis=0).max())
    if VERTEBRA_MM[0] <= size <= VERTEBRA_MM[1]:
        return
    advice = ""
    if source.unit == "mm" and VERTEBRA_MM[0] <= size * UNITS["m"] <= VERTEBRA_MM[1]:
        advice = ': the file is in metres, give it the unit "m" in a manifest.csv'
    elif source.unit == "m":
        advice = ': is its unit "mm"?'
    expected = f"a vertebra, {VERTEBRA_MM[0]:g} to {VERTEBRA_MM[1]:g} mm across{advice}"
    raise InputError(source.path, f"unit {source.unit}", f"an extent of {size:.4g} mm", expected)


def _closed(source: Source, vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """The surface with each small hole closed by triangles from its rim to the rim's middle."""
    rim = _rim(faces)
    if len(rim) == 0:
        return vertices, faces
    links = coo_array((np.ones(len(rim)), rim.T), shape=(len(vertices),) * 2)
    hole = connected_components(links, directed=False)[1][rim[:, 0]]
    middles, caps = [], []
    for place, one in enumerate(np.unique(hole)):
        edges = rim[hole == one]
        points = vertices[edges[:, 0]]
        if np.ptp(points, axis=0).max() > HOLE_MM:
            expected = f"a closed surface, or holes up to {HOLE_MM:g} mm across, which are closed"
            raise InputError(source.path, "", f"{len(edges)} edges of a larger hole", expected)
        middles.append(points.mean(axis=0))
        # Turned against the rim's own triangles, as a neighbour is.
        caps.append(np.column_stack([edges[:, ::-1], np.full(len(edges), len(vertices) + place)]))
    return np.vstack([vertices, middles]), np.vstack([faces, *caps])


def _rim(faces: np.ndarray) -> np.ndarray:
    """(e, 2) the edges that have one triangle only, in its direction (three at one edge are ugly, but no hole)."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, kind, uses = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    return edges[uses[kind.ravel()] == 1]
