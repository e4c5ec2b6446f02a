"""What is known of a picture that has no tags: nothing, or the camera that a case or a geometry file has for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..geometry.c_arm import c_arm_of
from ..geometry.known import CONFIDENCES, REQUIRED, Conflict, KnownGeometry, Missing, Quantity, missing_of, quantity_of
from ..geometry.patient import POSITIONS, table_to_patient
from .cameras import Camera
from .dicom.distances import MOBILE
from .dicom.spacing import MOBILE_DETECTOR_MM
from .foreign import read_geometry_file
from .gathered import Choices

MATRIX_WINS = "a matrix that was given for the picture is believed before the picture's own tags"

DIFFERENT = {"deg": 1.0, "mm": 0.01, "px": 5.0}
"""Differences between a matrix and tags that are worth saying: absolute in degrees and pixels, relative in mm."""

OF_STORED_PICTURE = ("image_flip_horizontal", "image_rotation_deg")
"""Of no concern where a matrix maps to the stored picture's own pixels."""


def known_of_picture(file: str, kind: str, shape: tuple[int, int]) -> KnownGeometry:
    """Of a picture alone: nothing; a common mobile C-arm is proposed, but no angles.

    Args:
        file: name of the picture.
        shape: (height, width).
    """
    distance, isocentre = MOBILE
    spacing = MOBILE_DETECTOR_MM / max(shape)
    proposed = {
        "source_to_detector_mm": distance,
        "source_to_isocentre_mm": isocentre,
        "pixel_spacing_mm": (spacing, spacing),
    }
    why = (
        f"a common mobile C-arm: {distance:g} mm, isocentre at {isocentre:g} mm, detector of {MOBILE_DETECTOR_MM:g} mm"
    )
    proposals = {
        name: Missing(name, REQUIRED[name], quantity_of(name, value, "common mobile C-arm", "assumed"), why)
        for name, value in proposed.items()
    }
    return KnownGeometry(file, kind, shape, missing=missing_of({}, proposals))


def known_of_camera(
    camera: Camera,
    file: str,
    shape: tuple[int, int],
    source: str,
    words: Mapping[str, str] | None = None,
    mirrored: bool = False,
) -> KnownGeometry:
    """A matrix camera value by value: what it states, and the C-arm's angles that follow.

    Args:
        file: name of the picture.
        shape: (height, width) of the stored picture.
        source: where the matrix stands.
        words: quantity to where it came from in the first place, as a case's "sources" has it.
        mirrored: the camera is that of the stored picture turned over, left to right.
    """
    intrinsics, world_to_camera, spacing_mm, distance_mm = camera
    pose = c_arm_of(intrinsics, world_to_camera, spacing_mm)
    u, v = pose.principal_point_px
    stated = {
        "source_to_detector_mm": distance_mm,
        "pixel_spacing_mm": spacing_mm,
        "principal_point_px": (shape[1] - 1 - u if mirrored else u, v),
        "world_to_camera": tuple(float(number) for number in world_to_camera.ravel()),
    }
    derived = _angles(world_to_camera)
    if mirrored:
        derived["image_flip_horizontal"] = 1.0
    of_matrix = f"the matrix in {source}"
    quantities = [_sourced(name, value, words or {}, source, "stated") for name, value in stated.items()]
    quantities += [_sourced(name, value, words or {}, of_matrix, "derived") for name, value in derived.items()]
    known = {quantity.name: quantity for quantity in quantities}
    remembered, position = tuple(_remembered(words or {}, known)), (words or {}).get("patient_position")
    return KnownGeometry(
        file, "matrix", shape, quantities=known, missing=missing_of(known), warnings=remembered,
        patient_position=position if position in POSITIONS else None,
    )  # fmt: skip


def _remembered(words: Mapping[str, str], known: Mapping[str, Quantity]) -> Iterator[str]:
    """What a case says of how it was made that no quantity shows: what was assumed or given, and whole sentences."""
    for name, text in words.items():
        if name not in known and name != "patient_position" and not text.startswith(("stated: ", "derived: ")):
            yield f"As the case was made, {name}: {text}"


def _sourced(
    name: str, value: float | tuple[float, ...], words: Mapping[str, str], source: str, confidence: str
) -> Quantity:
    """A quantity with the source and confidence that a case remembers ("assumed: common mobile C-arm")."""
    remembered, _, text = words.get(name, "").partition(": ")
    if text and remembered in CONFIDENCES:
        return quantity_of(name, value, text, remembered)
    return quantity_of(name, value, words.get(name, source), confidence)


