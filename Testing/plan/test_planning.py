"""A vertebra's plan: every option named and explained, the better one of each side recommended."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.atlas import ShapeModel, load_model
from SpineDARTLib.config import PlanSettings
from SpineDARTLib.errors import InputError
from SpineDARTLib.plan.cannula import needle_diameter_mm
from SpineDARTLib.plan.planning import plan_vertebra
from SpineDARTLib.plan.safest import standing
from SpineDARTLib.types import SIDES, FittedVertebra, Plan, Status, Vertebra


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    try:
        return load_model("T9")
    except InputError as error:
        pytest.skip(f"no atlas: {error}")


def fitted(model: ShapeModel, level: str = "T9", scale: float = 1.0) -> FittedVertebra:
    coefficients = np.zeros(model.rank)
    coefficients[:3] = 0.7, -0.9, 0.4
    return FittedVertebra(level, Status.CONVERGED, "", Vertebra(level, np.eye(4), scale, coefficients))


@pytest.fixture(scope="module")
def plan(model: ShapeModel) -> Plan:
    return plan_vertebra(fitted(model), model, PlanSettings(unipedicular=True))


def test_every_option_of_both_sides_is_there_named_and_in_words(plan: Plan):
    names = [(option.cannula.name, option.cannula.side) for option in plan.options]
    assert names[:6] == [(name, side) for name in ("transferred", "safest", "unipedicular") for side in SIDES]
    assert set(names[6:]) <= {("curved", side) for side in SIDES}
    assert all(option.words and option.safety.status == "measured" for option in plan.options)
    assert {option.cannula.diameter_mm for option in plan.options[:6]} == {3.05}


def test_the_recommended_are_the_better_of_each_side(plan: Plan):
    assert [cannula.side for cannula in plan.cannulas] == list(SIDES)
    for cannula, safety in zip(plan.cannulas, plan.safety, strict=True):
        assert cannula.name in ("transferred", "safest")
        rivals = [option for option in plan.options if option.cannula.side == cannula.side][:2]
        assert standing(safety, 2.5) == max(standing(option.safety, 2.5) for option in rivals)
        assert any(option.cannula is cannula and option.safety is safety for option in rivals)


def test_one_needle_is_offered_only_when_asked_for_and_never_recommended(model: ShapeModel, plan: Plan):
    without = plan_vertebra(fitted(model), model, PlanSettings())
    assert "unipedicular" not in {option.cannula.name for option in without.options}
    assert "unipedicular" not in {cannula.name for cannula in plan.cannulas}


def test_a_small_vertebra_and_a_thick_needle_are_no_silent_plan(model: ShapeModel):
    found = plan_vertebra(fitted(model, scale=0.6), model, PlanSettings(diameter_mm=5.0))
    moved = [option for option in found.options if option.cannula.name == "safest"]
    for option in moved:
        assert option.safety.clearance_mm < 1.0 and "no transpedicular path" in option.words


def test_what_was_not_fitted_has_no_cannulas(model: ShapeModel):
    lost = FittedVertebra("T9", Status.NOT_INITIALISED, "no click")
    assert plan_vertebra(lost, model, PlanSettings()) == Plan(lost)
    assert plan_vertebra(fitted(model), None, PlanSettings()).options == ()


def test_needles():
    assert needle_diameter_mm(PlanSettings()) == 3.05
    assert needle_diameter_mm(PlanSettings(gauge=13)) == 2.41
    assert needle_diameter_mm(PlanSettings(gauge=13, diameter_mm=5.0)) == 5.0
    with pytest.raises(ValueError, match="12 gauge; expected one of 8, 10, 11, 13, 15"):
        needle_diameter_mm(PlanSettings(gauge=12))
    for diameter in (0.0, -3.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="expected more than 0"):
            needle_diameter_mm(PlanSettings(diameter_mm=diameter))
