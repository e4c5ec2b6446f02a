"""Cannulas: the needles there are, and those carried over from the template."""

from __future__ import annotations

import numpy as np

from ..atlas.model import ShapeModel
from ..types import SIDES, Cannula

NEEDLE_DIAMETERS_MM = {8: 4.19, 10: 3.40, 11: 3.05, 13: 2.41, 15: 1.83}
"""Gauge to outer diameter, thickest first (regular-wall needle gauges as sold for vertebroplasty and kyphoplasty)."""

REFERENCE_DIAMETER_MM = 5.0
"""The cylinder that the published method scores: 2.5 mm to the pedicle's wall (Inigo et al., arXiv 2512.05803)."""


def transfer(vertices_mm: np.ndarray, model: ShapeModel, diameter_mm: float) -> tuple[Cannula, Cannula]:
    """The template's two cannulas, left then right, where its vertices have gone.

    Args:
        vertices_mm: (n, 3) a placed instance of the model, RAS mm.
        diameter_mm: outer diameter to give them.
    """
    if not diameter_mm > 0:
        raise ValueError(f"got a cannula diameter of {diameter_mm:g} mm; expected more than 0")
    left, right = (
        Cannula(
            side,
            entry_mm=model.cannulas[side]["entry"].on(vertices_mm),
            target_mm=model.cannulas[side]["target"].on(vertices_mm),
            diameter_mm=float(diameter_mm),
        )
        for side in SIDES
    )
    return left, right


def largest_gauge(axis_to_wall_mm: float, margin_mm: float) -> int | None:
    """The thickest needle whose wall stays ``margin_mm`` inside the bone, given the axis's smallest distance to it."""
    fitting = [gauge for gauge, diameter in NEEDLE_DIAMETERS_MM.items() if axis_to_wall_mm - diameter / 2 >= margin_mm]
    return min(fitting, default=None)
