"""What is done to cannulas: dragged, replaced, graded, taken back. Functions from state to state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..io.cannulas import recommended
from ..plan.cannula import NEEDLE_DIAMETERS_MM
from ..plan.words import needle_name, room_words
from ..review.record import GRADES, Adjustment, Deed, Key, Review, same
from ..types import SIDES, Cannula, Option, Plan
from .measuring import Ready, gauge_of, nearest_wall
from .state import Live, PanelState, Refusal

ENDS = ("entry", "target")
SHORTEST_MM = 5.0
"""Ends that are dragged nearer to each other than this stay where they are."""

Tools = Mapping[str, Ready]
"""Level to what measures in it."""


def with_plans(state: PanelState, plans: Mapping[str, Plan], tools: Tools) -> PanelState:
    """With these levels' plans shown, and their cannulas under review in place of those there were.

    A cannula of an earlier fit is not forgotten: its place in the record is followed by "new fit".
    """
    review = state.review or Review(state.case.id if state.case else "", {})
    fresh = {(level, one.side): one for level, plan in plans.items() for one in plan.cannulas}
    planned = {**fresh, **review.planned}
    review = replace(review, planned=planned)
    for (level, _), cannula in fresh.items():
        review = review.adjusted(cannula, level, "new fit")
    shown = {**state.plans, **plans}
    options = {key: option for key, option in state.options.items() if key[0] not in plans}
    for level, plan in plans.items():
        options |= {(level, option.cannula.side): option for option in recommended(plan)}
    state = replace(state, plans=shown, review=review, options=options, dragged=None)
    state = with_review(state, review, tools)
    kept = state.selected is not None and (state.selected in state.options or state.selected[0] not in plans)
    return state if kept or not plans else replace(state, selected=_first_key(state, next(iter(plans))))


def with_review(state: PanelState, review: Review, tools: Tools) -> PanelState:
    """With another record: every cannula that stands elsewhere now is measured anew."""
    options: dict[Key, Option] = {}
    for key, cannula in review.cannulas.items():
        known = state.options.get(key)
        if key[0] not in tools:
            continue
        kept = known is not None and same(known.cannula, cannula)
        options[key] = known if kept else _option(cannula, key[0], state, tools)  # type: ignore[assignment]
    return replace(state, review=review, options=options)


def selected(state: PanelState, level: str, side: str = "") -> PanelState:
    """With a vertebra, or one of its cannulas, selected.

    Raises:
        Refusal: there is no such.
    """
    if level not in state.plans:
        raise Refusal(f"{level} has no plan to look at yet. Fit it first.")
    key = (level, side) if side else _first_key(state, level)
    if key not in state.options and key[1]:
        raise Refusal(f"{level} has no cannula on the {side}.")
    gauge = gauge_of(state.options[key].cannula.diameter_mm) if key in state.options else None
    return replace(state, selected=key, dragged=None, gauge=gauge or state.gauge)


def next_selected(state: PanelState, cannulas: int = 0, vertebrae: int = 0) -> PanelState:
    """With the next (or, negative, the last) cannula or vertebra selected; the ends of the table stop."""
    if not state.plans:
        raise Refusal("There is nothing to select yet. Fit a vertebra first.")
    keys = row_keys(state)
    here = state.selected if state.selected in keys else keys[0]
    if cannulas:
        place = int(np.clip(keys.index(here) + cannulas, 0, len(keys) - 1))
        return selected(state, *keys[place])
    levels = list(dict.fromkeys(level for level, _ in keys))
    level = levels[int(np.clip(levels.index(here[0]) + vertebrae, 0, len(levels) - 1))]
    side = here[1] if (level, here[1]) in state.options else ""
    return selected(state, level, side)


def row_keys(state: PanelState) -> list[Key]:
    """Every cannula from head to foot, left then right; a vertebra without any as (level, "")."""
    keys: list[Key] = []
    for level in state.plans:
        sides = [(level, side) for side in SIDES if (level, side) in state.options]
        keys += sides or [(level, "")]
    return keys


def dragged(state: PanelState, end: str, point_mm: np.ndarray, tools: Tools) -> PanelState:
    """With the selected cannula's end being dragged somewhere, measured live.

    Args:
        end: "entry" or "target".
        point_mm: (3,) RAS mm.

    Raises:
        Refusal: nothing is selected.
    """
    key = selected_cannula(state)
    if end not in ENDS:
        raise ValueError(f"got the end {end!r}; allowed are {', '.join(ENDS)}")
    before = state.dragged.cannula if state.dragged and state.dragged.key == key else state.options[key].cannula
    point = np.asarray(point_mm, dtype=np.float64)
    moved = {f"{end}_mm": point}
    after = replace(before, **moved, via_mm=None, name="drawn")  # type: ignore[arg-type]
    if not np.isfinite(point).all() or np.linalg.norm(after.target_mm - after.entry_mm) < SHORTEST_MM:
        return state
    safety = tools[key[0]].safety(after)
    nearest = nearest_wall(safety.clearance_by_direction_mm)
    return replace(state, dragged=Live(key, after, safety, nearest, room_words(safety)))


def released(state: PanelState, tools: Tools) -> PanelState:
    """With what was dragged as one more thing done."""
    live = state.dragged
    if live is None or state.review is None:
        return state
    before = state.review.cannulas[live.key]
    ends = [end for end in ENDS if not np.allclose(getattr(before, f"{end}_mm"), getattr(live.cannula, f"{end}_mm"))]
    if not ends:
        return replace(state, dragged=None)
    return _adjusted(replace(state, dragged=None), live.cannula, f"{' and '.join(ends)} dragged", tools)


def with_cannula(state: PanelState, cannula: Cannula, level: str, how: str, tools: Tools) -> PanelState:
    """With another cannula in place of the one on its side."""
    return _adjusted(state, cannula, level=level, how=how, tools=tools)


def with_gauge(state: PanelState, gauge: int, tools: Tools) -> PanelState:
    """With another needle for the selected cannula, if one is selected, and for the next fits.

    Raises:
        Refusal: no such needle.
    """
    if gauge not in NEEDLE_DIAMETERS_MM:
        known = ", ".join(f"{one}G" for one in NEEDLE_DIAMETERS_MM)
        raise Refusal(f"There is no needle of {gauge}G. Needles: {known}.")
    state = replace(state, gauge=gauge)
    if state.selected not in state.options:
        return replace(state, message=f"The next fit plans for {gauge}G needles.", attention=False)
    cannula = state.options[state.selected].cannula  # type: ignore[index]
    return _adjusted(state, replace(cannula, diameter_mm=NEEDLE_DIAMETERS_MM[gauge]), f"gauge {gauge}G", tools)


def graded(state: PanelState, value: int, comment: str = "") -> PanelState:
    """With the selected cannula graded.

    Raises:
        Refusal: nothing is selected, or no such grade.
    """
    key = selected_cannula(state)
    if value not in GRADES:
        raise Refusal(f"There is no grade {value}. Grades: {grade_words()}.")
    assert state.review is not None
    review = state.review.graded(*key, value, state.rater, comment=comment)
    words = f"{' '.join(key)}: grade {value}, {GRADES[value]}."
    return replace(state, review=review, message=words, attention=False)


def undone(state: PanelState, tools: Tools) -> PanelState:
    """With the last thing taken back.

    Raises:
        Refusal: there is nothing.
    """
    if state.review is None or not state.review.standing:
        raise Refusal("There is nothing to undo.")
    deed = state.review.standing[-1]
    state = with_review(replace(state, dragged=None), state.review.undone(), tools)
    return _after(state, deed, f"Taken back: {deed_words(deed)}.")


def redone(state: PanelState, tools: Tools) -> PanelState:
    """With the last thing that was taken back standing again.

    Raises:
        Refusal: there is nothing.
    """
    if state.review is None or not state.review.undone_deeds:
        raise Refusal("There is nothing to do again.")
    deed = state.review.undone_deeds[-1]
    state = with_review(replace(state, dragged=None), state.review.redone(), tools)
    return _after(state, deed, f"Done again: {deed_words(deed)}.")


def selected_cannula(state: PanelState) -> Key:
    """The selected cannula's level and side.

    Raises:
        Refusal: none is selected.
    """
    if state.selected is None or state.selected not in state.options:
        raise Refusal("Select a cannula in the table first.")
    return state.selected


def deed_words(deed: Deed) -> str:
    """ "L3 left: entry dragged"."""
    what = deed.how if isinstance(deed, Adjustment) else f"grade {deed.value}"
    return f"{deed.level} {deed.side}: {what}"


def grade_words() -> str:
    """ "0 suboptimal, 1 moderate, needs adjustment, 2 optimal"."""
    return "; ".join(f"{value} {words}" for value, words in GRADES.items())


def _adjusted(state: PanelState, cannula: Cannula, how: str, tools: Tools, level: str = "") -> PanelState:
    assert state.review is not None
    level = level or selected_cannula(state)[0]
    review = state.review.adjusted(cannula, level, how)
    if review is state.review:
        return replace(state, message=f"{level} {cannula.side} is so already.", attention=False)
    state = with_review(state, review, tools)
    option = state.options[level, cannula.side]
    words = f"{level} {cannula.side}, {how}: {needle_name(cannula.diameter_mm)}, {room_words(option.safety)}."
    return replace(state, message=words, attention=False)


def _after(state: PanelState, deed: Deed, words: str) -> PanelState:
    """Where something was undone or redone, there the user looks."""
    key = (deed.level, deed.side)
    state = selected(state, *key) if key in state.options else state
    return replace(state, message=words, attention=False)


def _option(cannula: Cannula, level: str, state: PanelState, tools: Tools) -> Option:
    """The plan's own words and risk where it considered this very cannula."""
    for option in state.plans[level].options if level in state.plans else ():
        if same(option.cannula, cannula) and option.cannula.name == cannula.name:
            return option
    return tools[level].option(cannula)


def _first_key(state: PanelState, level: str) -> Key:
    side = next((side for side in SIDES if (level, side) in state.options), "")
    return level, side
