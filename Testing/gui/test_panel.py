"""The panel clicked through with real widgets, a real scene and a real process: from sample case to exported grades."""

from __future__ import annotations

import csv
import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Open = Callable[[], Any]


def test_at_first_only_a_case_can_be_opened_and_everything_else_says_why(session: Any) -> None:
    for name in ("open", "add_view", "sample"):
        assert session.control("Case", name).enabled
    for step, name in (("Locate", "click"), ("Fit", "fit_all"), ("Review", "safest"), ("Grade", "grade")):
        control = session.control(step, name)
        assert not control.enabled
        assert "Not now:" in control.toolTip


def test_every_control_of_the_logic_has_a_widget_with_help(session: Any) -> None:
    from SpineDARTLib.panel.steps import steps

    elsewhere = {"close", "geometry", "matrix", "polarity", "mirror", "remove_view", "frame", "drag", "settings"}
    elsewhere |= {"residual", "session_undo", "session_pause", "session_end"}
    for step in steps(session.presenter.state):
        for name in set(step.controls) - elsewhere:
            assert name in session.panel.sections[step.name].controls, f"{step.name} has no widget for {name}"
            assert session.control(step.name, name).toolTip, f"{step.name}: {name} has no help"


def test_not_for_clinical_use_is_always_seen(fitted: Any) -> None:
    def pills() -> list[Any]:
        labels = fitted.panel.whole._real.findChildren(type(fitted.panel._message._real))
        return [one for one in labels if one.text() == "Not for clinical use" and one.isVisible()]

    assert pills()
    fitted.presenter.set_rater("AB")
    fitted.presenter.start_session()
    fitted.process(0.1)
    assert fitted.panel.grading.whole.visible
    assert pills()


