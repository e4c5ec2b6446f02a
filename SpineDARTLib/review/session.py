"""A grading session: a rater sees cannula after cannula in random order and does not know whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .record import GRADES, now


@dataclass(frozen=True)
class Item:
    """One cannula to grade.

    Attributes:
        plan: of which plan, as the session's maker names it (a folder or a case); never shown to the rater.
        name: of the cannula: "transferred", "safest", ...
    """

    plan: str
    level: str
    side: str
    name: str


@dataclass(frozen=True)
class Answer:
    """A rater's answer to an item.

    Attributes:
        order: its place in the session, from 0.
        seconds: that the rater looked at it, pauses left out.
    """

    order: int
    value: int
    seconds: float
    comment: str = ""
    time: str = ""


@dataclass(frozen=True)
class Session:
    """A rater's way through all items; every answer returns a new one.

    Attributes:
        items: in the order in which they are shown.
        answers: as they were given; a later one to the same item counts, the earlier are kept.
        seed: of the order.
    """

    rater: str
    items: tuple[Item, ...]
    seed: int
    answers: tuple[Answer, ...] = ()
    undone_count: int = 0
    """How often an answer was taken back."""

    @property
    def place(self) -> int:
        """The item to be graded now; the number of items when all are."""
        return len(self.answers)

    @property
    def finished(self) -> bool:
        return self.place >= len(self.items)

    @property
    def current(self) -> Item | None:
        """What to show now, None at the end."""
        return None if self.finished else self.items[self.place]

    @property
    def title(self) -> str:
        """All that the rater may know of it: level, side and how many there are."""
        if self.current is None:
            return f"all {len(self.items)} graded"
        return f"{self.place + 1} of {len(self.items)}: {self.current.level} {self.current.side}"

    def answered(self, value: int, seconds: float, comment: str = "", time: str | None = None) -> Session:
        """With the present item graded.

        Raises:
            ValueError: no such grade, or nothing left to grade.
        """
        if self.finished:
            raise ValueError(f"got a grade after the last of {len(self.items)} items; expected none")
        if value not in GRADES:
            raise ValueError(f"got a grade of {value}; allowed are {', '.join(map(str, GRADES))}")
        answer = Answer(self.place, value, float(seconds), comment, time or now())
        return replace(self, answers=(*self.answers, answer))

    def undone(self) -> Session:
        """With the last answer taken back; the same where there is none."""
        if not self.answers:
            return self
        return replace(self, answers=self.answers[:-1], undone_count=self.undone_count + 1)


def new_session(rater: str, items: Sequence[Item], seed: int) -> Session:
    """A session over all items, shuffled; two raters with the same seed see the same order.

    Raises:
        ValueError: no item, or the same one twice.
    """
    if not items or len(set(items)) < len(items):
        raise ValueError(f"got {len(items)} items, {len(set(items))} of them different; expected different ones")
    # Sorted first: the order must not hang on how the plans were listed.
    ordered = sorted(items, key=lambda item: (item.plan, item.level, item.side, item.name))
    order = np.random.default_rng(seed).permutation(len(ordered))
    return Session(rater, tuple(ordered[place] for place in order), seed)


class Clock:
    """Seconds spent on an item, pauses left out; the time of day comes from outside, so that tests can turn it.

    Args:
        time: seconds from any fixed moment.
    """

    def __init__(self, time: float) -> None:
        self._since: float | None = time
        self._spent = 0.0

    @property
    def paused(self) -> bool:
        return self._since is None

    def seconds(self, time: float) -> float:
        """Spent until now."""
        return self._spent + (0.0 if self._since is None else time - self._since)

    def pause(self, time: float) -> None:
        """Stop; nothing changes where it stands already."""
        self._spent, self._since = self.seconds(time), None

    def go_on(self, time: float) -> None:
        """Go on counting; nothing changes where it runs."""
        self._since = time if self._since is None else self._since

    def restart(self, time: float) -> None:
        """From 0, for the next item."""
        self._spent, self._since = 0.0, time
