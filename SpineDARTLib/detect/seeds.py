"""From a column to seeds to fit from; what cannot be started says why, in words that a clinician can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..types import LEVELS, Place, Seed, View
from .candidates import CLICKED_SCORE, within
from .nouns import Column, Detection, MatchedVertebra

MOST_UNSURE_MM = 7.0
"""Standard deviation of a centre along its worst direction beyond which a fit would find a neighbour as well."""

LEAST_SEEN = 0.6
"""Of a vertebra's box inside the picture, and of what the detector says that it saw."""

CLEAR = 0.5
"""Score from which one view's detection at the end of the column, where no neighbour vouches for it, is believed."""

FAINT = 0.3
"""Score that the best of several views' detections of a vertebra must reach: of those from 0.4 to 0.5, 103 were true,
23 false; of those below 207 and 193; what neighbours in the column vouch for is truer still."""

SURE = 0.8
"""Probability of a label below which it is called in doubt."""

LEAST_CONFIDENCE = 0.2
"""Landmarks that the detector believes in less than this are left out."""


@dataclass(frozen=True)
class Proposal:
    """What a detector proposes.

    Attributes:
        seeds: to fit from, head to foot.
        reasons: level to the sentence that says why there is no seed.
        notes: level to what is in doubt about one that there is.
    """

    seeds: tuple[Seed, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def seeds_of(
    column: Column,
    detections: Mapping[str, Sequence[Detection]],
    views: Sequence[View],
    asked: Sequence[Seed] = (),
) -> Proposal:
    """A seed for every vertebra that is found well enough.

    Args:
        column: of these detections (``matching.match``).
        detections: that the column was made of (``clicks.with_clicks``, where there were clicks).
        views: of the case.
        asked: what the case asks for, with or without clicks; whatever the column shows where it asks for nothing.
    """
    matched = {one.level: one for one in column.vertebrae}
    wanted = {seed.level: seed for seed in asked} or {level: Seed(level) for level in matched}
    levels = sorted({*wanted, *matched} if not asked else wanted, key=LEVELS.index)
    seeds, reasons, notes = [], {}, {}
    for level in levels:
        seed, one = wanted[level], matched.get(level)
        why = _absent(level, column, views) if one is None else _unfit(one, column, detections, views, bool(asked))
        if why and len(seed.clicks_px) < 2:
            reasons[level] = why
            continue
        seeds.append(seed if one is None or why else _filled(seed, one, detections))
        if one is not None and (note := _doubt(one, column)):
            notes[level] = note
    if not asked:
        reasons |= {level: _absent(level, column, views) for level in _gaps(column)}
    return Proposal(tuple(seeds), dict(sorted(reasons.items(), key=lambda pair: LEVELS.index(pair[0]))), notes)


def _filled(seed: Seed, one: MatchedVertebra, detections: Mapping[str, Sequence[Detection]]) -> Seed:
    """The seed with what was detected of its vertebra; its clicks stay."""
    marks: dict[str, dict[str, tuple[float, float, float]]] = {}
    spreads: dict[str, dict[str, tuple[float, float, float]]] = {}
    for view, index in one.members.items():
        for name, mark in detections[view][index].landmarks.items():
            if mark.confidence >= LEAST_CONFIDENCE:
                covariance = np.asarray(mark.covariance_px2, dtype=np.float64) / mark.confidence
                sigma = float(np.sqrt(np.trace(covariance) / 2))
                u, v = (float(value) for value in mark.place_px)
                marks.setdefault(view, {})[name] = (u, v, sigma)
                uu, uv, vv = (float(value) for value in (covariance[0, 0], covariance[0, 1], covariance[1, 1]))
                spreads.setdefault(view, {})[name] = (uu, uv, vv)
    shown = {view: detections[view][index] for view, index in one.members.items()}
    return replace(
        seed,
        landmarks_px=marks,
        covariances_px2=spreads,
        place=Place(one.centre_mm, one.covariance_mm2),
        masks={view: detection.mask for view, detection in shown.items() if detection.mask is not None},
        projections={
            view: detection.projection for view, detection in shown.items() if detection.projection is not None
        },
        scores={view: float(detection.score) for view, detection in shown.items()},
    )


def _unfit(
    one: MatchedVertebra,
    column: Column,
    detections: Mapping[str, Sequence[Detection]],
    views: Sequence[View],
    asked: bool,
) -> str:
    """Why a vertebra that was found cannot be started; "" where it can."""
    if len(one.members) < 2 and (why := _unfit_alone(one, column, detections, views)):
        return why
    if len(one.members) > 1 and max(_sure(detections[name][index]) for name, index in one.members.items()) < FAINT:
        return f"{one.level} was not found clearly in any view. Click its centre in {_and(list(one.members))}."
    if not asked:
        cut = [name for name, index in one.members.items() if _cut(detections[name][index], _named(views, name))]
        if cut and len(one.members) - len(cut) < 2:
            return f"{one.level} is cut by the border of the picture in {_and(cut)}."
    return ""


def _unfit_alone(
    one: MatchedVertebra, column: Column, detections: Mapping[str, Sequence[Detection]], views: Sequence[View]
) -> str:
    """The same of one that a single view shows."""
    ((seen, index),) = one.members.items()
    blind = [view.name for view in views if view.name != seen]
    outside = [view.name for view in views if view.name != seen and not within(one.centre_mm, view, 0.0)]
    if len(outside) == len(blind):
        return f"{one.level} was found in {seen}, but lies outside the picture in {_and(outside)}."
    worst = float(np.sqrt(np.linalg.eigvalsh(one.covariance_mm2)[-1]))
    if worst > MOST_UNSURE_MM:
        return f"{one.level} was found in {seen} only. Click its centre in {_and(blind)}."
    if _sure(detections[seen][index]) < CLEAR and not _between(one, column):
        return f"{one.level} was found in {seen} only, and not clearly. Click its centre in {_and(blind)}."
    return ""


def _sure(one: Detection) -> float:
    """Score; that of a person's click."""
    return CLICKED_SCORE if one.clicked else one.score


def _between(one: MatchedVertebra, column: Column) -> bool:
    """Whether vertebrae above and below it are seen in two views or more."""
    several = [LEVELS.index(each.level) for each in column.vertebrae if len(each.members) > 1]
    return bool(several) and several[0] < LEVELS.index(one.level) < several[-1]


def _absent(level: str, column: Column, views: Sequence[View]) -> str:
    """Why a level has no place in the column."""
    everywhere = _and([view.name for view in views])
    if not column.vertebrae:
        return f"No vertebra was found in {everywhere}. Click the centre of {level} in each view."
    if level not in column.expected:
        first, last = column.vertebrae[0].level, column.vertebrae[-1].level
        return (
            f"{level} was not found: the pictures seem to show {first} to {last}. If that is wrong, shift the labels."
        )
    centre = column.expected[level][0]
    outside = [view.name for view in views if not within(centre, view, 0.0)]
    if outside:
        return f"{level} was not found; it should lie outside the picture in {_and(outside)}."
    return f"{level} was found in none of the views. Click its centre in {everywhere}."


def _doubt(one: MatchedVertebra, column: Column) -> str:
    """What is unsure about a label; "" where nothing is."""
    sure = float(one.level_probabilities[LEVELS.index(one.level)])
    if column.pairing < SURE and len(one.members) > 1:
        views = _and(list(one.members))
        return f"{views} may be paired one level off ({column.pairing:.0%} sure). Click one vertebra in each."
    if sure >= SURE:
        return ""
    other = LEVELS[int(np.argsort(one.level_probabilities)[-2])]
    if other == one.level:
        other = LEVELS[int(np.argmax(one.level_probabilities))]
    views = [name for name, share in column.view_shifts.items() if share > 1 - SURE]
    where = f"; what {_and(views)} shows may have been counted wrongly" if views else ""
    return f"The label {one.level} is in doubt ({sure:.0%}); it may be {other}{where}. Check the level."


def _gaps(column: Column) -> list[str]:
    """Levels between found ones that were not found."""
    numbers = [LEVELS.index(one.level) for one in column.vertebrae]
    return [LEVELS[number] for number in range(numbers[0], numbers[-1]) if number not in numbers] if numbers else []


def _cut(detection: Detection, view: View) -> bool:
    """Whether too little of a vertebra is in the picture."""
    height, width = view.image.shape
    left, top, right, bottom = detection.box_px
    across = max(min(right, width - 1.0) - max(left, 0.0), 0.0) / max(right - left, 1e-9)
    down = max(min(bottom, height - 1.0) - max(top, 0.0), 0.0) / max(bottom - top, 1e-9)
    return bool(min(across * down, detection.share_seen) < LEAST_SEEN)


def _named(views: Sequence[View], name: str) -> View:
    return next(view for view in views if view.name == name)


def _and(names: Sequence[str]) -> str:
    """ "AP", "AP and LAT", "AP, LAT and OBL"."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
