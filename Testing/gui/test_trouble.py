"""What goes wrong in a hospital: full disks, damaged scenes, processes that die, two things at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def settled(session: Any) -> Callable[[], bool]:
    return lambda: not session.presenter._background.busy and not session.presenter.state.busy


def test_a_full_disk_while_a_plan_is_exported(fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28), str(tmp_path / "plan" / "L3.stl"))

    monkeypatch.setattr("SpineDARTPanel.ask.folder", lambda *_: str(tmp_path / "plan"))
    monkeypatch.setattr("SpineDARTLib.panel.exporting.write_plan", full)
    fitted.press("Export", "plan")
    fitted.wait(settled(fitted), 20.0)
    fitted.process(0.1)
    assert "the disk is full" in fitted.panel._message.text and str(tmp_path) not in fitted.panel._message.text
    monkeypatch.undo()
    monkeypatch.setattr("SpineDARTPanel.ask.folder", lambda *_: str(tmp_path / "plan"))
    fitted.press("Export", "plan")
    fitted.wait(settled(fitted), 20.0)
    assert (tmp_path / "plan" / "plan.json").is_file()


def test_a_full_disk_in_the_fitting_process(located: Any) -> None:
    located.manner("fills the disk")
    located.press("Fit", "fit_all")
    located.wait(lambda: located.presenter.state.attention, 20.0)
    located.process(0.1)
    assert "The disk is full" in located.panel._message.text and "Errno" not in located.panel._message.text
    assert located.control("Fit", "fit_all").enabled


def test_two_fits_at_once(located: Any) -> None:
    """The second waits, and says so; both come to their end."""
    presenter = located.presenter
    presenter.fit(["L3"])
    presenter.fit(["L4"])
    presenter.fit(["L4"])
    assert "L4 is being fitted already" in presenter.state.message
    located.wait(lambda: presenter.state.jobs["L3"].share > 0, 20.0)
    located.process(0.1)
    words = {level: row._words.text for level, row in located.panel.sections["Fit"]._rows.items()}
    assert "waiting" in words["L4"] and "coarse" in words["L3"]
    located.wait(lambda: not any(job.open for job in presenter.state.jobs.values()), 20.0)
    assert {fit.number for fit in presenter.state.fits} == {1, 2} or len(presenter.state.fits) == 2


def test_a_damaged_review_in_a_scene_is_said_and_its_pictures_stay(fitted: Any, tmp_path: Path) -> None:
    from SpineDARTLib.scene.store import read_bundle, read_state, save_state, write_bundle

    presenter, link = fitted.presenter, fitted.widget.logic.link
    link.flush()
    text = read_state(fitted.scene)
    save_state(fitted.scene, text[: len(text) // 2], "sample")
    write_bundle(fitted.scene, tmp_path / "review.mrb")
    fitted.scene.Clear(0)
    fitted.process(0.1)
    read_bundle(fitted.scene, tmp_path / "review.mrb")
    fitted.process(0.2)
    fitted.wait(settled(fitted), 20.0)
    assert presenter.state.attention and "cannot be read" in fitted.panel._message.text
    assert fitted.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") >= 2
    fitted.press("Case", "sample")
    fitted.wait(lambda: fitted.control("Fit", "fit_all").enabled, 20.0)


def test_the_report_through_its_button(fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def command(*arguments: str) -> tuple[str, ...]:
        asked.append(arguments)
        write = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('Not for clinical use')"
        return (sys.executable, "-c", write, arguments[-1])

    file = tmp_path / "report.html"
    monkeypatch.setattr("SpineDARTPanel.reporting.command", command)
    monkeypatch.setattr("SpineDARTPanel.ask.new_file", lambda *_: str(file))
    fitted.press("Export", "report")
    fitted.wait(lambda: "was written to report.html" in fitted.panel._message.text, 20.0)
    (arguments,) = asked
    assert arguments[0] == "report" and file.is_file()
    plan, case, review = (Path(arguments[at]) for at in (1, 3, 5))
    assert (plan / "plan.json").is_file() and (case / "case.json").is_file() and review.is_file()


def test_a_report_that_fails_says_why(fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = "import sys; sys.exit('report.html: No space left')"
    monkeypatch.setattr("SpineDARTPanel.reporting.command", lambda *_: (sys.executable, "-c", fails))
    monkeypatch.setattr("SpineDARTPanel.ask.new_file", lambda *_: str(tmp_path / "report.html"))
    fitted.press("Export", "report")
    fitted.wait(lambda: "could not be written" in fitted.panel._message.text, 20.0)
    assert "No space left" in fitted.panel._message.text


def test_a_session_tells_nothing_of_what_is_graded(fitted: Any) -> None:
    """Of all that can be seen of the panel: no level, no side, no millimetre."""
    from PySide6.QtWidgets import QAbstractButton, QLabel

    fitted.presenter.select("L3", "left")
    fitted.presenter.set_rater("AB")
    fitted.presenter.start_session(seed=1)
    fitted.widget.keys.press("S")
    fitted.widget.keys.press("Down")
    fitted.process(0.1)
    widgets = fitted.panel.whole._real.findChildren(QLabel) + fitted.panel.whole._real.findChildren(QAbstractButton)
    seen = " | ".join(one.text() for one in widgets if one.isVisible())
    assert "1 of 6: the " in seen
    for picture in fitted.panel.grading._images.values():
        assert picture.width >= picture.minimumWidth, "a picture that is cut loses its scale and its sides"
    for word in ("L2", "L3", "L4", " mm", "free", "breach:"):
        assert word not in seen, seen


def test_residual_pictures_are_seen_after_a_fit_and_after_a_scene_was_loaded(located: Any, tmp_path: Path) -> None:
    from SpineDARTLib.scene.store import read_bundle, write_bundle

    def pictures() -> list[str]:
        return sorted(file.name for file in found("L3").values())

    def found(level: str) -> dict[str, Path]:
        return dict(located.panel.inspect._inspector.residuals(located.presenter.state, level))

    located.manner("draws residuals")
    located.press("Fit", "fit_all")
    located.wait(lambda: bool(located.presenter.state.plans), 20.0)
    located.presenter.select("L3", "left")
    located.process(0.3)
    assert pictures() == ["residual_L3_AP.png", "residual_L3_LAT.png"]
    assert located.panel.inspect._pictures.layout().count() == 2
    located.widget.logic.link.flush()
    write_bundle(located.scene, tmp_path / "review.mrb")
    before = set(found("L3").values())
    located.scene.Clear(0)
    located.process(0.1)
    read_bundle(located.scene, tmp_path / "review.mrb")
    located.wait(lambda: bool(located.presenter.state.plans), 20.0)
    located.process(0.3)
    assert pictures() == ["residual_L3_AP.png", "residual_L3_LAT.png"] and not before & set(found("L3").values())
    assert located.panel.inspect._pictures.layout().count() == 2


def test_two_fits_are_compared_row_by_row(fitted: Any) -> None:
    presenter, inspect = fitted.presenter, fitted.panel.inspect
    presenter.select("L3", "left")
    presenter.rerun({"plan": {"gauge": 13}}, ["L3"])
    fitted.wait(lambda: len(presenter.state.fits) == 2, 20.0)
    fitted.process(0.3)
    assert inspect._compared.text.startswith(
        f"Fit {presenter.state.fits[1].number} against fit {presenter.state.fits[0].number}"
    )
    texts = [[inspect._rows.item(row, column).text() for column in range(3)] for row in range(inspect._rows.rowCount)]
    names = {name: verdict for name, _, verdict in texts}
    assert {"surface", "place", "expected to be off", "clearance left", "points off in AP"} <= set(names)
    assert names["expected to be off"] == "alike" and names["place"] == "neither"


def test_a_drag_is_seen_at_once_and_before_all_that_waits(fitted: Any) -> None:
    """The plans of three vertebrae have just arrived: what a hand moves comes first all the same."""
    from SpineDARTLib.scene.cannulas import read_cannulas

    presenter = fitted.presenter
    fitted.wait(lambda: ("L4", "left") in read_cannulas(fitted.scene), 20.0)
    presenter.select("L4", "left")
    fitted.process(0.1)
    entry = presenter.state.options["L4", "left"].cannula.entry_mm + (7.0, 0.0, 0.0)
    presenter.drag("entry", entry)
    fitted.process(0.1)
    assert np.allclose(read_cannulas(fitted.scene)["L4", "left"].entry_mm, entry)
    presenter.release()
