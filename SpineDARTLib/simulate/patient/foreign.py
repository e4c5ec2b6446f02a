"""What is in, on and over a patient that no patient is born with: metal, plastic and cement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..draw import Range, chance, uniform
from ..nouns import Rod, TrueVertebra, Volume
from .cement import draw_cement
from .implants import draw_cannulas, draw_screws
from .wires import draw_catheters, draw_clips, draw_forceps, draw_leads, draw_staples, draw_tube


@dataclass(frozen=True)
class ForeignSettings:
    """How often a patient has what. Chances are for training, where the rare must be seen often enough."""

    anything_chance: float = 0.65
    """The others have nothing foreign at all."""
    cannulas_chance: float = 0.3
    """One or both of the sides, at one or two levels: the pictures of vertebroplasty itself."""
    screws_chance: float = 0.12
    cement_chance: float = 0.15
    leads_chance: float = 0.3
    """Of the electrocardiogram or a pacemaker."""
    catheters_chance: float = 0.15
    clips_chance: float = 0.12
    staples_chance: float = 0.1
    forceps_chance: float = 0.12
    tube_chance: float = 0.1
    skin_mm: Range = (55.0, 95.0)
    """From the bodies' centres back to the skin."""
    front_mm: Range = (90.0, 170.0)
    """From the bodies' centres forward to the skin of the belly or chest."""


def draw_foreign(
    vertebrae: Mapping[str, TrueVertebra], settings: ForeignSettings, generator: np.random.Generator
) -> tuple[tuple[Rod, ...], tuple[Volume, ...]]:
    """Draw foreign bodies for one patient.

    Each kind takes its own stream, split from the generator, so that one kind's presence changes nothing in another.

    Args:
        vertebrae: level to its truth; empty gives nothing.

    Returns:
        Rods, and volumes of material "cement".
    """
    streams = generator.spawn(len(_KINDS) + 2)
    if not chance(streams[0], settings.anything_chance) or not vertebrae:
        return (), ()
    skin = (uniform(streams[0], settings.skin_mm), uniform(streams[0], settings.front_mm))
    rods: list[Rod] = []
    for (name, draw), own in zip(_KINDS.items(), streams[2:], strict=True):
        if chance(own, getattr(settings, f"{name}_chance")):
            rods += draw(vertebrae, skin, own)
    volumes = draw_cement(vertebrae, streams[1]) if chance(streams[1], settings.cement_chance) else ()
    return tuple(rods), volumes


Draw = Callable[[Mapping[str, TrueVertebra], tuple[float, float], np.random.Generator], list[Rod]]
"""Of the vertebrae, the distances in mm from the bodies back and forward to the skin, and the generator."""

_KINDS: dict[str, Draw] = {
    "cannulas": draw_cannulas,
    "screws": draw_screws,
    "leads": draw_leads,
    "catheters": draw_catheters,
    "clips": draw_clips,
    "staples": draw_staples,
    "forceps": draw_forceps,
    "tube": draw_tube,
}
