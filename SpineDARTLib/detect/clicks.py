"""A clinician's clicks among the detections: a click says which vertebra this is, or that there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..types import LEVELS, Seed, View
from .candidates import CLICKED_SCORE
from .nouns import Detection

CLICK_SIGMA_PX = 5.0
"""Standard deviation of a click on a body's centre (``fit.initialise``); it lies 3.7 mm in front of the origin too."""

SAME_SHARE = 0.3
"""Of a box's smaller side: a click this near to a detection's centre means that vertebra."""


def with_clicks(
    detections: Mapping[str, Sequence[Detection]], seeds: Sequence[Seed], views: Sequence[View]
) -> dict[str, tuple[Detection, ...]]:
    """The detections with what was clicked: levels of those that were, and new ones where nothing had been found.

    Args:
        detections: view name to what was found there.
        seeds: of whom those with clicks count.
    """
    result = {}
    for view in views:
        found = list(detections.get(view.name, ()))
        for seed in seeds:
            if view.name in seed.clicks_px:
                _put(found, seed.level, np.array(seed.clicks_px[view.name], dtype=np.float64))
        result[view.name] = tuple(found)
    return result


def _put(found: list[Detection], level: str, click_px: np.ndarray) -> None:
    """One click, in place."""
    certain = np.zeros(len(LEVELS))
    certain[LEVELS.index(level)] = 1.0
    place = _clicked(found, click_px)
    if place is None:
        around = np.r_[click_px - 30.0, click_px + 30.0]
        sigma = CLICK_SIGMA_PX**2 * np.eye(2)
        found.append(Detection(certain, click_px, sigma, around, score=CLICKED_SCORE, clicked=True))
    else:
        found[place] = replace(found[place], level_probabilities=certain, clicked=True)


def _clicked(found: Sequence[Detection], click_px: np.ndarray) -> int | None:
    """Which detection a click means: the nearest, if it is near for its size and no other click has taken it."""
    distances = [np.inf if one.clicked else float(np.linalg.norm(one.centre_px - click_px)) for one in found]
    if not np.isfinite(distances).any():
        return None
    nearest = int(np.argmin(distances))
    left, top, right, bottom = found[nearest].box_px
    return nearest if distances[nearest] < SAME_SHARE * min(right - left, bottom - top) else None
