"""The same points of the patient, clicked in several X-rays, and the views' position recovered from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..geometry.recovered import LEAST_POINTS
from ..io.gathered import Gathered, GatheredView
from ..io.gathering import with_clicks
from ..io.posed import known_of_picture
from ..types import Case
from .acquired import POINTS
from .posing import c_arm_of_view, xray_of
from .state import Marking, PanelState, Points, Refusal, XRay

EARLIER = 50
"""Clicks that can be taken back."""


def gathered_of(state: PanelState) -> Gathered:
    """The views that have a camera, as ``io.gathering`` takes them."""
    xrays = {xray.name: xray for xray in state.xrays}
    views = []
    for view in state.case.views if state.case else ():
        xray = xrays[view.name]
        height, width = xray.image.shape
        known = xray.known or known_of_picture(xray.file, "", (height, width))
        views.append(GatheredView(view.name, known, xray.image, xray.polarity, view, frame=xray.frame))
    return Gathered(tuple(views), None, "")


def what_points_lack(state: PanelState) -> str:
    """Why the views' position cannot be recovered yet, or ""."""
    both = sum(len(clicks) > 1 for clicks in state.marking.points.values())
    if both >= LEAST_POINTS:
        return ""
    return f"Click {LEAST_POINTS} or more points in two X-rays each (eight are better); there {_are(both)}."


def with_marking(state: PanelState, on: bool) -> PanelState:
    """With points taken, from the first that is not in every view on, or not."""
    names = state.view_names
    if on and len(names) < 2:
        raise Refusal("Points need two X-rays with a geometry, if only a rough one. Fill in the C-arm form first.")
    number = _next(state.marking.points, names) if on else ""
    words = f"Click point {number} in each X-ray: the same place of the patient. Esc ends." if on else ""
    marking = replace(state.marking, next=number)
    return replace(state, clicking=on, marking=marking, epipolar_px={}, message=words, attention=False)


def marked(state: PanelState, view: str, u: float, v: float, number: str = "") -> PanelState:
    """With a point clicked, or moved, in one view; then on to the next one that is wanting.

    Raises:
        Refusal: no such view, or a click beside the picture.
    """
    height, width = xray_of(state, view).image.shape
    if not (-0.5 <= u <= width - 0.5 and -0.5 <= v <= height - 0.5):
        raise Refusal(f"That click is beside the picture {view}. Click inside it.")
    marking, chosen = state.marking, number or state.marking.next
    points = {**marking.points, chosen: {**marking.points.get(chosen, {}), view: (float(u), float(v))}}
    missing = [name for name in state.view_names if name not in points[chosen]]
    following = marking.next if missing or number else _next(points, state.view_names)
    words = f"Point {chosen}: click it in {' and '.join(missing)} too." if missing else ""
    marking = replace(_earlier(state), points=points, next=following)
    state = replace(state, marking=marking)
    whole = what_points_lack(state) or "The views' position can be recovered from these points."
    return replace(state, message=words or f"Point {chosen} is clicked. {whole}", attention=False)


def unmarked(state: PanelState) -> PanelState:
    """Without points."""
    marking = replace(_earlier(state), points={}, next="1" if state.marking.next else "")
    return replace(state, marking=marking, message="The points are gone.", attention=False)


def mark_undone(state: PanelState) -> PanelState:
    """With the last click on a point, the last removing of all, or the last recovery taken back.

    Raises:
        Refusal: there is none.
    """
    if not state.marking.earlier:
        raise Refusal("There is no point to take back.")
    *earlier, (points, case, xrays) = state.marking.earlier
    following = _next(points, state.view_names) if state.marking.next else ""
    marking = replace(state.marking, points=points, next=following, earlier=tuple(earlier))
    words = "The last point is taken back."
    if case is not None:
        state = replace(state, case=case, xrays=xrays, case_folder=None)
        marking, words = replace(marking, recovered=None), "The views are where they were before they were recovered."
    return replace(state, marking=marking, message=words, attention=False)


def recovered(state: PanelState, moved_mm: float) -> PanelState:
    """With the views where the points say that they are; where these do not determine it, as they were, and why.

    Args:
        moved_mm: how far table or C-arm may have moved (standard deviation along each axis).

    Raises:
        Refusal: too few points.
    """
    lack = what_points_lack(state)
    if lack or state.case is None:
        raise Refusal(lack)
    names = state.view_names
    missing = (np.nan, np.nan)
    pixels = np.array([[clicks.get(name, missing) for name in names] for clicks in state.marking.points.values()])
    try:
        found = with_clicks(gathered_of(state), pixels, moved_mm)
    except ValueError as error:
        raise Refusal(f"The views' position was not recovered: {error}.") from None
    assert found.recovered is not None
    if not found.recovered.identifiable:
        marking = replace(state.marking, recovered=found.recovered)
        return replace(state, marking=marking, message=f"Refused. {found.recovered.words}", attention=True)
    return _moved(state, found, state.case)


def _moved(state: PanelState, found: Gathered, case: Case) -> PanelState:
    """With recovered cameras; the first view's stays, and all are in one frame now."""
    views = {view.name: view for view in found.posed}
    frame = f"set of points: {len(state.marking.earlier)}"
    first = state.view_names[0]

    def placed(xray: XRay) -> XRay:
        if xray.name not in views:
            return xray
        if xray.name == first:
            return replace(xray, frame=frame)
        c_arm = c_arm_of_view(views[xray.name], None, xray.c_arm.convention, xray.c_arm.patient_position)
        return replace(xray, frame=frame, source=POINTS, c_arm=c_arm)

    marking = replace(_earlier(state, case), recovered=found.recovered, next="")
    assert found.recovered is not None
    return replace(
        state,
        xrays=tuple(placed(xray) for xray in state.xrays),
        case=replace(case, views=found.posed, folder=None),
        case_folder=None,
        marking=marking,
        clicking=False,
        epipolar_px={},
        message=f"Recovered from the points. {found.recovered.words}",
        attention=False,
    )


def _earlier(state: PanelState, case: Case | None = None) -> Marking:
    """The points, with what they are now remembered."""
    now = (state.marking.points, case, state.xrays if case else ())
    return replace(state.marking, earlier=(*state.marking.earlier[-EARLIER:], now))


def _next(points: Points, names: tuple[str, ...]) -> str:
    """The first number of which a view has no click."""
    return next(
        number for number in map(str, range(1, len(points) + 2)) if not set(names) <= set(points.get(number, ()))
    )


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count or 'none'}"
