"""Corresponding points: the same place of the patient, clicked in two or more views. CSV or JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import InputError
from .fields import load_json

HEADER = ("point", "view", "u", "v")
FORMAT = "spinedart-points/1"


def read_points(path: Path, shapes: Mapping[str, tuple[int, int]]) -> tuple[tuple[str, ...], np.ndarray]:
    """Corresponding points of a file.

    CSV has a line a click, with the columns point, view, u, v; JSON has
    ``{"format": "spinedart-points/1", "points": {"tip of the clip": {"AP": [512.0, 300.5], "LAT": [...]}}}``.

    Args:
        shapes: view name to (height, width); u, v are column and row in the picture as its file stores it.

    Returns:
        The points' names and (points, views, 2) pixels, NaN where a view does not show a point.

    Raises:
        InputError: unreadable, a column or view that is none, a click that is no number or outside its picture, or a
            point that was clicked twice in one view.
    """
    clicks = _from_json(path) if path.suffix.lower() == ".json" else _from_csv(path)
    names = tuple(dict.fromkeys(point for point, _, _, _ in clicks))
    views = list(shapes)
    pixels = np.full((len(names), len(views), 2), np.nan)
    for point, view, place, where in clicks:
        if view not in shapes:
            raise InputError(path, where, view, f"a view ({', '.join(views)})")
        height, width = shapes[view]
        if not (-0.5 <= place[0] <= width - 0.5 and -0.5 <= place[1] <= height - 0.5):
            expected = f"a pixel (column, row) inside the {width} x {height} picture {view}"
            raise InputError(path, where, f"{place[0]:g}, {place[1]:g}", expected)
        slot = pixels[names.index(point), views.index(view)]
        if np.isfinite(slot).any():
            raise InputError(path, where, f"{point} twice in {view}", "one click a point and view")
        slot[:] = place
    return names, pixels


Click = tuple[str, str, tuple[float, float], str]
"""Point, view, (u, v), where it stands in the file."""


def _from_json(path: Path) -> list[Click]:
    root = load_json(path)
    root.child("format").text((FORMAT,))
    clicks = []
    for point, views in root.child("points").named().items():
        for view, place in views.named().items():
            u, v = place.numbers(2)
            clicks.append((point, view, (float(u), float(v)), place.path))
    return clicks


def _from_csv(path: Path) -> list[Click]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(path, "", "no such file", "a CSV or JSON file of points") from None
    except (OSError, UnicodeDecodeError) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or error
        raise InputError(path, "", what, "a file that can be read") from None
    rows = csv.DictReader(io.StringIO(text))
    try:
        if not set(HEADER) <= {name.strip() for name in rows.fieldnames or ()}:
            found = ", ".join(rows.fieldnames or ()) or "nothing"
            raise InputError(path, "line 1", found, f"the columns {', '.join(HEADER)}")
        return [_click(path, rows.line_num, row) for row in rows]
    except csv.Error as error:
        raise InputError(path, f"line {rows.line_num}", error, "a CSV file of points") from None


def _click(path: Path, line: int, row: Mapping[str, object]) -> Click:
    where = f"line {line}"
    cells = {str(key).strip(): str(value or "").strip() for key, value in row.items() if key is not None}
    if not cells["point"]:
        raise InputError(path, where, "no point", "a name of the point")
    try:
        u, v = float(cells["u"]), float(cells["v"])
    except ValueError:
        u = v = math.nan
    if not (math.isfinite(u) and math.isfinite(v)):
        raise InputError(path, where, f"{cells['u']}, {cells['v']}", "two numbers: column and row in pixels")
    return cells["point"], cells["view"], (u, v), where
