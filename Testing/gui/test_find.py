"""Find vertebrae in the panel: rows in words, dots and outlines on both X-rays, levels shifted, fitted, taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def unclicked(located: Any) -> Any:
    """The sample case without its clicks."""
    for level in ("L2", "L3", "L4"):
        located.presenter.remove_level(level)
    located.process(0.2)
    return located


@pytest.fixture
def found(unclicked: Any) -> Any:
    """The same, and vertebrae found in it."""
    unclicked.press("Locate", "find")
    unclicked.wait(lambda: unclicked.presenter.state.found is not None)
    unclicked.process(0.3)
    return unclicked


def rows(session: Any) -> list[Any]:
    """The rows that are seen."""
    return [row for row in session.panel.sections["Locate"]._rows if not row.whole._real.isHidden()]


def test_found_vertebrae_are_rows_in_words(found: Any) -> None:
    from SpineDARTLib.scene.nodes import nodes_of

    shown = rows(found)
    assert [row._name.text for row in shown] == ["T12", "L2, sure", "L3? 62 %, may be L2", "L4, sure", "L5"]
    assert shown[1]._where.text == "found in AP, LAT" and shown[1]._ready.text == "● ready"
    assert shown[2]._ready.text == "⚠ check the level"
    assert "in doubt" in shown[2]._top.toolTip and shown[1]._note._real.isHidden()
    assert shown[4]._ready.text == "○" and "Click its centre in LAT" in shown[4]._where.text
    locate = found.panel.sections["Locate"]
    assert "press −" in locate._hint.text and "check the level of L3" in locate._state.text.replace("\u00a0", " ")
    assert len(nodes_of(found.scene, "proposals")) == len(nodes_of(found.scene, "found outline")) == 2


def test_looking_is_seen_and_can_be_stopped_and_nothing_waits_for_it(unclicked: Any) -> None:
    from .screenshots import Gaps

    unclicked.manner("hangs")
    unclicked.press("Locate", "find")
    looking = unclicked.panel.sections["Locate"]._looking
    unclicked.wait(lambda: looking.whole.visible and "looking" in looking._words.text)
    assert not unclicked.control("Locate", "find").enabled and unclicked.control("Locate", "click").enabled
    unclicked.press("Locate", "cancel_find")
    unclicked.wait(lambda: unclicked.presenter.state.finding is None, 1.0)
    unclicked.process(0.1)
    assert looking.whole._real.isHidden() and unclicked.control("Locate", "find").enabled
    unclicked.manner("well")
    gaps = Gaps()
    unclicked.press("Locate", "find")
    unclicked.wait(lambda: unclicked.presenter.state.found is not None)
    unclicked.process(0.3)
    assert gaps.stop() < 200.0  # own computing; shapes are checked here, which costs as much again
    assert len(rows(unclicked)) == 5


def test_levels_shift_from_the_buttons_and_back(found: Any) -> None:
    found.press("Locate", "level_down")
    found.process(0.1)
    assert [row._name.text for row in rows(found)][2:4] == [
        "L4, detector: L3",
        "L5, detector: L4",
    ]
    assert not found.control("Locate", "level_down").enabled
    assert "L5 is the lowest" in found.control("Locate", "level_down").toolTip
    found.press("Locate", "undo_click")
    found.press("Locate", "redo_click")
    found.press("Locate", "level_up")
    found.press("Locate", "level_up")
    found.process(0.1)
    assert list(found.presenter.state.found.proposals) == ["L1", "L2", "L3"]


def test_all_that_was_found_is_fitted(found: Any) -> None:
    from SpineDARTLib.scene.nodes import nodes_of

    found.press("Fit", "fit_all")
    found.wait(lambda: bool(found.presenter.state.plans))
    found.wait(lambda: not found.widget.logic.link.waiting)
    assert set(found.presenter.state.plans) == {"L2", "L3", "L4"}
    assert not nodes_of(found.scene, "proposals") and not nodes_of(found.scene, "found outline")


@pytest.fixture
def weightless(open_module: Callable[[], Any], module: Any) -> Iterator[Any]:
    """A module whose worker has no weights."""
    session = open_module()
    session.is_meant()
    session.manner("no weights")
    yield session
    session.close()
    module.is_meant()


def test_without_weights_the_button_says_why(weightless: Any) -> None:
    weightless.press("Case", "sample")
    weightless.wait(lambda: bool(weightless.presenter.state.detector_lacks))
    weightless.process(0.2)
    find = weightless.control("Locate", "find")
    assert not find.enabled and "There are no weights." in find.toolTip
    assert weightless.control("Fit", "fit_all").enabled
