"""Case folders: ``case.json`` and its images (format ``spinedart-case/1``), every field checked."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..config import MINIMUM_VIEW_ANGLE_DEG
from ..errors import InputError
from ..geometry.c_arm import turned_over
from ..geometry.camera import angle_between_deg, project_with_depth
from ..geometry.detector import looks_away
from ..geometry.triangulate import triangulate
from ..types import LEVELS, Case, Seed, View
from .attenuation import POLARITIES, guess_polarity, to_attenuation
from .cameras import C_ARM_FIELDS, GEOMETRY_FIELDS, explained, is_flipped, read_camera
from .fields import Field, load_json
from .files import new_folder
from .image import is_dicom, read_image

FORMAT = "spinedart-case/1"
FILE_NAME = "case.json"

FLIP_UNSAID = (
    "its c_arm says nothing of image_flip_horizontal; false is taken, a picture as the source sees it, though X-ray "
    "machines store most pictures as seen from the detector (true)"
)

log = logging.getLogger(__name__)


def read_case(path: Path | str) -> Case:
    """Read a case.

    Args:
        path: the case folder or its ``case.json``.

    Returns:
        The case; images are log-attenuation with bright bone, cameras are checked, clicks of two or more views meet in
        front of every source.

    Raises:
        InputError: names the file, the field, what stood there and what was expected.
    """
    file = case_file(Path(path))
    root = load_json(file)
    root.child("format").text((FORMAT,))
    root.child("coordinate_system").text(("RAS",))
    identifier = root.child("id").text()
    _warn_unknown(root, ("format", "id", "coordinate_system", "views", "vertebrae"))
    views = _read_views(root.child("views"))
    seeds = _read_seeds(root.optional("vertebrae"), views, flipped_views(root.child("views")))
    # Without clicks nothing else would tell.
    for name in looks_away(views):
        expected = "beams that meet in front of every source; an image or its projection_matrix may be mirrored"
        root.child("views").fail(expected, f"beams that meet behind the source of {name}")
    return Case(identifier, views, seeds, file.parent)


def case_file(path: Path) -> Path:
    """The ``case.json`` of a case that is given by its folder or by that file.

    Raises:
        InputError: there is none.
    """
    if path.is_dir():
        path = path / FILE_NAME
    if not path.exists():
        raise InputError(path, "", "no such file", f"a case folder with a {FILE_NAME} in it, or the {FILE_NAME} itself")
    return path


def _read_views(field: Field) -> tuple[View, ...]:
    items = field.items()
    if len(items) < 2:
        field.fail("two or more views (one X-ray has no depth)", f"{len(items)} view" + "s" * (len(items) != 1))
    names = [item.child("name") for item in items]
    for index, name in enumerate(names):
        if name.text() in [earlier.value for earlier in names[:index]]:
            name.fail("a name that no other view has")
    views = tuple(_read_view(item) for item in items)
    require_angle(views, field)
    return views


def _read_view(field: Field) -> View:
    _warn_unknown(field, ("name", "image", "frame", "geometry", "polarity"))
    geometry = field.child("geometry")
    _warn_unknown(geometry, GEOMETRY_FIELDS)
    if (c_arm := geometry.optional("c_arm")) is not None:
        _warn_unknown(c_arm, C_ARM_FIELDS)
    name, image = field.child("name").text(), field.child("image")
    said, frame = field.optional("polarity"), field.optional("frame")
    polarity = None if said is None else said.text(POLARITIES)
    path = field.where.parent / image.text()
    if not path.is_file():
        image.fail(f"an image file beside {field.where.name}, but there is none")
    stored, of_file = read_image(path, None if frame is None else frame.index())
    polarity = _decide_polarity(name, polarity, of_file, stored)
    intrinsics, world_to_camera, spacing_mm, distance_mm = read_camera(geometry, stored.shape, turns_over=True)
    if is_flipped(geometry):
        stored = turned_over(stored)
        log.info("view %s: image and clicks are turned over, left to right, to what the source sees", name)
    elif c_arm is not None and "image_flip_horizontal" not in c_arm.members() and is_dicom(path):
        log.warning("view %s: %s", name, FLIP_UNSAID)
    attenuation = to_attenuation(stored, polarity)
    return View(name, attenuation, intrinsics, world_to_camera, spacing_mm, distance_mm, polarity)


def _decide_polarity(name: str, of_case: str | None, of_file: str | None, stored: np.ndarray) -> str:
    """The case's word, else the file's, else what the image looks like."""
    if of_case and of_file and of_case != of_file:
        log.warning("view %s: the case says %s, the DICOM file %s; the case is believed", name, of_case, of_file)
    if of_case:
        return of_case
    if of_file:
        log.info("view %s: polarity %s, from the DICOM file", name, of_file)
        return of_file
    guessed = guess_polarity(stored)
    log.info("view %s: polarity %s, guessed; say it in the case if it is wrong", name, guessed)
    return guessed


def require_angle(views: Sequence[View], field: Field) -> None:
    """Raise an InputError unless some pair of views is far enough apart to tell depth."""
    pairs = list(itertools.combinations(views, 2))
    angles = [angle_between_deg(first, second) for first, second in pairs]
    widest = int(np.argmax(angles))
    if angles[widest] < MINIMUM_VIEW_ANGLE_DEG:
        first, second = pairs[widest]
        found = f"{angles[widest]:.1f} degrees between the beams of {first.name} and {second.name}"
        most = " at most" if len(pairs) > 1 else ""
        field.fail(f"two views at least {MINIMUM_VIEW_ANGLE_DEG:g} degrees apart", found + most)


def flipped_views(views: Field) -> frozenset[str]:
    """Names of the views whose images were turned over when they were read, and whose clicks are to be."""
    return frozenset(item.child("name").text() for item in views.items() if is_flipped(item.child("geometry")))


def _read_seeds(field: Field | None, views: Sequence[View], flipped: Collection[str]) -> tuple[Seed, ...]:
    seeds: dict[str, Seed] = {}
    for item in [] if field is None else field.items():
        _warn_unknown(item, ("level", "seeds"))
        level = item.child("level")
        if not isinstance(level.value, str) or level.value not in LEVELS:
            level.fail(f"a level from {LEVELS[0]} to {LEVELS[11]} or {LEVELS[12]} to {LEVELS[-1]}")
        if level.value in seeds:
            level.fail("each level once")
        clicks = item.optional("seeds")
        seeds[level.value] = Seed(level.value, {} if clicks is None else read_clicks(clicks, views, flipped))
    return tuple(seeds.values())


def read_clicks(field: Field, views: Sequence[View], flipped: Collection[str] = ()) -> dict[str, tuple[float, float]]:
    """View name to click, of a vertebra's {view name: [u, v]}.

    Args:
        flipped: views whose pictures were turned over when they were read, and whose clicks are to be.

    Raises:
        InputError: a click that no person can have made.
    """
    by_name = {view.name: view for view in views}
    clicks: dict[str, tuple[float, float]] = {}
    for name, click in field.named().items():
        if name not in by_name:
            click.fail("a view of this case: " + ", ".join(by_name), f'a click in "{name}"')
        height, width = by_name[name].image.shape
        u, v = (float(number) for number in click.numbers(2))
        if not (-0.5 <= u <= width - 0.5 and -0.5 <= v <= height - 0.5):
            click.fail(f"a pixel (column, row) inside the {width} x {height} image")
        clicks[name] = (width - 1 - u if name in flipped else u, v)
    if clicks:
        _check_clicks(field, clicks, [by_name[name] for name in clicks])
    return clicks


def _check_clicks(field: Field, clicks: Mapping[str, tuple[float, float]], views: Sequence[View]) -> None:
    """Refuse clicks in almost parallel views, and a point that some source does not look at. A lone click is let
    through: a detector may find the vertebra in another view, and where it does not, the fit says what is missing."""
    if len(clicks) < 2:
        return
    require_angle(views, field)
    point = explained(field, lambda: triangulate(np.array(list(clicks.values())), views)[0])
    for view in views:
        depth_mm = float(project_with_depth(point[None], view)[1][0])
        if not 0 < depth_mm < view.source_to_detector_mm:
            place = "behind the source" if depth_mm <= 0 else "behind the detector"
            field.fail(
                "a point between source and detector; the image or its projection_matrix may be mirrored",
                f"clicks that meet {place} of {view.name} (depth {depth_mm:.0f} mm)",
            )


def _warn_unknown(field: Field, known: Sequence[str]) -> None:
    for path in field.unknown(known):
        log.warning("%s: %s: no such field in %s; ignored", field.where, path, FORMAT)


def write_case(
    folder: Path | str,
    case: Case,
    stored: Mapping[str, np.ndarray] | None = None,
    sources: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write a case folder, all of it or nothing.

    Args:
        folder: new, empty, or holding an earlier case.
        case: its views' cameras and polarities and its seeds are written.
        stored: view name to (height, width) uint8 or uint16, the pixels as the file shall show them in the view's
            polarity. Without it they are made from ``View.image``, of which absolute intensity is lost.
        sources: view name to {quantity of its geometry: where its value came from}; for readers only.

    Raises:
        InputError: the folder cannot be written, or holds something else.
    """
    with new_folder(Path(folder), marker=FILE_NAME) as target:
        fill_case(target, case, stored, sources)


