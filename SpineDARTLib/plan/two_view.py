"""2D-GeoPlan, the published method's baseline: a cannula given in each view, by clicks or as a mask, becomes one in 3D.

In each view the drawn line spans a plane with the source. An end of the cannula lies in all these planes (its course)
and, in the views that show it, above the end that was drawn there. All of these are planes, weighted so that a distance
from one is in pixels of its view: each end is a small least-squares problem of its own, whatever the number of views.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import MINIMUM_VIEW_ANGLE_DEG
from ..geometry.camera import angle_between_deg, project, project_with_depth, rays
from ..types import SIDES, Cannula, View

ALONG = 2.0
"""How much less an end is believed along its line than across: a shaft is seen better than its end. On the shared cases
this costs a tenth of the accuracy where ends are seen as well as the shaft, and gains a sixth across the needle where
they are seen three times worse (``Testing/benchmarks/two_view_noise.py``)."""

SHORTEST_PX = 4.0
"""A shorter line has no direction (the beam looks down the needle): its ends count as points alone."""

PLANES_APART_DEG = 15.0
"""Planes closer than this do not fix the direction, only the ends do (1/sin of it: a fourfold error)."""

MOST_AMPLIFIED = 10.0
"""An end is not determined if an error grows more than this on the way from the image to the patient. Our choice."""

INCONSISTENT_MM = 5.0
"""Lines that miss the cannula by more, measured at the patient, do not show the same one. Our choice: the width of the
thickest needle, and five times what a careful click is off."""

DIVERGING_DEG = 10.0
"""A path that leads away from the midline by more follows no pedicle: the mean of the most lateral ones, at T12, is
9.8 degrees (Kaur 2016, in clinical.md)."""

STATUSES: Mapping[str, str] = {
    "triangulated": "",
    "ends_only": "the views look at the cannula from one plane: its course rests on its two ends alone",
    "diverging": "the cannula leads away from the midline; are side and ends right in every view?",
    "views_too_close": f"no two views are {MINIMUM_VIEW_ANGLE_DEG:g} degrees apart",
    "undetermined": "an end is drawn in one view only, and the other views see the cannula from the same plane",
    "inconsistent": "the lines do not show one cannula",
    "swapped_ends": "entry and target seem to be exchanged",
    "backwards": "the entry lies in front of the target; are the ends exchanged in every view?",
    "no_length": "entry and target are the same point",
    "no_line": "a mask shows no line",
    "behind_source": "the lines meet behind a source or a detector; is an image mirrored?",
}
"""``Triangulated.status`` and what it means."""

USABLE = ("triangulated", "ends_only", "diverging")
"""The statuses that have a cannula; with a warning but for the first."""


@dataclass(frozen=True)
class Triangulated:
    """What comes of a cannula drawn in several views.

    Attributes:
        cannula: None unless status is one of ``USABLE``.
        residual_px: view name to the root mean square distance of the drawn ends from the cannula's; empty without one.
        planes_deg: the widest angle between the planes of the views through the cannula, 0 to 90; nan if it lies end-on
            in all views but one.
        error_mm: what an error of one pixel in every drawn end makes of an end in 3D (standard deviation, the worse
            end); nan without a cannula.
        status: one of ``STATUSES``.
        reason: a sentence for all but "triangulated".
    """

    cannula: Cannula | None
    residual_px: Mapping[str, float]
    planes_deg: float
    error_mm: float
    status: str
    reason: str = ""


@dataclass(frozen=True)
class _Line:
    """A cannula's line in one view: (2, 2) px towards entry and target, and which of the two are its ends."""

    view: View
    points_px: np.ndarray
    ends: tuple[bool, bool]

    @property
    def length_px(self) -> float:
        return float(np.linalg.norm(self.points_px[1] - self.points_px[0]))

    def turned(self) -> _Line:
        """The same with entry and target exchanged."""
        return _Line(self.view, self.points_px[::-1], (self.ends[1], self.ends[0]))

    def planes(self, index: int) -> np.ndarray:
        """(2, 4) planes that an end lies in: that of the line, and the one across it through the drawn end."""
        directed = self.length_px >= SHORTEST_PX
        along = (self.points_px[1] - self.points_px[0]) / self.length_px if directed else np.array([1.0, 0.0])
        across = np.array([-along[1], along[0]])
        believed = (1.0 / ALONG if directed else 1.0) if self.ends[index] else 0.0
        point = self.points_px[index]
        rows = np.array([[*across, -across @ point], [*(believed * along), -believed * along @ point]])
        return rows @ self.view.projection


