"""What was located, as clicks, outlines and JSON: for the worker's answer and for ``detections.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from contourpy import contour_generator

from .detect.nouns import Column, Crop, Detection, MatchedVertebra
from .fit.initialise import CLICK_POINT_MM, orient
from .geometry.camera import project
from .geometry.triangulate import triangulate
from .locating import Located, start_of
from .types import LEVELS, Case, Seed, View

FORMAT = "spinedart-detections/1"
LEAST_TOLD = 0.01
"""Probability from which a level is told."""
LIKELIEST = 3
MOST_POINTS = 80
"""Of an outline's loop: enough for the eye."""


def clicks_of(case: Case, located: Located) -> dict[str, dict[str, tuple[float, float]]]:
    """Level to view name to the pixel (u, v) where a person would click; given clicks as they were.

    A view whose picture the vertebra's centre lies outside of has none.
    """
    turns = _turns(located.column)
    return {seed.level: _clicks(seed, case.views, located, turns) for seed in located.seeds}


def _turns(column: Column | None) -> dict[str, np.ndarray]:
    """Level to the (3, 3) rotation that the curve of the column gives it."""
    found = column.vertebrae if column else ()
    numbers = [LEVELS.index(one.level) for one in found]
    turns = orient(numbers, [one.centre_mm for one in found])
    return {one.level: turn for one, turn in zip(found, turns, strict=True)}


def _clicks(
    seed: Seed, views: Sequence[View], located: Located, turns: Mapping[str, np.ndarray]
) -> dict[str, tuple[float, float]]:
    """The same of one vertebra."""
    places: dict[str, np.ndarray] = {name: np.array(click) for name, click in seed.clicks_px.items()}
    found = _matched(located.column, seed.level)
    if found is not None:
        eye = found.centre_mm + turns[seed.level] @ CLICK_POINT_MM
        for view in views:
            ends = project(np.stack([found.centre_mm, eye]), view)
            own = _own(found, located, view.name)
            centre = ends[0] if own is None or own.clicked else own.centre_px
            places.setdefault(view.name, centre + ends[1] - ends[0])
    elif len(places) > 1:
        clicked = [view for view in views if view.name in places]
        point = triangulate(np.array([places[view.name] for view in clicked]), clicked)[0]
        for view in views:
            places.setdefault(view.name, project(point[None], view)[0])
    inside = {
        view.name: places[view.name] for view in views if view.name in places and _inside(places[view.name], view)
    }
    return {name: (float(place[0]), float(place[1])) for name, place in inside.items()}


def _matched(column: Column | None, level: str) -> MatchedVertebra | None:
    return next((one for one in column.vertebrae if one.level == level), None) if column else None


def _own(found: MatchedVertebra, located: Located, view: str) -> Detection | None:
    """The detection that shows a vertebra in a view, if there is one."""
    return located.detections[view][found.members[view]] if view in found.members else None


def _inside(place: np.ndarray, view: View) -> bool:
    height, width = view.image.shape
    return bool(np.isfinite(place).all() and (place >= -0.5).all() and (place <= [width - 0.5, height - 0.5]).all())


def outlines(mask: Crop | None) -> list[np.ndarray]:
    """Closed loops (n, 2) of pixels (u, v) around what a mask holds for its vertebra, the longest first."""
    if mask is None or min(mask.values.shape) < 2:
        return []
    edge = mask.step_px * np.array([1.0, 1.0])
    # A frame of nothing closes what the picture's border cuts.
    values = np.pad(np.asarray(mask.values, dtype=np.float64), 1)
    lines = [np.asarray(line) for line in contour_generator(z=values).lines(0.5)]
    loops = [mask.step_px * line + [mask.column, mask.row] - edge for line in lines if len(line) > 3]
    return sorted(loops, key=len, reverse=True)


