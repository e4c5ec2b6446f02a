"""What every geometry file comes down to: a projection matrix, its axes and its detector, made into a camera of ours.

Readers (``matrices``, ``drr_programs``, ``detectors``) give ``Projection``; ``finished`` turns axes to RAS, takes the
camera of a picture that is mirrored against what the source sees from the picture turned over, and checks the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..geometry.camera import check_camera
from ..geometry.detector import camera_of_projection
from .cameras import Camera, explained
from .fields import Field

AXES = ("RAS", "LPS")
TO_AXES = {"RAS": np.eye(4), "LPS": np.diag([-1.0, -1.0, 1.0, 1.0])}
"""RAS mm to each, homogeneous."""

LARGEST = 1e30
"""Of a number in a geometry file, so that nothing made of several of them overflows."""

SHORTEST_MM = 1e-6
MOST_PIXELS = 1 << 16
"""Shortest length and longest side of a picture that are believed."""

NOT_MIRRORED = "a picture as the source sees it (turn it over, left to right, or let it be turned over)"


@dataclass(frozen=True)
class Said:
    """What is said beside a geometry file; a file's own word comes first.

    Attributes:
        shape: (height, width) of the picture.
        coordinate_system: one of ``AXES``, of files that do not say it.
        pixel_spacing_mm: (between rows, between columns) at the detector.
        source_to_detector_mm: focal distance.
    """

    shape: tuple[int, int] | None = None
    coordinate_system: str | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    source_to_detector_mm: float | None = None


@dataclass(frozen=True)
class Projection:
    """One picture's geometry as a file has it.

    Attributes:
        field: where it stands, for complaints.
        matrix: (3, 4) mm of the file's world to pixels (integer at a pixel's centre), its last row positive in front of
            the source.
        axes: one of ``AXES``, None where the file does not say.
        pixel_spacing_mm, source_to_detector_mm, shape: None where the file does not say.
    """

    field: Field
    matrix: np.ndarray
    axes: str | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    source_to_detector_mm: float | None = None
    shape: tuple[int, int] | None = None


@dataclass(frozen=True)
class GeometryFile:
    """The cameras of a geometry file.

    Attributes:
        kind: what it was taken for, in words.
        cameras: name of the view, or its number from "0", to camera.
        mirrored: those whose camera is that of the picture turned over, left to right.
        notes: what was taken for granted, a sentence each.
    """

    kind: str
    cameras: Mapping[str, Camera]
    mirrored: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())


def finished(kind: str, said: Said, projections: Mapping[str, Projection], notes: tuple[str, ...] = ()) -> GeometryFile:
    """All projections as cameras.

    Raises:
        InputError: axes, spacing or distance that nobody says, a matrix that is no camera, or another picture's.
    """
    cameras, mirrored = {}, set()
    for name, projection in projections.items():
        cameras[name], turned = _camera_of(projection, said)
        mirrored |= {name} if turned else set()
    if mirrored:
        who = "the picture" if len(projections) == 1 else f"the picture of {', '.join(sorted(mirrored))}"
        notes = (*notes, f"{who} is seen from the detector's side; it is turned over, left to right.")
    return GeometryFile(kind, cameras, frozenset(mirrored), notes)


def _camera_of(projection: Projection, said: Said) -> tuple[Camera, bool]:
    field = projection.field
    axes = projection.axes or said.coordinate_system
    if axes not in AXES:
        field.fail('a coordinate_system, "RAS" or "LPS", in the file or beside it', axes or "no coordinate system")
    shape = projection.shape or said.shape
    if projection.shape and said.shape and projection.shape != said.shape:
        field.fail(f"those of the picture, {said.shape[0]} x {said.shape[1]}", _rows_by_columns(projection.shape))
    matrix = projection.matrix @ TO_AXES[axes]
    width = None if shape is None else shape[1]
    intrinsics, world_to_camera, mirrored = explained(field, lambda: camera_of_projection(matrix, width))
    spacing, distance = _detector(projection, said, intrinsics)
    if shape is not None:
        explained(field, lambda: check_camera(intrinsics, spacing, distance, shape))
    return (intrinsics, world_to_camera, spacing, distance), mirrored


def _detector(projection: Projection, said: Said, intrinsics: np.ndarray) -> tuple[tuple[float, float], float]:
    """Spacing and distance: either follows from the other and the focal lengths."""
    spacing = projection.pixel_spacing_mm or said.pixel_spacing_mm
    distance = projection.source_to_detector_mm or said.source_to_detector_mm
    across, down = float(intrinsics[0, 0]), float(intrinsics[1, 1])
    if spacing is None and distance is None:
        projection.field.fail("pixel_spacing_mm or source_to_detector_mm, in the file or beside it", "neither")
    if distance is None:
        assert spacing is not None
        distance = (across * spacing[1] + down * spacing[0]) / 2
    return spacing or (distance / down, distance / across), distance


def _rows_by_columns(shape: tuple[int, int]) -> str:
    return f"{shape[0]} rows x {shape[1]} columns"


def view_fields(root: Field) -> dict[str, Field]:
    """The views of a JSON file by name or number; what stands beside them holds for each that does not say otherwise.

    ``views`` (or ``projections``) may be an object by name or an array, in which a view may have a ``name``. A file
    without them describes one view, "0".

    Raises:
        InputError: neither an object nor an array, or a name twice.
    """
    views = root.optional("views") or root.optional("projections")
    if views is None:
        return {"0": root}
    if isinstance(views.value, dict):
        named = views.named()
    else:
        items = views.items()
        named = {str(item.members().get("name", index)): item for index, item in enumerate(items)}
        if len(named) < len(items):
            views.fail("a name of its own for each view", "the same name twice")
    shared = {key: value for key, value in root.members().items() if key not in ("views", "projections")}
    return {name: replace(item, value={**shared, **item.members()}) for name, item in named.items()}


def shape_of(item: Field, rows: str = "height", columns: str = "width") -> tuple[int, int] | None:
    """(height, width) of the picture, None where the file has neither."""
    found = item.optional(rows), item.optional(columns)
    if found[0] is None and found[1] is None:
        return None
    height, width = item.child(rows).index(), item.child(columns).index()
    if not 1 <= min(height, width) <= max(height, width) <= MOST_PIXELS:
        item.fail(f"{rows} and {columns} from 1 to {MOST_PIXELS}", f"{height} x {width}")
    return height, width


def spacing_of(item: Field, key: str = "pixel_spacing_mm") -> tuple[float, float] | None:
    """(between rows, between columns) mm from two numbers or from one, None where the file has none."""
    found = item.optional(key)
    if found is None:
        return None
    rows, columns = (found.number(),) * 2 if not isinstance(found.value, list) else found.numbers(2)
    if min(rows, columns) < SHORTEST_MM:
        found.fail("lengths above 0: between rows, between columns")
    return float(rows), float(columns)


def distance_of(item: Field, key: str = "source_to_detector_mm") -> float | None:
    """A length in mm, None where the file has none."""
    found = item.optional(key)
    return None if found is None else found.number(above=SHORTEST_MM)


def check_magnitudes(field: Field) -> None:
    """Refuse a file with a number that no geometry has.

    Raises:
        InputError: a number beyond ``LARGEST``.
    """
    if isinstance(field.value, dict):
        for member in field.named().values():
            check_magnitudes(member)
    elif isinstance(field.value, list):
        for item in field.items():
            check_magnitudes(item)
    elif isinstance(field.value, (int, float)) and not abs(field.value) <= LARGEST:
        field.fail(f"a number up to {LARGEST:g}")


def axes_of(item: Field) -> str | None:
    """ "RAS" or "LPS", None where the file does not say."""
    found = item.optional("coordinate_system")
    return None if found is None else found.text(AXES)


def rigid_of(item: Field) -> np.ndarray:
    """A 4x4 (or 3x4) rigid motion, mm.

    Raises:
        InputError: another shape, or not a rotation and a translation.
    """
    rows = len(item.value) if isinstance(item.value, list) else 0
    matrix = np.eye(4)
    matrix[: 4 if rows == 4 else 3] = item.numbers(4 if rows == 4 else 3, 4)
    rotation = matrix[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        item.fail("a rotation and a translation", "a matrix that scales, skews or mirrors")
    if not np.allclose(matrix[3], [0, 0, 0, 1]):
        item.fail("a last row of 0 0 0 1")
    return matrix
