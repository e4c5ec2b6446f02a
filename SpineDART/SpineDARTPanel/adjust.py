"""Below the table: the selected cannula, its room, and what can be done with it."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.rows import details
from SpineDARTLib.panel.state import PanelState
from SpineDARTLib.plan.cannula import NEEDLE_DIAMETERS_MM
from SpineDARTLib.plan.words import NAMES, room_words

from . import build
from .clearance import ClearanceBars, check_words
from .fold import Fold

GAUGES = tuple(NEEDLE_DIAMETERS_MM)


class Adjust:
    """Room, checks and buttons of the selected cannula.

    Attributes:
        whole: to be put into the section.
        controls: as ``Section.controls``.
    """

    def __init__(self, presenter: Any) -> None:
        self._presenter = presenter
        self._title, self._words = build.label("", "strong"), build.label("", "quiet")
        self._room = build.label("", "", wrap=False)
        self._facts = build.label("", "quiet")
        self._facts.setTextFormat(qt.Qt.RichText)
        numbers = Fold(_("All numbers"), _("Angles, lengths, the largest needle, chances."), self._facts)
        self.bars = ClearanceBars()
        self._checks = build.label("", "quiet")
        self._checks.setTextFormat(qt.Qt.RichText)
        safest = build.button(_("Safest"), _("Move to where there is most room (S)."), presenter.safest)
        back = build.button(_("As transferred"), _("Back to the atlas's own path (R)."), presenter.transferred)
        self._gauge = build.helped(qt.QComboBox(), _("Needle: gauge and outer diameter."))
        self._gauge.addItems([f"{gauge}G · {NEEDLE_DIAMETERS_MM[gauge]:.2f} mm" for gauge in GAUGES])
        self._gauge.connect("activated(int)", lambda at: presenter.set_gauge(GAUGES[at]))
        undo = build.button("↶ " + _("Undo"), _("Take back the last step (Ctrl+Z)."), presenter.undo)
        redo = build.button("↷ " + _("Redo"), _("Do it again (Ctrl+Shift+Z)."), presenter.redo)
        self._paths = build.helped(qt.QComboBox(), _("Other paths that the plan has considered."))
        self._paths.connect("activated(int)", self._take)
        self._names: list[str] = []
        self.controls = {
            "options": self._paths,
            "safest": safest,
            "transferred": back,
            "gauge": self._gauge,
            "undo": undo,
            "redo": redo,
        }
        tools, history = build.row(safest, back, self._gauge), build.row(undo, redo, self._paths)
        history.layout().setStretch(2, 1)
        title = build.row(self._title, self._room)
        title.layout().setStretch(0, 1)
        self.whole = qt.QFrame()
        self.whole.setProperty("role", "well")
        layout = qt.QVBoxLayout(self.whole)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(6)
        for part in (title, self.bars.whole, self._checks, self._words, tools, history, numbers.whole):
            layout.addWidget(part)

    def show(self, state: PanelState) -> None:
        """The selected cannula, as it stands or as it is being dragged."""
        found = details(state)
        self.whole.setVisible(found is not None)
        if found is None:
            return
        build.write(self._title, found.title)
        build.write(self._room, found.room)
        build.tone(self._room, "tone", found.colour)
        build.write(self._words, found.words)
        self._words.setVisible(bool(found.words))
        self.bars.show(found.clearance_mm, found.nearest)
        build.write(self._checks, check_words(found.checks))
        facts = "<br>".join(f"{name}: <b>{value}</b>" for name, value in found.facts.items())
        build.write(self._facts, facts)
        self._show_paths(state)
        if state.gauge in GAUGES and self._gauge.currentIndex != GAUGES.index(state.gauge):
            self._gauge.setCurrentIndex(GAUGES.index(state.gauge))

    def _show_paths(self, state: PanelState) -> None:
        """The plan's own paths through this pedicle, with their room."""
        if state.selected is None:
            return
        level, side = state.selected
        found = [option for option in state.plans[level].options if option.cannula.side == side]
        names = [option.cannula.name for option in found]
        if names != self._names or self._paths.count != len(names) + 1:
            self._names = names
            self._paths.clear()
            words = [f"{NAMES.get(one.cannula.name, one.cannula.name)}: {room_words(one.safety)}" for one in found]
            self._paths.addItems([_("Other paths…"), *words])
        self._paths.setCurrentIndex(0)

    def _take(self, at: int) -> None:
        if at > 0:
            self._presenter.take_option(self._names[at - 1])
