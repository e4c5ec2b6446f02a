"""How far raters agree beyond chance, and how their grades stand to the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Safety
from .record import GRADES

WEIGHTS = ("none", "linear", "quadratic")
MARGIN_MM = 1.0
"""Free bone on all sides that an optimal cannula has; clinical.md's largest gauge keeps as much."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of two raters over the items that both graded.

    Attributes:
        counts: (3, 3) of the first rater's grade (rows) and the second's.
        same: share of items with the same grade.
        kappa: Cohen's, by weight ("none", "linear", "quadratic"); NaN where both gave one and the same grade to all.
        interval: the 95 % interval of the unweighted one.
    """

    items: int
    counts: np.ndarray
    same: float
    kappa: Mapping[str, float]
    interval: tuple[float, float]


def agreement(first: Mapping[object, int], second: Mapping[object, int]) -> Agreement:
    """Compare two raters.

    Args:
        first, second: item to grade; items that only one of them graded are left out.

    Raises:
        ValueError: no item in common, or a grade that is none.
    """
    common = [item for item in first if item in second]
    if not common:
        raise ValueError(f"got raters of {len(first)} and {len(second)} items with none in common; expected some")
    counts = np.zeros((len(GRADES), len(GRADES)), dtype=int)
    for item in common:
        for value in (first[item], second[item]):
            if value not in GRADES:
                raise ValueError(f"got a grade of {value}; allowed are {', '.join(map(str, GRADES))}")
        counts[first[item], second[item]] += 1
    kappas = {weight: kappa(counts, weight) for weight in WEIGHTS}
    return Agreement(len(common), counts, float(np.trace(counts) / counts.sum()), kappas, _interval(counts))


def kappa(counts: np.ndarray, weight: str = "none") -> float:
    """Cohen's kappa of a square table of counts: (observed - chance) / (1 - chance) of agreement.

    Cohen, Educ Psychol Meas 1960; 20:37; weighted: Psychol Bull 1968; 70:213. NaN where chance alone explains it all.

    Raises:
        ValueError: no such weight.
    """
    if weight not in WEIGHTS:
        raise ValueError(f"got the weight {weight!r}; allowed are {', '.join(WEIGHTS)}")
    places = np.arange(len(counts))
    apart = np.abs(places[:, None] - places) / (len(counts) - 1)
    disagreement = {"none": (apart > 0).astype(float), "linear": apart, "quadratic": apart**2}[weight]
    share = counts / counts.sum()
    by_chance = np.outer(share.sum(axis=1), share.sum(axis=0))
    expected = float((disagreement * by_chance).sum())
    return 1.0 - float((disagreement * share).sum()) / expected if expected > 0 else float("nan")


def _interval(counts: np.ndarray) -> tuple[float, float]:
    """95 % interval of the unweighted kappa, by its large-sample variance (Fleiss, Cohen and Everitt 1969)."""
    share, number = counts / counts.sum(), counts.sum()
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    same, chance = float(np.trace(share)), float(rows @ columns)
    if chance >= 1.0:
        return float("nan"), float("nan")
    found = (same - chance) / (1.0 - chance)
    on = float((np.diag(share) * (1.0 - (rows + columns) * (1.0 - found)) ** 2).sum())
    apart = (columns[:, None] + rows[None, :]) ** 2 * share
    off = (1.0 - found) ** 2 * float(apart.sum() - np.trace(apart))
    last = (found - chance * (1.0 - found)) ** 2
    error = float(np.sqrt(max(on + off - last, 0.0) / (number * (1.0 - chance) ** 2)))
    return max(found - 1.96 * error, -1.0), min(found + 1.96 * error, 1.0)


def grade_of_numbers(safety: Safety) -> int | None:
    """The grade that the numbers suggest: 0 for a breach, 2 for a millimetre free and every rule kept, else 1.

    Our own rule, to set beside what clinicians say; None for what could not be measured.
    """
    if not np.isfinite(safety.clearance_mm):
        return None
    if safety.clearance_mm < 0:
        return 0
    return 2 if safety.clearance_mm >= MARGIN_MM and all(safety.checks.values()) else 1


def against_numbers(grades: Mapping[object, int], safeties: Mapping[object, Safety]) -> Agreement:
    """A rater beside ``grade_of_numbers``; what was not measured is left out.

    Raises:
        ValueError: as ``agreement``.
    """
    suggested = {item: grade_of_numbers(safety) for item, safety in safeties.items()}
    return agreement(grades, {item: value for item, value in suggested.items() if value is not None})


def pairs(raters: Mapping[str, Mapping[object, int]]) -> Sequence[tuple[str, str, Agreement]]:
    """Every two raters that have items in common."""
    names = sorted(raters)
    found = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            if set(raters[one]) & set(raters[other]):
                found.append((one, other, agreement(raters[one], raters[other])))
    return found
