"""What a user can do with the cannulas: select, move, replace, take back, grade."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..review.record import same
from ..review.session import Clock
from ..types import Option
from . import grading, reviewing
from .lacking import BLIND
from .locate_events import LocateEvents
from .state import Live, PanelState, Refusal


class ReviewEvents(LocateEvents):
    """Abstract: a part of ``presenter.Presenter``."""

    # Review and adjust

    def select(self, level: str, side: str = "") -> None:
        """A vertebra, or one of its cannulas."""
        self._openly(lambda: reviewing.selected(self.state, level, side))

    def select_next(self, cannulas: int = 0, vertebrae: int = 0) -> None:
        """By keys: the next cannula or vertebra; negative the one before."""
        self._openly(lambda: reviewing.next_selected(self.state, cannulas, vertebrae))

    def drag(self, end: str, point_mm: np.ndarray) -> Live | None:
        """The selected cannula's "entry" or "target" is being dragged to (3,) RAS mm; some milliseconds."""
        self._openly(lambda: reviewing.dragged(self.state, end, point_mm, self._fitting.tools))
        return self.state.dragged

    def release(self) -> None:
        """The end that was dragged is let go: one thing to undo."""
        self._openly(lambda: reviewing.released(self.state, self._fitting.tools))
        self._look_for_risk()

    def safest(self) -> None:
        """The safest path in place of the selected cannula; looked for in the background where the plan has none."""

        def look() -> PanelState:
            level, side = reviewing.selected_cannula(self.state)
            before = self.state.options[level, side].cannula
            tool = self._fitting.tools[level]

            def then(found: Option | None) -> None:
                now = self.state.options.get((level, side))
                self._become(replace(self.state, busy=""))
                if now is None or not same(now.cannula, before):
                    return  # it was moved meanwhile: the user's hand counts
                if found is None:
                    self._refuse(f"{level}: {tool.reason}.")
                    return
                tools = self._fitting.tools
                self._do(lambda: reviewing.with_cannula(self.state, found.cannula, level, "safest", tools))
                self._look_for_risk()

            self._later(lambda: tool.safest(side, before.diameter_mm), then)
            return replace(self.state, busy="looking for the safest path")

        self._openly(look)

    def transferred(self) -> None:
        """The template's path in place of the selected cannula."""

        def found() -> PanelState:
            level, side = reviewing.selected_cannula(self.state)
            diameter_mm = self.state.options[level, side].cannula.diameter_mm
            cannula = self._fitting.tools[level].transferred(side, diameter_mm)
            if cannula is None:
                raise Refusal(f"{level} has no transferred path on the {side}.")
            return reviewing.with_cannula(self.state, cannula, level, "as transferred", self._fitting.tools)

        self._openly(found)
        self._look_for_risk()

    def take_option(self, name: str) -> None:
        """Another path that the plan considered ("unipedicular", "curved", ...) in place of the selected cannula."""

        def found() -> PanelState:
            level, side = reviewing.selected_cannula(self.state)
            for option in self.state.plans[level].options:
                if (option.cannula.side, option.cannula.name) == (side, name):
                    return reviewing.with_cannula(self.state, option.cannula, level, name, self._fitting.tools)
            raise Refusal(f"{level} has no {name} path on the {side}.")

        self._openly(found)
        self._look_for_risk()

    def set_gauge(self, gauge: int) -> None:
        """For the selected cannula and for the next fits."""
        self._openly(lambda: reviewing.with_gauge(self.state, gauge, self._fitting.tools))
        self._look_for_risk()

    def undo(self) -> None:
        """Take the last thing back: in a grading session the last answer, while locating the last click or shift."""
        if self.state.session is not None:
            self.session_undo()
        elif self.state.earlier_clicks and self._is_locating:
            self.undo_click()
        else:
            self._do(lambda: reviewing.undone(self.state, self._fitting.tools))

    def redo(self) -> None:
        """The same forwards."""
        if self.state.later_clicks and self._is_locating and self.state.session is None:
            self.redo_click()
        else:
            self._openly(lambda: reviewing.redone(self.state, self._fitting.tools))

    def hide(self, hidden: bool) -> None:
        """All overlays, while a key is held."""
        if hidden != self.state.hidden:
            self._become(replace(self.state, hidden=hidden))

    # Grade

    def set_rater(self, name: str) -> None:
        self._become(replace(self.state, rater=name.strip()))

    def grade(self, value: int, comment: str = "") -> None:
        """The selected cannula, or in a session the item that is shown: 0, 1 or 2."""
        if self.state.session is None:
            self._do(lambda: reviewing.graded(self.state, value, comment))
        elif self._do(lambda: grading.answered(self.state, value, self._clock.seconds(self._now()), comment)):
            self._clock.restart(self._now())

    def start_session(self, rater: str = "", folders: Sequence[Path] = (), seed: int = 0) -> None:
        """Grade blindly: the plans in these folders, or the open case."""
        rater = rater or self.state.rater
        if self._do(lambda: grading.started(self.state, rater, grading.items_of_folders(folders), seed)):
            self._clock = Clock(self._now())

    def open_session(self, file: Path | str) -> None:
        """Go on with a saved session."""
        if self._do(lambda: grading.continued(self.state, Path(file))):
            self._clock = Clock(self._now())

    def pause_session(self, paused: bool) -> None:
        """Stop the clock, or let it go on."""
        (self._clock.pause if paused else self._clock.go_on)(self._now())
        self._become(replace(self.state, session_paused=paused and self.state.session is not None))

    def session_undo(self) -> None:
        """Take the last answer back."""
        if self._do(lambda: grading.taken_back(self.state)):
            self._clock.restart(self._now())

    def save_session(self, file: Path | str) -> None:
        """As JSON to go on from or as CSV, by the file's ending."""
        self._do(lambda: grading.saved(self.state, Path(file)))

    def end_session(self) -> None:
        self._do(lambda: grading.ended(self.state))

    def _openly(self, event: Callable[[], PanelState]) -> bool:
        """As ``_do``, but not while grades are given blindly: what is said of a cannula would tell."""

        def refused() -> PanelState:
            raise Refusal(BLIND)

        return self._do(event if self.state.session is None else refused)

    def _look_for_risk(self) -> None:
        """The selected cannula's risk, from the background, if it still stands there then."""
        key = self.state.selected
        option = self.state.options.get(key) if key else None
        if key is None or option is None or option.risk is not None or key[0] not in self._fitting.tools:
            return
        tool = self._fitting.tools[key[0]]

        def then(found: Option) -> None:
            now = self.state.options.get(key)
            if now is not None and same(now.cannula, found.cannula) and found.risk is not None:
                self._become(replace(self.state, options={**self.state.options, key: replace(now, risk=found.risk)}))

        self._later(lambda: tool.with_risk(option), then)
