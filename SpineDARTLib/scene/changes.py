"""What differs between two states of the panel, shown in a scene a step at a time.

    gone -> X-rays -> running fits -> plans, the selected one first -> clicks, table -> what the views look at

After each step whoever runs it may see to other things: none takes more than some ten milliseconds. What is shown is
whole again after the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from slicer import vtkMRMLScene

from ..atlas.files import read_region
from ..errors import InputError
from ..panel.locating import proposals
from ..panel.state import PanelState
from ..resources import resource_folder
from ..types import Option
from .barrel import barrel_steps, hide_barrel
from .blinding import blinded
from .clear import clear_level_steps, clear_steps, clear_view
from .clicks import show_clicks
from .folders import tidy
from .highlight import highlight
from .layout import SLOTS, slice_node_for
from .nodes import CASE, node_of, nodes_of
from .projections import hide_epipolar_lines, hide_overlays, show_epipolar_line
from .proposals import levels_proposed, show_found_outlines, show_proposals
from .show import fitting_steps, plan_steps, waiting_clicks
from .store import save_plan
from .tables import plan_rows, show_table
from .vertebrae import levels_shown
from .xrays import show_view

SHOWN = ("case", "seeds", "found", "marking", "live_mm", "plans", "options", "review", "dragged", "selected",
         "epipolar_px", "hidden", "session", "busy")  # fmt: skip
"""Fields of the state that something in the scene shows."""


def differ(before: PanelState, state: PanelState, *names: str) -> bool:
    """Whether any of these fields is another one."""
    return any(getattr(before, name) is not getattr(state, name) for name in names)


def other_case(before: PanelState, state: PanelState) -> bool:
    """Whether there was a case, and it is not the one that there is now."""
    return before.case is not None and (state.case is None or state.case.id != before.case.id)


def changes(scene: vtkMRMLScene, before: PanelState, state: PanelState, turn: bool = True) -> Iterator[None]:
    """Make a scene that shows one state show another.

    Args:
        turn: whether the X-ray views go to a vertebra that is newly selected; not while somebody holds its needle.
    """
    if other_case(before, state):
        yield from clear_steps(scene)
        before = PanelState()
    if state.case is None:
        return
    if before.session is not None and state.session is None:
        blinded(scene, False)
        yield
    yield from _case(scene, before, state)
    yield from _live(scene, before, state)
    yield from _plans(scene, before, state)
    yield from _clicks(scene, before, state)
    yield from _selected(scene, before, state, turn)
    if differ(before, state, "epipolar_px"):
        _epipolar(scene, state)
        yield
    if state.session is not None:
        blinded(scene, True)
    elif state.hidden or before.hidden:
        _hidden(scene, state)


def _case(scene: vtkMRMLScene, before: PanelState, state: PanelState) -> Iterator[None]:
    if before.case is state.case or state.case is None:
        return
    case = state.case
    for other in {node.GetAttribute(CASE) for node in nodes_of(scene)} - {None, case.id}:
        yield from clear_steps(scene, other)  # of a scene whose review could not be read
    for name in set(before.view_names) - set(state.view_names):
        clear_view(scene, name)
        yield
    for at, view in enumerate(case.views):
        show_view(scene, view, case.id, at)
        yield
        if at < len(SLOTS):
            slice_node_for(scene, view, SLOTS[at])
            yield
    tidy(scene, case.id)


def _live(scene: vtkMRMLScene, before: PanelState, state: PanelState) -> Iterator[None]:
    """The fits that run; those that ended without a plan leave nothing."""
    left = set() if state.busy or state.session is not None else set(levels_shown(scene))
    for level in (left | {*before.live_mm, *before.plans}) - {*state.live_mm, *state.plans}:
        yield from clear_level_steps(scene, level)
    for level, vertices in state.live_mm.items():
        if before.live_mm.get(level) is not vertices and state.case is not None:
            yield from fitting_steps(scene, state.case.views, level, vertices, faces_of(level), state.case.id)


def _plans(scene: vtkMRMLScene, before: PanelState, state: PanelState) -> Iterator[None]:
    assert state.case is not None
    if not differ(before, state, "case", "plans", "options", "review", "dragged", "live_mm", "session"):
        return
    first = state.selected[0] if state.selected else ""
    for level in sorted(set(state.plans) - set(state.live_mm), key=lambda one: one != first):
        plan, options = state.plans[level], options_of(state, level)
        new = before.case is not state.case or before.plans.get(level) is not plan or level in before.live_mm
        sides = None if new else _other_sides(before, state, level)
        if sides is None or sides:
            yield from plan_steps(scene, state.case.views, plan, options, state.case.id, sides)
        if new:
            save_plan(scene, plan, state.case.id)
            yield
    if state.plans and differ(before, state, "case", "plans", "options", "review", "session"):
        show_table(scene, plan_rows(list(state.plans.values()), state.options, _ratings(state)), state.case.id)
        yield
        tidy(scene, state.case.id)
        yield


def _other_sides(before: PanelState, state: PanelState, level: str) -> frozenset[str]:
    """The sides of a level whose cannula stands elsewhere than it is shown."""
    one, other = options_of(before, level), options_of(state, level)
    sides = {side for side in {*one, *other} if one.get(side) is not other.get(side)}
    dragged = before.dragged
    if dragged is not None and dragged.key[0] == level and state.dragged is not dragged:
        sides.add(dragged.key[1])
    if state.dragged is not None and state.dragged.key[0] == level:
        sides.discard(state.dragged.key[1])  # the hand has it
    return frozenset(sides)


def _clicks(scene: vtkMRMLScene, before: PanelState, state: PanelState) -> Iterator[None]:
    assert state.case is not None
    if differ(before, state, "case", "seeds", "found", "marking", "plans", "live_mm"):
        for view in state.case.views:
            clicks = waiting_clicks(scene, view, tuple(state.seeds.values()))
            points = state.marking.points
            clicks |= {number: places[view.name] for number, places in points.items() if view.name in places}
            show_clicks(scene, view, clicks, state.case.id)
            yield
        if state.found is not None or before.found is not None:
            yield from _found(scene, state, differ(before, state, "case", "found", "seeds"))


def _found(scene: vtkMRMLScene, state: PanelState, new: bool) -> Iterator[None]:
    """What is proposed of vertebrae that are not shown themselves: outlines, and a dot where there is no click.

    Args:
        new: whether anything of it may be another one; while a fit runs it only becomes less.
    """
    assert state.case is not None
    waiting = {level: one for level, one in proposals(state).items() if node_of(scene, "vertebra", level) is None}
    doubtful = frozenset(level for level, one in waiting.items() if not one.sure)
    for view in state.case.views:
        clicked = {level for level, seed in state.seeds.items() if view.name in seed.clicks_px}
        places = {level: one.places_px[view.name] for level, one in waiting.items() if view.name in one.places_px}
        places = {level: place for level, place in places.items() if level not in clicked}
        if new or levels_proposed(scene, view, "proposals") != list(places):
            show_proposals(scene, view, places, doubtful, state.case.id)
            yield
        loops = {level: one.outlines_px[view.name] for level, one in waiting.items() if view.name in one.outlines_px}
        if new or levels_proposed(scene, view, "found outline") != list(loops):
            show_found_outlines(scene, view, loops, state.case.id)
            yield


def _selected(scene: vtkMRMLScene, before: PanelState, state: PanelState, turn: bool) -> Iterator[None]:
    """Turn the views to another vertebra; to another cannula of the same one the fourth only, so that nobody who has
    zoomed in, or holds a needle, loses the place."""
    assert state.case is not None
    if not differ(before, state, "selected", "case", "plans", "options", "dragged", "session"):
        return
    plan = state.plans.get(state.selected[0]) if state.selected else None
    if plan is None or plan.vertices_mm is None or state.selected is None:
        hide_barrel(scene)
        return
    level, side = state.selected
    same = before.selected is not None and before.selected[0] == level and before.case is state.case
    if turn and not (same and before.plans.get(level) is plan):
        for view, slot in zip(state.case.views, SLOTS, strict=False):
            slice_node_for(scene, view, slot, plan.vertices_mm)
            yield
    highlight(scene, level, side)
    yield
    option = state.options.get(state.selected)
    if state.dragged is None or state.dragged.key != state.selected:
        yield from barrel_steps(scene, plan, option, case_id=state.case.id)


def _epipolar(scene: vtkMRMLScene, state: PanelState) -> None:
    hide_epipolar_lines(scene)
    for view in state.case.views if state.case else ():
        if view.name in state.epipolar_px:
            show_epipolar_line(scene, view, state.epipolar_px[view.name], state.case.id if state.case else "")


def _hidden(scene: vtkMRMLScene, state: PanelState) -> None:
    hide_overlays(scene, state.hidden)
    if not state.hidden and state.selected is not None and state.selected[0] in state.plans:
        highlight(scene, *state.selected)  # which of them are seen at all


@lru_cache(maxsize=32)
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


def options_of(state: PanelState, level: str) -> dict[str, Option]:
    """Side to the cannula of a level as it stands."""
    return {side: option for (known, side), option in state.options.items() if known == level}


def _ratings(state: PanelState) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Level and side to grade, rater and comment, of the cannulas that have one."""
    if state.review is None:
        return {}
    found = {key: state.review.grade(*key) for key in state.review.planned}
    return {key: (str(grade.value), grade.rater, grade.comment) for key, grade in found.items() if grade is not None}
