"""How body centres follow each other down a spine, as normal distributions, and the column that fits them best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Place = tuple[np.ndarray, np.ndarray]
"""A point (3,) RAS mm and its covariance (3, 3) mm2."""

LINKS_MM = np.array(
    [
        [0, -8, -18], [0, -8, -18], [0, -7, -18], [0, -6, -19], [0, -4, -20], [0, -1, -21], [0, 2, -22], [0, 3, -23],
        [0, 4, -24], [0, 5, -26], [0, 6, -28], [0, 8, -29], [0, 10, -31], [0, 10, -33], [0, 6, -34], [0, 1, -33],
    ],
    dtype=np.float64,
)  # fmt: skip
"""(16, 3) mean step from each body's centre to the next one's below, T1-T2 ... L4-L5: 40 spines drawn with the
statistics of 2,116 supine CT scans (``simulate.patient.curves``). Deviation of one step there: 2 to 4 mm to the side,
3 to 8 to the front (whole spines lean), 2 to 3.5 in length; people differ by 7 % in size."""

SIDE_SHARE, LEAN_SHARE, LENGTH_SHARE = 0.14, 0.22, 0.10
"""Deviation of a step to the side, to the front and along the spine, as shares of its length."""

BEND_MM = (2.0, 3.0, 2.5)
"""Deviation of the difference between two neighbouring steps from its mean: to the side, to the front, upwards."""


def step(upper: int, count: int) -> Place:
    """From the body centre of a level (0 = T1) to that ``count`` levels below."""
    mean = LINKS_MM[upper : upper + count].sum(0)
    length = float(np.linalg.norm(mean))
    deviation = np.array([SIDE_SHARE, LEAN_SHARE, LENGTH_SHARE]) * length + 1.0
    return mean, np.diag(deviation**2)


def smooth(seen: Mapping[int, Place], first: int, last: int) -> dict[int, Place]:
    """Body centres of levels ``first`` ... ``last`` (0 = T1) from those that were seen, with what spines are like.

    Linear and Gaussian: each seen place, each step and each bend is one term of a quadratic form, solved at once.
    """
    count = last - first + 1
    precision, vector = np.zeros((3 * count, 3 * count)), np.zeros(3 * count)
    for number, (mean, covariance) in seen.items():
        row = np.kron(np.eye(count)[number - first], np.eye(3))
        _add(precision, vector, row, mean, np.linalg.inv(covariance))
    for upper in range(first, last):
        here = upper - first
        mean, covariance = step(upper, 1)
        row = np.kron(np.eye(count)[here + 1] - np.eye(count)[here], np.eye(3))
        _add(precision, vector, row, mean, np.linalg.inv(covariance))
        if upper < last - 1:
            bend = np.eye(count)[here + 2] - 2 * np.eye(count)[here + 1] + np.eye(count)[here]
            expected = LINKS_MM[upper + 1] - LINKS_MM[upper]
            _add(precision, vector, np.kron(bend, np.eye(3)), expected, np.diag(np.array(BEND_MM) ** -2.0))
    covariance = np.linalg.inv(precision)
    mean = covariance @ vector
    parts = [slice(3 * place, 3 * place + 3) for place in range(count)]
    return {first + place: (mean[part], covariance[part, part]) for place, part in enumerate(parts)}


def _add(precision: np.ndarray, vector: np.ndarray, row: np.ndarray, mean: np.ndarray, weight: np.ndarray) -> None:
    """One more term, (row x - mean) weight (row x - mean), in place."""
    precision += row.T @ weight @ row
    vector += row.T @ weight @ mean
