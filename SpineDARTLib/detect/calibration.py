"""How far a network's landmarks really are from where it says, against what it says of that: kept in its card.

A network that has not learned long is sure of landmarks that it has not learned. Measured on people whom it has not
learned from, each landmark's covariance gets a factor and a floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

CHI_95 = 5.991
"""Squared distance, in deviations, within which 95 % of a normal distribution in the plane lie."""

FACTORS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
FLOORS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.11, 0.15, 0.2, 0.3, 0.4, 0.6)
"""Tried: times the stated covariance, and deviations as shares of the box's mean side (50 to 80 mm)."""

KEPT = 0.95
"""Share of the errors that count, the rest are slips that no normal distribution should be stretched for."""


@dataclass(frozen=True)
class Spreads:
    """(landmarks,) factors of stated covariances, and deviations on top of them, as shares of the box's mean side."""

    factor: np.ndarray
    floor: np.ndarray

    def applied(self, covariances: np.ndarray, side_px: float) -> np.ndarray:
        """(landmarks, 2, 2) px2 as they are to be believed, from those stated."""
        floor = (self.floor * side_px) ** 2
        return self.factor[:, None, None] * covariances + floor[:, None, None] * np.eye(2)


def spreads_of(card: Mapping[str, Any], names: Sequence[str]) -> Spreads:
    """What a card says of its landmarks: name by name where it was measured, else one factor for all.

    That one makes the 95 % ellipses hold 95 % of the landmarks of people held back from training; it is never below 1.
    """
    told = card.get("landmark_spreads")
    if isinstance(told, Mapping) and all(name in told for name in names):
        factor, floor = np.array([[float(value) for value in told[name]] for name in names]).T
        return Spreads(factor, floor)
    return Spreads(np.full(len(names), _widening(card)), np.zeros(len(names)))


def _widening(card: Mapping[str, Any]) -> float:
    try:
        inside = float(card["metrics"]["validation"]["inside_95"])
    except (KeyError, TypeError, ValueError):
        return 1.0
    return max(1.0, float(CHI_95 / (-2.0 * np.log1p(-inside)))) if 0.0 < inside < 1.0 else 1.0


def fit_spreads(offs: np.ndarray, covariances: np.ndarray, sides: np.ndarray) -> tuple[float, float]:
    """The factor and the floor that make errors of one landmark likeliest, the worst twentieth left out.

    Args:
        offs: (n, 2) px.
        covariances: (n, 2, 2) px2 as stated.
        sides: (n,) px, of the boxes.
    """
    return max(product(FACTORS, FLOORS), key=lambda pair: _likelihood(*pair, offs, covariances, sides))


def _likelihood(
    factor: float, floor: float, offs: np.ndarray, covariances: np.ndarray, sides: np.ndarray
) -> float:  # fmt: skip
    """Mean log density of the likelier ones."""
    spread = factor * covariances + ((floor * sides) ** 2)[:, None, None] * np.eye(2)
    squared = np.einsum("ni,nij,nj->n", offs, np.linalg.inv(spread), offs)
    logs = -0.5 * (squared + np.log(np.linalg.det(spread)))
    kept = squared <= np.quantile(squared, KEPT)
    return float(logs[kept].mean())
