"""What was found out of a geometry, each as one line and as the whole of it."""

from __future__ import annotations

from typing import NamedTuple

from ..geometry.expected import in_mm
from ..io.gathered import Gathered

VERDICTS = {
    "yes": ("● The pictures fit the geometry, as far as they can tell", "good"),
    "no": ("⚠ The pictures contradict the geometry", "check"),
    "cannot tell": ("○ The pictures cannot tell whether the geometry is right", ""),
}
TO_DO = "Check Mirror, “Stored as seen from” and the signs of the angles, or recover the views from points below."
LIMIT = "Depth, and what moves both views together, does not show in this."


class Said(NamedTuple):
    """Attributes:
    line: one line, "" for nothing.
    whole: all of it.
    tone: of the style sheet.
    """

    line: str
    whole: str
    tone: str


NOTHING = Said("", "", "")


def advice_words(judged: Gathered | None) -> Said:
    """What the views can tell."""
    if judged is None or judged.advice is None:
        return NOTHING
    advice = judged.advice
    widest = max(advice.parallax_deg, key=lambda pair: advice.parallax_deg[pair])
    error = in_mm(advice.vertebra.place.worst_mm)
    line = f"{widest[0]} and {widest[1]} {advice.parallax_deg[widest]:.0f}° apart: a vertebra to {error} at worst"
    if advice.warnings:
        return Said(f"⚠ {advice.warnings[0]}", " ".join([*advice.warnings, advice.words]), "check")
    return Said(line, advice.words, "")


def consistency_words(judged: Gathered | None) -> Said:
    """Whether the geometry can be true."""
    if judged is None:
        return NOTHING
    if judged.impossible:
        return Said(f"⚠ {judged.impossible} {TO_DO}", judged.impossible, "check")
    if judged.consistency is None:
        return NOTHING
    line, tone = VERDICTS[judged.consistency.consistent]
    if judged.consistency.consistent == "no":
        return Said(f"{line}. {judged.consistency.words} {TO_DO}", judged.consistency.words, tone)
    return Said(line, f"{judged.consistency.words} {LIMIT}", tone)
