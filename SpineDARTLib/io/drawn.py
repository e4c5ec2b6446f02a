"""Cannulas drawn on X-rays (format ``spinedart-drawn/1``): two points or a mask image in each of two or more views.

::

    {"format": "spinedart-drawn/1", "case_id": "demo-L3", "cannulas": [
      {"level": "L3", "side": "left", "diameter_mm": 3.05,
       "views": {"AP": {"entry": [512, 480], "target": [530, 490]}, "LAT": {"mask": "lat_left.png"}}}]}

Pixels are those of the case's images. Where an end is not seen, "through" takes its place: another point on the
cannula. ``case_id`` and ``diameter_mm`` may be absent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..types import LEVELS, SIDES, Case, View
from .fields import Field, load_json
from .image import read_image

FORMAT = "spinedart-drawn/1"

LARGEST_DIAMETER_MM = 10.0
"""No vertebroplasty or kyphoplasty needle comes near."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DrawnCannula:
    """One cannula as it was drawn.

    Attributes:
        level: "T1" ... "L5".
        side: "left" | "right", the patient's.
        diameter_mm: outer; None where the file does not say.
        points_px: view name to (2, 2) px (u, v), towards the entry and towards the target.
        ends: view name to whether the first and the second of them are the cannula's ends.
        masks: view name to (height, width) bool, in place of points.
    """

    level: str
    side: str
    diameter_mm: float | None = None
    points_px: Mapping[str, np.ndarray] = field(default_factory=dict)
    ends: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)


def read_drawn(path: Path | str, case: Case) -> tuple[DrawnCannula, ...]:
    """Read what was drawn on a case's X-rays.

    Raises:
        InputError: names file, field, value and what was expected; also another case's file, a cannula given twice or
            in one view only, an unknown view, a point outside the image, or a mask that is empty or of another size.
    """
    root = load_json(Path(path))
    root.child("format").text((FORMAT,))
    _warn_unknown(root, ("format", "case_id", "cannulas"))
    if (identifier := root.optional("case_id")) is not None:
        identifier.text((case.id,))
    items = root.child("cannulas").items()
    if not items:
        root.child("cannulas").fail("one or more cannulas", "none")
    found: dict[tuple[str, str], DrawnCannula] = {}
    for item in items:
        drawn = _read_cannula(item, case.views)
        if (drawn.level, drawn.side) in found:
            item.fail("each level and side once", f"{drawn.level} {drawn.side} again")
        found[drawn.level, drawn.side] = drawn
    return tuple(found.values())


def _read_cannula(entry: Field, views: Sequence[View]) -> DrawnCannula:
    _warn_unknown(entry, ("level", "side", "diameter_mm", "views"))
    level, side = entry.child("level").text(LEVELS), entry.child("side").text(SIDES)
    thick = entry.optional("diameter_mm")
    if thick is not None and thick.number(above=0.0) > LARGEST_DIAMETER_MM:
        thick.fail(f"an outer diameter of at most {LARGEST_DIAMETER_MM:g} mm")
    by_name = {view.name: view for view in views}
    points, ends, masks = {}, {}, {}
    drawn_in = entry.child("views")
    for name, drawn in drawn_in.named().items():
        if name not in by_name:
            drawn.fail("a view of this case: " + ", ".join(by_name), f'a line in "{name}"')
        if (mask := drawn.optional("mask")) is not None:
            _warn_unknown(drawn, ("mask",))
            masks[name] = _read_mask(mask, by_name[name])
        else:
            points[name], ends[name] = _read_points(drawn, by_name[name])
    if len(points) + len(masks) < 2:
        drawn_in.fail(
            "the cannula in two or more views (one X-ray has no depth)", ", ".join(drawn_in.members()) or "none"
        )
    return DrawnCannula(level, side, None if thick is None else thick.number(), points, ends, masks)


def _read_points(entry: Field, view: View) -> tuple[np.ndarray, tuple[bool, bool]]:
    _warn_unknown(entry, ("entry", "target", "through"))
    named = [entry.optional(key) for key in ("entry", "target")]
    through = entry.optional("through")
    chosen = [point or through for point in named]
    given = sum(point is not None for point in (*named, through))
    if given != 2 or chosen[0] is None or chosen[1] is None:
        wanted = '"entry" and "target", "through" in place of one of them, or a "mask"'
        entry.fail(wanted, ", ".join(entry.members()) or "nothing")
    points = np.stack([_read_point(point, view) for point in (chosen[0], chosen[1])])
    return points, (named[0] is not None, named[1] is not None)


def _read_point(entry: Field, view: View) -> np.ndarray:
    point = entry.numbers(2)
    height, width = view.image.shape
    if not (-0.5 <= point[0] <= width - 0.5 and -0.5 <= point[1] <= height - 0.5):
        entry.fail(f"a pixel (column, row) inside the {width} x {height} image")
    return point


def _read_mask(entry: Field, view: View) -> np.ndarray:
    path = entry.where.parent / entry.text()
    if not path.is_file():
        entry.fail(f"an image file beside {entry.where.name}, but there is none")
    pixels, _ = read_image(path)
    if pixels.shape != view.image.shape:
        found, wanted = (f"{shape[1]} x {shape[0]} pixels" for shape in (pixels.shape, view.image.shape))
        entry.fail(f"the {wanted} of {view.name}", found)
    # Whatever the two values are, 0 and 1 or 0 and 255: the smallest is the background.
    return pixels > pixels.min()


def _warn_unknown(entry: Field, known: Sequence[str]) -> None:
    for path in entry.unknown(known):
        log.warning("%s: %s: no such field in %s; ignored", entry.where, path, FORMAT)
