"""The adapter refuses what desktop Slicer does not have, and behaves as PythonQt does where it has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from .inventory import Inventory

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("PySide6", reason="PySide6 stands in for PythonQt in these tests")


@pytest.fixture
def qt(inventory: Inventory) -> Any:
    from PySide6.QtWidgets import QApplication

    from . import pythonqt

    QApplication.instance() or QApplication([])
    pythonqt.install(inventory)
    pythonqt.FAILURES.clear()
    return sys.modules["qt"]


def test_properties_have_no_parentheses(qt: Any) -> None:
    button = qt.QPushButton("Fit")
    assert button.text == "Fit"
    assert button.enabled is True
    button.enabled = False
    assert button.enabled is False


def test_signals_connect_by_signature_and_by_name(qt: Any) -> None:
    heard: list[Any] = []
    button = qt.QPushButton("Fit")
    button.checkable = True
    button.connect("clicked(bool)", heard.append)
    button.clicked.connect(lambda: heard.append("by name"))
    button.click()
    assert heard == [True, "by name"]


def test_disconnected_slots_hear_nothing(qt: Any) -> None:
    heard: list[Any] = []
    button = qt.QPushButton("Fit")
    button.connect("clicked(bool)", heard.append)
    button.disconnect("clicked(bool)", heard.append)
    button.click()
    assert heard == []


@pytest.mark.parametrize(
    "use",
    [
        lambda qt: qt.QPushButton("x").setFancy(True),
        lambda qt: qt.QPushButton("x").fancy,
        lambda qt: setattr(qt.QPushButton("x"), "fancy", 1),
        lambda qt: qt.QPushButton("x").connect("clicked(int)", print),
        lambda qt: qt.QPushButton("x").connect("pushed()", print),
        lambda qt: qt.QDoubleSpinBox().connect("valueChanged(int)", print),
        lambda qt: qt.QFancyButton,
        lambda qt: qt.Qt.FancyAlignment,
        lambda qt: qt.QHeaderView.Fancy,
    ],
)
def test_what_slicer_does_not_have_is_refused(qt: Any, use: Callable[[Any], Any]) -> None:
    with pytest.raises(AttributeError, match=r"inventory"):
        use(qt)


def test_what_the_inventory_does_not_list_is_refused_though_qt_has_it(qt: Any, inventory: Inventory) -> None:
    from PySide6.QtWidgets import QLabel

    found = [name for name in dir(QLabel) if name[0].islower() and name not in inventory.offered("QLabel").members]
    assert found  # Qt 6 has more than Qt 5 in PythonQt
    for name in found:
        with pytest.raises(AttributeError, match=name):
            getattr(qt.QLabel("x"), name)


def test_parts_of_ctk_are_there_and_others_are_refused(qt: Any) -> None:
    ctk = sys.modules["ctk"]
    slider = ctk.ctkSliderWidget()
    slider.maximum = 5
    slider.value = 3
    assert slider.value == 3
    with pytest.raises(AttributeError, match="setMaximum"):
        slider.setMaximum(7)


def test_a_slots_error_is_kept(qt: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from . import pythonqt

    def broken(_: bool) -> None:
        raise ValueError("on purpose")

    button = qt.QPushButton("x")
    button.connect("clicked(bool)", broken)
    button.click()
    assert str(pythonqt.FAILURES.pop()) == "on purpose"
    assert "on purpose" in capsys.readouterr().err


def test_python_hears_the_events_that_it_overrides(qt: Any) -> None:
    class Filter(qt.QWidget):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def eventFilter(self, watched: Any, event: Any) -> bool:  # as Qt spells it
            self.seen.append(event.type())
            return False

    watcher, label = Filter(), qt.QLabel("x")
    label.installEventFilter(watcher)
    label.enabled = False
    assert qt.QEvent.EnabledChange in watcher.seen


def test_a_list_of_slicer_refuses_too(qt: Any) -> None:
    from .slicer_app import Listed

    with pytest.raises(AttributeError, match="fancy"):
        Listed("slicer.util", frozenset({"mainWindow"}), {"fancy": 1})
    part = Listed("slicer.util", frozenset({"mainWindow"}), {"mainWindow": len})
    assert part.mainWindow is len
    with pytest.raises(AttributeError, match="not in desktop Slicer"):
        part.other  # noqa: B018