def with_pose(known: KnownGeometry, of_matrix: KnownGeometry) -> KnownGeometry:
    """A picture's tags with a matrix's values in their place, and what differs as conflicts."""
    conflicts = [conflict for name, quantity in of_matrix.quantities.items()
                 if (conflict := _conflict(known.quantities.get(name), quantity)) is not None]  # fmt: skip
    kept = {name: value for name, value in known.quantities.items()
            if name not in ("isocentre_mm", "source_to_isocentre_mm", *OF_STORED_PICTURE)}  # fmt: skip
    return replace(
        known,
        quantities={**kept, **of_matrix.quantities},
        conflicts=(*known.conflicts, *conflicts),
        warnings=(*known.warnings, *of_matrix.warnings),
        missing=(),
    )


def matrix_of(text: str, name: str, shape: tuple[int, int], choices: Choices) -> tuple[KnownGeometry, Camera]:
    """The camera of one view in a geometry file, and what it says value by value.

    Args:
        text: the file's path; "FILE#KEY" is one camera of a file with several.
        name: of the view, and of its camera where the text has no key; a file with a single camera needs neither.
        shape: (height, width) of the stored picture.
        choices: its coordinate system, and a spacing or distance that the file does not have.

    Raises:
        InputError: unreadable, of no known kind, or without such a camera.
    """
    file, _, key = text.rpartition("#") if "#" in text and not Path(text).exists() else (text, "", "")
    path, values = Path(file), {**choices.values.get("", {}), **choices.values.get(name, {})}
    rows, columns = (values.get("pixel_spacing_mm", ()) * 2)[:2] or (0.0, 0.0)
    found = read_geometry_file(
        path,
        shape,
        coordinate_system=choices.coordinate_system,
        pixel_spacing_mm=(rows, columns) if rows else None,
        source_to_detector_mm=next(iter(values.get("source_to_detector_mm", ())), None),
        mirrored_ok=True,
    )
    wanted = key or (name if name in found.cameras else next(iter(found.cameras)))
    if wanted not in found.cameras or (len(found.cameras) > 1 and wanted not in (key, name)):
        expected = f"--matrix {name}={path.name}#KEY, with one of {', '.join(found.cameras)}"
        raise InputError(path, "", f"no camera named {key or name}", expected)
    camera, source = found.cameras[wanted], f"a geometry file ({found.kind})"
    known = known_of_camera(camera, path.name, shape, source, mirrored=wanted in found.mirrored)
    return replace(known, warnings=tuple(found.notes)), camera


def lying(known: KnownGeometry, position: str | None) -> KnownGeometry:
    """The same of a patient who lies otherwise on the table: what the tags say of the table is turned with the patient.

    Args:
        known: as read from tags.
        position: one of ``geometry.patient.POSITIONS``.
    """
    before, quantities = known.patient_position, dict(known.quantities)
    if before and position and before != position:
        turn = table_to_patient(position) @ table_to_patient(before).T
        isocentre, pose = quantities.get("isocentre_mm"), quantities.get("world_to_camera")
        if isocentre is not None and isocentre.confidence == "derived":
            x, y, z = (float(number) for number in turn @ isocentre.value)
            quantities["isocentre_mm"] = replace(isocentre, value=(x, y, z))
        if pose is not None:
            matrix = np.array(pose.value).reshape(4, 4)
            matrix[:3, :3] = matrix[:3, :3] @ turn.T
            quantities["world_to_camera"] = replace(pose, value=tuple(float(number) for number in matrix.ravel()))
            for name, value in _angles(matrix).items():
                quantities[name] = quantity_of(name, value, pose.source, "derived")
    return replace(known, quantities=quantities, patient_position=position)


def _angles(world_to_camera: np.ndarray) -> dict[str, float]:
    pose = c_arm_of(np.eye(3), world_to_camera, (1.0, 1.0))
    names = ("primary_deg", "secondary_deg", "detector_rotation_deg")
    return {name: round(getattr(pose, name), 6) + 0.0 for name in names}  # without a minus before 0


def _conflict(tag: Quantity | None, matrix: Quantity) -> Conflict | None:
    if tag is None or matrix.name in ("world_to_camera", *OF_STORED_PICTURE):
        return None
    limit = DIFFERENT[matrix.unit]
    scale = abs(tag.value[0]) if matrix.unit == "mm" else 1.0
    apart = [abs(one - other) for one, other in zip(tag.value, matrix.value, strict=True)]
    if matrix.unit == "deg":
        apart = [min(one % 360, 360 - one % 360) for one in apart]
    return Conflict(matrix.name, (tag, matrix), 1, MATRIX_WINS) if max(apart) > limit * scale else None
