"""What a case lacks before anything can be located or fitted in it, and what is doubtful of its geometry."""

from __future__ import annotations

from ..config import MINIMUM_VIEW_ANGLE_DEG
from ..geometry.words import widest_angle_deg
from ..io.gathered import Gathered, GatheredView
from ..io.one_frame import shared_frame
from ..io.posed import known_of_picture
from .acquired import BY_HAND
from .state import PanelState, XRay

MIRRORED = (
    "It is not said which way round {names} is stored: choose “Stored as seen from” in its row. A mirrored picture "
    "makes a mirrored plan."
)
QUESTIONS = {
    "table": (
        "{name}: the patient lies {position}, and by these angles the detector was under the table; many machines "
        "count them from the table, whoever lies there. Choose in its form how angles are counted, then press Use "
        "these numbers."
    ),
    "up": (
        "{name}: the patient lies {position}, and nothing says whether the head is at the top of the picture. Turn it "
        "in its form if it is not, then press Use these numbers."
    ),
}
"""By ``XRay.question``."""

BLIND = "Not during a grading session."
NOTHING_LOCATED = "No vertebra is located yet. Find the vertebrae, or click the centre of each in every view."
APART = "If you know better, press Use these numbers in a C-arm form."
UNDECIDED = "Say in step 1 that neither patient nor C-arm moved in between, or recover their position from points."
CONTRADICTED = "The pictures contradict the geometry: check Mirror and the signs of the angles, or recover from points."


def sharing(state: PanelState) -> tuple[bool | None, str]:
    """Whether all X-rays that have a camera are in one frame, None where nothing tells; and why, "" for one."""
    posed = [xray for xray in state.xrays if xray.source]
    shared, words = shared_frame([_gathered(xray) for xray in posed], same_frame=False)
    if shared is False and any(xray.source == BY_HAND for xray in posed):
        shared = None
    if shared is None and words and state.same_frame:
        return True, f"You say that the views share a frame. The files: {words}"
    return shared, words


def shared_words(state: PanelState) -> tuple[bool, str]:
    """Whether the files say that the X-rays do not share a world, and in words what must be checked of that, or ""."""
    shared, words = sharing(state)
    return shared is False, "" if shared else words


def judgement(state: PanelState) -> Gathered | None:
    """View advice and consistency of the views as they stand; None until they are there."""
    judged, views = state.judged, state.case.views if state.case else ()
    if judged is None or len(judged.posed) != len(views):
        return None
    return judged if all(one is other for one, other in zip(judged.posed, views, strict=True)) else None


def contradiction(state: PanelState) -> str:
    """Why the geometry cannot be true, by the pictures or by itself; "" where nothing says so."""
    judged = judgement(state)
    if judged is None:
        return ""
    no = judged.consistency is not None and judged.consistency.consistent == "no"
    return judged.impossible or (judged.consistency.words if no and judged.consistency else "")


def what_case_lacks(state: PanelState) -> str:
    """Why nothing can be located yet, in words with the next thing to do, or ""."""
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
    return f"{words} {APART}" if apart else ""


def what_geometry_lacks(state: PanelState) -> str:
    """What must be answered of a geometry that is there before anything is fitted, or ""."""
    unanswered = [xray.name for xray in state.xrays if xray.unanswered]
    if unanswered:
        return MIRRORED.format(names=" and ".join(unanswered))
    for xray in state.xrays:
        if xray.question and xray.known is not None:
            return QUESTIONS[xray.question].format(name=xray.name, position=xray.known.patient_position)
    shared, words = sharing(state)
    return f"{words} {UNDECIDED}" if words and not shared else ""


def what_fit_lacks(state: PanelState) -> str:
    """Why nothing can be fitted in this case yet, in words with the next thing to do, or ""."""
    return what_case_lacks(state) or what_geometry_lacks(state)


def _gathered(xray: XRay) -> GatheredView:
    """An X-ray as what compares frames reads it."""
    height, width = xray.image.shape
    known = xray.known or known_of_picture(xray.file, "", (height, width))
    return GatheredView(xray.name, known, xray.image, xray.polarity, None, frame=xray.frame)
