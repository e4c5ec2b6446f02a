"""The scene's side of the panel: shows what the presenter's state says, and tells the presenter what hands do there.

    presenter -> state, what has changed -> show what differs          Watch, clicks, scene saved -> presenter

It holds nothing of its own but what it showed last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from slicer import vtkMRMLScene

from ..atlas.files import read_region
from ..errors import InputError
from ..panel.presenter import Presenter
from ..panel.state import Live, PanelState
from ..resources import resource_folder
from ..types import Option, View
from .barrel import hide_barrel, show_barrel
from .clear import clear, clear_level, clear_view
from .folders import tidy
from .highlight import highlight
from .projections import hide_epipolar_lines, hide_overlays, show_epipolar_line
from .show import move, select, show_case, show_fitting, show_plan, show_seeds
from .store import read_state, save_plan, save_state
from .tables import plan_rows, show_table
from .watch import Watch
from .xrays import read_views

KEPT = ("case", "seeds", "fits", "review", "settings", "rater", "session", "busy")
"""Fields of the state after a change of which the review in the scene is made anew (a few milliseconds)."""


class Follow:
    """Shows a presenter's state in a scene from now on, until ``stop``."""

    def __init__(self, scene: vtkMRMLScene, presenter: Presenter) -> None:
        self._scene, self._presenter = scene, presenter
        self._shown = PanelState()
        self._faces: dict[str, np.ndarray] = {}
        self._by_hand = False
        self._resuming = False
        self._stopped = False
        self._watch = Watch(scene, self._dragged, lambda level, side: presenter.release(), self._taken)
        self._saving = scene.AddObserver(vtkMRMLScene.StartSaveEvent, self.keep)
        presenter.listen(self._show)

    def stop(self) -> None:
        """Show and hear nothing any more."""
        self._stopped = True
        self._watch.stop()
        self._scene.RemoveObserver(self._saving)

    def keep(self, *_: Any) -> None:
        """Put the review into the scene; done by itself after all that is worth it, and before the scene is saved.

        Not while an earlier review is still being read: half of it would take its place.
        """
        state = self._presenter.state
        self._resuming = self._resuming and bool(state.busy)
        if state.case is not None and not self._resuming:
            save_state(self._scene, json.dumps(self._presenter.save()), state.case.id)

    def resume(self) -> bool:
        """Go on from what the scene has, after it was loaded; False where it has nothing of ours."""
        text = read_state(self._scene)
        if text:
            self._resuming = True
            self._presenter.restore(text, read_views(self._scene))
        return bool(text)

    # What the presenter says

    def _show(self, state: PanelState, changed: frozenset[str]) -> None:
        if self._stopped:
            return
        before, self._shown = self._shown, state
        if "case" in changed:
            self._show_case(before, state)
        if changed & {"case", "live_mm"}:
            self._show_live(before, state)
        if changed & {"case", "plans", "options", "review"}:
            self._show_plans(before, state)
        if changed & {"case", "seeds", "plans"} and state.case is not None:
            show_seeds(self._scene, state.case.views, tuple(state.seeds.values()), state.case.id)
        if "dragged" in changed:
            self._show_drag(before.dragged, state.dragged)
        if changed & {"selected", "case", "plans", "options"}:
            self._show_selected(before, state)
        if "epipolar_px" in changed:
            self._show_epipolar(state)
        if changed & {"hidden", "session"}:
            hide_overlays(self._scene, state.hidden or state.session is not None)
        if changed & {"case", "plans", "options"}:
            self._watch.update(self._views)
        if any(getattr(before, name) is not getattr(state, name) for name in KEPT):
            self.keep()

    @property
    def _views(self) -> tuple[View, ...]:
        return self._shown.case.views if self._shown.case else ()

    @property
    def _case_id(self) -> str:
        return self._shown.case.id if self._shown.case else ""

    def _show_case(self, before: PanelState, state: PanelState) -> None:
        if before.case is not None and (state.case is None or state.case.id != before.case.id):
            clear(self._scene, before.case.id)
        if state.case is None:
            return
        for name in set(before.view_names) - set(state.view_names):
            clear_view(self._scene, name)
        show_case(self._scene, state.case)

    def _show_live(self, before: PanelState, state: PanelState) -> None:
        for level in set(before.live_mm) - set(state.live_mm) - set(state.plans):
            clear_level(self._scene, level)
        for level, vertices in state.live_mm.items():
            if before.live_mm.get(level) is not vertices:
                show_fitting(self._scene, self._views, level, vertices, self._faces_of(level), self._case_id)

    def _faces_of(self, level: str) -> np.ndarray:
        if level not in self._faces:
            self._faces[level] = faces_of(level)
        return self._faces[level]

    def _show_plans(self, before: PanelState, state: PanelState) -> None:
        for level in set(before.plans) - set(state.plans):
            clear_level(self._scene, level)
        same_case = before.case is state.case
        for level, plan in state.plans.items():
            options = _of_level(state.options, level)
            new = not same_case or before.plans.get(level) is not plan
            if level in state.live_mm or (not new and _same(options, _of_level(before.options, level))):
                continue
            show_plan(self._scene, self._views, plan, options, self._case_id)
            if new:
                save_plan(self._scene, plan, self._case_id)
        if state.plans:
            show_table(
                self._scene, plan_rows(list(state.plans.values()), state.options, _ratings(state)), self._case_id
            )
        if state.case is not None:
            tidy(self._scene, state.case.id)

    def _show_drag(self, before: Live | None, live: Live | None) -> None:
        if live is not None:
            move(self._scene, self._views, live.key[0], live.cannula, live.safety.clearance_mm < 0.0)
            plan = self._shown.plans[live.key[0]]
            show_barrel(self._scene, plan, Option(live.cannula, live.safety), case_id=self._case_id)
        elif before is not None and before.key in self._shown.options:
            level = before.key[0]
            show_plan(
                self._scene,
                self._views,
                self._shown.plans[level],
                _of_level(self._shown.options, level),
                self._case_id,
            )
            self._show_barrel(self._shown)

    def _show_selected(self, before: PanelState, state: PanelState) -> None:
        """Turn the views to another vertebra; to another cannula of the same one the fourth only, so that nobody who
        has zoomed in, or holds a needle, loses the place."""
        if state.selected is None or state.selected[0] not in state.plans:
            hide_barrel(self._scene)
            return
        level = state.selected[0]
        there = before.selected is not None and before.selected[0] == level and before.case is state.case
        if self._by_hand or (there and before.plans.get(level) is state.plans[level]):
            self._show_barrel(state)
        else:
            select(self._scene, self._views, state.plans[level], state.options.get(state.selected), self._case_id)

    def _show_barrel(self, state: PanelState) -> None:
        option = None if state.selected is None else state.options.get(state.selected)
        if option is not None and state.selected is not None:
            highlight(self._scene, *state.selected)
            show_barrel(self._scene, state.plans[state.selected[0]], option, case_id=self._case_id)

    def _show_epipolar(self, state: PanelState) -> None:
        hide_epipolar_lines(self._scene)
        for view in self._views:
            if view.name in state.epipolar_px:
                show_epipolar_line(self._scene, view, state.epipolar_px[view.name], self._case_id)

    # What hands do

    def _taken(self, level: str, side: str) -> None:
        if self._presenter.state.selected != (level, side):
            self._by_hand = True
            try:
                self._presenter.select(level, side)
            finally:
                self._by_hand = False

    def _dragged(self, level: str, side: str, end: str, point_mm: np.ndarray) -> None:
        self._presenter.drag(end, point_mm)


def faces_of(level: str) -> np.ndarray:
    """(f, 3) of every fitted surface of a level: those of its region's template, without learning its model.

    Raises:
        InputError: the atlas has no such level.
    """
    folder = resource_folder("atlas")
    for file in sorted(folder.glob("*.json")):
        if level in json.loads(file.read_text(encoding="utf-8"))["levels"]:
            return np.asarray(read_region(file).template.faces)
    raise InputError(folder, "level", level, "one that the atlas has a region for")


def _of_level(options: Mapping[tuple[str, str], Option], level: str) -> dict[str, Option]:
    return {side: option for (known, side), option in options.items() if known == level}


def _same(one: Mapping[str, Option], other: Mapping[str, Option]) -> bool:
    return one.keys() == other.keys() and all(one[side] is other[side] for side in one)


def _ratings(state: PanelState) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Level and side to grade, rater and comment, of the cannulas that have one."""
    if state.review is None:
        return {}
    found = {key: state.review.grade(*key) for key in state.review.planned}
    return {key: (str(grade.value), grade.rater, grade.comment) for key, grade in found.items() if grade is not None}
