"""How far landmarks really are from where a network says: what its card tells, and how it is measured."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.detect.calibration import fit_spreads, spreads_of

NAMES = ("spinous_process", "left_pedicle")


def card(inside):
    return {"metrics": {"validation": {"inside_95": inside}}}


def test_ellipses_that_held_too_few_are_widened():
    assert spreads_of(card(0.54), NAMES).factor == pytest.approx([3.86, 3.86], abs=0.01)  # 5.991 / 1.553
    assert spreads_of(card(0.95), NAMES).factor == pytest.approx([1.0, 1.0], abs=0.001)


@pytest.mark.parametrize("told", [card(0.99), card(None), card(np.nan), card(0.0), card(1.0), {}, {"metrics": None}])
def test_ellipses_are_never_narrowed_and_a_silent_card_changes_nothing(told):
    stated = np.array([[[4.0, 1.0], [1.0, 2.0]], [[9.0, 0.0], [0.0, 1.0]]])
    assert np.array_equal(spreads_of(told, NAMES).applied(stated, 100.0), stated)


def test_what_was_measured_for_each_landmark_comes_first():
    told = card(0.5) | {"landmark_spreads": {"left_pedicle": [2.0, 0.0], "spinous_process": [0.5, 0.1]}}
    spreads = spreads_of(told, NAMES)
    assert spreads.applied(np.stack([np.eye(2), np.eye(2)]), 20.0)[:, 0, 0] == pytest.approx([0.5 + 4.0, 2.0])
    assert spreads_of(told, (*NAMES, "body_superior")).factor[0] > 1.0  # not all of them: the one factor counts


@pytest.mark.parametrize(("factor", "floor"), [(4.0, 0.0), (1.0, 0.06), (2.0, 0.2)])
def test_errors_tell_factor_and_floor(factor, floor):
    generator = np.random.default_rng(1)
    sides = generator.uniform(80.0, 160.0, 3000)
    stated = generator.uniform(0.5, 6.0, (3000, 1, 1)) ** 2 * np.eye(2)
    true = factor * stated + ((floor * sides) ** 2)[:, None, None] * np.eye(2)
    offs = np.einsum("nij,nj->ni", np.linalg.cholesky(true), generator.normal(size=(3000, 2)))
    offs[:60] *= 30.0  # slips
    found = fit_spreads(offs, stated, sides)
    spread = found[0] * stated[:, 0, 0] + (found[1] * sides) ** 2
    assert np.median(spread / true[:, 0, 0]) == pytest.approx(1.0, abs=0.25)
