"""Shortcuts on Slicer's window while the module is shown, and the key that hides overlays while it is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

HELP = (
    ("0 1 2", _("grade: suboptimal, moderate, optimal")),
    ("← →", _("cannula before, next")),
    ("↑ ↓", _("vertebra above, below")),
    ("H", _("held: hide all overlays")),
    ("S", _("safest path")),
    ("R", _("path as transferred")),
    ("Ctrl+Z", _("undo")),
    ("Ctrl+Shift+Z", _("redo")),
    ("Space", _("play or pause the replay")),
    ("Esc", _("end clicking")),
    ("?", _("show or hide this list")),
)
"""Key and what it does, for the list."""


class HeldKey(qt.QWidget):
    """Watches for a key's release, and only while it is held: no event passes through Python otherwise."""

    def __init__(self, key: int, released: Callable[[], Any]) -> None:
        super().__init__()
        self._key, self._released, self._watching = key, released, False

    def watch(self) -> None:
        """From the press on."""
        if not self._watching:
            self._watching = True
            slicer.app.installEventFilter(self)

    def stop(self) -> None:
        if self._watching:
            self._watching = False
            slicer.app.removeEventFilter(self)
            self._released()

    def eventFilter(self, watched: Any, event: Any) -> bool:  # as Qt spells it
        kind = event.type()
        if kind == qt.QEvent.WindowDeactivate or (
            kind == qt.QEvent.KeyRelease and event.key() == self._key and not event.isAutoRepeat()
        ):
            self.stop()
        return False


class Keys:
    """All shortcuts; they exist only between ``install`` and ``remove``."""

    def __init__(self, presenter: Any, replay: Callable[[], Any], helped: Callable[[], Any]) -> None:
        self._held = HeldKey(qt.Qt.Key_H, lambda: presenter.hide(False))
        self._shortcuts: list[Any] = []

        def hide() -> None:
            presenter.hide(True)
            self._held.watch()

        self._slots: dict[str, Callable[[], Any]] = {
            **{str(value): lambda value=value: presenter.grade(value) for value in (0, 1, 2)},
            "Left": lambda: presenter.select_next(cannulas=-1),
            "Right": lambda: presenter.select_next(cannulas=1),
            "Up": lambda: presenter.select_next(vertebrae=-1),
            "Down": lambda: presenter.select_next(vertebrae=1),
            "H": hide,
            "S": lambda: presenter.safest(),
            "R": lambda: presenter.transferred(),
            "Ctrl+Z": lambda: presenter.undo(),
            "Ctrl+Shift+Z": lambda: presenter.redo(),
            "Space": replay,
            "Esc": lambda: presenter.stop_clicking(),
            "?": helped,
        }

    def install(self, window: Any) -> None:
        """Once; the window's own keys come back with ``remove``."""
        if self._shortcuts:
            return
        for key, slot in self._slots.items():
            made = qt.QShortcut(qt.QKeySequence(key), window)
            made.setAutoRepeat(key in ("Left", "Right", "Up", "Down"))
            made.connect("activated()", lambda slot=slot: slot())
            self._shortcuts.append(made)

    def remove(self) -> None:
        """Leave no key behind."""
        self._held.stop()
        for made in self._shortcuts:
            made.setEnabled(False)
            made.setParent(None)
            made.deleteLater()
        self._shortcuts.clear()

    def press(self, key: str) -> None:
        """Do what a key does."""
        self._slots[key]()
