"""The case as it is put together: pictures, their geometry, how they show bone. Functions from state to state."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..config import MINIMUM_VIEW_ANGLE_DEG
from ..geometry.camera import angle_between_deg, c_arm_camera
from ..io.attenuation import POLARITIES, guess_polarity, to_attenuation
from ..io.cameras import read_camera
from ..io.case import read_case
from ..io.fields import load_json
from ..io.image import read_image
from ..types import Case, View
from .state import CArm, PanelState, Refusal, XRay
from .tags import c_arm_of_dicom

NEW_ID = "new case"
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
        InputError: the picture cannot be read.
        Refusal: the name is taken.
    """
    file = Path(file)
    stored, of_file = read_image(file)
    name = name or _free_name(file.stem, [xray.name for xray in state.xrays])
    if any(xray.name == name for xray in state.xrays):
        raise Refusal(f"There is a view {name} already. Give this picture another name.")
    polarity = of_file or guess_polarity(stored)
    notes = () if of_file else (f"Whether bone is dark or bright was told from the picture ({polarity}); look at it.",)
    found = c_arm_of_dicom(file)
    xray = XRay(name, file.name, to_attenuation(stored, polarity), polarity, "", found.c_arm, False, notes)
    xray = replace(xray, notes=(*notes, *found.notes))
    state = replace(state, xrays=(*state.xrays, xray), case=state.case or Case(NEW_ID, ()), case_folder=None)
    if found.missing:
        words = f"{name}: {', '.join(found.missing)} not known. Fill in the C-arm form or load its matrix."
        return replace(state, message=words, attention=True)
    return with_c_arm(state, name, found.c_arm, "DICOM")


def with_c_arm(state: PanelState, name: str, c_arm: CArm, source: str = "C-arm form") -> PanelState:
    """With a picture's geometry from the form.

    Raises:
        Refusal: distances or spacing that no C-arm has.
    """
    xray = xray_of(state, name)
    if min(c_arm.pixel_spacing_mm) <= 0:
        raise Refusal(f"{name}: the pixel spacing must be more than 0 mm.")
    try:
        camera = c_arm_camera(
            c_arm.primary_deg, c_arm.secondary_deg, c_arm.source_to_detector_mm, c_arm.source_to_isocentre_mm,
            c_arm.pixel_spacing_mm, xray.image.shape, c_arm.isocentre_mm, c_arm.convention,
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
    return replace(state, message=f"{name} was taken out.")


def xray_of(state: PanelState, name: str) -> XRay:
    """The picture of that name.

    Raises:
        Refusal: there is none.
    """
    for xray in state.xrays:
        if xray.name == name:
            return xray
    raise Refusal(f"There is no view {name}. Views: {', '.join(one.name for one in state.xrays) or 'none yet'}.")


def c_arm_of_view(view: View) -> CArm:
    """The form of a view whose camera is known; what a camera cannot tell keeps its default."""
    primary, secondary = angles_deg(view)
    distance = view.source_to_detector_mm
    to_isocentre = min(CArm.source_to_isocentre_mm, 0.52 * distance)
    centre = view.source_mm + to_isocentre * view.axis
    place = (float(centre[0]), float(centre[1]), float(centre[2]))
    return CArm(primary, secondary, distance, to_isocentre, view.pixel_spacing_mm, place)


def angles_deg(view: View) -> tuple[float, float]:
    """Primary (LAO positive) and secondary (cranial positive) angle of a beam, as ``geometry.camera.c_arm_camera``."""
    x, y, z = view.axis
    return float(np.rad2deg(np.arctan2(-x, y))), float(np.rad2deg(np.arcsin(np.clip(z, -1.0, 1.0))))


def angles_words(view: View) -> str:
    """ "LAO 90 CRA 0", as a C-arm's display has it."""
    primary, secondary = (round(angle) for angle in angles_deg(view))
    return f"{'LAO' if primary >= 0 else 'RAO'} {abs(primary)} {'CRA' if secondary >= 0 else 'CAU'} {abs(secondary)}"


def angle_words(views: Sequence[View]) -> str:
    """ "2 views, 88° apart"."""
    if len(views) < 2:
        return f"{len(views)} view" + "s" * (len(views) != 1)
    return f"{len(views)} views, {widest_angle_deg(views):.0f}° apart"


def widest_angle_deg(views: Sequence[View]) -> float:
    """Between the two beams that are farthest apart, 0 for fewer than two."""
    return max((angle_between_deg(*pair) for pair in itertools.combinations(views, 2)), default=0.0)


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
    return ""


def _free_name(stem: str, taken: Sequence[str]) -> str:
    """AP and LAT where the file's name says so, else view A, B, ...: a file's name may be a patient's."""
    for name, hints in (("AP", ("ap", "pa", "frontal")), ("LAT", ("lat", "lateral", "ll"))):
        if stem.lower() in hints and name not in taken:
            return name
    return next(name for name in map("view {}".format, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") if name not in taken)


def _with_view(state: PanelState, xray: XRay, view: View) -> PanelState:
    """With a picture's view new or in place of the one it had; the order is that of the pictures."""
    xrays = tuple(xray if one.name == xray.name else one for one in state.xrays)
    case = state.case or Case(NEW_ID, ())
    known = {one.name: one for one in case.views} | {view.name: view}
    views = tuple(known[one.name] for one in xrays if one.name in known)
    state = replace(state, xrays=xrays, case=replace(case, views=views, folder=None), case_folder=None, epipolar_px={})
    lack = what_case_lacks(state)
    words = f"{view.name}: {angles_words(view)}, geometry from {xray.source}. {lack}".strip()
    return replace(state, message=words, attention=bool(lack) and len(views) > 1)


def _with_picture(state: PanelState, xray: XRay) -> PanelState:
    """With a picture's pixels changed and its camera as it was."""
    known = [view for view in (state.case.views if state.case else ()) if view.name == xray.name]
    if known:
        return _with_view(state, xray, replace(known[0], image=xray.image, polarity=xray.polarity))
    return replace(state, xrays=tuple(xray if one.name == xray.name else one for one in state.xrays))


def _as_stored(xray: XRay) -> np.ndarray:
    """(height, width) grey values as a file shows them in the picture's polarity, up to an affine change of each."""
    relative = (xray.image - xray.image.min()) / max(float(np.ptp(xray.image)), 1e-9)
    return relative if xray.polarity == "bone-bright" else np.exp(-LOG_RANGE * relative)
