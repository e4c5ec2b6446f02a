"""How sure a difference between two methods is, told from the same vertebrae by both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..evaluate.cannulas import NEEDLES, RECOMMENDED, count
from ..evaluate.compare import FAILED_AS_ZERO

Row = Mapping[str, Any]

FEWEST_PEOPLE = 3
"""With fewer, vertebrae are drawn in place of people, and the interval is too narrow: vertebrae of one are alike."""

INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Difference:
    """The first method's mean minus the second's.

    Attributes:
        metric: "dice", ..., or "planned NEEDLE": the share of vertebrae with both cannulas free of breach.
        vertebrae, people: that both methods have an answer for.
        first_mean, second_mean, mean: over these.
        low, high: 95 % of the bootstrap's differences; NaN where nothing can be drawn.
        unit: what was drawn, "people" or "vertebrae".
    """

    first: str
    second: str
    metric: str
    vertebrae: int
    people: int
    first_mean: float
    second_mean: float
    mean: float
    low: float
    high: float
    unit: str


METRICS = ("dice", "nsd_1mm", "hd95_mm", "assd_mm", *(f"planned {needle}" for needle in NEEDLES))


def value_of(row: Row, metric: str) -> float | None:
    """A row's figure; None where the method has none there. A failure is 0 in Dice and NSD, and no distance."""
    if metric.startswith("planned "):
        if "cannulas" not in row or (not row["cannulas"] and row["surfaces"] and row["reconstructed"]):
            return None  # nobody can judge, or the method plans nothing at all
        one = count([row], RECOMMENDED, NEEDLES[metric.removeprefix("planned ")])
        return float(one["no_breach"]["kept"])
    if not row["surfaces"]:
        return None
    return row.get(metric, 0.0) if metric in FAILED_AS_ZERO else row.get(metric)


def differences(
    first: Sequence[Row], second: Sequence[Row], names: tuple[str, str], resamples: int, seed: int = 0
) -> list[Difference]:
    """Every metric that both methods have figures of, over the vertebrae that both have them for."""
    found = []
    for metric in METRICS:
        pairs = _pairs(first, second, lambda row, metric=metric: value_of(row, metric))
        if pairs:
            found.append(_difference(pairs, (*names, metric), resamples, seed))
    return found


def _pairs(
    first: Sequence[Row], second: Sequence[Row], value: Callable[[Row], float | None]
) -> list[tuple[str, float, float]]:
    """Whose vertebra it is, and both figures."""
    others = {(row["case"], row["level"]): row for row in second}
    pairs = []
    for row in first:
        other = others.get((row["case"], row["level"]))
        one, two = value(row), None if other is None else value(other)
        if one is not None and two is not None:
            pairs.append((row["subject"], one, two))
    return pairs


def _difference(
    pairs: Sequence[tuple[str, float, float]], names: tuple[str, str, str], resamples: int, seed: int
) -> Difference:
    people = sorted({person for person, *_ in pairs})
    ones, others = np.array([one for _, one, _ in pairs]), np.array([other for *_, other in pairs])
    by_person = len(people) >= FEWEST_PEOPLE
    groups = np.array([people.index(person) for person, *_ in pairs]) if by_person else np.arange(len(pairs))
    low, high = interval(ones - others, groups, resamples, seed)
    first, second, metric = names
    return Difference(
        first,
        second,
        metric,
        vertebrae=len(pairs),
        people=len(people),
        first_mean=float(ones.mean()),
        second_mean=float(others.mean()),
        mean=float((ones - others).mean()),
        low=low,
        high=high,
        unit="people" if by_person else "vertebrae",
    )


def interval(values: np.ndarray, groups: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
    """95 % percentile interval of the mean, whole groups drawn with replacement (Efron and Tibshirani 1993).

    Args:
        values: (n,).
        groups: (n,) which group each belongs to, 0, 1, ...
    """
    sums, sizes = np.bincount(groups, values), np.bincount(groups)
    if len(sums) < 2:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    means = []
    # In parts: people by resamples would not fit into memory for ten thousand people.
    for part in np.array_split(np.arange(resamples), max(1, resamples * len(sums) // 10_000_000)):
        drawn = generator.integers(len(sums), size=(len(part), len(sums)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.percentile(np.concatenate(means), INTERVAL)
    return float(low), float(high)
