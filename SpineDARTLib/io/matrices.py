"""Projection matrices, and intrinsics with extrinsics, from text, JSON and NumPy; any scale, any sign.

A matrix says nothing of its axes: "coordinate_system" ("RAS" or "LPS") must stand in the file or be said beside it.

JSON: ``projection_matrix`` (3x4 or 4x4), or ``intrinsics`` (3x3 pixels, integer at a pixel's centre) with one of
``world_to_camera``, ``camera_to_world`` (4x4) or ``R`` and ``t`` (world to camera: x = R X + t); camera axes: x to the
right of the picture, y down, z from source to detector. Beside them ``pixel_spacing_mm`` or ``source_to_detector_mm``,
and ``height`` and ``width``. Text: lines of 4 numbers, or one line of 12 or 16 per matrix; "#" begins a comment. NumPy:
.npy of (3, 4), (4, 4) or a stack of them; .npz of named ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import InputError
from ..geometry.detector import meeting_point
from .fields import Field
from .projections import LARGEST, Projection, axes_of, distance_of, rigid_of, shape_of, spacing_of, view_fields

MOST_NUMBERS = 16 * 4096
"""Of a text file: more is no list of cameras."""

ALONE = "One matrix alone does not tell whether its picture is mirrored; look where L and R come out."


def of_json(root: Field) -> tuple[dict[str, Projection], tuple[str, ...]]:
    """The projections of a JSON file of matrices, or of intrinsics and extrinsics.

    Raises:
        InputError: names the field.
    """
    items = view_fields(root)
    signed = {name: item for name, item in items.items() if item.optional("projection_matrix") is None}
    bare = {name: _rows(item.child("projection_matrix")) for name, item in items.items() if name not in signed}
    facing, notes = _facing(bare, root) if bare else ({}, ())
    matrices = {name: facing[name] if name in facing else _of_parts(items[name]) for name in items}
    return {
        name: Projection(item, matrices[name], axes_of(item), spacing_of(item), distance_of(item), shape_of(item))
        for name, item in items.items()
    }, notes


def of_file(path: Path) -> tuple[dict[str, Projection], tuple[str, ...]]:
    """The projections of a text or NumPy file.

    Raises:
        InputError: unreadable, or no matrices.
    """
    matrices = _of_numpy(path) if path.suffix.lower() in (".npy", ".npz") else _of_text(path)
    facing, notes = _facing(matrices, Field(path, "", None))
    return {name: Projection(Field(path, name, None), matrix) for name, matrix in facing.items()}, notes


def _of_parts(item: Field) -> np.ndarray:
    """K [R | t] of one view."""
    intrinsics = item.child("intrinsics")
    matrix = intrinsics.numbers(3, 3)
    if min(matrix[0, 0], matrix[1, 1]) <= 0 or abs(matrix[2, 2] - 1) > 1e-9 or np.abs(np.tril(matrix, -1)).max() > 1e-9:
        intrinsics.fail("[[fx, s, u], [0, fy, v], [0, 0, 1]] with positive focal lengths")
    return matrix @ _extrinsics(item)[:3]


def _extrinsics(item: Field) -> np.ndarray:
    """World to camera (4, 4)."""
    forward, backward, rotation = (item.optional(key) for key in ("world_to_camera", "camera_to_world", "R"))
    if sum(one is not None for one in (forward, backward, rotation)) != 1:
        item.fail("one of world_to_camera, camera_to_world, or R and t", "none or several of them")
    if forward is not None:
        return rigid_of(forward)
    if backward is not None:
        return np.linalg.inv(rigid_of(backward))
    assert rotation is not None
    translation = item.child("t")
    flat = [row.value[0] if isinstance(row.value, list) and len(row.value) == 1 else row.value
            for row in translation.items()]  # fmt: skip
    column = Field(translation.where, translation.path, flat).numbers(3)
    rows = np.hstack([rotation.numbers(3, 3), column[:, None]]).tolist()
    return rigid_of(Field(rotation.where, rotation.path, rows))


def _rows(field: Field) -> np.ndarray:
    """(3, 4) of a 3x4 or 4x4 field."""
    rows = len(field.value) if isinstance(field.value, list) else 0
    return field.numbers(4 if rows == 4 else 3, 4)[:3]


def _facing(matrices: Mapping[str, np.ndarray], root: Field) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Each matrix with the sign that has the patient in front of the source.

    The patient is near where the beams meet. One beam alone meets none: its picture is taken for not mirrored.
    """
    matrices = {name: matrix / max(np.abs(matrix).max(), 1e-300) for name, matrix in matrices.items()}
    for name, matrix in matrices.items():
        if abs(np.linalg.det(matrix[:, :3])) <= 1e-12 * np.prod(np.linalg.norm(matrix[:, :3], axis=1)):
            Field(root.where, name, None).fail("a point source (rank 3)", "a matrix of rank below 3")
    if len(matrices) < 2:
        return {name: matrix * np.sign(np.linalg.det(matrix[:, :3])) for name, matrix in matrices.items()}, (ALONE,)
    try:
        meeting = np.append(meeting_point(np.stack(list(matrices.values()))), 1.0)
    except ValueError:
        root.fail("beams that cross", "matrices with parallel beams")
    return {name: matrix * np.sign(matrix[2] @ meeting) for name, matrix in matrices.items()}, ()


