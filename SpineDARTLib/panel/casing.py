"""The case as it is put together: pictures, their geometry, how they show bone. Functions from state to state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..geometry.c_arm import c_arm_camera, c_arm_of
from ..geometry.known import KnownGeometry
from ..geometry.words import angle_words, angles_deg, display
from ..io.attenuation import POLARITIES, guess_polarity, to_attenuation
from ..io.cameras import read_camera
from ..io.case import read_case
from ..io.fields import load_json
from ..types import Case, View
from .acquired import BY_HAND, DICOM, OF_TAGS, acquired, cameras, doubts, form_of, said_by_hand
from .lacking import shared_words, what_case_lacks
from .state import CArm, PanelState, Refusal, XRay

__all__ = [
    "angle_words", "angles_deg", "c_arm_of_view", "mirrored", "of_views", "opened", "shared_words", "what_case_lacks",
    "with_c_arm", "with_file", "with_frame", "with_matrix", "with_polarity", "without_view", "xray_of",
]  # fmt: skip

NEW_ID = "new case"
GUESSED = "Whether bone is dark or bright was told from the picture ({}); look at it."
LOG_RANGE = 3.0
"""Of detector counts made from a picture whose file is gone; an affine choice (as ``io.case`` writes them)."""


def opened(folder: Path, gauge: int = 11) -> PanelState:
    """The state of a case folder just read.

    Raises:
        InputError: as ``read_case``.
    """
    case = read_case(folder)
    document = load_json(Path(folder) / "case.json" if Path(folder).is_dir() else Path(folder))
    files = [entry.child("image").text() for entry in document.child("views").items()]
    xrays = tuple(
        XRay(view.name, Path(file).name, view.image, view.polarity, "case file", c_arm_of_view(view))
        for view, file in zip(case.views, files, strict=True)
    )
    state = of_views(case, xrays)
    return replace(state, case_folder=case.folder, gauge=gauge)


def of_views(case: Case, xrays: tuple[XRay, ...] = ()) -> PanelState:
    """The state of a case whose views are known, from a folder or from a scene."""
    known = xrays or tuple(
        XRay(view.name, "", view.image, view.polarity, "scene", c_arm_of_view(view)) for view in case.views
    )
    seeds = {seed.level: seed for seed in case.seeds}
    level = next(iter(seeds), PanelState.level)
    words = f"Case {case.id}: {angle_words(case.views)}."
    return PanelState(case=case, xrays=known, seeds=seeds, level=level, message=words)


def with_file(state: PanelState, file: Path, name: str = "") -> PanelState:
    """With one more picture: its geometry is taken from DICOM where the file has all of it, else asked for.

    Raises:
        InputError: the picture cannot be read, or is none of an X-ray.
        Refusal: the name is taken.
    """
    file = Path(file)
    found = acquired(file)
    name = name or _free_name(file.stem, [xray.name for xray in state.xrays])
    if any(xray.name == name for xray in state.xrays):
        raise Refusal(f"There is a view {name} already. Give this picture another name.")
    polarity = found.polarity or guess_polarity(found.image)
    guessed = () if found.polarity else (GUESSED.format(polarity),)
    image, notes = to_attenuation(found.image, polarity), (*guessed, *doubts(found.known))
    xray = XRay(
        name, file.name, image, polarity, "", form_of(found.known), False, notes, file, found.known, found.holds
    )
    state = replace(state, xrays=(*state.xrays, xray), case=state.case or Case(NEW_ID, ()), case_folder=None)
    if found.known is None or found.known.missing:
        missing = [one.words for one in found.known.missing] if found.known else ["angles, distances and pixel spacing"]
        words = f"{name}: {'; '.join(missing)}: not known. Fill in the C-arm form or load its matrix."
        return replace(state, message=words, attention=True)
    try:
        return _posed(state, name)
    except Refusal as error:
        return replace(state, message=str(error), attention=True)


def with_frame(state: PanelState, name: str, frame: int) -> PanelState:
    """With another picture of a file that has several; what was said of it by hand stays.

    Args:
        frame: from 0.

    Raises:
        InputError: the file is gone, or has no such picture.
        Refusal: there is only one.
    """
    xray = xray_of(state, name)
    if xray.path is None or xray.frames < 2:
        raise Refusal(f"{name} has one picture only.")
    found = acquired(xray.path, frame)
    image = to_attenuation(found.image, xray.polarity)
    image = np.ascontiguousarray(image[:, ::-1]) if xray.mirrored else image
    chosen = replace(xray, image=image, known=found.known)
    if xray.source not in OF_TAGS:
        state = _with_picture(state, chosen if xray.source else replace(chosen, c_arm=form_of(found.known)))
    else:
        state = _posed(_replaced(state, chosen))
    clicked = any(name in seed.clicks_px for seed in state.seeds.values())
    words = f"{name}: picture {frame + 1} of {xray.frames}.{' Check the clicks in it.' if clicked else ''}"
    return replace(state, message=words, attention=False)


def with_c_arm(state: PanelState, name: str, c_arm: CArm, source: str = "C-arm form") -> PanelState:
    """With a picture's geometry from the form.

    Raises:
        Refusal: distances or spacing that no C-arm has.
    """
    xray = xray_of(state, name)
    if min(c_arm.pixel_spacing_mm) <= 0:
        raise Refusal(f"{name}: the pixel spacing must be more than 0 mm.")
    if xray.known is not None:
        return _by_hand(state, xray, xray.known, c_arm)
    try:
        camera = c_arm_camera(
            c_arm.primary_deg, c_arm.secondary_deg, c_arm.source_to_detector_mm, c_arm.source_to_isocentre_mm,
            c_arm.pixel_spacing_mm, xray.image.shape, c_arm.isocentre_mm, c_arm.convention,
            detector_rotation_deg=c_arm.detector_rotation_deg, principal_point_px=c_arm.principal_point_px,
        )  # fmt: skip
    except ValueError as error:
        raise Refusal(f"{name}: {error}.") from None
    view = View(name, xray.image, *camera, c_arm.pixel_spacing_mm, c_arm.source_to_detector_mm, xray.polarity)
    return _with_view(state, replace(xray, c_arm=c_arm, source=source), view)


def with_matrix(state: PanelState, name: str, file: Path) -> PanelState:
    """With a picture's geometry from a JSON file that holds what a case's "geometry" does (contract.md).

    Raises:
        InputError: names file and field.
    """
    xray, root = xray_of(state, name), load_json(Path(file))
    geometry = root.optional("geometry") or root
    intrinsics, world_to_camera, spacing_mm, distance_mm = read_camera(geometry, xray.image.shape)
    view = View(name, xray.image, intrinsics, world_to_camera, spacing_mm, distance_mm, xray.polarity)
    return _with_view(state, replace(xray, c_arm=c_arm_of_view(view), source="matrix"), view)


def with_polarity(state: PanelState, name: str, polarity: str) -> PanelState:
    """With a picture read as showing bone the other way.

    Raises:
        Refusal: another word than "bone-dark" and "bone-bright".
    """
    xray = xray_of(state, name)
    if polarity not in POLARITIES:
        raise Refusal(f"{name}: bone is either dark or bright, not {polarity}.")
    if polarity == xray.polarity:
        return state
    image = to_attenuation(_as_stored(xray), polarity)
    return _with_picture(state, replace(xray, image=image, polarity=polarity))


def mirrored(state: PanelState, name: str) -> PanelState:
    """With a picture turned over, left to right, and the clicks in it with it."""
    xray = xray_of(state, name)
    turned = replace(xray, image=np.ascontiguousarray(xray.image[:, ::-1]), mirrored=not xray.mirrored)
    last = xray.image.shape[1] - 1
    seeds = {
        level: replace(seed, clicks_px={view: (last - u, v) if view == name else (u, v)
                                        for view, (u, v) in seed.clicks_px.items()})
        for level, seed in state.seeds.items()
    }  # fmt: skip
    return _with_picture(replace(state, seeds=seeds, earlier_clicks=()), turned)


def without_view(state: PanelState, name: str) -> PanelState:
    """Without a picture and the clicks in it."""
    xray_of(state, name)
    views = tuple(view for view in (state.case.views if state.case else ()) if view.name != name)
    seeds = {
        level: replace(seed, clicks_px={view: click for view, click in seed.clicks_px.items() if view != name})
        for level, seed in state.seeds.items()
    }
    xrays = tuple(one for one in state.xrays if one.name != name)
    case = replace(state.case, views=views, folder=None) if state.case else None
    state = replace(state, xrays=xrays, case=case, seeds=seeds, earlier_clicks=(), case_folder=None)
    return replace(_posed(state), message=f"{name} was taken out.", attention=False)


def xray_of(state: PanelState, name: str) -> XRay:
    """The picture of that name.

    Raises:
        Refusal: there is none.
    """
    for xray in state.xrays:
        if xray.name == name:
            return xray
    raise Refusal(f"There is no view {name}. Views: {', '.join(one.name for one in state.xrays) or 'none yet'}.")


def c_arm_of_view(view: View, source_to_isocentre_mm: float | None = None) -> CArm:
    """The form of a view whose camera is known; where on its axis the C-arm turns, no camera tells."""
    distance = view.source_to_detector_mm
    to_isocentre = source_to_isocentre_mm or min(CArm.source_to_isocentre_mm, 0.52 * distance)
    camera = (view.intrinsics, view.world_to_camera, view.pixel_spacing_mm)
    pose = c_arm_of(*camera, source_to_isocentre_mm=to_isocentre)
    return CArm(
        pose.primary_deg, pose.secondary_deg, distance, to_isocentre, view.pixel_spacing_mm, pose.isocentre_mm,
        detector_rotation_deg=pose.detector_rotation_deg, principal_point_px=pose.principal_point_px,
    )  # fmt: skip


def _free_name(stem: str, taken: Sequence[str]) -> str:
    """AP and LAT where the file's name says so, else view A, B, ...: a file's name may be a patient's."""
    for name, hints in (("AP", ("ap", "pa", "frontal")), ("LAT", ("lat", "lateral", "ll"))):
        if stem.lower() in hints and name not in taken:
            return name
    return next(name for name in map("view {}".format, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") if name not in taken)


def _posed(state: PanelState, name: str = "") -> PanelState:
    """With the cameras of all whose geometry is DICOM's, and of the one named, put into one world.

    Raises:
        Refusal: distances or angles that no C-arm has.
    """
    mine = [xray for xray in state.xrays if xray.known is not None and (xray.source in OF_TAGS or xray.name == name)]
    known = [xray.known for xray in mine if xray.known is not None]
    try:
        found = cameras(known)
    except ValueError as error:
        what = "the geometry cannot be used"
        raise Refusal(f"{name}: {what}: {error}. Correct the C-arm form or load its matrix.") from None
    for xray, one, camera in zip(mine, known, found, strict=True):
        view = View(xray.name, xray.image, *camera, xray.polarity)
        isocentre = one.quantities.get("source_to_isocentre_mm")
        c_arm = c_arm_of_view(view, isocentre.value[0] if isocentre else None)
        state = _with_view(state, replace(xray, source=xray.source or DICOM, c_arm=c_arm), view)
    return state


def _by_hand(state: PanelState, xray: XRay, known: KnownGeometry, c_arm: CArm) -> PanelState:
    """With the tags of a picture corrected or filled up by the form; what the form does not show stays as tagged."""
    try:
        said = said_by_hand(known, xray.c_arm, c_arm)
    except ValueError as error:
        raise Refusal(f"{xray.name}: {error}.") from None
    kept = tuple(note for note in xray.notes if note not in doubts(known))
    changed = replace(xray, known=said, source=BY_HAND, notes=(*kept, *doubts(said)))
    return _posed(_replaced(state, changed))


def _replaced(state: PanelState, xray: XRay) -> PanelState:
    """With one picture in the place of that of its name."""
    return replace(state, xrays=tuple(xray if one.name == xray.name else one for one in state.xrays))


def _with_view(state: PanelState, xray: XRay, view: View) -> PanelState:
    """With a picture's view new or in place of the one it had; the order is that of the pictures."""
    xrays = _replaced(state, xray).xrays
    case = state.case or Case(NEW_ID, ())
    known = {one.name: one for one in case.views} | {view.name: view}
    views = tuple(known[one.name] for one in xrays if one.name in known)
    state = replace(state, xrays=xrays, case=replace(case, views=views, folder=None), case_folder=None, epipolar_px={})
    lack = what_case_lacks(state)
    words = f"{view.name}: {display(view)}, geometry from {xray.source}. {lack}".strip()
    return replace(state, message=words, attention=bool(lack) and len(views) > 1)


def _with_picture(state: PanelState, xray: XRay) -> PanelState:
    """With a picture's pixels changed and its camera as it was."""
    known = [view for view in (state.case.views if state.case else ()) if view.name == xray.name]
    if known:
        return _with_view(state, xray, replace(known[0], image=xray.image, polarity=xray.polarity))
    return _replaced(state, xray)


def _as_stored(xray: XRay) -> np.ndarray:
    """(height, width) grey values as a file shows them in the picture's polarity, up to an affine change of each."""
    relative = (xray.image - xray.image.min()) / max(float(np.ptp(xray.image)), 1e-9)
    return relative if xray.polarity == "bone-bright" else np.exp(-LOG_RANGE * relative)
