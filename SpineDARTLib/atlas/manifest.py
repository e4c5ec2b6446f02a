"""What the atlas may learn from, as a table: one row of a ``manifest.csv`` is one ``Source``.

Columns: ``file`` (relative to the data folder) and ``subject`` in every row; the others may be left empty or out:

- ``level``: "T1" ... "L5"; needed for a mesh. Empty for a label volume: every label in it.
- ``axes``: which way the x, y and z of a mesh file point: three letters such as RAS (the default), LPS, ALS. What
  a header says (3D Slicer's SPACE=LPS) is honoured before, so such a file needs no ``axes``.
- ``unit``: of a mesh, mm (the default) or m.
- ``part``: which connected part of a mesh file that holds several vertebrae, from 0, in the file's order.
- ``people``: how many people a published mean was made of.
- ``cut``: sides ("right", "left right") on which the scan ended before the bone did; "none" where none did. Empty:
  found where a label ends at the border of its volume.
- ``genant``: fracture grade 0 to 3 (Genant 1993) of a mesh ("2") or by level ("L1=3 L3=0"); ungraded where silent.
- ``source``, ``licence``: for the record.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ..errors import InputError
from ..io.mesh import READERS
from ..types import LEVELS

REQUIRED = ("file", "subject")
COLUMNS = (*REQUIRED, "level", "axes", "unit", "part", "people", "cut", "genant", "source", "licence")
VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
"""Kinds of label volumes."""
VERTICES = "_vertices.csv"
"""A mesh as two tables: this one, and its faces (from 1) beside it under the same name with ``FACES``."""
FACES = "_faces.csv"
MESHES = (*READERS, VERTICES)
SIDES: Mapping[str, tuple[float, float, float]] = {
    "left": (-1.0, 0.0, 0.0), "right": (1.0, 0.0, 0.0), "posterior": (0.0, -1.0, 0.0),
    "anterior": (0.0, 1.0, 0.0), "inferior": (0.0, 0.0, -1.0), "superior": (0.0, 0.0, 1.0),
}  # fmt: skip
"""Sides of the body and the way to them, RAS."""
AXES: Mapping[str, str] = {"R": "x", "L": "x", "A": "y", "P": "y", "S": "z", "I": "z"}
"""The letters of ``axes`` (first letters of the sides) and the world's axis that each lies on."""
UNITS: Mapping[str, float] = {"mm": 1.0, "m": 1000.0}
"""Units of a mesh file in mm."""


@dataclass(frozen=True)
class Source:
    """One file, or one part of a mesh file, of one person.

    Attributes:
        path: the file to open.
        file: its name for headers and messages, relative to the data folder, with "/".
        subject: "verse005", "clouthier-mean", ...
        level: a mesh's level; of a volume the only level wanted, "" for all.
        axes: anatomical directions of a mesh file's x, y, z.
        unit: of a mesh file, "mm" or "m".
        part: connected part of a mesh in the file's order; None for the largest.
        people: how many people it is the mean of.
        cut: sides where the scan ended before the bone; () for none, None to find them by the volume's border.
        genant: level to fracture grade 0 to 3; levels that nobody graded are absent.
        origin: where it comes from.
        licence: its licence.
    """

    path: Path
    file: str
    subject: str
    level: str = ""
    axes: str = "RAS"
    unit: str = "mm"
    part: int | None = None
    people: int = 1
    cut: tuple[str, ...] | None = None
    genant: Mapping[str, int] = field(default_factory=dict)
    origin: str = ""
    licence: str = ""

    @property
    def is_mesh(self) -> bool:
        """Whether it is a surface rather than a label volume."""
        return self.path.name.lower().endswith(MESHES)


@dataclass(frozen=True)
class Row:
    """One row of a manifest: its cells, and where it stands."""

    where: Path
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def fail(self, column: str, expected: str, value: object = ...) -> NoReturn:
        """Raise the InputError of a cell; ``value`` where the cell's own says too little."""
        got = (self[column] or "nothing") if value is ... else value
        raise InputError(self.where, f"line {self.line}, column {column}", got, expected)


