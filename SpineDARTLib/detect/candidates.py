"""Which detections may show the same vertebra, where it would be, and what speaks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..geometry.camera import project, rays
from ..geometry.epipolar import meeting_point
from ..geometry.triangulate import triangulate
from ..types import View
from .nouns import Detection

DETECTED = 0.88
"""Share of the vertebrae in a picture that the detector finds."""

FALSE_ALARMS = 2.3
"""Detections a picture that show no vertebra ..."""

FALSE_WITHIN = 0.1
"""... and the share of the picture that they lie in: nearly all are on the column, between two vertebrae."""

SCORE_GAIN = 2.0
"""Scores of a network from scratch are timid: the odds that a detection is true rise with this power of its score's."""

EVEN_SCORE = 0.4
"""A detection of this score is as likely a vertebra as detections are on the whole."""

DETECTED_AT_BORDER = 0.5
"""Likewise of those nearer than ``BORDER_MM`` to the picture's border, or beyond it: collimated, cut, half seen."""

BORDER_MM = 25.0

GATE = 25.0
"""Largest squared distance, per degree of freedom, in standard deviations: beyond it rays do not meet."""

LEAST_SIGMA_MM = 0.8
"""Nobody, no network either, knows a body's centre better."""

RAY_SIGMA_MM = 60.0
"""How far from where the beams meet, along the ray, the vertebra of a single view may be."""

APPEARANCE = 3.0
"""Weight of how alike two detections look (-1 to 1, 0.5 says nothing)."""

CLICKED_SCORE = 0.98
"""What a person clicked counts like a detection of this score, whatever the detector thinks of it."""

LINK_SIGMA = 0.27
"""Deviation of where a detection says that its neighbour's centre is, as a share of the step to it. Of 445 steps that a
network after half an hour of training saw, the median error was 0.27 (a deviation of 0.23)."""

LINK_MISTAKEN = 0.2
"""Share of such words that mean nothing: they lie anywhere within a step or so."""

MOST = 260
"""Candidates kept, the best ones: four views of a whole spine have many."""


@dataclass(frozen=True)
class _Rig:
    """The views, where about their beams meet (3,) RAS mm, and each view's size of a pixel there, mm."""

    views: Sequence[View]
    middle: np.ndarray
    mm_per_px: tuple[float, ...]


@dataclass(frozen=True)
class Candidate:
    """Detections that may be one vertebra's.

    Attributes:
        members: view's place to detection's index.
        centre_mm: (3,) RAS.
        covariance_mm2: (3, 3); long along the ray where there is one view only.
        evidence: log of how much likelier these detections are as one vertebra than as false alarms, but for level and
            place in the column.
    """

    members: Mapping[int, int]
    centre_mm: np.ndarray
    covariance_mm2: np.ndarray
    evidence: float


def candidates(detections: Sequence[Sequence[Detection]], views: Sequence[View]) -> list[Candidate]:
    """Every set of detections, at most one of each view, whose rays meet; the best ``MOST``.

    Args:
        detections: of each view, in the order of the views.
    """
    rig = _rig(views)
    found = [_alone(place, index, one, rig) for place, seen in enumerate(detections) for index, one in enumerate(seen)]
    near = {pair: _near(*pair, detections, rig) for pair in combinations(range(len(views)), 2)}
    for count in range(2, len(views) + 1):
        for places in combinations(range(len(views)), count):
            for chosen in _meeting(places, detections, near):
                made = _together(chosen, detections, rig)
                if made is not None:
                    found.append(made)
    found.sort(key=lambda one: -one.evidence)
    # Each detection alone is always kept: whatever the rest says, it may be all there is.
    return [one for place, one in enumerate(found) if place < MOST or len(one.members) == 1]


def _rig(views: Sequence[View]) -> _Rig:
    middle = _middle(views)
    sizes = (float(np.linalg.norm(middle - view.source_mm) / view.intrinsics[1, 1]) for view in views)
    return _Rig(views, middle, tuple(sizes))