def fill_case(
    folder: Path,
    case: Case,
    stored: Mapping[str, np.ndarray] | None = None,
    sources: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write a case's files into an existing folder; for who writes more beside it in one atomic step."""
    from PIL import Image

    names = _image_names([view.name for view in case.views])
    for view in case.views:
        pixels = (stored or {}).get(view.name)
        Image.fromarray(_to_uint16(view) if pixels is None else pixels).save(folder / names[view.name])
    document = {
        "format": FORMAT,
        "id": case.id,
        "coordinate_system": "RAS",
        "views": [_view_to_json(view, names[view.name], (sources or {}).get(view.name)) for view in case.views],
        "vertebrae": [_seed_to_json(seed) for seed in case.seeds],
    }
    (folder / FILE_NAME).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _image_names(names: Sequence[str]) -> dict[str, str]:
    """A file name for each view: its own name where that is harmless and unique on any file system."""
    plain = [
        "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower()) for name in names
    ]
    return {name: f"{short}.png" if plain.count(short) == 1 else f"{short}_{index}.png"
            for index, (name, short) in enumerate(zip(names, plain, strict=True))}  # fmt: skip


def _view_to_json(view: View, image: str, sources: Mapping[str, str] | None) -> dict[str, object]:
    geometry: dict[str, object] = {
        "projection_matrix": view.projection.tolist(),
        "pixel_spacing_mm": list(view.pixel_spacing_mm),
        "source_to_detector_mm": view.source_to_detector_mm,
    }
    if sources:
        geometry["sources"] = dict(sources)
    return {"name": view.name, "image": image, "geometry": geometry, "polarity": view.polarity}


def _seed_to_json(seed: Seed) -> dict[str, object]:
    clicks = {name: [float(u), float(v)] for name, (u, v) in seed.clicks_px.items()}
    return {"level": seed.level, "seeds": clicks} if clicks else {"level": seed.level}


def _to_uint16(view: View) -> np.ndarray:
    """A view's attenuation as 16-bit pixels in its polarity: a display, or counts of which the dimmest are 5 %."""
    relative = (view.image - view.image.min()) / max(float(np.ptp(view.image)), 1e-9)
    return np.round(65535 * (relative if view.polarity == "bone-bright" else np.exp(-3.0 * relative))).astype(np.uint16)
