"""Colours and words of everything in the views. No colour is alone: names, letters and numbers say the same.

Red means a breach and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..io.markups import BREACH, DOUBTFUL
from ..plan.words import STATUS_WORDS as WORDS
from ..types import LEVELS, FittedVertebra, Safety

Colour = tuple[float, float, float]

OUTLINES: tuple[Colour, Colour] = ((0.961, 0.918, 0.333), (0.561, 0.941, 0.769))
"""Okabe and Ito's yellow and green, lightened for a dark ground; neighbours take turns, so that overlapping outlines
can be followed. The same as ``overlay``'s."""

BONES: tuple[Colour, Colour] = ((0.937, 0.898, 0.792), (0.776, 0.894, 0.847))
"""The same turns on surfaces in 3D, pale as bone."""

SIDE_COLOURS: Mapping[str, Colour] = {"left": (0.424, 0.769, 0.961), "right": (0.949, 0.663, 0.231)}
"""Okabe and Ito's sky blue and orange, lightened."""

LANDMARK: Colour = (0.902, 0.902, 0.902)
FRUSTUM: Colour = (0.62, 0.70, 0.80)
UNCERTAINTY: Colour = (0.80, 0.475, 0.655)
"""Okabe and Ito's purple, which nothing else has."""
EPIPOLAR: Colour = (0.95, 0.95, 0.95)
PROPOSED: Colour = (0.62, 0.86, 1.0)
"""Pale blue: what a detector proposes; dots, dashes and brackets say the same."""
LETTER: Colour = (0.95, 0.95, 0.95)


def turn(level: str) -> int:
    """0 or 1: which of two colours a level has, the same in every case."""
    return LEVELS.index(level) % 2


def cannula_colour(side: str, safety: Safety | None, usable: bool = True) -> Colour:
    """The side's colour; red for a breach; grey for what could not be measured or stands in no usable fit."""
    if safety is not None and safety.status != "measured":
        return DOUBTFUL
    if safety is not None and safety.clearance_mm < 0.0:
        return BREACH
    return SIDE_COLOURS[side] if usable else DOUBTFUL


def vertebra_name(fitted: FittedVertebra) -> str:
    """ "L3 · good fit"."""
    return f"{fitted.level} · {WORDS[fitted.status]}"
