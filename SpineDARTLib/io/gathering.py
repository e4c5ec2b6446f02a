"""From files to views: what is known of each one's geometry, whether they share a frame, what is doubtful.

The command line and the panel both stand on this; nothing here prints. ``sources`` finds the pictures, ``dicom`` and
``posed`` say what is known of each, the user's choices come on top, and ``judged`` looks at all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..errors import InputError
from ..geometry.advice import advise
from ..geometry.c_arm import camera_of
from ..geometry.camera import project_with_depth
from ..geometry.camera_prior import CameraPrior
from ..geometry.consistency import click_consistency, image_consistency
from ..geometry.epipolar import meeting_point
from ..geometry.known import KnownGeometry
from ..geometry.orientation import oriented
from ..geometry.relative_pose import recover
from ..geometry.sharing import together
from ..geometry.turned import turn_image, turn_pixels, turned
from ..geometry.words import widest_angle_deg
from ..types import View
from . import asked
from .attenuation import guess_polarity, to_attenuation
from .cameras import Camera
from .dicom import read_known
from .gathered import Choices, Gathered, GatheredView
from .image import is_dicom, read_image
from .one_frame import shared_frame
from .points import read_points
from .posed import known_of_camera, known_of_picture, lying, matrix_of, with_pose
from .said import said
from .sources import Source, find_sources

CLICK_PX = 1.5
"""Standard deviation of a careful click, of which the view advice and the recovery speak."""

LEAST_ANGLE_DEG = 3.0
"""Between two beams, below which it is not told where they meet."""

MOST_COMPARED = 5
"""Views whose pictures are compared, every one with every other (a third of a second a pair)."""

Value = TypeVar("Value")


def gather(files: Sequence[Path], choices: Choices | None = None) -> Gathered:
    """Read files and say what is known of their geometry.

    Args:
        files: pictures, case folders (or their case.json), folders of DICOM.

    Raises:
        InputError: something cannot be read, or a choice that fits nothing.
    """
    choices = choices or Choices()
    if not files:
        raise InputError("FILES", "", "nothing", "X-rays, case folders or folders of DICOM")
    sources = find_sources([Path(file) for file in files], choices.names)
    _check_names(choices, [source.name for source in sources])
    views, notes = [], []
    for source in sources:
        try:
            views.append(gather_view(source, choices))
        except InputError as error:
            if not source.from_folder:
                raise
            notes.append(f"{source.file.name} is left out: {str(error).removeprefix(f'{source.file}: ')}.")
    if not views:
        raise InputError(files[0], "", notes[0] if notes else "no file", "a picture that can be read")
    views = _placed(views, choices)
    seeds = tuple(seed for source in sources for seed in source.seeds)
    shared, words = shared_frame(views, choices.same_frame)
    gathered = Gathered(tuple(views), shared, words, seeds=seeds, notes=tuple(notes))
    return judged(gathered if choices.points is None else with_points(gathered, choices.points, choices.moved_mm))


def gather_view(source: Source, choices: Choices) -> GatheredView:
    """One picture and what is known of it.

    Raises:
        InputError: the picture or its matrix cannot be read, or a value that cannot be.
    """
    name = source.name
    frame = _choice(choices.frames, name, source.frame)
    stored, of_file = read_image(source.file, frame)
    height, width = stored.shape
    known, camera, place = _geometry(source, (height, width), frame, choices)
    changed = _changed(known, name, choices, posed=camera is not None)
    if changed.quantities != known.quantities:
        camera = None
    if "world_to_camera" not in changed.quantities:
        place = ""
    chosen = _choice(choices.convention, name, None)
    convention = chosen or "dicom"
    changed = changed if place else oriented(changed, convention)
    notes = list(asked.notes(changed, convention))
    picture = turn_image(stored, changed)
    polarity = changed.polarity or of_file
    if polarity is None:
        polarity = guess_polarity(stored)
        notes.append(f"Whether bone is dark or bright was told from the picture ({polarity}); look at it.")
    unanswered = "" if place else asked.unanswered(changed, name, chosen)
    blank = GatheredView(name, changed, picture, polarity, None, "", unanswered, tuple(notes), place)
    return _with_camera(blank, camera, convention)


def _geometry(
    source: Source, shape: tuple[int, int], frame: int | None, choices: Choices
) -> tuple[KnownGeometry, Camera | None, str]:
    """What the files say; the camera where it stands as a matrix, and a text that views of one frame share."""
    file, matrix = source.file, _choice(choices.matrices, source.name, None)
    if source.view is not None and matrix is None:
        view = source.view
        camera = (view.intrinsics, view.world_to_camera, view.pixel_spacing_mm, view.source_to_detector_mm)
        known = known_of_camera(camera, file.name, shape, "case.json", source.words, source.mirrored)
        return replace(known, polarity=view.polarity), camera, f"case: {file.parent.resolve()}"
    if is_dicom(file):
        known = read_known(file, frame)
    else:
        known = known_of_picture(file.name, file.suffix.lstrip(".").upper(), shape)
    if matrix is None:
        return known, None, ""
    of_matrix, camera = matrix_of(matrix, source.name, shape, choices)
    return with_pose(known, of_matrix), camera, f"geometry file: {Path(matrix.partition('#')[0]).resolve()}"


def _changed(known: KnownGeometry, name: str, choices: Choices, posed: bool) -> KnownGeometry:
    """With what the user says, and the proposals where they are accepted.

    Args:
        posed: by a matrix, which is in the patient's world however the patient lies.
    """
    for values in (choices.values.get("", {}), choices.values.get(name, {})):
        for quantity, numbers in values.items():
            try:
                known = said(known, quantity, numbers)
            except ValueError as error:
                raise _explained(f"--set {name}.{quantity}", error) from None
    known = replace(known, polarity=_choice(choices.polarity, name, known.polarity))
    position = _choice(choices.patient_position, name, known.patient_position)
    known = replace(known, patient_position=position) if posed else lying(known, position)
    return known.with_proposals() if choices.accept_proposals else known


def _with_camera(one: GatheredView, camera: Camera | None, convention: str) -> GatheredView:
    """With its View where a camera is there or can be made, else with why not."""
    if camera is None and one.known.missing:
        lacks = " and ".join(missing.words for missing in one.known.missing)
        return replace(one, why_not=f"{one.name}: nothing says the {lacks}.")
    try:
        found = camera or camera_of(turned(one.known), convention)
    except ValueError as error:
        return replace(one, why_not=f"{one.name}: {error}.")
    image = to_attenuation(one.stored, one.polarity) if one.view is None else one.view.image
    return replace(one, view=View(one.name, image, *found, one.polarity))


def _placed(views: Sequence[GatheredView], choices: Choices) -> list[GatheredView]:
    """Views that are known by tags in one world, as far as their tags, or the user, say that there is one."""
    tags = [one.known for one in views if not one.frame]
    if not choices.same_frame or any("isocentre_mm" not in known.quantities for known in tags):
        tags = together(tags)
    by_tags = iter(tags)
    return [one if one.frame else _placed_at(one, next(by_tags), choices) for one in views]


def _placed_at(one: GatheredView, known: KnownGeometry, choices: Choices) -> GatheredView:
    """A view whose isocentre may have been counted anew, or dropped."""
    if known == one.known:
        return one
    dropped = "isocentre_mm" not in known.quantities
    words = ("Where the table stood is left out: the files do not all say it, or not that they belong together.",)
    placed = replace(one, known=known, why_not="", notes=one.notes + words * dropped)
    return _with_camera(placed, None, _choice(choices.convention, one.name, "dicom"))


def with_points(gathered: Gathered, path: Path, moved_mm: float = CameraPrior.translation_mm) -> Gathered:
    """With the relative pose of the views recovered from corresponding points, where these determine it.

    Args:
        path: of the points, clicked in the pictures as their files store them.
        moved_mm: standard deviation of how far a view may be from where it is said to be, against the first one.

    Raises:
        InputError: the file is wrong, a view has no camera to begin with, or there are too few points.
    """
    shapes = {one.name: one.known.shape for one in gathered.views}
    _, pixels = read_points(path, shapes)
    for one in gathered.views:
        if one.view is None:
            raise InputError(path, "", f"no camera of {one.name} to begin with", f"what it lacks. {one.why_not}")
    as_seen = np.stack(
        [turn_pixels(pixels[:, index], one.known) for index, one in enumerate(gathered.views)], axis=1,
    )  # fmt: skip
    try:
        return with_clicks(gathered, as_seen, moved_mm)
    except ValueError as error:
        raise _explained(path, error) from None


def with_clicks(gathered: Gathered, as_seen: np.ndarray, moved_mm: float = CameraPrior.translation_mm) -> Gathered:
    """The same from clicks (points, views, 2) in the pictures as the source sees them, NaN where there is none.

    Raises:
        ValueError: too few points.
    """
    recovered = recover(as_seen, gathered.posed, CameraPrior(moved_mm), CLICK_PX)
    if not recovered.identifiable:
        return replace(gathered, recovered=recovered)
    views = tuple(replace(one, view=view) for one, view in zip(gathered.views, recovered.views, strict=True))
    words = f"{gathered.views[0].name}'s frame: the others were brought into it by corresponding points."
    return replace(gathered, views=views, recovered=recovered, shared=True, shared_words=words)


def judged(gathered: Gathered) -> Gathered:
    """With view advice and the consistency of the images, where two views have cameras in one frame."""
    views = gathered.posed
    if gathered.shared is False or len(views) < 2:
        return gathered
    if words := _impossible(views):
        return replace(gathered, impossible=words)
    clicks = [[seed.clicks_px.get(view.name, (np.nan, np.nan)) for view in views] for seed in gathered.seeds]
    many = len(views) > MOST_COMPARED
    words = (f"The pictures of more than {MOST_COMPARED} views are not compared with each other; name a few.",)
    return replace(
        gathered,
        notes=gathered.notes + words * many,
        advice=advise(views, sigma_px=CLICK_PX),
        consistency=None if many else image_consistency(views),
        clicks=click_consistency(np.array(clicks), views) if clicks else None,
    )


def _impossible(views: Sequence[View]) -> str:
    """Why cameras cannot have taken one patient: where their beams come nearest to each other, some do not look."""
    if widest_angle_deg(views) < LEAST_ANGLE_DEG:
        return ""
    point = meeting_point(views)
    for view in views:
        (place,), (depth_mm,) = project_with_depth(point[None], view)
        size = np.array(view.image.shape[::-1])
        check = "check isocentres and distances"
        if depth_mm <= 0:
            where = "behind the tube"
            check += ", and whether it is mirrored (matrices of all views in one file tell)"
        elif depth_mm >= view.source_to_detector_mm:
            where = "behind the detector"
        elif (np.abs(place - size / 2) > size).any():
            where = "far outside the picture"
        else:
            continue
        return f"Where the beams come nearest to each other is {where} of {view.name}: {check}."
    return ""


def _choice(choices: Mapping[str, Value], name: str, otherwise: Value) -> Value:
    """What was chosen for this view, else for every view, else the other."""
    return choices.get(name, choices.get("", otherwise))


def _check_names(choices: Choices, names: Sequence[str]) -> None:
    """Refuse a choice for a view that is not there."""
    for option in ("frames", "matrices", "values", "polarity", "patient_position", "convention"):
        for name in getattr(choices, option):
            if name and name not in names:
                flag = {"frames": "frame", "matrices": "matrix", "values": "set"}.get(option, option.replace("_", "-"))
                raise InputError(f"--{flag}", "", name, f"a view ({', '.join(names)})")


def _explained(where: object, error: ValueError) -> InputError:
    """A ValueError ("got ...; expected ...") of a place that the user wrote."""
    if isinstance(error, InputError):
        return error
    found, _, expected = str(error).removeprefix("got ").partition("; expected ")
    return InputError(where, "", found, expected or "a valid value")
