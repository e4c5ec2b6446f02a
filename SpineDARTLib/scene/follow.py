"""The scene's side of the panel: shows what the presenter's state says, and tells the presenter what hands do there.

    presenter -> state -> ``tick``: what differs, a bit at a time (``changes``) -> the review kept, in the end
    Watch, clicks that are moved -> presenter

It holds nothing of its own but what it showed last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import numpy as np
from slicer import vtkMRMLScene

from ..geometry.refined import refined_case
from ..panel.locating import seed_of
from ..panel.presenter import Presenter
from ..panel.state import Live, PanelState
from ..types import Case, Option, Refinement, View
from .barrel import show_barrel
from .changes import SHOWN, changes, differ, other_case
from .recover import resume
from .replay import keep_history, show_step
from .show import move
from .store import save_state
from .watch import Watch

BUDGET_SECONDS = 0.02
"""Of one ``tick``: after as much, the rest waits for the next."""

KEPT = (
    "case",
    "xrays",
    "seeds",
    "found",
    "shift",
    "same_frame",
    "marking",
    "level",
    "fits",
    "plans",
    "review",
    "selected",
    "gauge",
    "settings",
    "rater",
    "session",
)
"""Fields of the state that the review in the scene is made of."""

NOT_SEEN = ("found", "plans", "options", "live_mm", "selected", "dragged", "review")
"""Fields of which nothing new is shown while a rater grades."""


CLICK_MOVED_PX = 0.5
"""A click nearer than this to where it was has not been moved."""


class Follow:
    """Shows a presenter's state in a scene from now on, until ``stop``; some of it with every ``tick``."""

    def __init__(self, scene: vtkMRMLScene, presenter: Presenter) -> None:
        self._scene, self._presenter = scene, presenter
        self._shown = self._target = self._kept = PanelState()
        self._steps: Iterator[None] | None = None
        self._by_hand = self._stopped = False
        self._refined: tuple[Case, Refinement, Case] | None = None
        self._watch = Watch(scene, self._dragged, lambda level, side: presenter.release(), self._taken, self._clicked)
        events = ((vtkMRMLScene.StartSaveEvent, self.flush), (vtkMRMLScene.StartCloseEvent, self.forget))
        self._observed = [scene.AddObserver(event, heard) for event, heard in events]
        presenter.listen(self._hear)

    def stop(self) -> None:
        """Show and hear nothing any more."""
        self._stopped = True
        self.forget()
        self._watch.stop()
        for tag in self._observed:
            self._scene.RemoveObserver(tag)

    def tick(self) -> None:
        """Show some of what there is to show; nothing while the scene itself is busy, as it is being read or closed."""
        if self._scene.IsBatchProcessing():
            return
        self._go_on(BUDGET_SECONDS)

    def flush(self, *_: object) -> None:
        """Show all of it now, and keep the review in the scene."""
        self._go_on(np.inf)

    def _go_on(self, seconds: float) -> None:
        begun = perf_counter()
        if self._step():
            while perf_counter() - begun < seconds and self._step():
                pass
            self._watch.update(self._views)

    @property
    def waiting(self) -> bool:
        """Whether there is anything left to show or to keep."""
        return self._steps is not None or self._to_show() is not None or self._to_keep()

    def forget(self, *_: object) -> None:
        """The scene is being closed: what was shown in it is gone, and nothing is half-way there."""
        self._steps = None
        self._shown = self._target = self._kept = PanelState()

    def resume(self) -> bool:
        """Go on from what the scene has, after it was loaded; False where it has nothing of ours."""
        return resume(self._scene, self._presenter)

    def replay(self, level: str, step: int) -> None:
        """Show one step of a finished fit; its last step is the fit itself."""
        plan = self._shown.plans.get(level)
        if plan is not None:
            show_step(self._scene, self._views, plan, step, self._presenter.model, self._case_id)

    # What the presenter says

    def _hear(self, state: PanelState, changed: frozenset[str]) -> None:
        """What a hand moves, moves at once; all else with the ticks."""
        if self._stopped:
            return
        if self._steps is not None and other_case(self._target, state):
            self._steps, self._shown = None, self._target  # what is there of it goes with its case
        if "dragged" in changed and state.dragged is not None and state.session is None:
            if state.dragged.key[0] not in self._shown.plans:
                self._go_on(np.inf)  # its plan has just arrived: whoever holds the needle waits for nothing else
            self._steps = None  # begun again with the next tick, which leaves the dragged one to the hand
            self._show_drag(state.dragged)
            self._shown = replace(self._shown, dragged=state.dragged)

    def _show_drag(self, live: Live) -> None:
        level = live.key[0]
        plan = self._shown.plans.get(level)
        if plan is not None:
            move(self._scene, self._views, level, live.cannula, live.safety.clearance_mm < 0.0)
            show_barrel(self._scene, plan, Option(live.cannula, live.safety), case_id=self._case_id)

    def _step(self) -> bool:
        """Show or keep a little more; whether there was anything left."""
        if not self._begin():
            return False
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration:
            self._steps, self._shown = None, self._target
        except BaseException:  # not tried again and again
            self._steps, self._shown = None, self._target
            raise
        return True

    def _begin(self) -> bool:
        if self._stopped:
            return False
        state = self._to_show() if self._steps is None else None
        if state is not None:
            self._target = state
            self._steps = changes(self._scene, self._shown, state, not self._by_hand)
            self._by_hand = False
        elif self._steps is None and self._to_keep():
            self._target = self._shown
            self._steps = self._keep()
        return self._steps is not None

    def _to_show(self) -> PanelState | None:
        """What is to be shown, None where it is shown. While a rater grades, all stays as it was."""
        shown, state = self._shown, self._as_planned(self._presenter.state)
        if state.session is not None and not other_case(shown, state):
            state = replace(state, **{name: getattr(shown, name) for name in NOT_SEEN})
        return state if differ(shown, state, *SHOWN) else None

    def _as_planned(self, state: PanelState) -> PanelState:
        """With the cameras that the plans were made with, where these were refined with the fit."""
        chosen = state.plans.get(state.selected[0]) if state.selected else None
        plan = chosen or next(iter(state.plans.values()), None)
        if state.case is None or plan is None or plan.refinement is None:
            return state
        before = self._refined
        if before is None or before[0] is not state.case or before[1] is not plan.refinement:
            self._refined = before = (state.case, plan.refinement, refined_case(state.case, [plan]))
        return replace(state, case=before[2])

    def _to_keep(self) -> bool:
        """Whether the scene's copy of the review is an old one. A scene that is saved whole tells nobody before."""
        state = self._presenter.state
        return state.case is not None and state.dragged is None and differ(self._kept, state, *KEPT)

    def _keep(self) -> Iterator[None]:
        for plan in self._shown.plans.values():
            yield from keep_history(self._scene, plan, self._presenter.model, self._case_id)
        self._kept = self._presenter.state
        save_state(self._scene, json.dumps(self._presenter.save()), self._case_id)

    @property
    def _views(self) -> tuple[View, ...]:
        return self._shown.case.views if self._shown.case else ()

    @property
    def _case_id(self) -> str:
        return self._shown.case.id if self._shown.case else ""

    # What hands do

    def _taken(self, level: str, side: str) -> None:
        if self._presenter.state.selected != (level, side):
            self._by_hand = True
            self._presenter.select(level, side)

    def _dragged(self, level: str, side: str, end: str, point_mm: np.ndarray) -> None:
        self._presenter.drag(end, point_mm)

    def _clicked(self, view: str, level: str, u: float, v: float) -> None:
        state = self._presenter.state
        known = {**state.marking.points.get(level, {}), **seed_of(state, level).clicks_px}.get(view)
        if known is not None and max(abs(known[0] - u), abs(known[1] - v)) > CLICK_MOVED_PX:
            self._presenter.click(view, u, v, level)
