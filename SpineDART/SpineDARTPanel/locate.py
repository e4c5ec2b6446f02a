"""2 Locate: which vertebrae, and where they are in each X-ray."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.state import PanelState
from SpineDARTLib.types import LEVELS

from . import build
from .section import Section


class LocateSection(Section):
    """Finds vertebrae, or takes clicks on them."""

    reads = frozenset({"seeds", "level", "clicking", "marking", "case", "xrays"})

    def __init__(self, presenter: Any) -> None:
        super().__init__(2, _("Locate"), _("Which vertebrae to plan, and where they are."), "click")
        self._presenter = presenter
        find = build.button(_("Find vertebrae"), _("Let the detector find and name them."), lambda: None)
        self._click = build.button(
            _("Click centres"), _("Click the middle of a vertebral body once in each X-ray."), self._toggle
        )
        self._click.checkable = True
        self._level = build.helped(qt.QComboBox(), _("The vertebra that the next click is for."))
        self._level.addItems(list(LEVELS))
        self._level.connect("activated(int)", lambda at: presenter.choose_level(LEVELS[at]))
        self.add(build.row(find, self._click, self._level), find=find, click=self._click, level=self._level)
        self._rows = self.add(build.table((_("Level"), _("Clicked in"), ""), 1))
        self._rows.setSelectionMode(qt.QAbstractItemView.NoSelection)
        up = build.button("−", _("All one level towards the head: L3 becomes L2."), lambda: self._shift(-1), "small")
        down = build.button("+", _("All one level towards the feet: L3 becomes L4."), lambda: self._shift(1), "small")
        remove = build.button(_("Remove level"), _("Take away the clicks of the level above."), self._remove, "small")
        back = build.button("↶ " + _("Click"), _("Take back the last click."), presenter.undo_click, "small")
        words = build.label(_("Level shift"), "quiet", wrap=False)
        tools = build.row(words, up, down, None, back, remove)
        self.add(tools, level_up=up, level_down=down, remove=remove, undo_click=back)

    def show(self, state: PanelState) -> None:
        """Levels and their clicks."""
        self._click.blockSignals(True)
        self._click.checked = state.clicking and not state.marking.next
        self._click.blockSignals(False)
        self._level.setCurrentIndex(LEVELS.index(state.level))
        levels = sorted(state.seeds, key=LEVELS.index)
        lines = []
        for level in levels:
            clicks = state.seeds[level].clicks_px
            signs = [f"{name} {'✓' if name in clicks else '–'}" for name in state.view_names]
            enough = len(clicks) >= 2 or bool(state.seeds[level].landmarks_px)
            lines.append((level, "   ".join(signs), _("● ready") if enough else _("⚠ click once more")))
        build.fill(self._rows, lines)
        self._rows.setVisible(bool(lines))

    def _toggle(self) -> None:
        if self._click.checked:
            self._presenter.start_clicking()
        else:
            self._presenter.stop_clicking()

    def _shift(self, by: int) -> None:
        self._presenter.shift_levels(by)

    def _remove(self) -> None:
        self._presenter.remove_level(self._presenter.state.level)
