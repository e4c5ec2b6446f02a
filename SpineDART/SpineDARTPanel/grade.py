"""5 Grade: 0, 1 or 2 for the selected cannula, and the way into a grading session."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.state import PanelState

from . import ask, build
from .fold import Fold
from .section import Section

COMMENT, KEPT = _("Comment (no names of patients)"), _("Kept with the next grade that you give.")


def grade_buttons(chosen: Any) -> tuple[Any, ...]:
    """The three grades as big buttons; ``chosen`` takes the value."""
    texts = ((_("0 · suboptimal"), "0"), (_("1 · moderate"), "1"), (_("2 · optimal"), "2"))
    helps = (_("Not as it should be."), _("Needs adjustment."), _("As a textbook has it."))
    return tuple(
        build.button(text, f"{help_text} ({_('key')} {key})", lambda value=value: chosen(value), "grade")
        for value, ((text, key), help_text) in enumerate(zip(texts, helps, strict=True))
    )


class GradeSection(Section):
    """Grades, comment, rater."""

    reads = frozenset({"review", "selected", "rater", "session", "plans"})

    def __init__(self, presenter: Any) -> None:
        super().__init__(5, _("Grade"), _("What you think of each cannula."), "grade")
        self._presenter = presenter
        self._buttons = grade_buttons(self._grade)
        self.add(build.row(*self._buttons), grade=self._buttons)
        self._now = self.add(build.label("", "quiet"))
        self._comment = build.field(COMMENT, KEPT)
        self._rater = build.field(_("Rater"), _("Who grades: initials will do."))
        self._rater.setMaximumWidth(110)
        self._rater.connect("editingFinished()", lambda: presenter.set_rater(self._rater.text))
        self.add(build.row(self._comment, self._rater), comment=self._comment, rater=self._rater)
        self._seed = build.helped(qt.QSpinBox(), _("Two raters with the same number see the same order."))
        self._seed.maximum = 9999
        start = build.button(_("Start"), _("Blinded, in random order; names and numbers are hidden."), self._start)
        saved = build.button(_("Open…"), _("Go on with a session that was saved."), self._open)
        words = build.label(_("Every cannula of this case, without names and numbers, in random order."), "quiet")
        tools = build.row(build.label(_("Order"), "quiet", wrap=False), self._seed, start, saved, None)
        self.add(
            Fold(_("Grading session"), _("For residents and studies."), words, tools).whole,
            session_start=start,
            session_open=saved,
        )

    def show(self, state: PanelState) -> None:
        """The grade that stands."""
        found = None
        if state.review is not None and state.selected is not None and state.selected in state.review.planned:
            found = state.review.grade(*state.selected)
        for value, button in enumerate(self._buttons):
            button.checkable = True
            button.checked = found is not None and found.value == value
        words = ""
        if state.selected and state.selected[1]:
            words = " ".join(state.selected) + ": "
            words += _("not graded yet") if found is None else _("grade {value}").format(value=found.value)
            words += f" · {found.rater}" if found is not None and found.rater else ""
            words += f" · {found.comment}" if found is not None and found.comment else ""
        build.write(self._now, words)
        if not self._rater.hasFocus():
            build.write(self._rater, state.rater)

    def _grade(self, value: int) -> None:
        self._presenter.grade(value, self._comment.text)
        self._comment.text = ""

    def _start(self) -> None:
        self._presenter.set_rater(self._rater.text)
        self._presenter.start_session(seed=self._seed.value)

    def _open(self) -> None:
        file = ask.file(_("Grading session"), _("Session (*.json)"))
        if file:
            self._presenter.open_session(file)
