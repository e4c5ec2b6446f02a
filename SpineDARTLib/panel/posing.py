"""Where an X-ray was taken from: values from tags or form, a geometry file, which way round. From state to state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ..geometry.c_arm import c_arm_camera, c_arm_of, camera_of
from ..geometry.conventions import CONVENTIONS
from ..geometry.known import KnownGeometry
from ..geometry.sharing import together
from ..geometry.turned import turn_pixels
from ..geometry.words import angles_of_display, display
from ..io.said import said
from ..types import Case, View
from .acquired import (
    BY_HAND,
    DICOM,
    FORM,
    OF_VALUES,
    as_stored,
    doubts,
    said_by_hand,
    turned_anew,
)  # fmt: skip
from .lacking import what_case_lacks, what_geometry_lacks
from .state import CArm, PanelState, Refusal, XRay

NEW_ID = "new case"
PICTURE = "picture"
TAGLESS = ("PNG", "TIF", "TIFF", "NII", "GZ", "MHA", "MHD", "NRRD", "NHDR", PICTURE)
"""Kinds of pictures of which no tag tells anything."""


Turn = Callable[[np.ndarray], np.ndarray]
"""(n, 2) pixels to (n, 2)."""


def with_c_arm(state: PanelState, name: str, c_arm: CArm) -> PanelState:
    """With a picture's geometry from the form.

    Raises:
        Refusal: numbers that no C-arm has.
    """
    xray = xray_of(state, name)
    try:
        if xray.known is None:
            return with_view(state, replace(xray, source=FORM), _view_of_form(xray, c_arm))
        known = said_by_hand(xray.known, xray.c_arm, c_arm)
    except ValueError as error:
        raise Refusal(f"{name}: {error}.") from None
    kept = tuple(note for note in xray.notes if note not in doubts(xray.known))
    source = FORM if known.kind in TAGLESS else BY_HAND
    state = with_known(state, xray, known)  # which way round a picture is may follow from its angles
    changed = replace(
        xray_of(state, name), source=source, frame="", notes=(*kept, *doubts(known)), c_arm=c_arm, asked=None
    )
    return posed(replaced(state, changed))


def with_display(state: PanelState, name: str, text: str) -> PanelState:
    """With both angles as a C-arm's display shows them: "LAO 30 CRA 10"; its letters are DICOM's, however else angles
    are counted.

    Raises:
        Refusal: no such text.
    """
    try:
        primary, secondary = angles_of_display(text)
    except ValueError:
        raise Refusal(f"{name}: “{text}” is no display of a C-arm. It is read like LAO 30 CRA 10.") from None
    shown = xray_of(state, name).c_arm
    known = CONVENTIONS[shown.convention]
    alike = known.signs == (1.0, 1.0) and known.joints == "isocentric" and known.relative_to == "patient"
    convention = shown.convention if alike else "dicom"
    return with_c_arm(state, name, replace(shown, primary_deg=primary, secondary_deg=secondary, convention=convention))


def with_picture_said(state: PanelState, name: str, quantity: str, value: float) -> PanelState:
    """With which way round a picture is stored, as the user says.

    Args:
        quantity: "image_flip_horizontal" (0 or 1) or "image_rotation_deg".

    Raises:
        Refusal: a picture of which a case, a scene or a matrix has answered that already.
    """
    xray = xray_of(state, name)
    if xray.known is None or "world_to_camera" in xray.known.quantities:
        raise Refusal(f"{name}: its geometry has answered that. Mirror turns the picture over all the same.")
    try:
        known = said(xray.known, quantity, [value])
    except ValueError as error:
        raise Refusal(f"{name}: {error}.") from None
    if xray.source:
        source = xray.source if xray.source in OF_VALUES else FORM if known.kind in TAGLESS else BY_HAND
        return posed(with_known(state, replace(xray, source=source, frame=""), known))
    state = with_known(state, xray, known)
    state = _with_picture(state, xray_of(state, name))
    answered = _mirrored_words(name, known)
    return replace(state, message=f"{answered} {what_case_lacks(state) or what_geometry_lacks(state)}".strip())


def mirrored(state: PanelState, name: str) -> PanelState:
    """With a picture turned over, left to right, and the clicks in it with it."""
    xray = xray_of(state, name)
    words = f"{name} was turned over. Check that left is where it should be."
    if xray.known is not None and "world_to_camera" not in xray.known.quantities:
        flip = xray.known.quantities.get("image_flip_horizontal")
        state = with_picture_said(state, name, "image_flip_horizontal", 0.0 if flip and flip.value[0] else 1.0)
        state = replaced(state, replace(xray_of(state, name), mirrored=not xray.mirrored))
        return replace(state, message=words)
    over = replace(xray, image=np.ascontiguousarray(xray.image[:, ::-1]), mirrored=not xray.mirrored)
    last = xray.image.shape[1] - 1
    state = _with_clicks_turned(state, name, lambda pixels: pixels * (-1.0, 1.0) + (last, 0.0))
    return replace(_with_picture(state, over), message=words)


def posed(state: PanelState, name: str = "") -> PanelState:
    """With the cameras of all whose geometry is known value by value, and of the one named, put into one world.

    Raises:
        Refusal: distances or angles that no C-arm has.
    """
    wanted = [xray for xray in state.xrays if xray.source in OF_VALUES or xray.name == name]
    mine = [xray for xray in wanted if xray.known is not None and not xray.frame]
    known = [xray.known for xray in mine if xray.known is not None]
    if not state.same_frame or any("isocentre_mm" not in one.quantities for one in known):
        known = list(together(known))
    for xray, one in zip(mine, known, strict=True):
        try:
            camera = camera_of(one, xray.c_arm.convention)
        except ValueError as error:
            what = "the geometry cannot be used"
            raise Refusal(f"{xray.name}: {what}: {error}. Correct the C-arm form or load its matrix.") from None
        view = View(xray.name, xray.image, *camera, xray.polarity)
        to_isocentre = one.quantities.get("source_to_isocentre_mm")
        c_arm = c_arm_of_view(
            view, to_isocentre.value[0] if to_isocentre else None, xray.c_arm.convention, one.patient_position or ""
        )
        state = with_view(state, replace(xray, source=xray.source or DICOM, c_arm=c_arm), view)
    return state


def with_same_frame(state: PanelState, same: bool) -> PanelState:
    """With the user's word that neither patient nor C-arm moved between the X-rays, or without."""
    words = "You say that neither patient nor C-arm moved between the X-rays." if same else "That is open again."
    state = posed(replace(state, same_frame=same))
    return replace(state, message=f"{words} {what_case_lacks(state) or what_geometry_lacks(state)}".strip())


