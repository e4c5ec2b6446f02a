"""Curved cannulas (kyphoplasty): straight through the pedicle, then along an arc to the template's tip.

The access needle is straight and only what comes out of it bends. So the pedicle is crossed on the transferred line,
which lies in the middle of this very pedicle; the template's own path, carried over point by point, would bend to and
fro in a pedicle that differs much from the mean. The template's tip, beyond the midline where the middle third meets
the anterior one, is brought forward to the depth of the straight targets: into the anterior third as well.
"""

from __future__ import annotations

import numpy as np

from ..atlas.model import ShapeModel
from ..types import Cannula
from .cannula import curved_paths, transfer

SPACING_MM = 3.0
"""Between the points of an arc: with a radius of 25 mm, the template's tightest, its chords are then 0.05 mm off."""


def curved_cannulas(vertices_mm: np.ndarray, model: ShapeModel, diameter_mm: float) -> tuple[Cannula, ...]:
    """One cannula a side, named "curved", left then right; none where the model has no path or no arc leads to its tip.

    Args:
        vertices_mm: (n, 3) a placed instance of the model, RAS mm.
        diameter_mm: outer diameter of the curved needle.

    Raises:
        ValueError: a diameter that is not above 0.
    """
    paths = curved_paths(vertices_mm, model)
    straight = transfer(vertices_mm, model, diameter_mm)
    forward = _unit(sum((_unit(one.target_mm - one.entry_mm) for one in straight), np.zeros(3)))
    depth = float(np.mean([one.target_mm @ forward for one in straight]))
    found = []
    for one in straight:
        if one.side not in paths:
            continue
        direction = _unit(one.target_mm - one.entry_mm)
        pedicle = vertices_mm[model.regions[f"{one.side}_pedicle"]]
        bend = one.entry_mm + float(((pedicle - one.entry_mm) @ direction).max()) * direction
        tip = paths[one.side][-1]
        tip = tip + (depth - float(tip @ forward)) * forward
        if (tip - bend) @ direction > 0.0:
            via = np.vstack([bend, arc(bend, direction, tip)])
            found.append(Cannula(one.side, one.entry_mm, via[-1], one.diameter_mm, "curved", via[:-1]))
    return tuple(found)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def arc(start: np.ndarray, direction: np.ndarray, tip: np.ndarray) -> np.ndarray:
    """(m, 3) points of a circle that leaves ``start`` along ``direction``: the first about 3 mm on, the last ``tip``.

    Args:
        start: (3,) mm.
        direction: (3,) unit.
        tip: (3,) mm, ahead of the start.
    """
    chord = tip - start
    ahead = float(chord @ direction)
    aside = chord - ahead * direction
    offset = float(np.linalg.norm(aside))
    length, turn = float(np.linalg.norm(chord)), 2 * float(np.arctan2(offset, ahead))
    if turn > 1e-6:
        length = turn * length**2 / (2 * offset)
    shares = np.linspace(0.0, 1.0, max(1, int(np.ceil(length / SPACING_MM))) + 1)[1:, None]
    if turn <= 1e-6:
        return start + shares * chord
    forward, sideways = np.sin(shares * turn), 1.0 - np.cos(shares * turn)
    return start + length / turn * (forward * direction + sideways * aside / offset)
