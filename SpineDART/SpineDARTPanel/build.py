"""Labels, buttons and rows, each with its help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt

FIELD_PX = 32
"""Height of a field in a form, which its name is centred on."""


def label(text: str = "", role: str = "", wrap: bool = True) -> Any:
    """A label; ``role`` is one of the style sheet's."""
    made = qt.QLabel(text)
    made.wordWrap = wrap
    if role:
        made.setProperty("role", role)
    return made


def button(text: str, help_text: str, pressed: Callable[[], Any], role: str = "") -> Any:
    """A push button that calls ``pressed``; its help is its tooltip until something forbids it."""
    made = qt.QPushButton(text)
    made.toolTip = help_text
    made.setProperty("help", help_text)
    if role:
        made.setProperty("role", role)
    made.connect("clicked(bool)", lambda checked: pressed())
    return made


def helped(widget: Any, help_text: str) -> Any:
    """A widget with its help."""
    widget.toolTip = help_text
    widget.setProperty("help", help_text)
    return widget


def field(placeholder: str, help_text: str) -> Any:
    """A line to write in; files that are dropped there are the panel's, their names are no text."""
    made = helped(qt.QLineEdit(), help_text)
    made.placeholderText = placeholder
    made.acceptDrops = False
    return made


def row(*parts: Any, spacing: int = 6) -> Any:
    """Widgets side by side; None is room that grows."""
    made = qt.QWidget()
    layout = qt.QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for part in parts:
        if part is None:
            layout.addStretch(1)
        else:
            layout.addWidget(part)
    return made


def column(*parts: Any, spacing: int = 6, margin: int = 0) -> Any:
    """Widgets one below the other."""
    made = qt.QWidget()
    layout = qt.QVBoxLayout(made)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(spacing)
    for part in parts:
        layout.addWidget(part)
    return made


def framed(widget: Any, role: str = "well") -> Any:
    """A widget in a frame; ``role`` is one of the style sheet's."""
    made = qt.QFrame()
    made.setProperty("role", role)
    layout = qt.QVBoxLayout(made)
    layout.setContentsMargins(10, 6, 10, 6)
    layout.addWidget(widget)
    return made


def form(rows: Sequence[tuple[str, Any]]) -> Any:
    """Names and their fields."""
    made = qt.QWidget()
    layout = qt.QFormLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    for name, field in rows:
        words = label(name, "", wrap=False)
        words.setMinimumHeight(FIELD_PX)
        layout.addRow(words, field)
    return made


def table(headings: Sequence[str], *stretched: int) -> Any:
    """A table to be read, not written; the ``stretched`` columns take what room is left."""
    made = qt.QTableWidget()
    made.columnCount = len(headings)
    made.setHorizontalHeaderLabels(list(headings))
    made.verticalHeader().setVisible(False)
    made.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    made.setSelectionMode(qt.QAbstractItemView.SingleSelection)
    made.showGrid = False
    header = made.horizontalHeader()
    header.setHighlightSections(False)
    for index in range(len(headings)):
        mode = qt.QHeaderView.Stretch if index in stretched else qt.QHeaderView.ResizeToContents
        header.setSectionResizeMode(index, mode)
    made.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
    made.setFocusPolicy(qt.Qt.NoFocus)
    return made


def fill(
    made: Any,
    texts: Sequence[Sequence[str]],
    inks: Sequence[Sequence[str]] | None = None,
    tips: Sequence[Sequence[str]] | None = None,
    most_rows: int = 20,
) -> None:
    """Put texts into a table, with "#rrggbb" inks and tooltips; it is as high as they need, up to ``most_rows``."""
    made.blockSignals(True)
    made.rowCount = len(texts)
    for at, line in enumerate(texts):
        for place, text in enumerate(line):
            item = made.item(at, place)
            if item is None:
                item = qt.QTableWidgetItem()
                made.setItem(at, place, item)
            if item.text() != text:
                item.setText(text)
            item.setToolTip((tips[at][place] if tips else "") or text)
            if inks is not None:
                item.setForeground(qt.QBrush(qt.QColor(inks[at][place])))
    made.blockSignals(False)
    made.resizeRowsToContents()
    height = made.horizontalHeader().height + sum(made.rowHeight(at) for at in range(min(len(texts), most_rows))) + 4
    made.setFixedHeight(height)


def tone(widget: Any, name: str, value: str) -> None:
    """Set a property that the style sheet looks at; it looks again only where it changed."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def write(widget: Any, text: str) -> None:
    """Set a text that may be the same: repainting costs more than asking."""
    if widget.text != text:
        widget.text = text
