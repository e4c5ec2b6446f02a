"""Files dropped on the panel, by the events that Qt sends."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from SpineDARTLib.resources import resource_folder


class Hand:
    """Drags files over a widget, as Qt tells it; PySide6 must hold what Qt only points to."""

    def __init__(self, session: Any, urls: Sequence[str]) -> None:
        from PySide6 import QtCore

        self._session = session
        self._mime = QtCore.QMimeData()
        if urls:
            self._mime.setUrls([QtCore.QUrl(url) for url in urls])
        else:
            self._mime.setText("words")

    def enter(self, widget: Any) -> bool:
        return self._send("QDragEnterEvent", widget)

    def drop(self, widget: Any) -> bool:
        """Qt lets nothing fall that was not carried in."""
        return self.enter(widget) and self._send("QDropEvent", widget)

    def leave(self, widget: Any) -> None:
        from PySide6 import QtGui

        self._session.app.sendEvent(widget._real, QtGui.QDragLeaveEvent())
        self._session.process()

    def _send(self, kind: str, widget: Any) -> bool:
        from PySide6 import QtCore, QtGui

        qt, at = QtCore.Qt, QtCore.QPointF(5, 5)
        event = getattr(QtGui, kind)(
            at, qt.DropAction.CopyAction, self._mime, qt.MouseButton.LeftButton, qt.KeyboardModifier.NoModifier
        )
        event.ignore()
        self._session.app.sendEvent(widget._real, event)
        self._session.process()
        return event.isAccepted()


def urls(*paths: Path) -> list[str]:
    return [path.as_uri() for path in paths]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Path]:
    yield Path(shutil.copytree(resource_folder("sample"), tmp_path / "case with ü"))


def test_a_case_folder_is_opened(session: Any, case: Path) -> None:
    hand, whole = Hand(session, urls(case)), session.panel.whole
    before = session.panel._message.text
    assert hand.enter(whole)
    assert "Drop to open: X-rays" in session.panel._message.text
    hand.leave(whole)
    assert session.panel._message.text == before
    assert hand.drop(whole)
    assert session.presenter.state.case_folder == case
    session.wait(lambda: session.control("Fit", "fit_all").enabled)
    session.process(0.1)
    assert "Drop to open" not in session.panel._message.text


def test_several_x_rays_at_once_anywhere_on_the_panel(session: Any, case: Path) -> None:
    """Over a button too: Qt passes on what a child does not take."""
    images = sorted(case.glob("*.png"))
    hand = Hand(session, urls(*images))
    assert hand.drop(session.control("Case", "sample"))
    assert [xray.file for xray in session.presenter.state.xrays] == [path.name for path in images]
    session.process(0.1)
    assert len(session.panel.sections["Case"]._rows) == len(images)


def test_a_plan_folder_is_reviewed(located: Any, plan_folder: Path) -> None:
    Hand(located, urls(plan_folder)).drop(located.panel.whole)
    located.wait(lambda: bool(located.presenter.state.plans), 20.0)
    located.process(0.2)
    assert located.control("Grade", "grade").enabled


def test_what_is_no_file_of_ours_says_what_was_expected(session: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.docx").write_text("x")
    assert not Hand(session, []).enter(session.panel.whole), "text is not taken"
    Hand(session, urls(tmp_path / "letter.docx")).drop(session.panel.whole)
    session.process(0.1)
    assert "letter.docx" in session.panel._message.text and "Needed: X-rays" in session.panel._message.text
    assert str(tmp_path) not in session.panel._message.text
    Hand(session, ["https://example.org/x.dcm"]).drop(session.panel.whole)
    session.process(0.1)
    assert "Only files of this computer" in session.panel._message.text


def test_a_files_name_is_never_text_in_a_comment(fitted: Any, case: Path) -> None:
    comment = fitted.panel.sections["Grade"]._comment
    assert not comment.acceptDrops and not fitted.panel.grading._comment.acceptDrops


def test_slicers_own_add_data_opens_cases_here(
    session: Any, case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.json").write_text("{}")
    monkeypatch.setitem(vars(session.slicer.util), "getModuleWidget", lambda name: session.widget)
    reader = importlib.import_module("SpineDART").SpineDARTFileReader(SimpleNamespace())
    assert reader.canLoadFile(str(case / "case.json")) and not reader.canLoadFile(str(tmp_path / "other.json"))
    assert reader.load({"fileName": str(case / "case.json")}) and reader.parent.loadedNodes == []
    assert session.presenter.state.case_folder == case


def test_another_picture_of_a_run_is_chosen_in_its_row(session: Any, views: Any, tmp_path: Path) -> None:
    from Testing.panel.test_acquired import ALL_TAGS, write_dicom

    Hand(session, urls(write_dicom(tmp_path / "lat.dcm", views[1], 3, **ALL_TAGS))).drop(session.panel.whole)
    session.process(0.1)
    (row,) = session.panel.sections["Case"]._rows
    frames = row._frames
    row._fold.open(True)
    session.process(0.1)
    assert frames.whole.visible and (frames._box.value, frames._box.maximum) == (2, 3)
    assert frames._last_button.text == "Last image hold"
    frames._last_button.click()
    session.process(0.1)
    assert session.presenter.state.xrays[0].known.frame == 2 and frames._slider.value == 3
    frames._box.value = 1
    session.process(0.1)
    assert session.presenter.state.xrays[0].known.frame == 0 and "picture 1 of 3" in session.panel._message.text
    assert "beam from" in row._angles.toolTip
