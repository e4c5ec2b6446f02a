"""The panel's state as one JSON document, for a text node of the scene; and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.fields import Field
from ..io.plan import plain
from ..io.posed import known_of_picture
from ..review.files import read_review, read_session, review_to_text, session_to_text
from ..types import LEVELS, SIDES, Case, Seed, View
from .acquired import form_of
from .casing import of_views
from .keeping_found import kept_found, read_found
from .lacking import sharing
from .locating import found_in
from .packing import unpacked
from .posing import NEW_ID, PICTURE
from .state import Marking, PanelState, XRay

FORMAT = "spinedart-panel/1"


@dataclass(frozen=True)
class Kept:
    """What was read back.

    Attributes:
        state: without fits, plans, cannulas.
        fits: number to (settings, packed plan folder).
        shown: level to the number of the fit that is shown.
    """

    state: PanelState
    fits: Mapping[int, tuple[Mapping[str, object], str]]
    shown: Mapping[str, int]


def to_document(state: PanelState) -> dict[str, Any]:
    """All that is needed to go on, but the pictures, which are volumes of the scene; no path of this machine."""
    return {
        "format": FORMAT,
        "case_id": state.case.id if state.case else NEW_ID,
        "xrays": [_xray(xray) for xray in state.xrays if xray.source],
        "one_frame": sharing(state)[0] is True,
        "points": {number: plain(clicks) for number, clicks in state.marking.points.items()},
        "seeds": {level: plain(seed.clicks_px) for level, seed in state.seeds.items()},
        "found": kept_found(found_in(state)),
        "shift": state.shift,
        "level": state.level,
        "gauge": state.gauge,
        "rater": state.rater,
        "settings": plain(state.settings),
        "selected": list(state.selected) if state.selected else None,
        "review": json.loads(review_to_text(state.review)) if state.review else None,
        "session": json.loads(session_to_text(state.session)) if state.session else None,
        "fits": [{"number": fit.number, "settings": plain(fit.settings), "archive": fit.archive} for fit in state.fits],
        "shown": {level: number for level in state.plans if (number := _fit_shown(state, level))},
    }


def from_document(document: Mapping[str, Any], views: Sequence[View], where: Path) -> Kept:
    """Read it back.

    Args:
        views: as the scene has them.
        where: what complaints call the document.

    Raises:
        InputError: names the field.
    """
    root = Field(where, "", dict(document))
    root.child("format").text((FORMAT,))
    case = Case(root.child("case_id").text(), tuple(views), tuple(_seeds(root.child("seeds"))))
    state = of_views(case)
    rows = {entry.child("name").text(): entry for entry in root.child("xrays").items()}
    frame = "scene" if root.members().get("one_frame", True) is True else ""
    xrays = tuple(_row(xray, rows[xray.name], frame) if xray.name in rows else xray for xray in state.xrays)
    review, session, selected = (root.optional(name) for name in ("review", "session", "selected"))
    state = replace(
        state,
        xrays=xrays,
        marking=Marking(_points(root.optional("points"))),
        found=read_found(root.optional("found"), state.case.views if state.case else ()),
        shift=_whole(root.optional("shift")),
        level=root.child("level").text(LEVELS),
        gauge=root.child("gauge").index(),
        rater=str(root.members().get("rater") or ""),
        settings=root.child("settings").members(),
        review=read_review(json.dumps(review.value), where) if review else None,
        session=read_session(json.dumps(session.value), where) if session else None,
        session_paused=session is not None,
        selected=_key(selected) if selected else None,
    )
    fits = {
        entry.child("number").index(): (entry.child("settings").members(), entry.child("archive").text())
        for entry in root.child("fits").items()
    }
    shown = {level: number.index() for level, number in root.child("shown").named().items()}
    return Kept(state, fits, shown)


def unpack_all(kept: Kept, work: Path, where: Path) -> dict[int, Path | InputError]:
    """Number of a fit to its plan folder, unpacked into the working folder, or to what is wrong with it."""
    found: dict[int, Path | InputError] = {}
    for number, (_, archive) in kept.fits.items():
        folder = work / f"fit-{number}"
        try:
            unpacked(archive, folder, where)
            found[number] = folder
        except InputError as error:
            found[number] = error
    return found


def _fit_shown(state: PanelState, level: str) -> int:
    """The fit that a level's plan is from, 0 for none."""
    found = (fit.number for fit in reversed(state.fits) if fit.plans.get(level) is state.plans[level])
    return next(found, 0)


def _xray(xray: XRay) -> dict[str, Any]:
    return {
        "name": xray.name, "source": xray.source, "mirrored": xray.mirrored, "notes": list(xray.notes),
        "unanswered": xray.unanswered,
    }  # fmt: skip


def _row(xray: XRay, entry: Field, frame: str) -> XRay:
    notes = tuple(note.text() for note in entry.child("notes").items())
    members = entry.members()
    row = replace(xray, source=entry.child("source").text(), mirrored=bool(members.get("mirrored")), notes=notes)
    return _unanswered(replace(row, frame=frame)) if members.get("unanswered") else replace(row, frame=frame)


def _unanswered(xray: XRay) -> XRay:
    """An X-ray of which nobody has said which way round it is stored, and who must be asked again."""
    height, width = xray.image.shape
    known = known_of_picture(xray.file, PICTURE, (height, width))
    for name in ("primary_deg", "secondary_deg", "source_to_detector_mm", "source_to_isocentre_mm", "pixel_spacing_mm",
                 "isocentre_mm", "detector_rotation_deg", "principal_point_px"):  # fmt: skip
        value = getattr(xray.c_arm, name)
        known = known if value is None else known.overridden(**{name: value})
    return replace(xray, known=known, c_arm=form_of(known))


def _points(entry: Field | None) -> dict[str, dict[str, tuple[float, float]]]:
    """Number of a point to its clicks."""
    clicks = {number: views.named() for number, views in entry.named().items()} if entry else {}
    return {number: {view: (float(place.numbers(2)[0]), float(place.numbers(2)[1])) for view, place in one.items()}
            for number, one in clicks.items()}  # fmt: skip


def _seeds(entry: Field) -> list[Seed]:
    seeds = []
    for level, clicks in entry.named().items():
        if level not in LEVELS:
            clicks.fail("a level from T1 to L5", level)
        points = {view: click.numbers(2) for view, click in clicks.named().items()}
        seeds.append(Seed(level, {view: (float(u), float(v)) for view, (u, v) in points.items()}))
    return seeds


def _whole(entry: Field | None) -> int:
    return int(entry.number()) if entry else 0


def _key(entry: Field) -> tuple[str, str]:
    level, side = entry.items()
    return level.text(LEVELS), side.text(SIDES) if side.value else ""
