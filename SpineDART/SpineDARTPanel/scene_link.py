"""The scene beside the window: ``scene.follow`` shows what has changed, here a part at a time, so that Slicer is never
held up; replays of a fit; and clicks on X-rays that are moved."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from SpineDARTLib.panel.state import PanelState
from SpineDARTLib.scene import clicks, history, nodes, projections
from SpineDARTLib.scene.barrel import show_barrel
from SpineDARTLib.scene.cannulas import show_cannula, show_cannulas
from SpineDARTLib.scene.follow import Follow
from SpineDARTLib.scene.projections import show_projections
from SpineDARTLib.scene.store import save_plan
from SpineDARTLib.scene.vertebrae import show_vertebra
from SpineDARTLib.types import FittedVertebra, Plan, Vertebra

BUDGET_SECONDS = 0.012
"""Of one ``tick``: after as much, the rest waits for the next."""

BY_LEVEL = ("plans", "live_mm")
"""Fields of the state that are shown a level at a time."""

Changed = frozenset[str]


class SceneLink(Follow):
    """Between a scene and a presenter."""

    def __init__(self, scene: Any, presenter: Any) -> None:
        self.scene = scene
        self._presenter = presenter
        self._waiting: Changed = frozenset()
        self._parts: deque[Callable[[], Any]] = deque()
        self._parted: dict[str, Plan] = {}
        self._clicks: list[tuple[Any, int]] = []
        super().__init__(scene, presenter)

    def _show(self, state: PanelState, changed: Changed) -> None:
        """Note what has changed; what a hand moves, moves at once."""
        if changed == {"dragged"} and state.dragged is not None and not self._waiting:
            super()._show(state, changed)
        else:
            self._waiting |= changed

    def tick(self) -> None:
        """Show some of what there is to show."""
        begun = perf_counter()
        while (self._waiting or self._parts) and perf_counter() - begun < BUDGET_SECONDS:
            self._show_next()

    def flush(self) -> None:
        """Show all of it now, and keep the review in the scene: before it is saved."""
        while self._waiting or self._parts:
            self._show_next()
        for plan in self._shown.plans.values():
            self._keep_history(plan)
        super().keep()

    def keep(self, *event: Any) -> None:
        """When the scene is about to be saved; with every change it would hold up the window."""
        if event:
            self.flush()

    def forget(self) -> None:
        """The scene is being closed: nothing more is to be shown in it."""
        self._waiting = frozenset()
        self._parts.clear()
        self._shown = PanelState()
        self._clicks.clear()

    def _show_next(self) -> None:
        """One level, or all that is not of a level; a new plan in parts first, as its nodes take long to be made."""
        state, waiting = self._presenter.state, self._waiting
        if "case" in waiting:
            self._parts.clear()
        if self._parts:
            self._parts.popleft()()
            return
        level = "" if "case" in waiting else self._next_level(state)
        plan = state.plans.get(level)
        if plan is not None and plan.vertices_mm is not None and self._parted.get(level) is not plan:
            self._parted[level] = plan
            self._parts.extend(self._parts_of(plan, state))
        elif level:
            shown = self._shown
            part = replace(
                shown,
                plans=_with(shown.plans, state.plans, level),
                live_mm=_with(shown.live_mm, state.live_mm, level),
                options={**{key: one for key, one in shown.options.items() if key[0] != level},
                         **{key: one for key, one in state.options.items() if key[0] == level}},
                review=state.review,
            )  # fmt: skip
            if plan is not None and self._parted.get(level) is plan and shown.plans.get(level) is not plan:
                self._shown = part  # all of the plan is there already, by its parts
            super()._show(part, frozenset({"plans", "live_mm", "options"}))
        else:
            self._waiting = frozenset()
            super()._show(state, waiting | {"case", *BY_LEVEL} if "case" in waiting else waiting - {*BY_LEVEL})
            self._observe_clicks()

    def _parts_of(self, plan: Plan, state: PanelState) -> list[Callable[[], Any]]:
        level, scene, number = plan.fitted.level, self.scene, self._case_id
        options = {side: one for (known, side), one in state.options.items() if known == level}
        parts: list[Callable[[], Any]] = [lambda: show_vertebra(scene, plan, options, number)]
        parts += [lambda one=one: show_cannula(scene, plan.fitted, one, number) for one in options.values()]
        for view in self._views:
            parts.append(lambda view=view: show_projections(scene, view, plan, {}, number))
            for side in options:
                some = {name: one for name, one in options.items() if name <= side}
                parts.append(lambda view=view, some=some: show_projections(scene, view, plan, some, number))
        parts.append(lambda: show_cannulas(scene, plan, options, number))
        parts.append(lambda: save_plan(scene, plan, number))
        chosen = state.options.get(state.selected) if state.selected and state.selected[0] == level else None
        if chosen is not None:
            parts.append(lambda: show_barrel(scene, plan, chosen, case_id=number))
        return parts

    def _next_level(self, state: PanelState) -> str:
        """A level that is shown otherwise than it is now."""
        for name in BY_LEVEL:
            now, then = getattr(state, name), getattr(self._shown, name)
            for level in {**then, **now}:
                if now.get(level) is not then.get(level):
                    return level
        keys = {**self._shown.options, **state.options}
        return next((key[0] for key in keys if state.options.get(key) is not self._shown.options.get(key)), "")

    # Replay

    def replay(self, level: str, step: int) -> None:
        """Show one step of a finished fit; its last step is the fit itself."""
        plan = self._shown.plans.get(level)
        if plan is None or plan.vertices_mm is None or plan.faces is None or "pose" not in plan.fitted.history:
            return
        steps = len(plan.fitted.history["pose"])
        if step >= steps - 1:
            history.hide_replay(self.scene, level)
            vertices = plan.vertices_mm
        else:
            self._keep_history(plan)
            place = int(np.abs(history.frames_of(steps) - step).argmin())
            history.show_replay(self.scene, level, place)
            vertices = history.read_history(self.scene, level)[place][1]
        for view in self._views:
            projections.show_outline(self.scene, view, level, vertices, plan.faces, case_id=self._case_id)

    def _keep_history(self, plan: Plan) -> None:
        fitted, level = plan.fitted, plan.fitted.level
        if "pose" not in fitted.history or plan.faces is None or nodes.node_of(self.scene, "history", level):
            return
        model, steps = self._presenter.model(level), history.frames_of(len(fitted.history["pose"]))
        frames = [(int(step), _vertices(fitted, int(step), model)) for step in steps]
        history.show_history(self.scene, level, frames, plan.faces, self._case_id)
        history.show_losses(self.scene, level, fitted.history, self._case_id)

    # Clicks that are moved

    def _observe_clicks(self) -> None:
        for node, tag in self._clicks:
            node.RemoveObserver(tag)
        found = nodes.nodes_of(self.scene, "clicks")
        self._clicks = [(node, node.AddObserver(node.PointEndInteractionEvent, self._moved)) for node in found]

    def _moved(self, node: Any, _event: str) -> None:
        for view in self._views:
            if nodes.node_of(self.scene, "clicks", view.name) is node:
                for level, (u, v) in clicks.read_clicks(self.scene, view).items():
                    known = self._presenter.state.seeds[level].clicks_px.get(view.name)
                    if known is not None and max(abs(known[0] - u), abs(known[1] - v)) > 0.5:
                        self._presenter.click(view.name, u, v, level)


def _with(shown: Mapping[str, Any], now: Mapping[str, Any], level: str) -> dict[str, Any]:
    """What is shown, but of one level what is now."""
    kept = {name: value for name, value in shown.items() if name != level}
    return {**kept, level: now[level]} if level in now else kept


def _vertices(fitted: FittedVertebra, step: int, model: Any) -> np.ndarray:
    """(n, 3) RAS mm of a fit at one step of its history."""
    past = fitted.history
    vertebra = Vertebra(fitted.level, past["pose"][step], float(past["scale"][step]), past["coefficients"][step])
    return vertebra.place(model.instance(fitted.level, vertebra.coefficients))
