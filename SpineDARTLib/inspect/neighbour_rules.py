"""Rules about the column: a fit that ran into the next vertebra, and levels that do not follow each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..types import LEVELS, Plan
from .finding import Finding, Subject, body_height_mm, spacing_mm

OVERLAP_MM = -1.0
"""A disc thinner than this is none: bodies go through each other (good fits had 5 to 10 mm)."""

MOST_LEVELS_APART = 3
"""Over more levels than these, sizes change too much to count vertebrae by one's height."""


def left_its_place(subject: Subject) -> Iterator[Finding]:
    """A fit that moved more than half a spacing along the column from where it was told to be."""
    vertebra, start = subject.vertebra, subject.plan.fitted.start
    half = spacing_mm(subject.plan) / 2
    if vertebra is None or start is None or not np.isfinite(half):
        return
    move = vertebra.pose[:3, 3] - start.pose[:3, 3]
    along = float(move @ start.pose[:3, 2])
    if np.linalg.norm(move) > half:
        way = "up" if along > 0 else "down"
        yield subject.finding(
            "moved", "wrong",
            f"The fit moved {np.linalg.norm(move):.0f} mm ({abs(along):.0f} mm {way} the spine) from the clicks, more "
            f"than half the way to the next vertebra ({half:.0f} mm).",
            f"It may sit on a neighbour: click the centre of {subject.level} again and fit again.",
        )  # fmt: skip


def overlaps_or_skips(subject: Subject) -> Iterator[Finding]:
    """Bodies within each other; where none are, room for more or fewer vertebrae than their names say."""
    gaps = [(other, *_in_order(subject.plan, other)) for other in subject.others]
    discs = [(other, upper, lower, disc_mm(upper, lower)) for other, upper, lower in gaps]
    overlaps = [_overlap(subject, other, gap) for other, _, _, gap in discs if gap < OVERLAP_MM]
    yield from overlaps
    for other, upper, lower, gap in discs:
        if overlaps or not np.isfinite(gap) or not _next_fitted(subject, other):
            continue
        between = bodies_between(gap, upper, lower)
        if between != LEVELS.index(lower.fitted.level) - LEVELS.index(upper.fitted.level) - 1:
            yield _skipped(subject, upper, lower, between, gap)


def _in_order(one: Plan, other: Plan) -> tuple[Plan, Plan]:
    """The upper and the lower one, by name."""
    return (one, other) if LEVELS.index(one.fitted.level) < LEVELS.index(other.fitted.level) else (other, one)


def disc_mm(upper: Plan, lower: Plan) -> float:
    """Free height between one body's lower endplate and another's upper one, along their common axis; NaN unknown."""
    ends = upper.landmarks_mm.get("body_inferior"), lower.landmarks_mm.get("body_superior")
    one, other = upper.fitted.vertebra, lower.fitted.vertebra
    if ends[0] is None or ends[1] is None or one is None or other is None:
        return float("nan")
    axis = one.pose[:3, 2] + other.pose[:3, 2]
    return float((ends[0] - ends[1]) @ axis / np.linalg.norm(axis))


def bodies_between(gap_mm: float, upper: Plan, lower: Plan) -> int:
    """How many vertebrae the room between two has place for."""
    height = (body_height_mm(upper) + body_height_mm(lower)) / 2
    return max(round((gap_mm - 0.3 * height) / (1.3 * height)), 0)


def _next_fitted(subject: Subject, other: Plan) -> bool:
    """Whether no vertebra that was fitted stands between them, and not so many that counting by size goes wrong."""
    places = [LEVELS.index(one.fitted.level) for one in subject.others if one.fitted.vertebra is not None]
    low, high = sorted((LEVELS.index(subject.level), LEVELS.index(other.fitted.level)))
    return high - low <= MOST_LEVELS_APART and not any(low < place < high for place in places)


def _overlap(subject: Subject, other: Plan, gap: float) -> Finding:
    level = other.fitted.level
    return subject.finding(
        "overlap", "wrong",
        f"Its body goes {-gap:.0f} mm into that of {level}.",
        f"One of the two sits on the wrong vertebra: click the centres of {subject.level} and {level} again.",
    )  # fmt: skip


def _skipped(subject: Subject, upper: Plan, lower: Plan, between: int, gap: float) -> Finding:
    one, other = upper.fitted.level, lower.fitted.level
    named = LEVELS.index(other) - LEVELS.index(one) - 1
    return subject.finding(
        "spacing", "wrong",
        f"Between {one} and {other} there is room for {between} vertebra{'e' * (between != 1)} ({gap:.0f} mm), "
        f"by their names there {'is' if named == 1 else 'are'} {named}.",
        "A level is named wrongly or was clicked on another one: count again from L5 or T12, or shift the levels.",
    )  # fmt: skip
