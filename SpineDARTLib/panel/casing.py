"""The case as it is put together: pictures and how they show bone. Functions from state to state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..geometry.turned import turn_image
from ..geometry.words import angle_words
from ..io.attenuation import POLARITIES, guess_polarity, to_attenuation
from ..io.case import read_case
from ..io.fields import load_json
from ..types import Case
from .acquired import Acquired, acquired, doubts, form_of, kept_by_hand
from .posing import NEW_ID, c_arm_of_view, posed, with_other_picture, xray_of
from .state import Marking, PanelState, Refusal, XRay

NOTHING_KNOWN = "angles, distances and pixel spacing"
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
        XRay(
            view.name,
            Path(file).name,
            view.image,
            view.polarity,
            "case file",
            c_arm_of_view(view),
            frame=f"case: {case.id}",
        )
        for view, file in zip(case.views, files, strict=True)
    )
    state = of_views(case, xrays)
    return replace(state, case_folder=case.folder, gauge=gauge)


def of_views(case: Case, xrays: tuple[XRay, ...] = ()) -> PanelState:
    """The state of a case whose views are known, from a folder or from a scene."""
    known = xrays or tuple(
        XRay(view.name, "", view.image, view.polarity, "scene", c_arm_of_view(view), frame="scene")
        for view in case.views
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
    polarity = found.polarity or guess_polarity(found.stored)
    guessed = () if found.polarity else (GUESSED.format(polarity),)
    xray = XRay(
        name, file.name, _image(found, polarity), polarity, "", form_of(found.known), False,
        (*guessed, *doubts(found.known)), file, found.known, found.holds,
    )  # fmt: skip
    state = replace(
        state, xrays=(*state.xrays, xray), case=state.case or Case(NEW_ID, ()), case_folder=None, same_frame=False
    )
    if found.known.missing:
        missing = [one.words for one in found.known.missing] if found.known.quantities else [NOTHING_KNOWN]
        words = f"{name}: {'; '.join(missing)}: not known. Fill in the C-arm form or load its matrix."
        return replace(state, message=words, attention=True)
    try:
        return posed(state, name)
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
    assert xray.known is not None
    found = acquired(xray.path, frame)
    if "world_to_camera" in xray.known.quantities and xray.frame:
        known = replace(xray.known, frame=frame)  # a matrix is the whole run's
    else:
        known = kept_by_hand(found.known, xray.known, xray.c_arm.convention)
    image = _image(replace(found, known=known), xray.polarity)
    over = xray.mirrored and known.quantities == xray.known.quantities and "world_to_camera" in known.quantities
    image = np.ascontiguousarray(image[:, ::-1]) if over else image
    c_arm = xray.c_arm if xray.source else form_of(known)
    state = with_other_picture(state, replace(xray, image=image, known=known, c_arm=c_arm))
    clicked = any(name in seed.clicks_px for seed in state.seeds.values())
    words = f"{name}: picture {frame + 1} of {xray.frames}.{' Check the clicks in it.' if clicked else ''}"
    return replace(state, message=words, attention=False)


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
    return with_other_picture(state, replace(xray, image=image, polarity=polarity))


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
    state = replace(state, xrays=xrays, case=case, seeds=seeds, earlier_clicks=(), later_clicks=(), case_folder=None)
    points = {number: {view: click for view, click in clicks.items() if view != name}
              for number, clicks in state.marking.points.items()}  # fmt: skip
    state = replace(state, marking=Marking({number: clicks for number, clicks in points.items() if clicks}))
    state = posed(replace(state, same_frame=False))
    return replace(state, message=f"{name} was taken out.", attention=False)


def _free_name(stem: str, taken: Sequence[str]) -> str:
    """AP and LAT where the file's name says so, else view A, B, ...: a file's name may be a patient's."""
    for name, hints in (("AP", ("ap", "pa", "frontal")), ("LAT", ("lat", "lateral", "ll"))):
        if stem.lower() in hints and name not in taken:
            return name
    return next(name for name in map("view {}".format, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") if name not in taken)


def _image(found: Acquired, polarity: str) -> np.ndarray:
    """(height, width) attenuation as the source sees it."""
    return to_attenuation(turn_image(found.stored, found.known), polarity)


def _as_stored(xray: XRay) -> np.ndarray:
    """(height, width) grey values as a file shows them in the picture's polarity, up to an affine change of each."""
    relative = (xray.image - xray.image.min()) / max(float(np.ptp(xray.image)), 1e-9)
    return relative if xray.polarity == "bone-bright" else np.exp(-LOG_RANGE * relative)