def triangulate(
    lines: Mapping[str, np.ndarray],
    views: Sequence[View],
    side: str,
    diameter_mm: float,
    ends: Mapping[str, tuple[bool, bool]] | None = None,
) -> Triangulated:
    """The cannula that the drawn lines show.

    Args:
        lines: name of a view to (2, 2) px, the entry and the target in it; two or more views.
        views: those and perhaps others.
        side: "left" | "right", the patient's.
        diameter_mm: outer.
        ends: name of a view to whether its first and second point are the cannula's ends; where one is not, it only
            shows the course. All are ends where nothing is said.

    Raises:
        ValueError: fewer than two lines, a line of an unknown view or not (2, 2) finite numbers, an unknown side, or a
            diameter that is not above 0.
    """
    drawn = _checked(lines, views, side, diameter_mm, ends or {})
    pairs = itertools.combinations(drawn, 2)
    if max(angle_between_deg(first.view, second.view) for first, second in pairs) < MINIMUM_VIEW_ANGLE_DEG:
        return refused("views_too_close", np.nan)
    planes_deg = _planes_deg(drawn)
    points, error_mm, amplified = _solve(drawn)
    if not amplified < MOST_AMPLIFIED:
        return refused("undetermined", planes_deg)
    cannula = Cannula(side, points[0], points[1], float(diameter_mm), "drawn")
    status, reason = _judged(cannula, drawn, planes_deg)
    if status not in USABLE:
        return refused(status, planes_deg, reason)
    residual_px = {line.view.name: float(np.sqrt(np.mean(_away(points, line) ** 2))) for line in drawn}
    return Triangulated(cannula, residual_px, planes_deg, error_mm, status, reason)


def _checked(
    lines: Mapping[str, np.ndarray],
    views: Sequence[View],
    side: str,
    diameter_mm: float,
    ends: Mapping[str, tuple[bool, bool]],
) -> list[_Line]:
    """The lines as nouns; a ValueError for whatever is no use of this function."""
    if side not in SIDES:
        raise ValueError(f'got side "{side}"; expected one of {", ".join(SIDES)}')
    if not (np.isfinite(diameter_mm) and diameter_mm > 0):
        raise ValueError(f"got a cannula diameter of {diameter_mm:g} mm; expected more than 0")
    names = [view.name for view in views]
    if len(lines) < 2 or not set(lines) <= set(names):
        raise ValueError(f"got lines in {', '.join(lines) or 'no view'}; expected two or more of {', '.join(names)}")
    for name, line in lines.items():
        if np.shape(line) != (2, 2) or not np.isfinite(line).all():
            raise ValueError(f"got {np.asarray(line).tolist()} in {name}; expected two points of two finite numbers")
    return [
        _Line(view, np.asarray(lines[view.name], dtype=np.float64), ends.get(view.name, (True, True)))
        for view in views
        if view.name in lines
    ]


def _planes_deg(lines: Sequence[_Line]) -> float:
    """The widest angle between the planes that sources and lines span."""
    normals = []
    for line in lines:
        if line.length_px >= SHORTEST_PX:
            normal = np.cross(*rays(line.points_px, line.view)[1])
            normals.append(normal / np.linalg.norm(normal))
    cosines = [min(1.0, abs(float(one @ other))) for one, other in itertools.combinations(normals, 2)]
    return float(np.rad2deg(np.arccos(min(cosines)))) if cosines else float("nan")