def with_other_picture(state: PanelState, xray: XRay) -> PanelState:
    """With a picture's pixels, and perhaps what is known of them, changed.

    Raises:
        Refusal: what is known now makes no camera.
    """
    if xray.source in OF_VALUES and xray.known is not None and not xray.frame:
        return posed(replaced(state, xray))
    return _with_picture(state, xray)


def c_arm_of_view(
    view: View, source_to_isocentre_mm: float | None = None, convention: str = "dicom", patient_position: str = ""
) -> CArm:
    """The form of a view whose camera is known; where on its axis the C-arm turns, no camera tells."""
    distance = view.source_to_detector_mm
    to_isocentre = source_to_isocentre_mm or min(CArm.source_to_isocentre_mm, 0.52 * distance)
    camera = (view.intrinsics, view.world_to_camera, view.pixel_spacing_mm)
    pose = c_arm_of(*camera, convention, source_to_isocentre_mm=to_isocentre, patient_position=patient_position or None)
    return CArm(
        pose.primary_deg, pose.secondary_deg, distance, to_isocentre, view.pixel_spacing_mm, pose.isocentre_mm,
        convention, pose.detector_rotation_deg, pose.principal_point_px, patient_position,
    )  # fmt: skip


def xray_of(state: PanelState, name: str) -> XRay:
    """The picture of that name.

    Raises:
        Refusal: there is none.
    """
    for xray in state.xrays:
        if xray.name == name:
            return xray
    raise Refusal(f"There is no view {name}. Views: {', '.join(one.name for one in state.xrays) or 'none yet'}.")


