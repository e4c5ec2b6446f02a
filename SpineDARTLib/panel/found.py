"""What the detector proposes, until somebody clicks, drags or fits it. Plain values, and how sure they are in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..detect.seeds import SURE
from ..types import LEVELS, Seed, View

NAME = re.compile(r"\b(?:T(?:1[0-2]|[1-9])|L[1-5])\b")
"""A level in a sentence."""

LIKELY = 0.25
"""Probability from which another shift of all labels is worth saying. Our choice."""

SPECK = 0.05
"""Of the largest loop's box: smaller loops of a silhouette are not drawn."""

Pixel = tuple[float, float]


@dataclass(frozen=True)
class Proposal:
    """One vertebra that was found.

    Attributes:
        levels: level to probability, of those that are not out of the question.
        places_px: view name to (u, v), of every view: where somebody would click.
        note: what is in doubt, a sentence; "" where nothing is.
        outlines_px: view name to loops (n, 2) of its silhouette; views in which it was seen only.
    """

    level: str
    levels: Mapping[str, float]
    places_px: Mapping[str, Pixel]
    note: str = ""
    outlines_px: Mapping[str, tuple[np.ndarray, ...]] = field(default_factory=dict)

    @property
    def probability(self) -> float:
        """Of its label."""
        return self.levels.get(self.level, 0.0)

    @property
    def likeliest(self) -> str:
        """What the detector would call it, vertebra by vertebra."""
        return max(self.levels, key=lambda level: self.levels[level], default=self.level)

    @property
    def sure(self) -> bool:
        """Whether its label is beyond doubt."""
        return self.probability >= SURE


@dataclass(frozen=True)
class Found:
    """What was found in some views.

    Attributes:
        views: those that were looked at; in others it means nothing.
        proposals: level to vertebra, head to foot.
        reasons: level to why it was not started, a sentence each.
        words: the whole in a sentence.
        shifts: by how many levels towards the feet the names may have to move still, to how likely that is.
        shift: by how many levels a person has moved them.
    """

    views: tuple[View, ...]
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    shifts: Mapping[int, float] = field(default_factory=dict)
    shift: int = 0

    def shifted(self, by: int) -> Found:
        """The same with all names so many levels nearer to the feet; what would leave T1 to L5 is dropped."""
        if not by:
            return self
        proposals = {}
        for level, one in self.proposals.items():
            if name := moved_level(level, by):
                # What was in doubt of the old name is said by ``label_words`` of the new one.
                proposals[name] = replace(one, level=name, note="" if NAME.search(one.note) else one.note)
        reasons = {
            name: _renamed(words, by) for level, words in self.reasons.items() if (name := moved_level(level, by))
        }
        shifts = {shift - by: share for shift, share in self.shifts.items()}
        return replace(self, proposals=proposals, reasons=reasons, words="", shifts=shifts, shift=self.shift + by)

    def of_views(self, views: Sequence[View]) -> bool:
        """Whether it was found in these very views, their pictures and cameras unchanged."""
        return len(views) == len(self.views) and all(one is other for one, other in zip(views, self.views, strict=True))


@dataclass(frozen=True)
class Earlier:
    """What was located at one moment, to go back to.

    Attributes:
        seeds: level to clicks.
        level: that the next click was for.
        shift: by how many levels all names had been moved since the case was opened.
    """

    seeds: Mapping[str, Seed]
    level: str
    found: Found | None
    shift: int


def found_of(message: Mapping[str, Any], views: tuple[View, ...], shift: int) -> Found:
    """What the worker's answer to "find" says.

    Args:
        shift: that it was asked with.
    """
    # What is only clicked, nobody proposes.
    proposals = {one["level"]: _proposal(one) for one in message["vertebrae"] if one.get("start") != "clicks"}
    return Found(
        views,
        {level: proposals[level] for level in sorted(proposals, key=LEVELS.index)},
        dict(message.get("reasons", {})),
        str(message.get("words", "")),
        {int(by): float(share) for by, share in message.get("shifts", {}).items()},
        shift,
    )


def _proposal(one: Mapping[str, Any]) -> Proposal:
    return Proposal(
        one["level"],
        {level: float(share) for level, share in one["levels"].items()},
        {view: (float(u), float(v)) for view, (u, v) in one["seeds"].items()},
        str(one.get("note", "")),
        {view: _outline(loops) for view, loops in one.get("outlines", {}).items()},
    )


def _outline(loops: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """The loops that are worth drawing: specks beside the vertebra are not."""
    found = [np.array(loop, dtype=np.float64).reshape(-1, 2) for loop in loops]
    sizes = [float(np.ptp(loop, axis=0).prod()) for loop in found]
    return tuple(loop for loop, size in zip(found, sizes, strict=True) if size >= SPECK * max(sizes))


def label_words(one: Proposal, shift: int) -> str:
    """ "L3, sure"; "L3? 62 %, may be L2"; after a person's shift "L4, detector: L3"."""
    if one.sure:
        return f"{one.level}, sure"
    others = {level: share for level, share in one.levels.items() if level != one.level}
    other = max(others, key=lambda level: others[level], default="")
    if shift and other and others[other] > one.probability:
        return f"{one.level}, detector: {other}"
    return f"{one.level}? {one.probability * 100:.0f} %{f', may be {other}' if other else ''}"


def shift_words(found: Found) -> str:
    """That the detector itself finds other names likely, with the button that gives them; "" where it does not."""
    share, by = max(((share, by) for by, share in found.shifts.items() if by), default=(0.0, 0))
    if share < LIKELY or not found.proposals:
        return ""
    levels = list(found.proposals)
    names = [moved_level(level, by) for level in dict.fromkeys((levels[0], levels[-1]))]
    if not all(names):
        return ""
    sign, times = "+" if by > 0 else "−", "" if abs(by) == 1 else f" {abs(by)} times"
    return f"The column may be {' to '.join(names)} ({share * 100:.0f} %): press {sign}{times}."


def moved_level(level: str, by: int) -> str:
    """The level so many nearer to the feet, "" where there is none."""
    place = LEVELS.index(level) + by
    return LEVELS[place] if 0 <= place < len(LEVELS) else ""


def _renamed(words: str, by: int) -> str:
    """A sentence with its levels moved."""
    return NAME.sub(lambda found: moved_level(found[0], by) or found[0], words)
