"""Two fits compared in numbers and words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.inspect.compare import compare
from SpineDARTLib.types import Cannula, FittedVertebra, Plan, Safety, Status
from Testing.inspect.column import fit_of, plan_of, with_vertebra


def with_room(plan: Plan, room: float) -> Plan:
    cannula = Cannula("left", np.zeros(3), np.ones(3), 3.05)
    return replace(plan, cannulas=(cannula,), safety=(Safety(room, {}, 0.5, "A", "", {}),))


def test_a_fit_is_like_itself():
    plan = plan_of("L3", 0.0)
    found = compare(plan, plan)
    assert found is not None
    assert found.surface_mm == (0.0, 0.0) and found.shift_mm == 0.0 and found.size == 1.0 and found.clearance_mm == {}


def test_what_was_changed_is_found_again():
    plan = with_room(plan_of("L3", 0.0), 1.4)
    vertebra = fit_of(plan)
    pose = vertebra.pose.copy()
    pose[:3, :3] = Rotation.from_euler("x", 5, degrees=True).as_matrix()
    pose[:3, 3] += 0.0, 3.0, 4.0
    coefficients = np.array([0.0, 0.6, 0.0, 0.0, 0.0, 0.0, 0.8])
    moved = with_vertebra(plan, replace(vertebra, pose=pose, scale=0.95, coefficients=coefficients))
    found = compare(plan, with_room(moved, -0.3))
    assert found is not None
    assert (found.shift_mm, found.turn_deg, found.size, found.shape) == pytest.approx((5.0, 5.0, 0.95, 1.0))
    assert 1.0 < found.surface_mm[0] < found.surface_mm[1]
    rows = dict(found.rows)
    assert rows["clearance left"] == "1.4 mm before, −0.3 mm now" and rows["size"] == "−5.0 %"
    assert rows["place"] == "moved 5.0 mm, turned 5.0°"


def test_no_fit_and_two_levels():
    plan = plan_of("L3", 0.0)
    assert compare(plan, Plan(FittedVertebra("L3", Status.NOT_INITIALISED, "no click"))) is None
    with pytest.raises(ValueError, match="L3 and L4"):
        compare(plan, plan_of("L4", 0.0))
