"""Kappa against worked examples, and grades against numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from SpineDARTLib.review.agreement import against_numbers, agreement, grade_of_numbers, kappa, pairs
from SpineDARTLib.types import Safety


def spread(counts: np.ndarray) -> tuple[Mapping[object, int], Mapping[object, int]]:
    """Two raters with that table."""
    first: dict[object, int] = {}
    second: dict[object, int] = {}
    for (row, column), count in np.ndenumerate(counts):
        for number in range(count):
            first[row, column, number], second[row, column, number] = row, column
    return first, second


def test_kappa_of_a_worked_example():
    # Fleiss, Cohen and Everitt (1969), also in Fleiss, Statistical Methods for Rates and Proportions: shares of 200
    # in three classes, kappa 0.429, weighted by hand below.
    counts = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
    found = agreement(*spread(counts))
    assert found.items == 200 and (found.counts == counts).all()
    assert found.same == pytest.approx(0.70)
    assert found.kappa["none"] == pytest.approx(0.429, abs=5e-4)
    low, high = found.interval
    assert (high - low) / 2 / 1.96 == pytest.approx(0.0535, abs=2e-3)
    apart = (2 * 0 + 10 + 22 + 12 + 10 + 2 * (4 + 2)) / 2 / 200
    rows, columns = counts.sum(1) / 200, counts.sum(0) / 200
    chance = sum(abs(i - j) / 2 * rows[i] * columns[j] for i in range(3) for j in range(3))
    assert found.kappa["linear"] == pytest.approx(1 - apart / chance)


def test_perfect_chance_and_nothing():
    assert kappa(np.diag([3, 4, 5])) == 1.0
    assert kappa(np.outer([2, 4, 4], [5, 3, 2])) == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(kappa(np.diag([7, 0, 0])))
    # A near miss costs less than a wide one when it is weighted.
    near, far = np.array([[5, 2, 0], [0, 5, 0], [0, 0, 5]]), np.array([[5, 0, 2], [0, 5, 0], [0, 0, 5]])
    assert kappa(near, "quadratic") > kappa(far, "quadratic")
    with pytest.raises(ValueError, match="cubic"):
        kappa(near, "cubic")


def test_only_common_items_count_and_there_must_be_some():
    found = agreement({"a": 1, "b": 2, "c": 0}, {"b": 2, "c": 1, "d": 0})
    assert found.items == 2 and found.same == 0.5
    with pytest.raises(ValueError, match="none in common"):
        agreement({"a": 1}, {"b": 1})
    with pytest.raises(ValueError, match="grade of 4"):
        agreement({"a": 4}, {"a": 1})
    named = pairs({"X": {"a": 1}, "Y": {"a": 1, "b": 0}, "Z": {"b": 0}})
    assert [(one, other) for one, other, _ in named] == [("X", "Y"), ("Y", "Z")]


def safety(clearance: float, passed: bool = True) -> Safety:
    return Safety(clearance, {}, 0.5, "A", "", {"mid_height": passed})


def test_numbers_suggest_a_grade():
    found = [grade_of_numbers(one) for one in (safety(-0.1), safety(0.6), safety(1.2), safety(1.2, False))]
    assert found == [0, 1, 2, 1]
    assert grade_of_numbers(safety(math.nan)) is None
    beside = against_numbers({"a": 0, "b": 2, "c": 1}, {"a": safety(-2.0), "b": safety(0.5), "c": safety(math.nan)})
    assert beside.items == 2 and beside.same == 0.5
