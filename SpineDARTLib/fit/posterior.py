"""How far the true vertebra may be from a fitted one: what fits that looked like this one were off by.

Chosen by measurement (``Testing/benchmarks/calibrate_risk.py``; log score of breach and margin, every person told from
the others): the errors of 146 fits of seven people, in the fitted vertebra's own frame and pooled over all levels, grow
with the root of the distance that a fit expects of itself (``fit.confidence.predicted_distance_mm``). That beats the
distance itself, the curvature of the objective at its end (compared on 20 fits, at its best temperature), and by far
the spread of the several starts. A mean error learned from some people helped no other, so there is none.
"""

from __future__ import annotations

import numpy as np

from ..types import FittedVertebra, Posterior

EVEN = (1, 2, 3, 6)
"""Forwards, up, turn about right, log scale: what a mirror leaves alone. It goes with none of what a mirror turns
round."""

ODD = (0, 4, 5)
"""To the right, turns about forwards and up."""

EVEN_COVARIANCE = (
    (0.779, -0.144, -0.0015, 0.0070),
    (-0.144, 0.367, 0.0069, -0.0009),
    (-0.0015, 0.0069, 0.00055, 0.00003),
    (0.0070, -0.0009, 0.00003, 0.00153),
)
ODD_COVARIANCE = ((0.476, -0.0004, -0.0113), (-0.0004, 0.00032, 0.00011), (-0.0113, 0.00011, 0.00065))
"""Of mm, rad and log scale, for a fit that expects to be 1 mm off."""

COEFFICIENT = 0.6
"""Standard deviation of each coefficient of such a fit: of 0.4 to 0.6 the one that told breaches best."""

WALL_MM = 0.6
"""Standard deviation of the wall of such a fit where the model cannot follow it, likewise of 0.5 to 0.7."""


def posterior_of(fitted: FittedVertebra) -> Posterior | None:
    """Where the true vertebra may be, from pose, shape and expected distance alone; None where there is no vertebra or
    nothing is expected of it."""
    quality = fitted.quality
    if fitted.vertebra is None or quality is None or not quality.predicted_surface_distance_mm > 0:
        return None
    return posterior(quality.predicted_surface_distance_mm, len(fitted.vertebra.coefficients))


def posterior(predicted_mm: float, modes: int) -> Posterior:
    """The errors of fits that expected to be ``predicted_mm`` off.

    Args:
        predicted_mm: mean distance of the surfaces.
        modes: of the shape model.
    """
    covariance = COEFFICIENT**2 * np.eye(7 + modes)
    covariance[np.ix_(EVEN, EVEN)] = EVEN_COVARIANCE
    covariance[np.ix_(ODD, ODD)] = ODD_COVARIANCE
    return Posterior(np.zeros(7 + modes), predicted_mm * covariance, float(np.sqrt(predicted_mm)) * WALL_MM)
