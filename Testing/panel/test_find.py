"""Vertebrae found by the worker: proposals until somebody clicks, named by the user, taken back, kept in a scene."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
import pytest

from SpineDARTLib.io.case import read_case
from SpineDARTLib.panel.locate_words import located_rows, shift_hint
from SpineDARTLib.panel.locating import located, proposals
from SpineDARTLib.panel.packing import case_with_seeds
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.steps import Step, steps

from .processes import Stage

Present = Callable[..., Presenter]


def step(presenter: Presenter, name: str) -> Step:
    return next(one for one in steps(presenter.state) if one.name == name)


def settle(presenter: Presenter, stage: Stage) -> None:
    stage.until(lambda: presenter.state.finding is None and not presenter._background.busy)


def unclicked(present: Present, manner: str = "good") -> Presenter:
    """The sample without its clicks."""
    presenter = present(manner)
    presenter.open_sample()
    for level in ("L2", "L3", "L4"):
        presenter.remove_level(level)
    return presenter


@pytest.fixture
def found(present: Present, stage: Stage) -> Presenter:
    """The sample without its clicks, and L1 to L3 found in it."""
    presenter = unclicked(present)
    presenter.find()
    settle(presenter, stage)
    return presenter


def test_found_vertebrae_are_proposals_with_words_for_how_sure_they_are(present: Present, stage: Stage):
    presenter = unclicked(present)
    seen: list[str] = []
    presenter.listen(lambda state, changed: seen.append(step(presenter, "Locate").words) if state.finding else None)
    presenter.find()
    assert step(presenter, "Locate").mark == "running" and not step(presenter, "Locate").controls["find"].enabled
    assert step(presenter, "Locate").controls["cancel_find"].enabled
    settle(presenter, stage)
    state = presenter.state
    assert seen[0] == "looking for vertebrae: starting" and "looking for vertebrae: looking" in seen
    assert state.seeds == {} and list(proposals(state)) == ["L1", "L2", "L3"]
    rows = {row.level: row for row in located_rows(state)}
    assert list(rows) == ["T12", "L1", "L2", "L3", "L5"]
    assert rows["L1"].name == "L1, sure" and rows["L1"].where == "found in AP, LAT" and rows["L1"].sure
    assert rows["L2"].name == "L2? 62 %, may be L3" and not rows["L2"].sure and not rows["L2"].note
    assert rows["L2"].tip == "L2: found in AP, LAT\nThe label L2 is in doubt. Check the level."
    assert not rows["L5"].ready and rows["L5"].where == "was found in AP only. Click its centre in LAT."
    assert step(presenter, "Locate").words == "L1 L2 L3 located; check the level of L2"
    assert step(presenter, "Locate").mark == "attention"
    assert state.message == "Found 3 vertebrae, L1 to L3."
    assert "may be L2 to L4 (30 %): press +" in shift_hint(state)
    assert step(presenter, "Fit").words == "ready to fit L1 L2 L3"


def test_a_proposal_that_is_moved_is_a_click(found: Presenter, stage: Stage):
    found.click("LAT", 245.0, 222.0, "L3")
    state = found.state
    assert state.seeds["L3"].clicks_px == {"LAT": (245.0, 222.0)}
    assert located(state)["L3"].clicks_px == {"AP": (250.0, 220.0), "LAT": (245.0, 222.0)}
    assert "L3 is clicked in LAT; AP as found" in state.message
    row = next(row for row in located_rows(state) if row.level == "L3")
    assert row.name == "L3" and row.where == "found in AP · clicked in LAT"
    found.find()
    settle(found, stage)
    assert found.state.seeds["L3"].clicks_px == {"LAT": (245.0, 222.0)}, "finding again keeps clicks"
    found.undo()
    found.undo()
    assert found.state.seeds == {} and "L3" in proposals(found.state)
    found.redo()
    assert found.state.seeds["L3"].clicks_px == {"LAT": (245.0, 222.0)}
    found.remove_level("L3")
    assert "L3" not in located(found.state)
    found.undo()
    assert "L3" in located(found.state)


def test_labels_move_together_both_ways_and_stop_at_the_ends(found: Presenter):
    found.shift_levels(1)
    state = found.state
    assert list(proposals(state)) == ["L2", "L3", "L4"] and state.found is not None and state.found.shift == 1
    rows = {row.level: row for row in located_rows(state)}
    assert rows["L2"].name == "L2, detector: L1"
    assert rows["L3"].name == "L3, detector: L2"
    assert "may be L1 to L3 (65 %): press −" in shift_hint(state)
    found.shift_levels(1)
    assert list(proposals(found.state)) == ["L3", "L4", "L5"]
    assert not step(found, "Locate").controls["level_down"].enabled
    assert "L5 is the lowest" in step(found, "Locate").controls["level_down"].why
    found.shift_levels(1)
    assert found.state.attention and "would leave T1 to L5" in found.state.message
    found.undo()
    found.undo()
    assert list(proposals(found.state)) == ["L1", "L2", "L3"] and found.state.shift == 0
    assert found.state.found is not None and found.state.found.shift == 0
    found.redo()
    assert list(proposals(found.state)) == ["L2", "L3", "L4"]
    found.shift_levels(-1)
    found.shift_levels(-13)
    assert list(proposals(found.state)) == ["L1", "L2", "L3"] and "T1 is the highest" in found.state.message
    found.shift_levels(-12)
    assert list(proposals(found.state)) == ["T1", "T2", "T3"]
    assert not step(found, "Locate").controls["level_up"].enabled


def test_a_shift_holds_when_vertebrae_are_found_again(found: Presenter, stage: Stage):
    found.shift_levels(1)
    found.find()
    found.shift_levels(-1)  # while it looks
    settle(found, stage)
    assert list(proposals(found.state)) == ["L1", "L2", "L3"]
    assert found.state.found is not None and found.state.found.shift == 0


def test_shifting_brings_back_what_was_fitted(found: Presenter, stage: Stage):
    found.fit(["L3"])
    stage.until(lambda: "L3" in found.state.plans)
    plans = found.state.plans
    found.shift_levels(1)
    assert found.state.plans == {}
    found.undo_click()
    assert found.state.plans is plans
    found.redo_click()
    assert found.state.plans == {}
    found.shift_levels(-1)
    assert found.state.plans is plans


def test_a_fit_looks_for_what_is_only_found_and_is_told_the_shift(found: Presenter, stage: Stage):
    found.shift_levels(1)
    found.click("AP", 252.0, 282.0, "L4")
    found.fit()
    stage.until(lambda: bool(found.state.plans))
    stage.until(lambda: not any(job.open for job in found.state.jobs.values()))
    assert found.state.fits[0].settings["detector"] == {"shift": 1}
    case = read_case(found._fitting.work / f"case-{found.state.fits[0].number}")
    clicks = {seed.level: dict(seed.clicks_px) for seed in case.seeds}
    assert clicks["L2"] == {} and clicks["L3"] == {}
    assert clicks["L4"]["AP"] == (252.0, 282.0) and set(clicks["L4"]) == {"AP", "LAT"}


def test_one_click_is_completed_by_what_the_detector_has_in_the_other_view(found: Presenter, stage: Stage):
    found.start_clicking("L4")
    found.click("AP", 251.0, 279.0)
    settle(found, stage)
    assert located(found.state)["L4"].clicks_px == {"AP": (251.0, 279.0), "LAT": (240.0, 281.0)}
    assert found.state.message == "L4 found in the other X-ray too." and found.state.seeds["L4"].clicks_px.keys() == {
        "AP"
    }
    found.undo()
    assert "L4" not in located(found.state), "click and completion go together"
    found.click("AP", 250.0, 320.0, "L5")
    settle(found, stage)
    assert "L5 is clicked in AP only" in found.state.message and "L5" not in proposals(found.state)
    assert "L5" not in {seed.level for seed in case_with_seeds(found.state).seeds if seed.clicks_px}


def test_without_weights_the_button_says_why_and_clicks_work(present: Present, stage: Stage):
    presenter = unclicked(present, "weightless")
    stage.until(lambda: bool(presenter.state.detector_lacks))
    control = step(presenter, "Locate").controls["find"]
    assert not control.enabled and "no weights" in control.why
    presenter.find()
    assert presenter.state.attention and "no weights" in presenter.state.message and presenter.state.finding is None
    presenter.start_clicking("L3")
    presenter.click("AP", 250.0, 220.0)
    assert (
        presenter.state.message == "L3 is clicked in AP only. Click its centre in LAT." and not presenter.state.finding
    )


@pytest.mark.parametrize("manner", ["slow", "deaf"])
def test_cancel_ends_the_search_within_a_second(present: Present, stage: Stage, manner: str):
    presenter = unclicked(present, manner)
    presenter.find()
    stage.until(lambda: presenter.state.finding is not None and presenter.state.finding.state == "running")
    presenter.find()
    assert "being looked for already" in presenter.state.message
    begun = time.monotonic()
    presenter.cancel_find()
    stage.until(lambda: presenter.state.finding is None)
    assert time.monotonic() - begun < 1.0 and presenter.state.found is None


@pytest.mark.parametrize(("manner", "words"), [("refuses", "expected a detector"), ("dies", "killed")])
def test_what_fails_is_said_and_can_be_tried_again(present: Present, stage: Stage, manner: str, words: str):
    presenter = unclicked(present, manner)
    presenter.find()
    settle(presenter, stage)
    assert presenter.state.attention and words in presenter.state.message and presenter.state.found is None
    assert step(presenter, "Locate").controls["find"].enabled
    if manner == "dies":
        presenter.find()
        settle(presenter, stage)
        assert proposals(presenter.state)


def test_other_x_rays_have_other_vertebrae(found: Presenter, stage: Stage):
    found.mirror("AP")
    assert not proposals(found.state) and "find" in step(found, "Locate").words
    found.find()
    found.mirror("AP")
    settle(found, stage)
    assert not proposals(found.state) and "changed while" in found.state.message
    found.find()
    settle(found, stage)
    assert list(proposals(found.state)) == ["L1", "L2", "L3"]


def test_a_closed_case_hears_of_nothing(present: Present, stage: Stage):
    presenter = unclicked(present)
    presenter.find()
    presenter.open_sample()
    settle(presenter, stage)
    assert presenter.state.found is None and presenter.state.finding is None and set(presenter.state.seeds) == {
        "L2", "L3", "L4",
    }  # fmt: skip


def test_nobody_looks_during_a_grading_session(planned: Presenter):
    planned.set_rater("AB")
    planned.start_session()
    planned.find()
    assert planned.state.attention and planned.state.finding is None
    assert "grading session" in step(planned, "Locate").controls["find"].why


def test_proposals_come_back_from_a_scene_as_proposals(found: Presenter, present: Present, stage: Stage):
    found.click("AP", 252.0, 161.0, "L2")
    found.shift_levels(1)
    document = json.dumps(found.save())
    again = present()
    again.restore(document, found.state.case.views)
    stage.until(lambda: not again._background.busy)
    new, old = again.state, found.state
    assert list(proposals(new)) == ["L2", "L3", "L4"] and new.found.shift == 1 and new.shift == 1
    assert new.seeds.keys() == {"L3"} and located_rows(new) == located_rows(old)
    np.testing.assert_allclose(proposals(new)["L4"].outlines_px["AP"][0], proposals(old)["L4"].outlines_px["AP"][0])
    assert shift_hint(new) == shift_hint(old) and proposals(new)["L2"].places_px == proposals(old)["L2"].places_px
    broken = json.loads(document)
    broken["found"]["vertebrae"][0]["level"] = "C3"
    again.restore(broken, found.state.case.views)
    assert again.state.attention and "found" in again.state.message
