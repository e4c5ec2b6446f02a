"""Where the vertebrae are: clicks on their centres, view by view, and which level each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from ..geometry.camera import project_with_depth, rays
from ..types import LEVELS, Seed, View
from .lacking import what_case_lacks
from .posing import xray_of
from .state import PanelState, Refusal

APART_PX = 40.0
"""Rays of two clicks that miss each other by more give no start (``fit.initialise``: eight deviations of 5 px)."""

PARALLEL = 0.1
"""Sine of the angle between two rays below which nothing is said of where they meet (6 degrees)."""

PASSING_MM = 12.0
"""Rays that pass each other by more are perhaps not on one vertebra: less than half of the 27 mm from T9 to T10."""


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
    state = _with_seeds(state, seeds, epipolar_lines(state, view, u, v))
    state = replace(state, level=level)
    passing = passing_words(state, level)
    words = what_seed_lacks(state, level) or passing or f"{level} is clicked in {' and '.join(seed.clicks_px)}."
    return replace(state, message=words, attention=bool(passing))


def clicked_on(state: PanelState, view: str, u: float, v: float) -> PanelState:
    """While clicking: the same for the chosen level, and when that has all its clicks, on to the next one below.

    Raises:
        Refusal: as ``clicked``.
    """
    before, level = what_seed_lacks(state, state.level), state.level
    state = clicked(state, view, u, v)
    free = [one for one in LEVELS[LEVELS.index(level) + 1 :] if one not in state.seeds]
    missing = [name for name in state.view_names if name not in state.seeds[level].clicks_px]
    if not before or missing or state.attention or not free:
        return state
    return replace(state, level=free[0], message=f"{state.message} Next: {free[0]}, or choose another level.")


def what_seed_lacks(state: PanelState, level: str) -> str:
    """Why a level cannot be fitted, with the next thing to do, or ""."""
    seed = state.seeds.get(level, Seed(level))
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


def passing_words(state: PanelState, level: str) -> str:
    """That a level's clicks may not be on one vertebra, though they can be fitted; "" where they are near enough."""
    gap = passing(state, level)[0]
    if gap <= PASSING_MM:
        return ""
    return f"The clicks on {level} pass each other by {gap:.0f} mm. Are they on the same vertebra?"


def passing(state: PanelState, level: str) -> tuple[float, float]:
    """How far the rays of a level's clicks pass each other, mm, and how far off that puts each click, pixels."""
    clicks = state.seeds.get(level, Seed(level)).clicks_px
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
    """Without a level's clicks."""
    if level not in state.seeds:
        raise Refusal(f"{level} has no clicks to take away.")
    seeds = {name: seed for name, seed in state.seeds.items() if name != level}
    return replace(_with_seeds(state, seeds), message=f"The clicks on {level} are gone.")


def click_undone(state: PanelState) -> PanelState:
    """With the last click, or the last removing of a level, taken back.

    Raises:
        Refusal: there is none.
    """
    if not state.earlier_clicks:
        raise Refusal("There is no click to take back.")
    *earlier, (seeds, level) = state.earlier_clicks
    words = f"The last click is taken back. Click {level} again, or choose another level."
    state = replace(_with_seeds(state, seeds), level=level, earlier_clicks=tuple(earlier))
    return replace(state, message=words, attention=False)


def shifted(state: PanelState, by: int) -> PanelState:
    """With all clicks called one level (or more) lower, or higher where ``by`` is negative.

    Raises:
        Refusal: nothing to shift, or no such level.
    """
    if not state.seeds:
        raise Refusal("There are no levels to shift. Click a vertebra first.")
    places = [LEVELS.index(level) + by for level in state.seeds]
    if min(places) < 0 or max(places) >= len(LEVELS):
        raise Refusal(f"The levels cannot be shifted: they would leave {LEVELS[0]} to {LEVELS[-1]}.")
    names = {level: LEVELS[place] for level, place in zip(state.seeds, places, strict=True)}
    seeds = {names[level]: replace(seed, level=names[level]) for level, seed in state.seeds.items()}
    words = f"Levels are now {', '.join(seeds)}. Fit them again: each level has its own shape."
    return replace(state, seeds=seeds, level=names.get(state.level, next(iter(seeds))), case_folder=None, message=words)


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


def epipolar_lines(state: PanelState, view: str, u: float, v: float) -> dict[str, np.ndarray]:
    """View name to (2, 2) u, v: where in the other views a point of this one can be, clipped to the picture."""
    views = {one.name: one for one in (state.case.views if state.case else ())}
    if view not in views:
        return {}
    lines = {name: epipolar_line(views[view], (u, v), other) for name, other in views.items() if name != view}
    return {name: line for name, line in lines.items() if line is not None}


def epipolar_line(of: View, pixel: tuple[float, float], other: View) -> np.ndarray | None:
    """The line in another view on which a pixel's point lies.

    Args:
        of: the view that was clicked.
        pixel: (u, v) in it.
        other: the view to draw in.

    Returns:
        (2, 2) u, v of its two ends within the picture, None where it misses it.
    """
    source, directions = rays(np.array([pixel], dtype=np.float64), of)
    # The whole way from near the source to the detector, as far as it lies before the other source.
    steps = np.linspace(0.05, 1.0, 200)[:, None] * of.source_to_detector_mm
    pixels, depth = project_with_depth(source + steps * directions, other)
    seen = pixels[depth > 1.0]
    return _clipped(seen[0], seen[-1], other.image.shape) if len(seen) > 1 else None


def _with_seeds(
    state: PanelState, seeds: Mapping[str, Seed], epipolar_px: Mapping[str, np.ndarray] | None = None
) -> PanelState:
    """With other clicks; the case's folder does not hold them any more."""
    earlier = (*state.earlier_clicks, (state.seeds, state.level))
    return replace(state, seeds=seeds, earlier_clicks=earlier, epipolar_px=epipolar_px or {}, case_folder=None)


def _clipped(start: np.ndarray, end: np.ndarray, shape: tuple[int, int]) -> np.ndarray | None:
    """The part of a segment within a picture (Liang and Barsky 1984)."""
    size = np.array([shape[1] - 1, shape[0] - 1], dtype=np.float64)
    along = end - start
    low, high = 0.0, 1.0
    for axis in (0, 1):
        if abs(along[axis]) < 1e-9:
            if not 0 <= start[axis] <= size[axis]:
                return None
            continue
        near, far = sorted((-start[axis] / along[axis], (size[axis] - start[axis]) / along[axis]))
        low, high = max(low, near), min(high, far)
    return np.stack([start + low * along, start + high * along]) if low < high else None


def _checked(level: str) -> str:
    if level not in LEVELS:
        raise Refusal(f"There is no level {level}. Levels: {LEVELS[0]} to T12 and L1 to {LEVELS[-1]}.")
    return level
