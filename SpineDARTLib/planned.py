"""Cannulas and what is known of them: the nouns of ``plan`` (see ``types``, which has them too)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Cannula:
    """A transpedicular cannula: from the entry on the bone to the target inside the body, RAS mm.

    Attributes:
        side: "left" | "right": the pedicle that it goes through.
        diameter_mm: outer.
        name: how it came about: "transferred" from the template, "safest" in this vertebra, "unipedicular" (one that
            reaches the midline), "drawn" on the X-rays or in 3D, "curved".
        via_mm: (k, 3) points between entry and target of a path that is not straight; None for a straight one.
    """

    side: str
    entry_mm: np.ndarray
    target_mm: np.ndarray
    diameter_mm: float
    name: str = "transferred"
    via_mm: np.ndarray | None = None

    @property
    def path_mm(self) -> np.ndarray:
        """(k + 2, 3) RAS mm: entry, what lies between, target."""
        between = np.zeros((0, 3)) if self.via_mm is None else self.via_mm
        return np.vstack([self.entry_mm, between, self.target_mm])


@dataclass(frozen=True)
class Safety:
    """What is known of a cannula's safety in a given surface (clinical.md). Clearances: negative is a breach.

    Attributes:
        clearance_mm: smallest signed distance of the cannula's wall to the bone's surface within the pedicle.
        clearance_by_direction_mm: "medial" | "lateral" | "superior" | "inferior" to the smallest there.
        position: where along entry-to-target (0 to 1) the smallest is.
        grade: Gertzbein-Robbins "A" to "E".
        breach_direction: where it breaches, or "".
        checks: textbook check to passed or not.
        numbers: the rest, by name with unit suffix (isthmus, tip depth, angles, lengths, largest gauge).
        status: "measured", or why nothing could be: then every number is NaN or missing, the grade is "" and no check
            has passed. One of ``UNMEASURED``.
        reason: a sentence for whatever is not "measured".
    """

    clearance_mm: float
    clearance_by_direction_mm: Mapping[str, float]
    position: float
    grade: str
    breach_direction: str
    checks: Mapping[str, bool]
    numbers: Mapping[str, float | str | None] = field(default_factory=dict)
    status: str = "measured"
    reason: str = ""


UNMEASURED: Mapping[str, str] = {
    "no_path": "entry and target are the same point",
    "outside_bone": "the path does not touch the vertebra",
    "open_surface": "the surface is not closed",
    "no_pedicle": "the surface has no pedicle at this place",
    "no_surface": "there is no surface of the vertebra to measure in",
}
"""``Safety.status`` of a cannula that could not be measured, and what it means."""


@dataclass(frozen=True)
class Risk:
    """What may be in truth, given how uncertain the fit is.

    Attributes:
        breach_probability: that the cannula's wall leaves the pedicle.
        margin_probability: that it keeps a millimetre everywhere in the pedicle.
        clearance_mm: percentile ("5", "50", "95") to the smallest clearance there.
        stations_mm: (s,) along the path from the entry, through the pedicle.
        tube_mm: (s,) radius around the path that is inside bone with 95 % probability, 0 where not even the axis is.
    """

    breach_probability: float
    margin_probability: float
    clearance_mm: Mapping[str, float]
    stations_mm: np.ndarray
    tube_mm: np.ndarray


@dataclass(frozen=True)
class Option:
    """A cannula that could be taken, with all that is known of it.

    Attributes:
        words: what it is and, of one that was moved, what moved and what was gained.
    """

    cannula: Cannula
    safety: Safety
    risk: Risk | None = None
    words: str = ""
