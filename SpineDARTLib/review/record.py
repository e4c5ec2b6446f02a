"""Everything that was done to a plan, in order: one append-only record, whose end says how things stand now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import numpy as np

from ..types import Cannula

GRADES: Mapping[int, str] = {0: "suboptimal", 1: "moderate, needs adjustment", 2: "optimal"}
"""The paper's (Spine-DART, section 4)."""

Key = tuple[str, str]
"""Level and side."""


def now() -> str:
    """The time of day in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Grade:
    """What a rater thinks of a cannula.

    Attributes:
        value: one of ``GRADES``.
        cannula: as it was when it was graded.
        rater: who, as they call themselves.
        seconds: that they looked at it, NaN where nobody counted.
        time: UTC.
    """

    level: str
    side: str
    value: int
    cannula: Cannula
    rater: str = ""
    comment: str = ""
    seconds: float = float("nan")
    time: str = field(default_factory=now)

    def __post_init__(self) -> None:
        if self.value not in GRADES:
            raise ValueError(f"got a grade of {self.value}; allowed are {', '.join(map(str, GRADES))}")


@dataclass(frozen=True)
class Adjustment:
    """A cannula that was moved or changed.

    Attributes:
        how: what was done, in words: "entry dragged", "safest", "as transferred", "gauge".
    """

    level: str
    side: str
    before: Cannula
    after: Cannula
    how: str
    time: str = field(default_factory=now)


@dataclass(frozen=True)
class Undo:
    """The last thing that still stood was taken back."""

    time: str = field(default_factory=now)


@dataclass(frozen=True)
class Redo:
    """The last thing that was taken back stands again."""

    time: str = field(default_factory=now)


Deed = Grade | Adjustment
Event = Grade | Adjustment | Undo | Redo


@dataclass(frozen=True)
class Review:
    """A plan under review; every change returns a new one with one more event.

    Attributes:
        case_id: of the plan.
        planned: the cannulas that the plan recommends.
        events: all that happened, the first first. Nothing is ever taken out.
    """

    case_id: str
    planned: Mapping[Key, Cannula]
    events: tuple[Event, ...] = ()

    def graded(self, level: str, side: str, value: int, rater: str = "", **more: str | float) -> Review:
        """With a grade of the cannula as it stands; ``more`` as in ``Grade`` (comment, seconds, time).

        Raises:
            ValueError: no such cannula, or no such grade.
        """
        cannula = self._known((level, side))
        return self._with(Grade(level, side, value, cannula, rater, **more))  # type: ignore[arg-type]

    def adjusted(self, after: Cannula, level: str, how: str, time: str | None = None) -> Review:
        """With a cannula moved or changed; without an event where it stays as it is.

        Raises:
            ValueError: no such cannula.
        """
        before = self._known((level, after.side))
        if same(before, after):
            return self
        return self._with(Adjustment(level, after.side, before, after, how, time or now()))

    def undone(self, time: str | None = None) -> Review:
        """With the last deed that stands taken back; the same where there is none."""
        return self._with(Undo(time or now())) if self.standing else self

    def redone(self, time: str | None = None) -> Review:
        """With what was taken back last standing again; the same where there is none."""
        return self._with(Redo(time or now())) if self._replayed()[1] else self

    @property
    def standing(self) -> tuple[Deed, ...]:
        """What was done and not taken back."""
        return tuple(self._replayed()[0])

    @property
    def undone_deeds(self) -> tuple[Deed, ...]:
        """What was taken back and can be redone, the next to be redone last."""
        return tuple(self._replayed()[1])

    @property
    def cannulas(self) -> Mapping[Key, Cannula]:
        """As they stand now."""
        moved = {(deed.level, deed.side): deed.after for deed in self.standing if isinstance(deed, Adjustment)}
        return {**self.planned, **moved}

    def grade(self, level: str, side: str, rater: str | None = None) -> Grade | None:
        """The last grade of a cannula as it stands, by a rater or by anybody; None after it was moved."""
        cannula = self._known((level, side))
        for deed in reversed(self.standing):
            found = isinstance(deed, Grade) and (deed.level, deed.side) == (level, side)
            if found and rater in (None, deed.rater):  # type: ignore[union-attr]
                return deed if same(deed.cannula, cannula) else None  # type: ignore[return-value, union-attr]
        return None

    def _replayed(self) -> tuple[list[Deed], list[Deed]]:
        """What stands, and what was taken back since the last new deed."""
        done: list[Deed] = []
        back: list[Deed] = []
        for event in self.events:
            if isinstance(event, Undo):
                back.append(done.pop())
            elif isinstance(event, Redo):
                done.append(back.pop())
            else:
                done.append(event)
                back.clear()
        return done, back

    def _with(self, event: Event) -> Review:
        return replace(self, events=(*self.events, event))

    def _known(self, key: Key) -> Cannula:
        if key not in self.planned:
            known = ", ".join(" ".join(one) for one in self.planned)
            raise ValueError(f"got {' '.join(key)}; this review has {known or 'no cannula'}")
        return self.cannulas[key]


def same(one: Cannula, other: Cannula) -> bool:
    """Whether two cannulas are the same path through the same pedicle with the same needle."""
    if (one.side, one.diameter_mm) != (other.side, other.diameter_mm) or one.path_mm.shape != other.path_mm.shape:
        return False
    return bool(np.allclose(one.path_mm, other.path_mm, rtol=0.0, atol=1e-6))