def _view_of_form(xray: XRay, c_arm: CArm) -> View:
    """Of a picture of which only a camera is known: the form's numbers, in that camera's world."""
    if min(c_arm.pixel_spacing_mm) <= 0:
        raise ValueError("the pixel spacing must be more than 0 mm")
    camera = c_arm_camera(
        c_arm.primary_deg, c_arm.secondary_deg, c_arm.source_to_detector_mm, c_arm.source_to_isocentre_mm,
        c_arm.pixel_spacing_mm, xray.image.shape, c_arm.isocentre_mm, c_arm.convention,
        patient_position=c_arm.patient_position or None, detector_rotation_deg=c_arm.detector_rotation_deg,
        principal_point_px=c_arm.principal_point_px,
    )  # fmt: skip
    return View(xray.name, xray.image, *camera, c_arm.pixel_spacing_mm, c_arm.source_to_detector_mm, xray.polarity)


def _mirrored_words(name: str, known: KnownGeometry) -> str:
    flip = known.quantities.get("image_flip_horizontal")
    if flip is None:
        return f"{name} was turned."
    return f"{name} was stored as seen from the {'detector: it is turned over' if flip.value[0] else 'tube'}."


def with_known(state: PanelState, xray: XRay, known: KnownGeometry) -> PanelState:
    """With what is known of a picture; picture and clicks are as the source sees them according to it."""
    before = xray.known
    assert before is not None
    if _round(before) == _round(known):
        return replaced(state, replace(xray, known=known))
    back = as_stored(before)
    image = turned_anew(xray.image, before, known)
    state = _with_clicks_turned(state, xray.name, lambda pixels: turn_pixels(turn_pixels(pixels, back), known))
    return replaced(state, replace(xray, known=known, image=image))


def _round(known: KnownGeometry) -> list[tuple[float, ...]]:
    """Which way round a picture is stored, as numbers."""
    names = ("image_flip_horizontal", "image_rotation_deg")
    return [known.quantities[name].value if name in known.quantities else () for name in names]


def _with_clicks_turned(state: PanelState, name: str, turn: Turn) -> PanelState:
    """With what was clicked in one picture where it is after a turn."""

    def moved(clicks: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        if name not in clicks:
            return dict(clicks)
        u, v = turn(np.array([clicks[name]], dtype=np.float64))[0]
        return {**clicks, name: (float(u), float(v))}

    seeds = {level: replace(seed, clicks_px=moved(seed.clicks_px)) for level, seed in state.seeds.items()}
    points = {number: moved(clicks) for number, clicks in state.marking.points.items()}
    marking = replace(state.marking, points=points, earlier=())
    return replace(state, seeds=seeds, marking=marking, epipolar_px={}, earlier_clicks=(), later_clicks=())


def replaced(state: PanelState, xray: XRay) -> PanelState:
    """With one picture in the place of that of its name."""
    return replace(state, xrays=tuple(xray if one.name == xray.name else one for one in state.xrays))


def with_view(state: PanelState, xray: XRay, view: View) -> PanelState:
    """With a picture's view new or in place of the one it had; the order is that of the pictures."""
    xrays = replaced(state, xray).xrays
    case = state.case or Case(NEW_ID, ())
    known = {one.name: one for one in case.views} | {view.name: view}
    views = tuple(known[one.name] for one in xrays if one.name in known)
    state = replace(state, xrays=xrays, case=replace(case, views=views, folder=None), case_folder=None, epipolar_px={})
    lack = what_case_lacks(state) or what_geometry_lacks(state)
    words = f"{view.name}: {display(view)}, geometry from {xray.source}. {lack}".strip()
    return replace(state, message=words, attention=bool(lack) and len(views) > 1)


def _with_picture(state: PanelState, xray: XRay) -> PanelState:
    """With a picture's pixels changed and its camera as it was."""
    known = [view for view in (state.case.views if state.case else ()) if view.name == xray.name]
    if known:
        return with_view(state, xray, replace(known[0], image=xray.image, polarity=xray.polarity))
    return replaced(state, xray)
