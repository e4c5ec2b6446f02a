"""What a case lacks before anything can be located or fitted in it."""

from __future__ import annotations

from ..config import MINIMUM_VIEW_ANGLE_DEG
from ..geometry.words import widest_angle_deg
from .acquired import DICOM, worlds_apart
from .state import PanelState


def shared_words(state: PanelState) -> tuple[bool, str]:
    """Whether the tags say that the X-rays do not share a world, and in words what must be checked of that, or ""."""
    known = [xray.known for xray in state.xrays if xray.source == DICOM and xray.known is not None]
    return worlds_apart(known) if known else (False, "")


def what_case_lacks(state: PanelState) -> str:
    """Why nothing can be located or fitted yet, in words with the next thing to do, or ""."""
    without = [xray.name for xray in state.xrays if not xray.source]
    views = state.case.views if state.case else ()
    if not state.xrays:
        return "Open a case folder, add two X-rays, or take the sample case."
    if without:
        return f"The geometry of {' and '.join(without)} is not known. Fill in the C-arm form or load a matrix."
    if len(views) < 2:
        return "One X-ray has no depth. Add a second one, taken from another angle."
    if widest_angle_deg(views) < MINIMUM_VIEW_ANGLE_DEG:
        angle = widest_angle_deg(views)
        return (
            f"The beams are only {angle:.0f}° apart, at least {MINIMUM_VIEW_ANGLE_DEG:.0f}° are needed to tell depth. "
            "Check the angles or add a view."
        )
    apart, words = shared_words(state)
    return f"{words} If you know better, press Use these numbers in a C-arm form." if apart else ""
