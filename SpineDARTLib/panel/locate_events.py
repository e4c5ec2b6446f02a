"""What a user can do to say where the vertebrae are: let them be found, click, name, and take it back."""

from __future__ import annotations

from dataclasses import replace

from . import locating, marking
from .epipolar import epipolar_lines
from .events import Events
from .lacking import BLIND
from .state import PanelState, Refusal


class LocateEvents(Events):
    """Abstract: a part of ``presenter.Presenter``."""

    @property
    def _is_locating(self) -> bool:
        """Whether keys mean what is located: while somebody clicks, and until there is a plan."""
        return self.state.clicking or not self.state.plans

    def find(self) -> None:
        """Let the detector find the vertebrae; clicks stay, and tell it what they show."""

        def begun() -> None:
            if self.state.session is not None:
                raise Refusal(BLIND)
            self._finding.find()

        self._try(begun)

    def cancel_find(self) -> None:
        """Stop looking, within a second."""
        if self.state.finding is not None:
            self._finding.cancel()

    def start_clicking(self, level: str = "") -> None:
        """Take clicks in the views, for a level."""
        self._do(lambda: locating.with_clicking(locating.with_level(self.state, level or self.state.level), True))

    def stop_clicking(self) -> None:
        self._do(lambda: locating.with_clicking(self.state, False))

    def choose_level(self, level: str) -> None:
        """That the next click is for."""
        self._do(lambda: locating.with_level(self.state, level))

    def click(self, view: str, u: float, v: float, level: str = "") -> None:
        """The centre of a vertebra's body in one view, pixel (u, v), of the chosen level when none is named; while
        points are marked, or where a point's number is named, that point."""
        if level in self.state.marking.points or (self.state.marking.next and not level):
            self._do(lambda: marking.marked(self.state, view, u, v, level))
            return
        alone = self.state.clicking and not level
        done = self._do(
            lambda: (
                locating.clicked_on(self.state, view, u, v)
                if alone
                else locating.clicked(self.state, view, u, v, level)
            )
        )
        if done:
            self._finding.complete()

    def undo_click(self) -> None:
        """Take the last click, shift or find, or the last removing of a level, back."""
        self._do(lambda: self._renamed(locating.click_undone(self.state)))

    def redo_click(self) -> None:
        """What was taken back last, once more."""
        self._do(lambda: self._renamed(locating.click_redone(self.state)))

    def hover(self, view: str, u: float, v: float) -> None:
        """Where the pointer is, while clicking: the other views show the line on which it lies there."""
        if self.state.clicking and not self.state.marking.next:  # while that line is what is sought, it would mislead
            self._become(replace(self.state, epipolar_px=epipolar_lines(self.state, view, u, v)))

    def remove_level(self, level: str) -> None:
        """Without a level's clicks, and without what was found of it."""
        self._do(lambda: locating.without_level(self.state, level))

    def shift_levels(self, by: int) -> None:
        """All clicks and proposals one level lower (+1) or higher (-1); shifting back brings back what was fitted."""
        self._do(lambda: self._renamed(locating.shifted(self.state, by)))

    def _renamed(self, then: PanelState) -> PanelState:
        """That state; where levels are called otherwise in it, with what was fitted when they were called so."""
        now = self.state
        if now.shift == then.shift:
            return then
        self._fitting.drop()
        settled = {level: job for level, job in now.jobs.items() if not job.open}
        self._by_shift[now.shift] = replace(now, jobs=settled)
        was = self._by_shift.get(then.shift, PanelState())
        names = ("jobs", "fits", "plans", "review", "options", "selected")
        return replace(then, **{name: getattr(was, name) for name in names}, live_mm={}, dragged=None)
