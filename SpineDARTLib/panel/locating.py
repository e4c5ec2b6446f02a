"""Where the vertebrae are: clicks on their centres, view by view, what the detector proposes, and which level each is.

A click is a person's and stays; a proposal stands where there is no click, and goes when the X-rays change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from ..geometry.camera import rays
from ..types import LEVELS, Seed
from .epipolar import epipolar_lines
from .found import Earlier, Found, Proposal, moved_level
from .lacking import what_case_lacks
from .posing import xray_of
from .state import PanelState, Refusal

MOST_EARLIER = 100
"""Things that can be taken back."""

APART_PX = 40.0
"""Rays of two clicks that miss each other by more give no start (``fit.initialise``: eight deviations of 5 px)."""

PARALLEL = 0.1
"""Sine of the angle between two rays below which nothing is said of where they meet (6 degrees)."""

PASSING_MM = 12.0
"""Rays that pass each other by more are perhaps not on one vertebra: less than half of the 27 mm from T9 to T10."""


def found_in(state: PanelState) -> Found | None:
    """What the detector found in the X-rays as they are; None where they are other ones, or nobody has looked."""
    views = state.case.views if state.case else ()
    return state.found if state.found is not None and state.found.of_views(views) else None


def proposals(state: PanelState) -> Mapping[str, Proposal]:
    """Level to what the detector proposes in the X-rays as they are."""
    found = found_in(state)
    return found.proposals if found else {}


def seed_of(state: PanelState, level: str) -> Seed:
    """What a fit of a level begins from: clicks, and the proposed places in the views without any."""
    seed, one = state.seeds.get(level, Seed(level)), proposals(state).get(level)
    if one is None:
        return seed
    both = {**one.places_px, **seed.clicks_px}
    return replace(seed, clicks_px={name: both[name] for name in state.view_names if name in both})


def located(state: PanelState) -> dict[str, Seed]:
    """Level to ``seed_of`` it, of all that are clicked or found, head to foot."""
    levels = sorted({*state.seeds, *proposals(state)}, key=LEVELS.index)
    return {level: seed_of(state, level) for level in levels}


def clicked(state: PanelState, view: str, u: float, v: float, level: str = "") -> PanelState:
    """With a click on the centre of a vertebra's body.

    Args:
        u, v: pixel, column and row.
        level: the chosen one when "".

    Raises:
        Refusal: no such view or level, a view without geometry, or a click beside the picture.
    """
    level = _checked(level or state.level)
    xray = xray_of(state, view)
    if view not in state.view_names:
        raise Refusal(f"The geometry of {view} is not known yet. Fill in the C-arm form first.")
    height, width = xray.image.shape
    if not (-0.5 <= u <= width - 0.5 and -0.5 <= v <= height - 0.5):
        raise Refusal(f"That click is beside the picture {view}. Click inside it.")
    seed = state.seeds.get(level, Seed(level))
    seed = replace(seed, clicks_px={**seed.clicks_px, view: (float(u), float(v))})
    seeds = {**state.seeds, level: seed}
    seeds = {name: seeds[name] for name in sorted(seeds, key=LEVELS.index)}
    state = replace(with_earlier(state), seeds=seeds, epipolar_px=epipolar_lines(state, view, u, v), level=level)
    passing = passing_words(state, level)
    as_found = [name for name in seed_of(state, level).clicks_px if name not in seed.clicks_px]
    kept = f"; {' and '.join(as_found)} as found" if as_found else ""
    done = f"{level} is clicked in {' and '.join(seed.clicks_px)}{kept}."
    return replace(state, message=what_seed_lacks(state, level) or passing or done, attention=bool(passing))


def clicked_on(state: PanelState, view: str, u: float, v: float) -> PanelState:
    """While clicking: the same for the chosen level, and when that has all its clicks, on to the next one below.

    Raises:
        Refusal: as ``clicked``.
    """
    before, level = what_seed_lacks(state, state.level), state.level
    state = clicked(state, view, u, v)
    there = located(state)
    free = [one for one in LEVELS[LEVELS.index(level) + 1 :] if one not in there]
    missing = [name for name in state.view_names if name not in there[level].clicks_px]
    if not before or missing or state.attention or not free:
        return state
    return replace(state, level=free[0], message=f"{state.message} Next: {free[0]}, or choose another level.")


def what_seed_lacks(state: PanelState, level: str) -> str:
    """Why a level cannot be fitted, with the next thing to do, or ""."""
    seed = seed_of(state, level)
    names = [name for name in state.view_names if name in seed.clicks_px]
    missing = [name for name in state.view_names if name not in names]
    if len(names) < 2:
        done = f"clicked in {' and '.join(names)} only" if names else "not clicked yet"
        return f"{level} is {done}. Click its centre in {' and '.join(missing) or 'two views'}."
    apart = passing(state, level)[1]
    if apart > APART_PX:
        by = f": they are {apart:.0f} px off" if apart < np.inf else ""
        return (
            f"The clicks on {level} do not meet{by}. "
            "Check that all are on the same vertebra, or whether a view is mirrored."
        )
    return ""


def clicked_alone(state: PanelState) -> tuple[str, ...]:
    """Levels that are clicked in one view and found in no other: the detector may know them there."""
    return tuple(level for level, seed in located(state).items() if len(seed.clicks_px) == 1)


def passing_words(state: PanelState, level: str) -> str:
    """That a level's clicks may not be on one vertebra, though they can be fitted; "" where they are near enough."""
    gap = passing(state, level)[0]
    if gap <= PASSING_MM:
        return ""
    return f"The clicks on {level} pass each other by {gap:.0f} mm. Are they on the same vertebra?"