def read_manifest(path: Path, folder: Path) -> tuple[Source, ...]:
    """The sources that a manifest lists, in its order.

    Args:
        path: the ``manifest.csv``.
        folder: what its files are relative to.

    Raises:
        InputError: unreadable, a column that there is not, a file that is missing, or a cell that makes no sense.
    """
    return tuple(_source(row, folder) for row in _rows(path))


def _rows(path: Path) -> list[Row]:
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True)
        columns = [column.strip() for column in reader.fieldnames or ()]
        _check_columns(path, columns)
        reader.fieldnames = columns
        return [_row(path, reader.line_num, cells) for cells in reader if any(cells.values())]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, "", error, "a table of comma-separated values in UTF-8") from None


def _check_columns(path: Path, columns: list[str]) -> None:
    for column in columns:
        if column not in COLUMNS or columns.count(column) > 1:
            value = f'"{column}"' + (" twice" if column in COLUMNS else "")
            raise InputError(path, "columns", value, "each once, of " + ", ".join(COLUMNS))
    for column in REQUIRED:
        if column not in columns:
            raise InputError(path, "columns", ", ".join(columns) or "none", f'a column "{column}"')


def _row(path: Path, line: int, cells: Mapping[str | None, str | list[str] | None]) -> Row:
    if None in cells:
        raise InputError(path, f"line {line}", f"more cells ({cells[None]})", "no more cells than columns")
    return Row(path, line, {str(column): str(cell or "").strip() for column, cell in cells.items()})


def _source(row: Row, folder: Path) -> Source:
    path = _file(row, folder)
    level = row["level"]
    if level and level not in LEVELS:
        row.fail("level", f"a level from {LEVELS[0]} to {LEVELS[-1]}, or nothing")
    source = Source(
        path=path,
        file=Path(row["file"]).as_posix(),
        subject=row["subject"].removeprefix("sub-") or row.fail("subject", "whose vertebra it is"),
        level=level,
        axes=_axes(row),
        unit=row["unit"] or "mm",
        part=_whole(row, "part", 0) if row["part"] else None,
        people=_whole(row, "people", 1) if row["people"] else 1,
        cut=_cut(row),
        genant=_genant(row),
        origin=row["source"],
        licence=row["licence"],
    )
    if source.unit not in UNITS:
        row.fail("unit", "mm or m")
    _check_kind(row, source)
    return source


def _file(row: Row, folder: Path) -> Path:
    if not row["file"]:
        row.fail("file", "a file relative to the data folder")
    path = folder / row["file"]
    if not path.name.lower().endswith((*VOLUMES, *MESHES)):
        row.fail("file", "one of " + ", ".join((*VOLUMES, *MESHES)))
    if not path.is_file():
        row.fail("file", f"a file in {folder}", f"{row['file']}, which is not there")
    return path


def _check_kind(row: Row, source: Source) -> None:
    """What says something of meshes only stands in rows of meshes only."""
    if source.is_mesh and not source.level:
        row.fail("level", "the level of this mesh")
    for column in ("axes", "unit", "part"):
        if row[column] and not source.is_mesh:
            row.fail(column, "nothing: a label volume says in its own header where its voxels are")


def _axes(row: Row) -> str:
    letters = row["axes"] or "RAS"
    if sorted(AXES.get(letter, letter) for letter in letters) != ["x", "y", "z"]:
        row.fail("axes", "three letters, one of R and L, one of A and P, one of S and I")
    return letters


def _whole(row: Row, column: str, least: int) -> int:
    text = row[column]
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        row.fail(column, f"a whole number from {least}")
    return int(text)


def _cut(row: Row) -> tuple[str, ...] | None:
    sides = tuple(row["cut"].split())
    if sides == ("none",):
        return ()
    if set(sides) - set(SIDES):
        row.fail("cut", '"none", or some of ' + ", ".join(SIDES))
    return sides or None


def _genant(row: Row) -> dict[str, int]:
    grades: dict[str, int] = {}
    for word in row["genant"].split():
        level, equals, grade = word.rpartition("=")
        level = level if equals else row["level"]
        if level not in LEVELS or level in grades or grade not in ("0", "1", "2", "3"):
            row.fail("genant", 'a grade from 0 to 3 for a row with a level, or "L1=3 L3=0", each level once')
        grades[level] = int(grade)
    return grades
