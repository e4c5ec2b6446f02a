"""From detections to a proposal, on one page: clicks joined in, the column matched, its vertebrae made into seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..types import LEVELS, Seed, View
from .clicks import with_clicks
from .matching import match
from .nouns import Column, Detection, Mark
from .seeds import Proposal, seeds_of


def propose(
    detections: Mapping[str, Sequence[Detection]], views: Sequence[View], asked: Sequence[Seed] = (), shift: int = 0
) -> tuple[Column, Proposal]:
    """The column that the views show, and a seed or a reason for each of its vertebrae.

    Args:
        detections: view name to what was found there (``find.detect``); none at all where there is no detector.
        views: of the case.
        asked: the case's seeds, with or without clicks; none asks for whatever is found.
        shift: levels by which a person moves all labels towards the feet.

    Returns:
        The detections that a column's ``members`` number are the sound ones, in their order, then what was clicked.
    """
    joined = join(detections, views, asked)
    column = match(joined, views).shifted(shift)
    return column, seeds_of(column, joined, views, asked)


def join(
    detections: Mapping[str, Sequence[Detection]], views: Sequence[View], asked: Sequence[Seed] = ()
) -> dict[str, tuple[Detection, ...]]:
    """View name to the detections that a proposal's column numbers: the sound ones, then what was clicked."""
    sound = {name: tuple(one for one in found if _sound(one)) for name, found in detections.items()}
    return with_clicks({name: tuple(map(_tidy, found)) for name, found in sound.items()}, asked, views)


def _sound(one: Detection) -> bool:
    """Whether a detection says something: a network's numbers may run away on what is no X-ray."""
    numbers = (one.level_probabilities, one.centre_px, one.box_px, one.score, one.share_seen)
    finite = all(bool(np.isfinite(each).all()) for each in numbers)
    return finite and len(one.level_probabilities) == len(LEVELS) and _spread(one.centre_covariance_px2)


def _tidy(one: Detection) -> Detection:
    """Probabilities that sum to 1, and only landmarks that can be used."""
    levels = np.maximum(np.asarray(one.level_probabilities, dtype=np.float64), 0.0)
    total = levels.sum()
    levels = levels / total if total > 0 else np.full(len(LEVELS), 1.0 / len(LEVELS))
    marks = {name: mark for name, mark in one.landmarks.items() if _usable(mark)}
    return replace(one, level_probabilities=levels, landmarks=marks)


def _usable(mark: Mark) -> bool:
    return bool(np.isfinite(mark.place_px).all() and np.isfinite(mark.confidence)) and _spread(mark.covariance_px2)


def _spread(covariance: np.ndarray) -> bool:
    """Whether (2, 2) is a covariance: finite, and wide in every direction."""
    covariance = np.asarray(covariance, dtype=np.float64)
    return bool(np.isfinite(covariance).all()) and bool(np.linalg.eigvalsh(covariance)[0] > 0)