def _of_numpy(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            arrays = {"": loaded} if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
    except FileNotFoundError:
        raise InputError(path, "", "no such file", "a NumPy file that exists") from None
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, MemoryError) as error:
        raise InputError(path, "", f"{type(error).__name__}", "a NumPy file of numbers, without pickles") from None
    found: dict[str, np.ndarray] = {}
    for key, array in arrays.items():
        stack = array[None] if array.ndim == 2 else array
        if array.dtype.kind not in "fiu" or stack.ndim != 3 or stack.shape[1:] not in ((3, 4), (4, 4)):
            raise InputError(path, key, f"an array of shape {array.shape}", "(3, 4), (4, 4) or a stack of them")
        if not len(stack) or not (np.abs(stack.astype(np.float64)) <= LARGEST).all():
            raise InputError(path, key, "an empty array or numbers that are not finite", "finite numbers")
        names = [key or "0"] if len(stack) == 1 else [f"{key}{index}" for index in range(len(stack))]
        found |= dict(zip(names, stack[:, :3].astype(np.float64), strict=True))
    return found


def _of_text(path: Path) -> dict[str, np.ndarray]:
    lines = _number_lines(path)
    widths = {len(line) for line in lines}
    if widths == {4}:
        rows = np.array(lines)
        height = 4 if len(rows) % 4 == 0 and np.allclose(rows[3::4], [0, 0, 0, 1]) else 3
        if len(rows) % height:
            raise InputError(path, "", f"{len(rows)} lines of 4 numbers", "3 lines a matrix (or 4, the last 0 0 0 1)")
        matrices = rows.reshape(-1, height, 4)[:, :3]
    elif widths in ({12}, {16}):
        matrices = np.array(lines).reshape(len(lines), -1, 4)[:, :3]
    else:
        found = f"lines of {' and '.join(str(width) for width in sorted(widths))} numbers" if widths else "no numbers"
        raise InputError(path, "", found, "lines of 4, 12 or 16 numbers")
    return {str(index): matrix for index, matrix in enumerate(matrices)}


def _number_lines(path: Path) -> list[list[float]]:
    """The numbers of each line that has some."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(path, "", "no such file", "a text file that exists") from None
    except OSError as error:
        raise InputError(path, "", error.strerror or error, "a file that can be read") from None
    except UnicodeDecodeError:
        raise InputError(path, "", "bytes that are no text", "numbers as text, JSON, .npy, .npz or RTK's XML") from None
    lines, count = [], 0
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].translate(str.maketrans(",;[]()", "      ")).split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            raise InputError(path, f"line {number}", "a word", "numbers (a comment begins with #)") from None
        if not all(abs(value) <= LARGEST for value in numbers):
            raise InputError(path, f"line {number}", "a number that is not finite, or absurd", "finite numbers")
        lines += [numbers] if numbers else []
        count += len(numbers)
        if count > MOST_NUMBERS:
            raise InputError(path, "", f"more than {MOST_NUMBERS} numbers", "a list of projection matrices")
    return lines
