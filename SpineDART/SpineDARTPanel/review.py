"""4 Review: a row a vertebra, a cell a cannula; below, the selected cannula and what can be done with it."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.rows import Row, review_rows
from SpineDARTLib.panel.state import PanelState

from . import build
from .adjust import Adjust
from .section import Section
from .style import TONES, colours

HEADINGS = (_("Level"), _("Fit"), _("Left"), _("Right"), _("Gr. L"), _("Gr. R"))
"""Of ``panel.rows.COLUMNS``, short."""


class ReviewSection(Section):
    """The table of vertebrae and cannulas; selecting moves all views there."""

    reads = frozenset({"plans", "options", "dragged", "selected", "jobs", "session", "review", "gauge"})

    def __init__(self, presenter: Any, dark: bool = False) -> None:
        super().__init__(4, _("Review"), _("How good the fits are and how much room the cannulas have."), "table")
        self._presenter, self._dark = presenter, dark
        self._rows: tuple[Row, ...] = ()
        self._table = build.helped(build.table(HEADINGS, 2, 3), _("Click a vertebra or a cannula: all views go there."))
        self._table.setSelectionMode(qt.QAbstractItemView.NoSelection)
        self._table.connect("cellClicked(int,int)", self._clicked)
        self.add(self._table, table=self._table)
        self._notes = self.add(build.label())
        self._notes.setProperty("tone", "check")
        self.adjust = Adjust(presenter)
        self.add(self.adjust.whole, **self.adjust.controls)

    def show(self, state: PanelState) -> None:
        """Rows, what must be known of them, and the selected cannula."""
        rows = review_rows(state)
        if rows != self._rows:
            self._rows = rows
            palette = colours(self._dark)
            texts = [[cell.text for cell in row.cells] for row in rows]
            inks = [[palette[TONES[cell.colour]] if at else palette["text"] for at, cell in enumerate(row.cells)]
                    for row in rows]  # fmt: skip
            build.fill(self._table, texts, inks, [[cell.tip for cell in row.cells] for row in rows])
        notes = "\n".join(f"⚠ {row.note}" for row in rows if row.note)
        build.write(self._notes, notes)
        self._notes.setVisible(bool(notes))
        self._mark_selected(state)
        self.adjust.show(state)

    def _mark_selected(self, state: PanelState) -> None:
        """The cell of the selected cannula, or its vertebra's: by its ground, so that its words keep their colour."""
        marked, plain = qt.QBrush(qt.QColor(colours(self._dark)["selected"])), qt.QBrush()
        first = [column for row in self._rows for column, cell in enumerate(row.cells) if cell.key == state.selected][
            :1
        ]
        for at, row in enumerate(self._rows):
            for column, cell in enumerate(row.cells):
                here = cell.key is not None and cell.key == state.selected and column == first[0]
                self._table.item(at, column).setBackground(marked if here else plain)

    def _clicked(self, row: int, column: int) -> None:
        key = self._rows[row].cells[column].key
        if key is not None:
            self._presenter.select(*key)
