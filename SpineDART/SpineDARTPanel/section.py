"""A card of the panel: number, name and state in words as its heading, controls in its body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.steps import Step

from . import build

MARKS = {
    "done": ("●", "good"),
    "running": ("◐", "running"),
    "waiting": ("○", "none"),
    "attention": ("⚠", "check"),
}
"""A step's mark to its sign and its colour; the words beside it say the same."""


class Section:
    """One step.

    Args:
        leading: names of controls; the card unfolds when one of them can be used, and folds when none can.

    Attributes:
        card: the whole of it.
        reads: the fields of the state that ``show`` looks at; it is called where one of them has changed.
        controls: name, as ``panel.steps`` has it, to a widget or several.
    """

    reads: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, number: int, title: str, help_text: str, *leading: str) -> None:
        self.card = qt.QFrame()
        self.card.setProperty("role", "card")
        self.controls: dict[str, Any] = {}
        self._number = build.label(str(number), "number", wrap=False)
        self._number.setAlignment(qt.Qt.AlignCenter)
        self._heading = build.helped(qt.QToolButton(), help_text)
        self._heading.text = title
        self._heading.setProperty("role", "heading")
        self._heading.connect("clicked()", lambda: self.open(not self.is_open))
        self._state = build.label("", "")
        self._state.setAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
        self._body = qt.QWidget()
        self._inside = qt.QVBoxLayout(self._body)
        self._inside.setContentsMargins(2, 2, 2, 6)
        self._inside.setSpacing(8)
        layout = qt.QVBoxLayout(self.card)
        layout.setContentsMargins(10, 4, 10, 4)
        layout.setSpacing(2)
        heading = build.row(self._number, self._heading, self._state)
        heading.layout().setStretch(2, 1)
        layout.addWidget(heading)
        layout.addWidget(self._body)
        self._leading, self._usable = leading, None

    @property
    def is_open(self) -> bool:
        return not self._body.isHidden()

    def open(self, opened: bool) -> None:
        """Fold or unfold."""
        self._body.setVisible(opened)

    def add(self, widget: Any, **controls: Any) -> Any:
        """Put a widget below the others; ``controls`` are those in it that the step enables."""
        self._inside.addWidget(widget)
        self.controls.update(controls)
        return widget

    def show_step(self, step: Step) -> None:
        """The state in the heading; what may not be pressed says why."""
        sign, colour = MARKS[step.mark]
        # A line breaks between two vertebrae, not between a number and its unit.
        words = " · ".join(part.replace(" ", "\u00a0") if len(part) < 40 else part for part in step.words.split(" · "))
        build.write(self._state, f"{sign}\u00a0{words}")
        build.tone(self._state, "tone", colour)
        build.tone(self._number, "tone", colour)
        ready = not self._leading or any(step.controls[name].enabled for name in self._leading)
        if ready is not self._usable:
            self._usable = ready
            self.open(ready)
        enable_all(self.controls, step)


def enable_all(controls: Mapping[str, Any], step: Step) -> None:
    """Enable what a step allows, by name; a name may have several widgets."""
    for name, control in step.controls.items():
        widgets = controls.get(name, ())
        for widget in widgets if isinstance(widgets, tuple) else (widgets,):
            enable(widget, control.enabled, control.why)


def enable(widget: Any, enabled: bool, why: str) -> None:
    """Enabled with its help, or not with the reason."""
    if widget.enabled != enabled:
        widget.enabled = enabled
    tip = str(widget.property("help") or "")
    if not enabled and why:
        tip = _("Not now: {why}").format(why=why) + f"\n{tip}"
    if widget.toolTip != tip:
        widget.toolTip = tip
