"""What was found, as a scene's document has it: proposals come back as proposals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..io.fields import Field
from ..types import LEVELS, View
from .found import Found, Proposal


def kept_found(found: Found | None) -> dict[str, Any] | None:
    """JSON's own kinds; outlines to a tenth of a pixel."""
    if found is None:
        return None
    return {
        "vertebrae": [_kept(one) for one in found.proposals.values()],
        "reasons": dict(found.reasons),
        "words": found.words,
        "shifts": {str(by): share for by, share in found.shifts.items()},
        "shift": found.shift,
    }


def _kept(one: Proposal) -> dict[str, Any]:
    outlines = {view: [np.round(loop, 1).tolist() for loop in loops] for view, loops in one.outlines_px.items()}
    places = {view: list(place) for view, place in one.places_px.items()}
    return {"level": one.level, "levels": dict(one.levels), "places_px": places, "note": one.note, "outlines": outlines}


def read_found(entry: Field | None, views: Sequence[View]) -> Found | None:
    """What was kept; of views that the scene has lost, nothing.

    Raises:
        InputError: names the field.
    """
    if entry is None or entry.value is None:
        return None
    names = [view.name for view in views]
    proposals = (_read(one, names) for one in entry.child("vertebrae").items())
    return Found(
        tuple(views),
        {one.level: one for one in proposals if one.places_px},
        {level: words.text() for level, words in _of_levels(entry.child("reasons")).items()},
        str(entry.members().get("words", "")),
        {int(by): share.number() for by, share in entry.child("shifts").named().items()},
        int(entry.child("shift").number()),
    )


def _read(one: Field, names: Sequence[str]) -> Proposal:
    places = {name: place.numbers(2) for name, place in one.child("places_px").named().items() if name in names}
    outlines = {name: loops.items() for name, loops in one.child("outlines").named().items() if name in names}
    return Proposal(
        one.child("level").text(LEVELS),
        {level: share.number() for level, share in _of_levels(one.child("levels")).items()},
        {name: (float(u), float(v)) for name, (u, v) in places.items()},
        str(one.members().get("note", "")),
        {
            name: tuple(np.array([point.numbers(2) for point in loop.items()], dtype=np.float64) for loop in loops)
            for name, loops in outlines.items()
        },
    )


def _of_levels(entry: Field) -> dict[str, Field]:
    """Members that are named by levels."""
    found = entry.named()
    for level, value in found.items():
        if level not in LEVELS:
            value.fail("a level from T1 to L5", level)
    return found
