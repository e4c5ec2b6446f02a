"""Whether views that were gathered stand in one frame of reference."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ..geometry.sharing import share_frame
from .gathered import GatheredView

MOST_LISTED = 3
"""Pairs of views of which the same is said one by one."""


def shared_frame(views: Sequence[GatheredView], same_frame: bool) -> tuple[bool | None, str]:
    """Whether all views are in one frame, and why.

    Args:
        same_frame: the user says that they are.

    Returns:
        None where nothing tells; "" for one view.
    """
    pairs = list(itertools.combinations(views, 2))
    found = [_pair_shares(*pair) for pair in pairs]
    if not found:
        return None, ""
    answers = [answer for answer, _ in found]
    shared = False if False in answers else None if None in answers else True
    why: dict[str, list[str]] = {}
    for (one, other), (answer, text) in zip(pairs, found, strict=True):
        if answer is shared:
            why.setdefault(text, []).append(f"{one.name} and {other.name}")
    words = " ".join(text if len(pairs) == 1 else f"{_listed(names)}: {text}" for text, names in why.items())
    if same_frame and shared is not True:
        return True, f"You say that the views share a frame. The files: {words}"
    return shared, words


def _listed(pairs: Sequence[str]) -> str:
    return ", ".join(pairs) if len(pairs) <= MOST_LISTED else f"{pairs[0]} and {len(pairs) - 1} more pairs"


def _pair_shares(one: GatheredView, other: GatheredView) -> tuple[bool | None, str]:
    if one.frame and one.frame == other.frame:
        return True, f"Their cameras stand in one {one.frame.split(':')[0]}."
    if one.frame or other.frame:
        return None, "Their geometry is from different places, and nothing says that these share a frame."
    return share_frame(one.known, other.known)