def passing(state: PanelState, level: str) -> tuple[float, float]:
    """How far the rays of a level's clicks pass each other, mm, and how far off that puts each click, pixels."""
    clicks = seed_of(state, level).clicks_px if level in state.seeds else {}  # the detector has weighed its own
    views = [view for view in (state.case.views if state.case else ()) if view.name in clicks]
    lines = [rays(np.array([clicks[view.name]], dtype=np.float64), view) for view in views]
    gap_mm = apart_px = 0.0
    for (one, (start, along)), (other, (end, across)) in combinations(zip(views, lines, strict=True), 2):
        normal = np.cross(along[0], across[0])
        square = float(normal @ normal)
        if square < PARALLEL**2:
            continue
        gap = abs(float((end - start) @ normal)) / square**0.5
        depths = [float(np.cross(end - start, towards[0]) @ normal) / square for towards in (across, along)]
        # Half of the gap for either click, as large as the detector shows it.
        shown = [view.intrinsics[0, 0] / depth for view, depth in zip((one, other), depths, strict=True) if depth > 0]
        gap_mm, apart_px = max(gap_mm, gap), max(apart_px, *(gap / 2 * scale for scale in shown), 0.0)
        if len(shown) < 2:  # they meet behind a source: a mirrored view
            return float("inf"), float("inf")
    return gap_mm, apart_px


def without_level(state: PanelState, level: str) -> PanelState:
    """Without a level's clicks, and without what was found of it."""
    found = found_in(state)
    if level not in located(state):
        raise Refusal(f"{level} has no clicks to take away.")
    seeds = {name: seed for name, seed in state.seeds.items() if name != level}
    if found is not None:
        left = {name: one for name, one in found.proposals.items() if name != level}
        found = replace(found, proposals=left)
    words = f"The clicks on {level} are gone." if level in state.seeds else f"{level} is left out."
    return replace(with_earlier(state), seeds=seeds, found=found, epipolar_px={}, message=words, attention=False)


def with_found(state: PanelState, found: Found, only: tuple[str, ...] = ()) -> PanelState:
    """With what was found; clicks stay, each in its own view.

    Args:
        only: levels of which a click was to be completed: nothing else changes, and there is nothing to take back.
    """
    before = found_in(state)
    if not only or before is None:
        there = {**state.seeds, **found.proposals}
        level = state.level if state.level in there else next(iter(there), state.level)
        return replace(with_earlier(state), found=found, level=level, attention=not found.proposals)
    fresh = {level: found.proposals[level] for level in only if level in found.proposals}
    together = {**before.proposals, **fresh}
    reasons = {level: words for level, words in {**before.reasons, **found.reasons}.items() if level not in together}
    proposals = {level: together[level] for level in sorted(together, key=LEVELS.index)}
    return replace(state, found=replace(before, proposals=proposals, reasons=reasons))