def thinned(loop: np.ndarray) -> np.ndarray:
    """A loop of at most ``MOST_POINTS`` points, closed as it was."""
    if len(loop) <= MOST_POINTS:
        return loop
    return loop[np.round(np.linspace(0, len(loop) - 1, MOST_POINTS)).astype(int)]


def answer(case: Case, located: Located) -> dict[str, Any]:
    """What the worker says was found: pixels are those of the views as they were read."""
    clicks = clicks_of(case, located)
    return {
        "vertebrae": [_told(seed, clicks[seed.level], located) for seed in located.seeds],
        "reasons": located.reasons,
        "words": located.words,
        "shifts": {str(by): share for by, share in (located.column.shifts if located.column else {}).items()},
    }


def _told(seed: Seed, clicks: Mapping[str, tuple[float, float]], located: Located) -> dict[str, Any]:
    found = _matched(located.column, seed.level)
    shown = {} if found is None else {name: _own(found, located, name) for name in found.members}
    return {
        "level": seed.level,
        "label_probability": _probability(found, seed),
        "levels": {} if found is None else _likely(found.level_probabilities, len(LEVELS)),
        "seeds": clicks,
        "in_both": len(shown) > 1,
        "start": start_of(seed),
        "note": located.notes.get(seed.level, ""),
        "outlines": {name: [thinned(loop) for loop in outlines(one.mask)] for name, one in shown.items() if one},
    }


def _probability(found: MatchedVertebra | None, seed: Seed) -> float:
    """That the level is right: 1 for what a person clicked and no detector knows of."""
    return 1.0 if found is None else float(found.level_probabilities[LEVELS.index(seed.level)])


def _likely(probabilities: np.ndarray, most: int) -> dict[str, float]:
    """The likeliest levels, the likeliest first."""
    order = np.argsort(-np.asarray(probabilities))[:most]
    return {LEVELS[int(one)]: float(probabilities[one]) for one in order if probabilities[one] >= LEAST_TOLD}


def document(case: Case, located: Located) -> dict[str, Any]:
    """All of ``detections.json``: what was seen in each view, and what it comes to."""
    column, clicks = located.column, clicks_of(case, located)
    vertebrae = [] if column is None else [_column_entry(one, located, clicks) for one in column.vertebrae]
    return {
        "format": FORMAT,
        "case_id": case.id,
        "weights": located.weights,
        "words": located.words,
        "views": {name: [_detection_entry(one) for one in found] for name, found in located.detections.items()},
        "vertebrae": vertebrae,
        "not_started": located.reasons,
        "shifts": {str(by): share for by, share in (column.shifts if column else {}).items()},
        "view_shifts": column.view_shifts if column else {},
        "pairing": column.pairing if column else None,
        "unused": column.unused if column else {},
    }


def _column_entry(
    one: MatchedVertebra, located: Located, clicks: Mapping[str, Mapping[str, tuple[float, float]]]
) -> dict[str, Any]:
    return {
        "level": one.level,
        "level_probabilities": _likely(one.level_probabilities, LIKELIEST),
        "centre_mm": one.centre_mm,
        "covariance_mm2": one.covariance_mm2,
        "detections": one.members,
        "started": one.level in clicks,
        "clicks_px": clicks.get(one.level, {}),
        "reason": located.reasons.get(one.level, ""),
        "note": located.notes.get(one.level, ""),
    }


def _detection_entry(one: Detection) -> dict[str, Any]:
    marks = {
        name: {"place_px": mark.place_px, "covariance_px2": mark.covariance_px2, "confidence": mark.confidence}
        for name, mark in one.landmarks.items()
    }
    return {
        "level_probabilities": _likely(one.level_probabilities, LIKELIEST),
        "score": one.score,
        "centre_px": one.centre_px,
        "centre_covariance_px2": one.centre_covariance_px2,
        "box_px": one.box_px,
        "share_seen": one.share_seen,
        "clicked": one.clicked,
        "outlines": [thinned(loop) for loop in outlines(one.mask)],
        "landmarks": marks,
    }
