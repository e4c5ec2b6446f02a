"""Room around a cannula in the four directions: a bar, a number and a word each; and the textbook's checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import qt
from slicer.i18n import tr as _

from SpineDARTLib.plan.words import KEPT_MM

from . import build

FULL_MM = 6.0
"""Room that fills a bar."""


class ClearanceBars:
    """Four bars in two columns.

    Attributes:
        whole: all of them.
    """

    def __init__(self) -> None:
        self.whole = qt.QWidget()
        layout = qt.QGridLayout(self.whole)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setHorizontalSpacing(8)
        layout.setVerticalSpacing(5)
        names = {"medial": _("medial"), "lateral": _("lateral"), "superior": _("superior"), "inferior": _("inferior")}
        self._bars: dict[str, tuple[Any, Any, Any]] = {}
        for place, (direction, name) in enumerate(names.items()):
            title, bar, value = (
                build.label(name, "quiet", wrap=False),
                qt.QProgressBar(),
                build.label("", "", wrap=False),
            )
            bar.setTextVisible(False)
            bar.maximum = 100
            bar.toolTip = _("Bone between the cannula's wall and the pedicle's, mm. Below 0 is a breach.")
            bar.setMinimumWidth(30)
            value.setMinimumWidth(84)
            for at, widget in enumerate((title, bar, value)):
                layout.addWidget(widget, place // 2, 3 * (place % 2) + at)
            layout.setColumnStretch(3 * (place % 2) + 1, 1)
            self._bars[direction] = (title, bar, value)

    def show(self, clearance_mm: Mapping[str, float], nearest: str = "") -> None:
        """Show a cannula's room by direction; the nearest wall is marked."""
        for direction, (title, bar, value) in self._bars.items():
            room = clearance_mm.get(direction, np.nan)
            tone, words = room_tone(room)
            filled = 0 if not np.isfinite(room) else round(100 * min(abs(room) / FULL_MM, 1.0))
            if bar.value != filled:
                bar.value = filled
            build.tone(bar, "tone", tone)
            build.write(value, words)
            build.tone(value, "tone", tone)
            build.tone(title, "role", "strong" if direction == nearest else "quiet")


def room_tone(room_mm: float) -> tuple[str, str]:
    """A clearance's colour and words: "1.9 mm", "0.4 tight", "−0.8 breach"."""
    if not np.isfinite(room_mm):
        return "none", _("no wall")
    if room_mm < 0:
        return "breach", _("−{room} breach").format(room=f"{-room_mm:.1f}")
    if room_mm < KEPT_MM:
        return "check", _("{room} tight").format(room=f"{room_mm:.1f}")
    return "good", f"{room_mm:.1f} mm"


def check_words(checks: Mapping[str, bool]) -> str:
    """The textbook's checks in rich text, what is not kept first: "✗ mid-height  ✓ anterior third"."""
    ordered = sorted(checks.items(), key=lambda check: check[1])
    signs = {True: "✓&nbsp;{}", False: "<b>✗&nbsp;{}</b>"}
    return " &nbsp; ".join(signs[passed].format(words.replace(" ", "&nbsp;")) for words, passed in ordered)
