"""Two fits compared, with what is better and what is worse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from SpineDARTLib.panel.comparing import comparison, fits_to_compare
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.types import Plan

from .processes import Stage


def with_quality(plan: Plan, expected_mm: float, ap_px: float, rooms_mm: tuple[float, float]) -> Plan:
    quality = plan.fitted.quality
    assert quality is not None
    errors = {**quality.reprojection_error_px, "AP": ap_px}
    quality = replace(quality, predicted_surface_distance_mm=expected_mm, reprojection_error_px=errors)
    safety = tuple(replace(one, clearance_mm=room) for one, room in zip(plan.safety, rooms_mm, strict=True))
    return replace(plan, fitted=replace(plan.fitted, quality=quality), safety=safety)


def test_each_row_says_whether_it_is_better(plans: tuple[Plan, ...]):
    before = with_quality(plans[0], 1.2, 3.0, (1.5, 0.4))
    now = with_quality(plans[0], 0.7, 4.0, (0.9, -0.6))
    rows = {row.name: row for row in comparison(before, now)}
    verdicts = {name: row.verdict for name, row in rows.items()}
    assert verdicts == {
        "surface": "neither", "place": "neither", "size": "neither", "shape": "neither",
        "expected to be off": "better", "clearance left": "less room", "clearance right": "breach now",
        "points off in AP": "worse", "points off in LAT": "alike",
    }  # fmt: skip
    back = {row.name: row.verdict for row in comparison(now, before)}
    assert back["expected to be off"] == "worse" and back["clearance right"] == "breach gone"
    assert [rows[name].colour for name in ("expected to be off", "clearance left", "clearance right", "place")] == [
        "good", "check", "breach", "none",
    ]  # fmt: skip


def test_without_a_fit_there_is_nothing_to_compare(plans: tuple[Plan, ...]):
    assert comparison(plans[1], plans[1]) == ()
    with pytest.raises(ValueError, match="one level"):
        comparison(plans[0], plans[1])


def test_the_fit_that_is_shown_is_compared_with_the_one_before(planned: Presenter, stage: Stage):
    assert fits_to_compare(planned.state, "L3") is None
    for gauge in (13, 15):
        planned.rerun({"plan": {"gauge": gauge}})
        stage.until(lambda: not any(job.open for job in planned.state.jobs.values()))
    numbers = lambda: tuple(fit.number for fit in fits_to_compare(planned.state, "L3") or ())  # noqa: E731
    assert numbers() == (2, 3)
    planned.use_fit(2, "L3")
    assert numbers() == (1, 2)
    planned.use_fit(1, "L3")
    assert numbers() == (1, 2)
