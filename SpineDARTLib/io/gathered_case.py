"""From what was gathered to a case folder that ``spinedart plan`` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..config import MINIMUM_VIEW_ANGLE_DEG
from ..errors import InputError
from ..geometry.words import widest_angle_deg
from ..types import Case
from .case import FILE_NAME, write_case
from .gathered import Gathered, GatheredView

NEEDED = "--points FILE, or --same-frame if neither the patient nor the C-arm's foot moved between the pictures"


def case_of(gathered: Gathered, identifier: str = "case", despite_pictures: bool = False) -> Case:
    """The case of all views.

    Args:
        identifier: the case's id.
        despite_pictures: make it although the pictures contradict the geometry.

    Raises:
        InputError: fewer than two views, one without a camera (names what is missing, and how to give it), views that
            do not share a frame, a recovery that was refused, cameras that cannot be, pictures that contradict them, or
            beams too close to each other to tell depth.
    """
    for one in gathered.views:
        if one.view is None:
            raise _lacking(one)
        if one.unanswered:
            raise InputError(one.known.file, one.name, "an open question", f"an answer. {one.unanswered}")
    views = gathered.posed
    if len(views) < 2:
        raise InputError("--out", "", f"{len(views)} view", "two or more views (one X-ray has no depth)")
    if gathered.recovered is not None and not gathered.recovered.identifiable:
        raise InputError("--points", "", "a recovery that is refused", f"other points. {gathered.recovered.words}")
    if gathered.shared is not True:
        what = (
            "that do not share a frame" if gathered.shared is False else "of which nothing says that they share a frame"
        )
        raise InputError("--out", "", f"views {what}", NEEDED)
    if gathered.impossible:
        raise InputError("--out", "", "cameras that cannot be", f"others (--set, --matrix). {gathered.impossible}")
    if gathered.consistency is not None and gathered.consistency.consistent == "no" and not despite_pictures:
        expected = f"others, or --despite-pictures. {gathered.consistency.words}"
        raise InputError("--out", "", "cameras that the pictures contradict", expected)
    widest = widest_angle_deg(views)
    if widest < MINIMUM_VIEW_ANGLE_DEG:
        expected = f"two views at least {MINIMUM_VIEW_ANGLE_DEG:g} degrees apart"
        raise InputError("--out", "", f"beams {widest:.1f} degrees apart", expected)
    return Case(identifier, views, gathered.seeds)


def write_gathered(folder: Path, gathered: Gathered, despite_pictures: bool = False) -> Case:
    """Write the case folder: a grey 16-bit PNG and a matrix a view, and where each value came from. No patient data.

    Returns:
        The case; its id is the folder's name.

    Raises:
        InputError: as ``case_of``; or the folder cannot be written.
    """
    folder = Path(folder)
    identifier = (folder.parent if folder.name == FILE_NAME else folder).resolve().name
    case = case_of(gathered, identifier, despite_pictures)
    stored = {one.name: _as_uint16(one) for one in gathered.views}
    write_case(folder, case, stored, {one.name: sources_of(one, gathered) for one in gathered.views})
    return case


def sources_of(one: GatheredView, gathered: Gathered) -> Mapping[str, str]:
    """Quantity to where its value came from and how far it may be trusted, for the case file."""
    words = {name: f"{quantity.confidence}: {quantity.source}" for name, quantity in one.known.quantities.items()}
    if gathered.recovered is not None and gathered.recovered.identifiable:
        words["pose"] = "recovered from corresponding points"
    if gathered.shared_words:
        words["frame"] = gathered.shared_words
    if gathered.consistency is not None and gathered.consistency.consistent == "no":
        words["doubt"] = gathered.consistency.words
    if one.notes:
        words["picture"] = " ".join(one.notes)
    if one.known.patient_position:
        words["patient_position"] = one.known.patient_position
    return words


def _lacking(one: GatheredView) -> InputError:
    """What to give for a view without a camera."""
    if not one.known.missing:
        return InputError(one.known.file, one.name, "no camera", f"another geometry (--set, --matrix). {one.why_not}")
    first = one.known.missing[0]
    proposal = first.proposal
    accept = f", or --accept-proposals for {proposal.numbers} ({first.why})" if proposal is not None else ""
    return InputError(
        one.known.file, f"{one.name}.{first.name}", "nothing", f"--set {one.name}.{first.name}=...{accept}"
    )


def _as_uint16(one: GatheredView) -> np.ndarray:
    """(height, width) uint16 of the picture, its full range used. Counts keep their zero: their logarithm is taken."""
    low = min(float(one.stored.min()), 0.0) if one.polarity == "bone-dark" else float(one.stored.min())
    return np.round((one.stored - low) * (65535.0 / (float(one.stored.max()) - low))).astype(np.uint16)