def click_undone(state: PanelState) -> PanelState:
    """With the last click, shift or find, or the last removing of a level, taken back.

    Raises:
        Refusal: there is none.
    """
    if not state.earlier_clicks:
        raise Refusal("There is no click to take back.")
    *left, before = state.earlier_clicks
    words = f"The last click is taken back. Click {before.level} again, or choose another level."
    if before.shift != state.shift:
        words = "The levels are named as they were before."
    elif before.found is not state.found:
        words = "What was found or left out last is taken back."
    state = replace(_gone_to(state, before), earlier_clicks=tuple(left), later_clicks=(*state.later_clicks, now(state)))
    return replace(state, message=words)


def click_redone(state: PanelState) -> PanelState:
    """With what was taken back last done again.

    Raises:
        Refusal: there is nothing.
    """
    if not state.later_clicks:
        raise Refusal("There is no click to do again.")
    *left, after = state.later_clicks
    state = replace(
        _gone_to(state, after), earlier_clicks=(*state.earlier_clicks, now(state)), later_clicks=tuple(left)
    )
    return replace(state, message="Done again.")


def shifted(state: PanelState, by: int) -> PanelState:
    """With all clicks and proposals called one level (or more) lower, or higher where ``by`` is negative.

    Raises:
        Refusal: nothing to shift, or no such level.
    """
    lack = what_shift_lacks(state, by)
    if lack:
        raise Refusal(lack)
    names = {level: moved_level(level, by) for level in located(state)}
    seeds = {names[level]: replace(seed, level=names[level]) for level, seed in state.seeds.items()}
    found = found_in(state)
    words = f"Levels are now {', '.join(names.values())}. Fit them again: each level has its own shape."
    return replace(
        with_earlier(state),
        seeds=seeds,
        found=found.shifted(by) if found else None,
        shift=state.shift + by,
        level=names.get(state.level, next(iter(names.values()))),
        epipolar_px={},
        message=words,
        attention=False,
    )


def what_shift_lacks(state: PanelState, by: int) -> str:
    """Why the levels cannot be shifted so far, or ""."""
    levels = list(located(state))
    if not levels:
        return "There are no levels to shift. Find or click a vertebra first."
    outside = [level for level in levels if not moved_level(level, by)]
    if not outside:
        return ""
    end, word = (LEVELS[0], "highest") if by < 0 else (LEVELS[-1], "lowest")
    return f"The levels cannot be shifted: they would leave {LEVELS[0]} to {LEVELS[-1]}. {end} is the {word}."


def with_level(state: PanelState, level: str) -> PanelState:
    """With the level that the next click is for.

    Raises:
        Refusal: no such level.
    """
    return replace(state, level=_checked(level), epipolar_px={})


def with_clicking(state: PanelState, on: bool) -> PanelState:
    """With clicks in the views taken or not."""
    lack = what_case_lacks(state)
    if on and lack:
        raise Refusal(lack)
    words = f"Click the centre of {state.level} in each view. Esc ends." if on else "Clicks do nothing now."
    marking = replace(state.marking, next="")
    return replace(state, clicking=on, marking=marking, epipolar_px={}, message=words, attention=False)


def with_earlier(state: PanelState) -> PanelState:
    """With what is located now remembered; the case's folder does not hold any more what comes next."""
    earlier = (*state.earlier_clicks[-MOST_EARLIER:], now(state))
    return replace(state, earlier_clicks=earlier, later_clicks=(), case_folder=None)


def now(state: PanelState) -> Earlier:
    """What is located now, to go back to."""
    return Earlier(state.seeds, state.level, state.found, state.shift)


def _gone_to(state: PanelState, there: Earlier) -> PanelState:
    state = replace(state, seeds=there.seeds, level=there.level, found=there.found, shift=there.shift)
    return replace(state, epipolar_px={}, case_folder=None, attention=False)


def _checked(level: str) -> str:
    if level not in LEVELS:
        raise Refusal(f"There is no level {level}. Levels: {LEVELS[0]} to T12 and L1 to {LEVELS[-1]}.")
    return level