def test_from_sample_to_exported_grades(fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presenter = fitted.presenter
    fitted.presenter.select("L3", "left")
    fitted.process(0.1)
    before = presenter.state.options["L3", "left"].cannula
    presenter.drag("entry", before.entry_mm + (1.0, 0.0, 0.5))
    presenter.release()
    fitted.press("Review", "undo")
    assert np.allclose(presenter.state.options["L3", "left"].cannula.entry_mm, before.entry_mm)
    fitted.press("Review", "redo")
    presenter.set_rater("AB")
    for key, side in (("2", "left"), ("1", "right")):
        presenter.select("L3", side)
        fitted.widget.keys.press(key)
    fitted.process(0.1)
    monkeypatch.setattr("SpineDARTPanel.ask.new_file", lambda *_: str(tmp_path / "grades.csv"))
    monkeypatch.setattr("SpineDARTPanel.ask.folder", lambda *_: str(tmp_path / "plan"))
    fitted.press("Export", "grades")
    fitted.press("Export", "plan")
    fitted.wait(lambda: not presenter._background.busy)
    rows = list(csv.DictReader((tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["level"], row["side"], row["grade"], row["rater"]) for row in rows] == [
        ("L3", "left", "2", "AB"),
        ("L3", "right", "1", "AB"),
    ]
    plan = json.loads((tmp_path / "plan" / "plan.json").read_text(encoding="utf-8"))
    moved = next(one for one in plan["vertebrae"] if one["level"] == "L3")["cannulas"][0]
    assert np.allclose(moved["entry_mm"], before.entry_mm + (1.0, 0.0, 0.5))


def test_a_saved_scene_goes_on_where_it_stopped(fitted: Any, tmp_path: Path) -> None:
    from SpineDARTLib.scene.store import read_bundle, write_bundle

    presenter, link = fitted.presenter, fitted.widget.logic.link
    presenter.set_rater("AB")
    presenter.select("L4", "right")
    presenter.drag("target", presenter.state.options["L4", "right"].cannula.target_mm + (0.0, 1.0, 0.0))
    presenter.release()
    presenter.grade(2, "good")
    link.flush()
    before = presenter.state
    write_bundle(fitted.scene, tmp_path / "review.mrb")
    fitted.scene.Clear(0)
    fitted.process(0.1)
    assert presenter.state.case is None
    read_bundle(fitted.scene, tmp_path / "review.mrb")
    fitted.wait(lambda: bool(presenter.state.plans))
    after = presenter.state
    assert after.review.cannulas.keys() == before.review.cannulas.keys()
    for key, cannula in before.review.cannulas.items():
        assert np.allclose(after.review.cannulas[key].path_mm, cannula.path_mm)
    assert after.review.grade("L4", "right").comment == "good"
    assert after.selected == before.selected
    assert after.rater == "AB"
    fitted.process(0.2)
    presenter.undo()
    assert presenter.state.review.grade("L4", "right") is None


def test_a_worker_that_dies_is_reported_and_started_again(located: Any) -> None:
    located.manner("dies")
    located.press("Fit", "fit_all")
    located.wait(lambda: located.presenter.state.attention)
    located.process(0.1)
    assert "Killed" in located.panel._message.text
    assert "L2, L3, L4 are fitted once more, each alone" in located.panel._message.text
    located.wait(lambda: not any(job.open for job in located.presenter.state.jobs.values()))
    located.process(0.1)
    assert "was not fitted" in located.panel._message.text
    assert located.control("Fit", "fit_all").enabled
    located.press("Fit", "fit_all")
    located.wait(lambda: any(job.share > 0 for job in located.presenter.state.jobs.values() if job.open))


def test_cancel_ends_a_fit_within_a_second(located: Any) -> None:
    located.manner("hangs")
    located.press("Fit", "fit_all")
    located.wait(lambda: located.control("Fit", "cancel").enabled and located.presenter.state.live_mm)
    located.press("Fit", "cancel")
    located.wait(lambda: not any(job.open for job in located.presenter.state.jobs.values()), 1.0)


def test_x_rays_cannot_be_changed_during_a_fit(located: Any) -> None:
    located.press("Fit", "fit_all")
    located.wait(lambda: bool(located.presenter.state.live_mm))
    row = located.panel.sections["Case"]._rows[0]
    located.wait(lambda: not row.controls["mirror"].enabled, 1.0)
    assert "Cancel it first" in row.controls["mirror"].toolTip
    located.wait(lambda: row.controls["mirror"].enabled)


def test_a_scene_closed_during_a_fit_leaves_nothing_behind(located: Any) -> None:
    located.press("Fit", "fit_all")
    located.wait(lambda: bool(located.presenter.state.live_mm))
    located.process(0.1)
    located.scene.Clear(0)
    located.process(1.0)
    assert located.presenter.state.case is None
    assert located.presenter.state.plans == {}
    assert located.scene.GetNumberOfNodesByClass("vtkMRMLModelNode") == 0


def test_no_process_outlives_the_module(open_module: Open) -> None:
    session = open_module()
    session.presenter.open_sample()
    session.wait(lambda: session.presenter._client.alive)
    session.process(0.2)
    number = session.presenter._client._process._process._real.processId()
    work = session.widget.logic.work
    session.close()
    assert not work.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_keys_are_there_only_while_the_module_is(session: Any) -> None:
    from PySide6.QtGui import QShortcut

    window = session.window._real
    session.widget.keys.install(session.window)
    assert len(window.findChildren(QShortcut)) > 10
    session.widget.exit()
    session.process(0.05)
    assert window.findChildren(QShortcut) == []


def test_holding_h_hides_everything_until_it_is_released(fitted: Any) -> None:
    from PySide6.QtCore import QEvent, Qt
    from PySide6.QtGui import QKeyEvent

    fitted.widget.keys.press("H")
    assert fitted.presenter.state.hidden
    fitted.app.sendEvent(
        fitted.window._real, QKeyEvent(QEvent.Type.KeyRelease, Qt.Key.Key_H, Qt.KeyboardModifier.NoModifier, "h")
    )
    assert not fitted.presenter.state.hidden


def test_a_click_in_the_table_selects_a_cannula(fitted: Any) -> None:
    table = fitted.control("Review", "table")
    table._real.cellClicked.emit(1, 3)
    fitted.process(0.1)
    assert fitted.presenter.state.selected == ("L3", "right")
    assert "L3 right" in fitted.panel.sections["Review"].adjust._title.text


def test_a_session_shows_neither_numbers_nor_names(fitted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted.presenter.set_rater("AB")
    fitted.presenter.start_session(seed=1)
    fitted.process(0.1)
    page = fitted.panel.grading
    assert page.whole.visible
    assert not fitted.panel._steps.visible
    assert page._title.text.startswith("1 of 6")
    page._buttons[2].click()
    fitted.process(0.1)
    assert page._title.text.startswith("2 of 6")
    page.controls["session_undo"].click()
    fitted.process(0.1)
    assert page._title.text.startswith("1 of 6")
    page.controls["session_end"].click()
    fitted.process(0.1)
    assert fitted.panel._steps.visible


def test_the_c_arm_form_moves_its_view(located: Any) -> None:
    row = located.panel.sections["Case"]._rows[1]
    before = located.presenter.state.case.views[1].axis
    row.form._primary.value = row.form._primary.value - 10
    located.process(0.2)
    after = located.presenter.state.case.views[1].axis
    assert np.rad2deg(np.arccos(before @ after)) == pytest.approx(10.0, abs=0.2)
    located.wait(lambda: "C-arm form" in row._about.text, 5.0)


def test_the_replay_goes_through_the_fit_and_back_to_its_end(fitted: Any) -> None:
    from SpineDARTLib.scene.nodes import node_of

    fitted.presenter.select("L3", "left")
    fitted.process(0.2)
    replay = fitted.panel.inspect._replay
    fitted.wait(lambda: fitted.panel.inspect._level == "L3" and "L3" in fitted.widget.logic.link._shown.plans)
    replay._slider.value = 0
    fitted.process(0.1)
    assert node_of(fitted.scene, "replay", "L3") is not None
    replay._slider.value = replay._slider.maximum
    fitted.process(0.1)
    final = node_of(fitted.scene, "vertebra", "L3")
    assert final.GetDisplayNode().GetVisibility()


def test_the_window_is_never_held_up_during_a_fit(located: Any) -> None:
    """Own computing between two ticks of a 5 ms timer; shapes are checked here, which costs as much again, so
    the limit is generous; ``Testing.gui.screenshots`` prints the true figure."""
    from .screenshots import Gaps

    located.process(0.5)
    gaps = Gaps()
    located.press("Fit", "fit_all")
    located.wait(lambda: bool(located.presenter.state.plans))
    located.process(0.3)
    assert gaps.stop() < 200.0


def test_a_cannula_follows_the_hand(fitted: Any) -> None:
    from .screenshots import drag

    fitted.presenter.select("L3", "left")
    fitted.process(0.3)
    assert drag(fitted, 20) > 8.0


def test_clicks_in_a_view_locate_a_vertebra(located: Any) -> None:
    """A press in an X-ray's slice view, through a real interactor, arrives as the pixel under it."""
    from SpineDARTLib.scene.layout import SLOTS, slice_node

    presenter, views = located.presenter, located.widget.views
    located.process(0.3)
    window = located.core.window(slice_node(located.scene, SLOTS[0]), (400, 300))
    views.observe(SLOTS[0], window.interactor)
    presenter.start_clicking("L5")
    window.interactor.SetEventPosition(200, 150)

    def hovered() -> bool:  # the slice is fitted to its picture a while after it was shown
        window.interactor.InvokeEvent("MouseMoveEvent")
        return set(presenter.state.epipolar_px) == {"LAT"}

    located.wait(hovered, 10.0)
    window.interactor.InvokeEvent("LeftButtonPressEvent")
    height, width = presenter.state.case.views[0].image.shape
    u, v = presenter.state.seeds["L5"].clicks_px["AP"]
    assert (u, v) == pytest.approx((width / 2, height / 2), abs=0.02 * width)
    presenter.stop_clicking()
    window.interactor.InvokeEvent("LeftButtonPressEvent")
    assert presenter.state.seeds["L5"].clicks_px["AP"] == (u, v)


def test_slicers_self_test_passes_here_too(module: Any) -> None:
    self_test = importlib.import_module("SpineDARTPanel.self_test")
    logic = importlib.import_module("SpineDART").SpineDARTLogic()
    module.widget._timer.stop()  # two of them would show in one scene
    try:
        self_test.whole_review(logic)
    finally:
        module.widget._timer.start()
