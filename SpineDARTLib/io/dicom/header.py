"""Looks up the values of one frame: its own functional groups first, then the shared ones, then the file's top."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .opening import plain

if TYPE_CHECKING:
    from pydicom import Dataset

LARGEST = 1e6
"""No angle, length or factor of an X-ray is larger; what is, is garbage."""


class Header:
    """One frame's values. What cannot be read is as if it were absent, and said in ``doubts``.

    Values are converted when they are asked for: use it within ``quietly``. A value is looked for in a functional
    group's sequence, where one is named, and at the top, where XA, DX and CR have it.
    """

    def __init__(self, dataset: Dataset, frame: int = 0) -> None:
        self.dataset = dataset
        self.doubts: list[str] = []
        self._groups = [
            (where, group)
            for where, keyword, index in (
                (" of this frame", "PerFrameFunctionalGroupsSequence", frame),
                (" of all frames", "SharedFunctionalGroupsSequence", 0),
            )
            if (group := _item(dataset, keyword, index)) is not None
        ]

    def number(self, keyword: str, inside: str = "", anywhere: bool = False) -> float | None:
        """One finite number, or None."""
        numbers = self.numbers(keyword, 1, inside, anywhere)
        return numbers[0] if numbers else None

    def numbers(
        self, keyword: str, count: int | None = None, inside: str = "", anywhere: bool = False
    ) -> tuple[float, ...] | None:
        """Finite numbers, ``count`` of them where a count is given, or None; what is wrong goes to ``doubts``."""
        value = self._find(keyword, inside, anywhere)
        if value is None or value == "":
            return None
        parts = [value] if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__") else list(value)
        try:
            numbers = tuple(float(part) for part in parts)
        except (TypeError, ValueError, OverflowError):
            return self._doubt(keyword, "no number")  # never quoted: it may be anything, a name as well
        if not numbers:
            return None
        if count is not None and len(numbers) != count:
            return self._doubt(keyword, f"{len(numbers)} numbers instead of {count}")
        wrong = [number for number in numbers if not math.isfinite(number) or abs(number) > LARGEST]
        return self._doubt(keyword, f"{wrong[0]:g}") if wrong else numbers

    def text(self, keyword: str, inside: str = "", anywhere: bool = False) -> str | None:
        """A code string in capitals, or None."""
        value = self._find(keyword, inside, anywhere)
        return value.strip().upper() or None if isinstance(value, str) else None

    def texts(self, keyword: str, inside: str = "") -> tuple[str, ...]:
        """The code strings of an element with several."""
        value = self._find(keyword, inside, False)
        parts = [value] if isinstance(value, str) else list(value) if hasattr(value, "__iter__") else []
        return tuple(part.strip().upper() for part in parts if isinstance(part, str))

    def codes(self, sequence: str, nested: str) -> tuple[str, ...]:
        """The code values of a code sequence's first item and of the first item of a sequence within it."""
        outer = _item(self.dataset, sequence, 0)
        inner = _item(outer, nested, 0) if outer is not None and nested else None
        values = [plain(item, "CodeValue") for item in (outer, inner) if item is not None]
        return tuple(value.strip() for value in values if isinstance(value, str))

    def private(self, group: int, creator: str, elements: tuple[int, ...]) -> tuple[float, ...] | None:
        """Numbers of a maker's private elements; all of them or None."""
        try:
            block = self.dataset.private_block(group, creator)
            numbers = tuple(float(block[element].value) for element in elements)
        except Exception:  # absent, or anything at all: what is private follows no rule
            return None
        return numbers if all(math.isfinite(number) and abs(number) <= LARGEST for number in numbers) else None

    def source(self, keyword: str, inside: str = "") -> str:
        """The value's tag as a person knows it: "ImagerPixelSpacing (0018,1164)"."""
        from pydicom.datadict import tag_for_keyword

        tag = tag_for_keyword(keyword) or 0
        where = next((where for where, group in self._groups if self._in_group(group, keyword, inside)), "")
        return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X}){where}"

    def doubt(self, keyword: str, found: str) -> None:
        """Note that a value was there and is not used."""
        words = f"{self.source(keyword)}: got {found}; it is not used."
        if words not in self.doubts:
            self.doubts.append(words)

    def _doubt(self, keyword: str, found: str) -> None:
        self.doubt(keyword, found)

    def _find(self, keyword: str, inside: str, anywhere: bool) -> Any:
        for _, group in self._groups:
            if holder := self._in_group(group, keyword, inside, anywhere):
                return plain(holder, keyword)
        holder = _item(self.dataset, inside, 0) if inside else None
        value = plain(holder, keyword) if holder is not None else None
        return plain(self.dataset, keyword) if value is None else value

    def _in_group(self, group: Dataset, keyword: str, inside: str, anywhere: bool = False) -> Dataset | None:
        """The item of a functional group that holds a value with something in it."""
        holders = _items_below(group) if anywhere else [_item(group, inside, 0)] if inside else []
        return next((item for item in holders if item is not None and plain(item, keyword) not in (None, "")), None)


def _item(dataset: Dataset, keyword: str, index: int) -> Dataset | None:
    """One item of a sequence, None where there is none such."""
    sequence = plain(dataset, keyword)
    try:
        item = sequence[index]  # type: ignore[index]
    except (TypeError, IndexError, KeyError, ValueError, AttributeError):
        return None
    return item if hasattr(item, "iterall") else None


def _items_below(group: Dataset) -> Iterator[Dataset]:
    """A functional group's macros: the first item of each of its sequences."""
    for keyword in group.dir():
        if (item := _item(group, keyword, 0)) is not None:
            yield item
