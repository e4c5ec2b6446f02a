"""A part of a section that is out of sight until it is asked for."""

from __future__ import annotations

from typing import Any

import qt

from . import build


class Fold:
    """A heading with an arrow, and what it shows.

    Attributes:
        whole: to be put into a section.
    """

    def __init__(self, title: str, help_text: str, *parts: Any, opened: bool = False) -> None:
        self._button = build.helped(qt.QToolButton(), help_text)
        self._button.text = title
        self._button.setProperty("role", "fold")
        self._button.setToolButtonStyle(qt.Qt.ToolButtonTextBesideIcon)
        self._inside = build.column(*parts)
        self._inside.layout().setContentsMargins(14, 0, 0, 4)
        self._button.connect("clicked()", lambda: self.open(not self.is_open))
        self.whole = build.column(self._button, self._inside, spacing=2)
        self.open(opened)

    @property
    def is_open(self) -> bool:
        return not self._inside.isHidden()

    def open(self, opened: bool) -> None:
        self._inside.setVisible(opened)
        self._button.setArrowType(qt.Qt.DownArrow if opened else qt.Qt.RightArrow)