def _middle(views: Sequence[View]) -> np.ndarray:
    """(3,) RAS mm about where the spine is: where the beams meet, or for one view two thirds of the way."""
    try:
        if len(views) > 1:
            return meeting_point(views)
    except ValueError:
        pass
    return views[0].source_mm + 0.65 * views[0].source_to_detector_mm * views[0].axis


def _meeting(
    places: Sequence[int], detections: Sequence[Sequence[Detection]], near: Mapping[tuple[int, int], np.ndarray]
) -> list[dict[int, int]]:
    """Detections of these views of which every two lie near each other's epipolar line."""
    partial: list[dict[int, int]] = [{}]
    for place in places:
        partial = [
            {**chosen, place: index}
            for chosen in partial
            for index in range(len(detections[place]))
            if all(near[other, place][taken, index] for other, taken in chosen.items())
        ]
    return partial


def _near(one: int, other: int, detections: Sequence[Sequence[Detection]], rig: _Rig) -> np.ndarray:
    """(detections of one, of other) bool: whether the rays pass each other within five deviations."""
    first, from_one = rays(_centres(detections[one]), rig.views[one])
    second, from_other = rays(_centres(detections[other]), rig.views[other])
    across = np.cross(from_one[:, None], from_other[None])
    sine = np.linalg.norm(across, axis=-1)
    gap_mm = np.abs(across @ (second - first)) / np.maximum(sine, 1e-9)
    sigma = [np.array([_sigma_mm(each, rig.mm_per_px[place]) for each in detections[place]]) for place in (one, other)]
    return (gap_mm < 5.0 * np.hypot(sigma[0][:, None], sigma[1][None]) + 1.0) & (sine > 0.1)


def neighbourly(found: Sequence[Candidate], detections: Sequence[Sequence[Detection]]) -> np.ndarray:
    """(candidates, candidates) log of how much likelier what detections say of their neighbours' places is if the
    second candidate is the next vertebra below the first; 0 where no detection says anything."""
    total = np.zeros((len(found), len(found)))
    for place, seen in enumerate(detections):
        members = np.array([one.members.get(place, -1) for one in found])
        if seen:
            told = np.pad(_said_of_neighbours(seen), (0, 1))  # the last row and column: in this view there is nothing
            total += told[members[:, None], members[None]]
    return total


def _said_of_neighbours(seen: Sequence[Detection]) -> np.ndarray:
    """(detections, detections) the same in one view: what the upper one says, and what the lower one does."""
    centres = _centres(seen)
    silent = np.full((2, 2), np.nan)
    links = np.array([silent if one.neighbours_px is None else one.neighbours_px for one in seen])
    step = np.linalg.norm(centres[None] - centres[:, None], axis=-1)
    total = np.zeros((len(seen), len(seen)))
    for side, flip in ((1, False), (0, True)):
        # Row i: how far centre j is from where i has its neighbour, against the shorter of said and true step.
        off = np.linalg.norm(links[:, side, None] - centres[None], axis=-1)
        said = np.linalg.norm(links[:, side] - centres, axis=-1)[:, None]
        share = off / np.maximum(np.minimum(step, said), 1e-9)
        peak = np.exp(-0.5 * (share / LINK_SIGMA) ** 2) / (2 * LINK_SIGMA**2)  # 1 / pi is the density of a disc
        told = np.nan_to_num(np.log((1 - LINK_MISTAKEN) * peak + LINK_MISTAKEN), nan=0.0)
        total += told.T if flip else told
    return total


def _alone(place: int, index: int, detection: Detection, rig: _Rig) -> Candidate:
    """A detection of one view: somewhere on its ray, near where the beams meet."""
    source, directions = rays(detection.centre_px[None], rig.views[place])
    direction = directions[0]
    centre = source + direction * float((rig.middle - source) @ direction)
    across = _sigma_mm(detection, rig.mm_per_px[place]) ** 2
    covariance = across * np.eye(3) + (RAY_SIGMA_MM**2 - across) * np.outer(direction, direction)
    along = np.log(np.sqrt(2 * np.pi) * RAY_SIGMA_MM)
    evidence = _one(detection, place, rig) + along + _missed((place,), centre, rig)
    return Candidate({place: index}, centre, covariance, float(evidence))


