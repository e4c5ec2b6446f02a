"""What is found in X-rays: vertebrae in each picture, and the column that they make together. Nothing here needs torch.

Pixels are of the full image, (u, v) = (column, row), integer at the pixel's centre; world is RAS, millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..types import LEVELS, Crop

__all__ = ["Column", "Crop", "Detection", "Mark", "MatchedVertebra"]


@dataclass(frozen=True)
class Mark:
    """One landmark in one picture.

    Attributes:
        place_px: (2,) u, v.
        covariance_px2: (2, 2) of how far the landmark may be from there.
        confidence: 0 to 1, that it is there at all, within what the covariance says.
    """

    place_px: np.ndarray
    covariance_px2: np.ndarray
    confidence: float = 1.0


@dataclass(frozen=True)
class Detection:
    """One vertebra in one picture.

    Attributes:
        level_probabilities: (17,) over ``types.LEVELS``, sum 1.
        centre_px: (2,) the projected centre of the body (the origin of the atlas's frame).
        centre_covariance_px2: (2, 2).
        box_px: (4,) left, top, right, bottom of the whole vertebra, also where it leaves the picture.
        landmarks: by the atlas's names.
        score: 0 to 1, that there is a vertebra here.
        share_seen: how much of it is in the exposed field, 0 to 1.
        mask: the whole vertebra's silhouette, overlapped or not, as probabilities.
        projection: the line integral of this vertebra alone.
        appearance: (k,) unit vector that is alike for one vertebra in all views.
        neighbours_px: (2, 2) where the centres of the next vertebrae above and below should be.
        clicked: a person said so: the level is certain, whatever the detector calls the rest of the picture.
    """

    level_probabilities: np.ndarray
    centre_px: np.ndarray
    centre_covariance_px2: np.ndarray
    box_px: np.ndarray
    landmarks: Mapping[str, Mark] = field(default_factory=dict)
    score: float = 1.0
    share_seen: float = 1.0
    mask: Crop | None = None
    projection: Crop | None = None
    appearance: np.ndarray | None = None
    neighbours_px: np.ndarray | None = None
    clicked: bool = False


@dataclass(frozen=True)
class MatchedVertebra:
    """One vertebra of the column and the detections that show it.

    Attributes:
        level: the likeliest.
        level_probabilities: (17,) that it is this level, all views and the whole column considered.
        members: view name to the index of its detection; possibly of one view only.
        centre_mm: (3,) of the body, from the views and the column's curve.
        covariance_mm2: (3, 3).
        alone_mm: (3,) centre from its own detections; None where only one view shows it.
    """

    level: str
    level_probabilities: np.ndarray
    members: Mapping[str, int]
    centre_mm: np.ndarray
    covariance_mm2: np.ndarray
    alone_mm: np.ndarray | None = None


@dataclass(frozen=True)
class Column:
    """What all views together show of the spine.

    Attributes:
        vertebrae: head to foot, each level at most once.
        shifts: how many levels the labels might have to move towards the feet (negative: head) to how likely that is;
            0 is as they are.
        view_shifts: view name to the probability that the detector labelled this view off by one or more.
        pairing: how likely it is that the right detections were paired, against the next best ways found.
        unused: view name to indices of detections that belong to no vertebra.
        evidence: log of how much likelier the detections are as this column than as false ones, before any refusal.
        expected: level to (centre (3,) mm, covariance (3, 3)) where the curve says that an unseen vertebra between
            those that were seen, or next to them, should be.
    """

    vertebrae: tuple[MatchedVertebra, ...]
    shifts: Mapping[int, float] = field(default_factory=dict)
    view_shifts: Mapping[str, float] = field(default_factory=dict)
    unused: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    expected: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    pairing: float = 1.0
    evidence: float = 0.0

    def shifted(self, levels: int) -> Column:
        """The same column named so many levels nearer to the feet; what would leave T1-L5 is dropped."""
        moved = []
        for one in self.vertebrae:
            number = LEVELS.index(one.level) + levels
            if 0 <= number < len(LEVELS):
                moved.append(replace(one, level=LEVELS[number]))
        expected = {
            LEVELS[LEVELS.index(level) + levels]: place
            for level, place in self.expected.items()
            if 0 <= LEVELS.index(level) + levels < len(LEVELS)
        }
        shifts = {by - levels: share for by, share in self.shifts.items()}
        return replace(self, vertebrae=tuple(moved), shifts=shifts, expected=expected)
