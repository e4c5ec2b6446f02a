"""2 Locate: which vertebrae, and where they are in each X-ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.locate_words import LocatedRow, located_rows, shift_hint
from SpineDARTLib.panel.state import Job, PanelState
from SpineDARTLib.types import LEVELS

from . import build
from .section import Section


class LocateSection(Section):
    """Finds vertebrae, or takes clicks on them.

    Args:
        ready: whether what finding needs is installed; may ask the user.
    """

    reads = frozenset(
        {"seeds", "found", "finding", "shift", "level", "clicking", "marking", "case", "xrays", "detector_lacks"}
    )

    def __init__(self, presenter: Any, ready: Callable[[], bool]) -> None:
        super().__init__(2, _("Locate"), _("Which vertebrae to plan, and where they are."), "click")
        self._presenter, self._ready = presenter, ready
        self._find = find = build.button(_("Find vertebrae"), _("Let the detector find and name them."), self._look)
        self._click = build.button(
            _("Click centres"), _("Click the middle of a vertebral body once in each X-ray."), self._toggle
        )
        self._click.checkable = True
        self._level = build.helped(qt.QComboBox(), _("The vertebra that the next click is for."))
        self._level.addItems(list(LEVELS))
        self._level.connect("activated(int)", lambda at: presenter.choose_level(LEVELS[at]))
        self.add(build.row(find, self._click, self._level), find=find, click=self._click, level=self._level)
        stop = build.button(_("Cancel"), _("Stop looking, within a second."), presenter.cancel_find, "small")
        self._looking = Looking(stop)
        self.add(self._looking.whole, cancel_find=stop)
        self._list = self.add(build.column(spacing=4))
        self._rows: list[Row] = []
        self._shown: tuple[LocatedRow, ...] = ()
        self._add_tools()
        self._hint = self.add(build.label())
        self._hint.setProperty("tone", "check")

    def _add_tools(self) -> None:
        presenter = self._presenter
        up = build.button("−", _("All one level towards the head: L3 becomes L2."), lambda: self._shift(-1), "small")
        down = build.button("+", _("All one level towards the feet: L3 becomes L4."), lambda: self._shift(1), "small")
        remove = build.button(
            _("Remove level"), _("Take away the clicks of the level above, or what was found of it."), self._remove,
            "small",
        )  # fmt: skip
        back = build.button("↶", _("Take back the last click, shift or find."), presenter.undo_click, "small")
        again = build.button("↷", _("Do again what was taken back."), presenter.redo_click, "small")
        words = build.label(_("Level shift"), "quiet", wrap=False)
        tools = build.row(words, up, down, None, back, again, remove)
        self.add(tools, level_up=up, level_down=down, remove=remove, undo_click=back, redo_click=again)

    def show(self, state: PanelState) -> None:
        """Levels, how sure they are, and where they are known."""
        self._click.blockSignals(True)
        self._click.checked = state.clicking and not state.marking.next
        self._click.blockSignals(False)
        self._level.setCurrentIndex(LEVELS.index(state.level))
        rows = located_rows(state)
        build.tone(self._find, "role", "" if rows or state.detector_lacks else "primary")
        self._looking.show(state.finding)
        self._show_rows(rows)
        hint = shift_hint(state)
        build.write(self._hint, f"⚠ {hint}" if hint else "")
        self._hint.setVisible(bool(hint))

    def _show_rows(self, rows: tuple[LocatedRow, ...]) -> None:
        """Widgets are made once and used again: making them takes longer than writing into them."""
        if rows == self._shown:
            return
        self._shown = rows
        for _number in range(len(self._rows), len(rows)):
            self._rows.append(Row())
            self._list.layout().addWidget(self._rows[-1].whole)
        for at, widget in enumerate(self._rows):
            widget.whole.setVisible(at < len(rows))
            if at < len(rows):
                widget.show(rows[at])
        self._list.setVisible(bool(rows))

    def _look(self) -> None:
        if self._ready():
            self._presenter.find()

    def _toggle(self) -> None:
        if self._click.checked:
            self._presenter.start_clicking()
        else:
            self._presenter.stop_clicking()

    def _shift(self, by: int) -> None:
        self._presenter.shift_levels(by)

    def _remove(self) -> None:
        self._presenter.remove_level(self._presenter.state.level)


class Looking:
    """The detector at work: words, a bar, and the button that stops it."""

    def __init__(self, stop: Any) -> None:
        self._words = build.label("", "", wrap=False)
        build.tone(self._words, "tone", "running")
        self._bar = qt.QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.maximum = 1000
        self.whole = build.row(self._words, self._bar, stop)
        self.whole.layout().setStretch(1, 1)

    def show(self, job: Job | None) -> None:
        """How far it is; nothing when it does not look."""
        self.whole.setVisible(job is not None)
        if job is not None:
            build.write(self._words, f"◐ {job.words}")
            value = round(1000 * job.share)
            if self._bar.value != value:
                self._bar.value = value


class Row:
    """One vertebra: its level and how sure that is, where it is known, whether it is ready; below, what is in doubt."""

    def __init__(self) -> None:
        self._name = build.label("", "strong", wrap=False)
        self._where = build.label("", "quiet")
        self._ready = build.label("", "", wrap=False)
        self._note = build.label()
        self._note.setProperty("tone", "check")
        self._top = build.row(self._name, self._where, self._ready)
        self._top.layout().setStretch(1, 1)
        self.whole = build.column(self._top, self._note, spacing=0)

    def show(self, row: LocatedRow) -> None:
        """How it stands."""
        sign, tone = (
            ("●", "good") if row.ready and row.sure else ("⚠", "check") if row.ready or row.note else ("○", "none")
        )
        ready = _("ready") if row.sure or row.note else _("check the level")
        words = ready if row.ready else _("not ready") if row.note else ""  # why it is not started fills the row
        build.write(self._name, row.name)
        build.write(self._where, row.where)
        build.write(self._ready, f"{sign} {words}".strip())
        build.tone(self._ready, "tone", tone)
        build.write(self._note, row.note)
        self._note.setVisible(bool(row.note))
        self._top.toolTip = row.tip
