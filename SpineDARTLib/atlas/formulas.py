"""The formulas of the measurements, on a few points each.

They take (b, k, 3) points and give (b,) values, complex ones too, since derivatives come from a complex step; hence no
norm and no arctan2, which are not analytic. None changes when all points are moved or turned together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors * vectors).sum(-1, keepdims=True))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / _length(vectors)


def _across(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Unit vectors: the part of some that is perpendicular to a unit direction."""
    return _unit(vectors - (vectors * direction).sum(-1, keepdims=True) * direction)


def _distance(points: np.ndarray) -> np.ndarray:
    """Mean length of the pairs (first, second), (third, fourth), ..."""
    return _length(points[..., 1::2, :] - points[..., 0::2, :])[..., 0].mean(-1)


def _concavity(points: np.ndarray) -> np.ndarray:
    """How far an endplate's centre lies below the chord (anterior, posterior, centre, the other endplate's centre)."""
    anterior, posterior, centre, opposite = np.moveaxis(points, -2, 0)
    outward = _across(centre - opposite, _unit(anterior - posterior))
    return (((anterior + posterior) / 2 - centre) * outward).sum(-1)


def _in_frame(points: np.ndarray) -> np.ndarray:
    """(..., pairs, 3) start to end of each pair after the first four points, as right, anterior, superior.

    The first four points make the frame: the body's anterior, posterior, left and right.
    """
    anterior, posterior, left, right = np.moveaxis(points[..., :4, :], -2, 0)
    forward = _unit(anterior - posterior)
    rightward = _across(right - left, forward)
    axes = np.stack([rightward, forward, np.cross(rightward, forward)], axis=-2)
    return (points[..., 5::2, :] - points[..., 4::2, :]) @ np.swapaxes(axes, -1, -2)


def _angle(opposite: np.ndarray, adjacent: np.ndarray) -> np.ndarray:
    """Mean over the pairs, degrees; adjacent is positive."""
    return np.arctan(opposite / adjacent).mean(-1) * (180.0 / np.pi)


def _convergence(points: np.ndarray) -> np.ndarray:
    """Transverse angle of a left and a right path, positive where they near each other forward."""
    paths = _in_frame(points)
    return _angle(paths[..., 0] * np.array([1.0, -1.0]), paths[..., 1])


def _elevation(points: np.ndarray) -> np.ndarray:
    """Sagittal angle of paths forward, positive where they rise."""
    paths = _in_frame(points)
    return _angle(paths[..., 2], paths[..., 1])


def _retroversion(points: np.ndarray) -> np.ndarray:
    """Transverse angle of a left and a right path sideways, positive where they go back."""
    paths = _in_frame(points)
    return _angle(-paths[..., 1], paths[..., 0] * np.array([-1.0, 1.0]))


def _descent(points: np.ndarray) -> np.ndarray:
    """Sagittal angle of paths backward, positive where they go down."""
    paths = _in_frame(points)
    return _angle(-paths[..., 2], -paths[..., 1])


FORMULAS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "distance": _distance,
    "concavity": _concavity,
    "convergence": _convergence,
    "elevation": _elevation,
    "retroversion": _retroversion,
    "descent": _descent,
}
