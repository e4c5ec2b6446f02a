"""The page of a grading session: two pictures, three buttons, nothing else to be influenced by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.grading import title
from SpineDARTLib.panel.state import PanelState
from SpineDARTLib.panel.steps import Step

from . import ask, build
from .grade import COMMENT, KEPT, grade_buttons
from .section import enable_all

PICTURE_PX = 198
"""Two beside each other in a module panel of 450 pixels."""
TITLE_PX = 24
"""Height of the strip with the case's name above each picture (``simulate.grading.titled``): nobody sees it here."""


class GradingPage:
    """Shows one cannula after the other; no names, no numbers, in random order.

    Args:
        pictures: gives the files "ap" and "lat" of the present item, or nothing while they are made.

    Attributes:
        whole: the page.
    """

    def __init__(self, presenter: Any, pictures: Callable[[PanelState], Mapping[str, Path]]) -> None:
        self._presenter, self._pictures = presenter, pictures
        self._title, self._progress = build.label("", "title"), qt.QProgressBar()
        self._progress.setTextVisible(False)
        self._images = {name: build.label("", "", wrap=False) for name in ("ap", "lat")}
        for image in self._images.values():
            image.setAlignment(qt.Qt.AlignCenter)
            image.setMinimumSize(PICTURE_PX, PICTURE_PX)
        shown = build.row(*(build.column(_caption(name), one) for name, one in self._images.items()))
        self._wait = build.label("", "quiet")
        self._buttons = grade_buttons(self._grade)
        self._comment = build.field(COMMENT, KEPT)
        undo = build.button("↶ " + _("Undo"), _("Take back the last answer (Ctrl+Z)."), presenter.undo)
        self._pause = build.button(_("Pause"), _("The clock stands, the pictures are hidden."), self._toggle)
        save = build.button(_("Save…"), _("JSON to go on another day; a table beside it."), self._save)
        end = build.button(_("End session"), _("Back to the review; what is graded stays."), presenter.end_session)
        self.controls = {"session_undo": undo, "session_pause": self._pause, "session_end": end, "grade": self._buttons}
        self.whole = build.column(
            self._title, self._progress, shown, self._wait, build.row(*self._buttons), self._comment,
            build.row(undo, self._pause, None, save, end), spacing=10, margin=12,
        )  # fmt: skip
        self.whole.layout().addStretch(1)
        self._place: tuple[int, bool] | None = None

    def show(self, state: PanelState, step: Step) -> None:
        """The present item, or that all are done."""
        session = state.session
        if session is None:
            self._place = None
            return
        build.write(self._title, title(session))
        self._progress.maximum, self._progress.value = len(session.items), session.place
        build.write(self._pause, _("Go on") if state.session_paused else _("Pause"))
        enable_all(self.controls, step)
        if self._place != (session.place, state.session_paused):
            self._draw(state)

    def _draw(self, state: PanelState) -> None:
        hidden = state.session_paused or state.session is None or state.session.finished
        found = {} if hidden else self._pictures(state)
        for name, image in self._images.items():
            image.setPixmap(_without_title(found[name]) if name in found else qt.QPixmap())
        drawing = not found and not hidden
        words = _("The pictures are being drawn.") if drawing else _("Paused.") if state.session_paused else ""
        build.write(self._wait, words or (_("The bar is 20 mm long.") if found else ""))
        if state.session is not None and not drawing:
            self._place = (state.session.place, state.session_paused)

    def _grade(self, value: int) -> None:
        self._presenter.grade(value, self._comment.text)
        self._comment.text = ""

    def _toggle(self) -> None:
        self._presenter.pause_session(not self._presenter.state.session_paused)

    def _save(self) -> None:
        file = ask.new_file(_("Grading session"), "spinedart-session.json", _("Session (*.json)"))
        if file:
            self._presenter.save_session(file)
            self._presenter.save_session(str(Path(file).with_suffix(".csv")))


def _caption(name: str) -> Any:
    """What a picture shows and towards where its sides lie: its own letters (``simulate.grading``) are small here."""
    words, left, right = {
        "ap": (_("From behind (AP)"), "L", "R"),
        "lat": (_("From the side (LAT)"), "P", "A"),
    }[name]
    middle = build.label(words, "quiet")
    middle.setAlignment(qt.Qt.AlignCenter)
    made = build.row(build.label(left, "strong", wrap=False), middle, build.label(right, "strong", wrap=False))
    made.layout().setStretch(1, 1)
    return made


def _without_title(file: Path) -> Any:
    """A grading picture as wide as it is shown."""
    whole = qt.QPixmap(str(file))
    shown = whole.copy(0, TITLE_PX, whole.width(), whole.height() - TITLE_PX)
    return shown.scaledToWidth(PICTURE_PX, qt.Qt.SmoothTransformation)
