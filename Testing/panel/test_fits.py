"""Fits in a worker process that behaves, or hangs and is cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from SpineDARTLib.io.case import read_case
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.state import PanelState
from SpineDARTLib.resources import resource_folder

from .processes import Stage

Present = Callable[..., Presenter]


def ended(presenter: Presenter) -> bool:
    jobs = presenter.state.jobs.values()
    return bool(jobs) and not any(job.open for job in jobs)


def test_a_fit_from_the_sample_to_its_plan(present: Present, stage: Stage):
    presenter, seen = present(), []
    presenter.listen(lambda state, changed: seen.append((state, changed)))
    presenter.open_sample()
    presenter.fit(["L3", "L4"])
    assert {job.state for job in presenter.state.jobs.values()} == {"waiting"}
    stage.until(lambda: ended(presenter))
    state = presenter.state
    assert state.jobs["L3"].state == "done" and state.jobs["L3"].words == "done in 6 s"
    assert state.jobs["L4"].state == "failed" and "do not meet" in state.jobs["L4"].words
    assert set(state.options) == {("L3", "left"), ("L3", "right")} and state.selected == ("L3", "left")
    assert all(option.risk is not None for option in state.options.values())
    assert "L4: The clicks on L4 do not meet." in state.message and state.attention
    assert any("jobs" in changed for _, changed in seen)
    assert all(changed == {name for name in changed if hasattr(state, name)} for _, changed in seen)


def test_outlines_and_loss_move_while_it_runs(present: Present, stage: Stage):
    presenter = present("slow")
    presenter.open_sample()
    stage.until(lambda: not presenter._background.busy)  # the atlas is there
    presenter.fit(["L3"])
    stage.until(lambda: "L3" in presenter.state.live_mm)
    job = presenter.state.jobs["L3"]
    assert job.state == "running" and job.share == pytest.approx(0.08) and job.losses == ((4, 0.2),)
    assert job.words == "8 %, 1 s left" and job.stage == "coarse"
    assert presenter.state.live_mm["L3"].mean(axis=0)[2] == pytest.approx(11.0, abs=15.0)
    presenter.cancel()
    stage.until(lambda: ended(presenter))
    assert presenter.state.live_mm == {} and presenter.state.jobs["L3"].state == "cancelled"


@pytest.mark.parametrize("manner", ["slow", "deaf"])
def test_cancel_takes_less_than_a_second_and_leaves_no_orphan(present: Present, stage: Stage, manner: str):
    presenter = present(manner)
    presenter.open_sample()
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L3"].share > 0)
    begun = time.monotonic()
    presenter.cancel()
    stage.until(lambda: ended(presenter))
    assert time.monotonic() - begun < 1.0
    assert len(stage.living) == 1, "the worker that hung is gone, a fresh one is warm"
    assert not list(presenter._fitting.work.glob("fit-*"))
    presenter.close()
    assert not stage.living


def test_fits_in_a_row_wait_for_each_other(present: Present, stage: Stage):
    presenter = present("slow")
    presenter.open_sample()
    presenter.fit(["L2"])
    presenter.fit(["L3"])
    presenter.fit(["L3"])
    assert "L3 is being fitted already" in presenter.state.message
    stage.until(lambda: presenter.state.jobs["L2"].state == "running")
    assert presenter.state.jobs["L3"].state == "waiting"
    presenter.cancel()
    stage.until(lambda: ended(presenter))
    assert [job.state for job in presenter.state.jobs.values()] == ["cancelled"] * 2


def test_one_of_two_fits_is_cancelled(present: Present, stage: Stage):
    presenter = present("slow")
    presenter.open_sample()
    presenter.fit(["L2"])
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L2"].share > 0)
    presenter.cancel(["L2"])
    stage.until(lambda: presenter.state.jobs["L3"].share > 0)
    assert presenter.state.jobs["L2"].state == "cancelled" and presenter.state.jobs["L3"].state == "running"


def test_two_fits_of_one_level_at_once(present: Present, stage: Stage):
    presenter, shown = present(), []
    presenter.open_sample()

    def heard(state: PanelState, changed: frozenset[str]) -> None:
        if "jobs" in changed:
            shown.append((state.jobs["L3"].number, state.jobs["L3"].state))

    presenter.listen(heard)
    presenter.fit(["L3", "L4"])
    presenter.rerun({"plan": {"gauge": 13}}, ["L3", "L4"])
    stage.until(lambda: ended(presenter))
    assert len(presenter.state.fits) == 2 and presenter.state.jobs["L3"].number == 2
    assert shown[-1] == (2, "done") and (1, "done") not in shown, "the next one waits or runs already"


def test_two_fits_of_one_level_are_kept_and_can_be_changed_between(planned: Presenter, stage: Stage):
    first = planned.state.fits[0]
    planned.grade(2)
    planned.rerun({"plan": {"gauge": 13}})
    stage.until(lambda: len(planned.state.fits) == 2)
    second = planned.state.fits[1]
    assert planned.state.plans["L3"] is second.plans["L3"] and second.settings["plan"] == {"gauge": 13}
    planned.use_fit(first.number, "L3")
    assert planned.state.plans["L3"] is first.plans["L3"]
    planned.use_fit(99, "L3")
    assert planned.state.attention and "no fit 99" in planned.state.message


def test_a_failed_refit_leaves_the_good_plan(planned: Presenter, stage: Stage):
    assert "L3" in planned.state.plans and planned.state.plans["L4"].vertices_mm is None
    planned.rerun({"device": "abacus"})
    assert "abacus" in planned.state.message and planned.state.attention
    assert planned.state.jobs["L3"].state == "done"


def test_the_scene_is_closed_during_a_fit(present: Present, stage: Stage):
    presenter = present("deaf")
    presenter.open_sample()
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L3"].share > 0)
    presenter.close_case()
    assert presenter.state.case is None and not presenter.state.jobs
    old = stage.processes[0]
    stage.until(lambda: old not in stage.living, 2.0)
    assert presenter.state.case is None and not presenter.state.jobs and not presenter.state.attention
    presenter.close()
    assert not stage.living


def test_levels_shifted_during_a_fit(present: Present, stage: Stage):
    presenter = present("slow")
    presenter.open_sample()
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L3"].share > 0)
    presenter.shift_levels(1)
    stage.until(lambda: not presenter._client.jobs)
    assert presenter.state.jobs == {} and "Fit them again" in presenter.state.message
    presenter.shift_levels(-1)
    assert presenter.state.jobs == {}


def test_changed_clicks_reach_the_worker_and_the_case_folder_stays(present: Present, stage: Stage):
    presenter = present("slow")
    presenter.open_sample()
    before = (resource_folder("sample") / "case.json").read_bytes()
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L3"].share > 0)
    assert not list(presenter._fitting.work.glob("case-*")), "an unchanged case is read where it is"
    presenter.cancel()
    stage.until(lambda: ended(presenter))
    u, v = presenter.state.seeds["L3"].clicks_px["AP"]
    presenter.click("AP", u + 3.0, v, "L3")
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L3"].share > 0)
    (folder,) = presenter._fitting.work.glob("case-*")
    case = read_case(folder)
    assert [seed.level for seed in case.seeds] == ["L3"]
    assert case.seeds[0].clicks_px["AP"] == pytest.approx((u + 3.0, v))
    correlation = np.corrcoef(case.views[0].image.ravel(), presenter.state.case.views[0].image.ravel())[0, 1]
    assert correlation > 0.9999
    assert (resource_folder("sample") / "case.json").read_bytes() == before


def test_levels_that_lack_a_click_do_not_hold_up_the_others(present: Present, stage: Stage):
    presenter = present()
    presenter.open_sample()
    presenter.click("AP", 200.0, 300.0, "T12")
    presenter.fit(["T12", "L3"])
    assert presenter.state.jobs["T12"].state == "failed"
    assert "T12 is clicked in AP only. Click its centre in LAT." in presenter.state.message
    stage.until(lambda: presenter.state.jobs["L3"].state == "done")