def _together(chosen: Mapping[int, int], detections: Sequence[Sequence[Detection]], rig: _Rig) -> Candidate | None:
    """Detections of several views, None where their rays do not meet."""
    used, sizes = [rig.views[place] for place in chosen], [rig.mm_per_px[place] for place in chosen]
    found = [detections[place][index] for place, index in chosen.items()]
    covariances = np.stack([_covariance(one, size) for one, size in zip(found, sizes, strict=True)])
    try:
        centre, covariance, _ = triangulate(_centres(found), used, covariances_px2=covariances)
    except (ValueError, np.linalg.LinAlgError):
        return None
    off = _centres(found) - np.concatenate([project(centre[None], view) for view in used])
    squared = float(np.einsum("vi,vij,vj->", off, np.linalg.inv(covariances), off))
    freedom = 2 * len(found) - 3
    if squared > GATE * freedom:
        return None
    sigma_mm = np.mean([_sigma_mm(one, size) for one, size in zip(found, sizes, strict=True)])
    meeting = -squared / 2 - freedom * np.log(np.sqrt(2 * np.pi) * sigma_mm)
    detected = sum(_one(one, place, rig) for one, place in zip(found, chosen, strict=True))
    alike = sum(_alike(one, other) for one, other in combinations(found, 2))
    evidence = detected + meeting + alike + _missed(tuple(chosen), centre, rig)
    return Candidate(dict(chosen), centre, covariance, float(evidence))


def _one(detection: Detection, place: int, rig: _Rig) -> float:
    """Log of how much likelier a detection is as a vertebra's than as a false alarm, at any one place (mm2)."""
    height, width = rig.views[place].image.shape
    area_mm2 = FALSE_WITHIN * height * width * rig.mm_per_px[place] ** 2
    score = CLICKED_SCORE if detection.clicked else float(np.clip(detection.score, 0.02, 0.98))
    surer = SCORE_GAIN * (_log_odds(score) - _log_odds(EVEN_SCORE))
    return surer + float(np.log(DETECTED * area_mm2 / FALSE_ALARMS))


def _log_odds(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _missed(members: Sequence[int], centre: np.ndarray, rig: _Rig) -> float:
    """Log probability that the other views' detector did not find a vertebra with its body's centre there (3,)."""
    total = 0.0
    for place, view in enumerate(rig.views):
        if place not in members:
            inside = within(centre, view, BORDER_MM / rig.mm_per_px[place])
            total += float(np.log(1 - (DETECTED if inside else DETECTED_AT_BORDER)))
    return total


def within(centre_mm: np.ndarray, view: View, margin_px: float) -> bool:
    """Whether a point (3,) RAS mm falls into a picture, farther from its border than a margin."""
    (u, v), height, width = project(centre_mm[None], view)[0], *view.image.shape
    return bool(margin_px <= u <= width - 1 - margin_px and margin_px <= v <= height - 1 - margin_px)


def _alike(one: Detection, other: Detection) -> float:
    """What their looks say, 0 where the detector does not tell."""
    if one.appearance is None or other.appearance is None:
        return 0.0
    return APPEARANCE * (float(one.appearance @ other.appearance) - 0.5)


def _covariance(detection: Detection, mm_per_px: float) -> np.ndarray:
    """(2, 2) px2 of a body's centre, never surer than anybody can be."""
    return np.asarray(detection.centre_covariance_px2, dtype=np.float64) + (LEAST_SIGMA_MM / mm_per_px) ** 2 * np.eye(2)


def _sigma_mm(detection: Detection, mm_per_px: float) -> float:
    """Standard deviation of a body's centre at the patient."""
    return float(np.sqrt(np.trace(_covariance(detection, mm_per_px)) / 2)) * mm_per_px


def _centres(found: Sequence[Detection]) -> np.ndarray:
    """(n, 2)."""
    return np.array([one.centre_px for one in found], dtype=np.float64).reshape(-1, 2)