def _solve(lines: Sequence[_Line]) -> tuple[np.ndarray, float, float]:
    """Both ends (2, 3) RAS mm; the worse one's error in mm for one pixel; how many times larger than in the image."""
    points, errors, amplified = np.full((2, 3), np.nan), [], []
    for index in (0, 1):
        planes = np.stack([line.planes(index) for line in lines])
        depths = np.array([line.view.source_to_detector_mm for line in lines])
        for _ in range(4):
            # A plane's number is pixels times depth: with the depths known, what is left is in pixels.
            rows = (planes / depths[:, None, None]).reshape(-1, 4)
            normal = rows[:, :3].T @ rows[:, :3]
            if np.linalg.cond(normal) > 1e10:
                return points, np.nan, np.inf
            point = -np.linalg.solve(normal, rows[:, :3].T @ rows[:, 3])
            depths = np.array([_depths(point[None], line)[0] for line in lines])
            depths = np.where(np.abs(depths) < 1.0, 1.0, depths)
        covariance = np.linalg.inv(normal)
        pixel_mm = np.mean([abs(depth) / line.view.intrinsics[0, 0] for depth, line in zip(depths, lines, strict=True)])
        points[index] = point
        errors.append(float(np.sqrt(covariance.trace())))
        amplified.append(float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]) / pixel_mm))
    return points, max(errors), max(amplified)


def _judged(cannula: Cannula, lines: Sequence[_Line], planes_deg: float) -> tuple[str, str]:
    """Status and reason of a cannula that is determined."""
    points = cannula.path_mm
    if any((_depths(points, line) <= 0.0).any() or _beyond_detector(points, line) for line in lines):
        return "behind_source", ""
    missed = {line.view.name: float(_away_mm(points, line).max()) for line in lines}
    if max(missed.values()) > INCONSISTENT_MM:
        return _disagreement(lines, missed)
    if np.linalg.norm(points[1] - points[0]) < cannula.diameter_mm:
        return "no_length", ""
    right, forward, _ = points[1] - points[0]
    if forward <= 0.0:
        return "backwards", ""
    outwards = right if cannula.side == "right" else -right
    if np.rad2deg(np.arctan2(outwards, forward)) > DIVERGING_DEG:
        return "diverging", STATUSES["diverging"]
    status = "triangulated" if planes_deg >= PLANES_APART_DEG else "ends_only"
    return status, STATUSES[status]


def _disagreement(lines: Sequence[_Line], missed_mm: Mapping[str, float]) -> tuple[str, str]:
    """Of lines that do not show one cannula: whether turning one of them round would mend it."""
    for index, line in enumerate(lines):
        turned = [*lines[:index], line.turned(), *lines[index + 1 :]]
        points, _, amplified = _solve(turned)
        after = max(float(_away_mm(points, one).max()) for one in turned) if amplified < MOST_AMPLIFIED else np.inf
        if after < min(INCONSISTENT_MM, max(missed_mm.values()) / 3):
            names = [one.view.name for one in lines] if len(lines) == 2 else [line.view.name]
            return "swapped_ends", f"{STATUSES['swapped_ends']} in {' or '.join(names)}"
    away = ", ".join(f"{mm:.1f} mm in {name}" for name, mm in missed_mm.items())
    return "inconsistent", f"{STATUSES['inconsistent']}: they are off by {away}"


def _depths(points: np.ndarray, line: _Line) -> np.ndarray:
    return project_with_depth(points, line.view)[1]


def _beyond_detector(points: np.ndarray, line: _Line) -> bool:
    return bool((_depths(points, line) >= line.view.source_to_detector_mm).any())


def _away(points: np.ndarray, line: _Line) -> np.ndarray:
    """(2,) px from the drawn points to the cannula's ends, or to its line where they are not ends."""
    shown = project(points, line.view)
    away = line.points_px - shown
    step = shown[1] - shown[0]
    across = np.array([-step[1], step[0]]) / max(float(np.linalg.norm(step)), 1e-9)
    return np.where(line.ends, np.linalg.norm(away, axis=1), np.abs(away @ across))


def _away_mm(points: np.ndarray, line: _Line) -> np.ndarray:
    """The same, at the patient."""
    return _away(points, line) * _depths(points, line) / line.view.intrinsics[0, 0]


def refused(status: str, planes_deg: float, reason: str = "") -> Triangulated:
    """The answer without a cannula; its reason is that of the status where none is given."""
    return Triangulated(None, {}, float(planes_deg), float("nan"), status, reason or STATUSES[status])
