"""How the X-rays stand to each other: view advice, consistency, recovery from points, cameras refined with a fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.epipolar import meeting_point
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import write_plan
from SpineDARTLib.panel.exporting import writer
from SpineDARTLib.panel.geometry_words import advice_words, consistency_words
from SpineDARTLib.panel.lacking import contradiction, judgement, sharing
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.state import Refusal
from SpineDARTLib.panel.steps import steps
from SpineDARTLib.panel.worker_client import WorkerClient
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import Plan, Refinement

from .processes import Stage, fake_command

Present = Callable[..., Presenter]

MOVED_MM = np.array([3.0, -4.0, 14.0])
MOVED = Refinement(True, "AP stays; LAT moved by 1.2 mm.", "AP", {"LAT": tuple(map(tuple, np.eye(4).tolist()))})


def test_views_are_looked_at_in_the_background(planned: Presenter, stage: Stage, tmp_path: Path):
    """Pictures that contradict the geometry are said in Case, Fit and the exported plan; nothing is forbidden."""
    stage.until(lambda: judgement(planned.state) is not None, 30.0)
    judged = judgement(planned.state)
    assert contradiction(planned.state) == "" and "pictures fit" in consistency_words(judged).line
    assert "AP and LAT 89° apart" in advice_words(judged).line and "further view" in advice_words(judged).whole
    planned.mirror("AP")
    assert judgement(planned.state) is None, "of another picture"
    stage.until(lambda: judgement(planned.state) is not None, 30.0)
    case, _, fit, *_ = steps(planned.state)
    assert case.mark == fit.mark == "attention" and "contradict" in case.words and "contradict" in fit.words
    assert fit.controls["fit_all"].enabled
    assert consistency_words(judgement(planned.state)).tone == "check"
    writer(planned.state, "plan")(tmp_path / "plan")
    plan = json.loads((tmp_path / "plan" / "plan.json").read_text())
    assert plan["geometry_doubt"] == contradiction(planned.state) != ""


def shifted(presenter: Presenter) -> np.ndarray:
    """The sample case with LAT somewhere else than the form has it, and points clicked in both; LAT's true camera."""
    presenter.open_sample()
    assert presenter.state.case is not None
    first, second = presenter.state.case.views
    around = np.array(
        [[0, 0, 0], [22, 8, 40], [-25, -12, 35], [18, 20, -30], [-20, 15, -42], [5, -28, 10], [-9, 25, 5]]
    )
    points = meeting_point([first, second]) + np.array(around)
    true = second.world_to_camera.copy()
    x, y, z = (float(one) for one in np.array(presenter.state.xrays[1].c_arm.isocentre_mm) + MOVED_MM)
    presenter.set_c_arm("LAT", replace(presenter.state.xrays[1].c_arm, isocentre_mm=(x, y, z)))
    presenter.start_marking()
    for at, point in enumerate(points):
        for view in (first, second):
            ((u, v),) = project(point[None], view)
            presenter.click(view.name, float(u), float(v))
        assert presenter.state.marking.next == str(at + 2)
    return true


def test_the_views_position_is_recovered_from_points_and_taken_back(present: Present):
    presenter = present()
    true = shifted(presenter)
    before = presenter.state
    assert before.case is not None and before.clicking and set(before.marking.points) == set("1234567")
    assert not set("1234567") & set(before.seeds), "points are no vertebrae"
    presenter.recover(20.0)
    after = presenter.state
    assert after.case is not None and after.marking.recovered is not None and not after.clicking
    assert after.marking.recovered.identifiable and "AP stays" in after.message
    wrong, found = (np.linalg.inv(one.case.views[1].world_to_camera)[:3, 3] for one in (before, after) if one.case)
    source = np.linalg.inv(true)[:3, 3]
    assert np.linalg.norm(wrong - source) > 14.0
    assert abs(found - source)[2] < 1.5, "along the spine the points tell"
    assert sharing(after)[0] is True and [xray.source for xray in after.xrays] == ["case file", "points"]
    np.testing.assert_array_equal(after.case.views[0].world_to_camera, before.case.views[0].world_to_camera)
    presenter.undo_mark()
    assert presenter.state.case is before.case and presenter.state.xrays is before.xrays
    assert presenter.state.marking.points == before.marking.points and presenter.state.marking.recovered is None
    presenter.undo_mark()
    assert presenter.state.marking.points["7"].keys() == {"AP"}
    again = present()
    again.restore(presenter.save(), presenter.state.case.views)
    assert again.state.marking.points == presenter.state.marking.points


def test_points_that_say_nothing_are_refused(present: Present):
    presenter = present()
    presenter.open_sample()
    presenter.recover()
    assert "five" not in presenter.state.message and "Click 5 or more points" in presenter.state.message
    presenter.start_marking()
    presenter.click("AP", -4.0, 9.0)
    assert "beside the picture" in presenter.state.message and not presenter.state.marking.points
    for at in range(6):
        presenter.click("AP", 150.0 + 40 * at, 100.0 + 50 * at)
        presenter.click("LAT", 350.0 - 30 * at, 400.0 - 50 * at)
    case = presenter.state.case
    presenter.recover()
    assert presenter.state.attention and presenter.state.message.startswith("Refused.")
    assert presenter.state.case is case
    presenter.click("AP", 200.0, 300.0, "2")
    assert presenter.state.marking.points["2"]["AP"] == (200.0, 300.0), "a point that was dragged"
    presenter.clear_marks()
    assert not presenter.state.marking.points
    presenter.undo_mark()
    assert len(presenter.state.marking.points) == 6


def test_cameras_refined_with_the_fit_are_said(plans: tuple[Plan, ...], stage: Stage, tmp_path: Path):
    folder = tmp_path / "plan"
    write_plan(folder, read_case(resource_folder("sample")), [replace(plan, refinement=MOVED) for plan in plans])
    presenter = Presenter(WorkerClient(stage.new_process, fake_command("good", folder)), tmp_path / "work")
    stage.ticks.append(presenter.tick)
    presenter.open_sample()
    presenter.set_settings({"refinement": {"on": True}})
    presenter.fit(["L3", "L4"])
    stage.until(lambda: "L3" in presenter.state.plans)
    assert presenter.state.fits[0].settings["refinement"] == {"on": True}
    assert "LAT moved by 1.2 mm" in presenter.state.message
    writer(presenter.state, "plan")
    other = replace(presenter.state.plans["L3"], refinement=None)
    with pytest.raises(Refusal, match="refined otherwise"):
        writer(replace(presenter.state, plans={**presenter.state.plans, "L3": other}), "plan")
    presenter.close()
