"""The camera of a view from the ``geometry`` of a case file: a projection matrix, C-arm angles, or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ..errors import InputError
from ..geometry.c_arm import c_arm_camera
from ..geometry.camera import check_camera, decompose_projection
from ..geometry.conventions import CONVENTIONS, RELATIVE_TO
from ..geometry.patient import POSITIONS
from .fields import Field

AGREEMENT_PX = 1.0
"""Matrix and C-arm angles of one view may differ by this anywhere on the detector's frame (contract)."""

GEOMETRY_FIELDS = ("projection_matrix", "pixel_spacing_mm", "source_to_detector_mm", "c_arm", "sources")
C_ARM_FIELDS = (
    "primary_deg", "secondary_deg", "source_to_detector_mm", "source_to_isocentre_mm", "isocentre_mm",
    "pixel_spacing_mm", "convention", "patient_position", "angles_relative_to", "detector_rotation_deg",
    "swivel_deg", "image_flip_horizontal", "image_rotation_deg",
)  # fmt: skip
"""``c_arm_camera`` says what each means; ``sources`` (quantity to text) is for people and for no camera."""

Camera = tuple[np.ndarray, np.ndarray, tuple[float, float], float]
"""intrinsics (3, 3) pixels, world_to_camera (4, 4), (between rows, between columns) mm, source to detector mm."""

Result = TypeVar("Result")


def read_camera(geometry: Field, shape: tuple[int, int], *, turns_over: bool = False) -> Camera:
    """The camera that a ``geometry`` field describes; where ``is_flipped``, that of the image turned over.

    Args:
        shape: (height, width) of the view's image.
        turns_over: whether the caller turns over an image that is flipped; else such a one is refused.

    Raises:
        InputError: neither matrix nor C-arm, a field of the wrong kind, a matrix that is no camera or not this
            detector's, a matrix and a C-arm that disagree, or a flipped image that has a matrix or is not expected.
    """
    matrix, c_arm = geometry.optional("projection_matrix"), geometry.optional("c_arm")
    if matrix is None and c_arm is None:
        geometry.fail("a projection_matrix or a c_arm")
    _check_sources(geometry.optional("sources"))
    if is_flipped(geometry) and (matrix is not None or not turns_over):
        assert c_arm is not None
        place = "beside a projection_matrix, which has no camera for a mirrored image" if matrix else "here"
        c_arm.child("image_flip_horizontal").fail(f"false {place}")
    from_arm = None if c_arm is None else _read_c_arm(c_arm, shape)
    if matrix is None:
        assert from_arm is not None
        return from_arm
    camera = _read_matrix(geometry, matrix, from_arm, shape)
    if c_arm is not None and from_arm is not None:
        isocentre_mm = c_arm.child("source_to_isocentre_mm").number()
        difference_px = _frame_difference(camera, from_arm, isocentre_mm, shape)
        if difference_px > AGREEMENT_PX:
            expected = f"agreement with c_arm within {AGREEMENT_PX:g} px (or only one of projection_matrix and c_arm)"
            matrix.fail(expected, f"a camera that differs from c_arm by up to {difference_px:.1f} px on the detector")
    return camera


def is_flipped(geometry: Field) -> bool:
    """Whether a ``geometry`` field's image is mirrored against what the source sees and must be turned over.

    Raises:
        InputError: neither true nor false.
    """
    c_arm = geometry.optional("c_arm")
    flip = None if c_arm is None else c_arm.optional("image_flip_horizontal")
    if flip is not None and not isinstance(flip.value, bool):
        flip.fail("true or false")
    return flip is not None and flip.value is True


def _check_sources(sources: Field | None) -> None:
    for source in {} if sources is None else sources.named().values():
        source.text()


def _read_matrix(geometry: Field, matrix: Field, from_arm: Camera | None, shape: tuple[int, int]) -> Camera:
    spacing, distance = geometry.optional("pixel_spacing_mm"), geometry.optional("source_to_detector_mm")
    # What a c_arm beside the matrix says need not be said twice.
    if from_arm is not None and spacing is None:
        spacing_mm = from_arm[2]
    else:
        spacing_mm = _spacing(geometry.child("pixel_spacing_mm"))
    if from_arm is not None and distance is None:
        distance_mm = from_arm[3]
    else:
        distance_mm = geometry.child("source_to_detector_mm").number(above=0.0)
    intrinsics, world_to_camera = explained(matrix, lambda: decompose_projection(matrix.numbers(3, 4)))
    explained(matrix, lambda: check_camera(intrinsics, spacing_mm, distance_mm, shape))
    return intrinsics, world_to_camera, spacing_mm, distance_mm


def _read_c_arm(c_arm: Field, shape: tuple[int, int]) -> Camera:
    spacing_mm = _spacing(c_arm.child("pixel_spacing_mm"))
    distance_mm = c_arm.child("source_to_detector_mm").number(above=0.0)
    isocentre, convention = c_arm.optional("isocentre_mm"), c_arm.optional("convention")
    x, y, z = (0.0, 0.0, 0.0) if isocentre is None else isocentre.numbers(3)
    arguments = (
        c_arm.child("primary_deg").number(),
        c_arm.child("secondary_deg").number(),
        distance_mm,
        c_arm.child("source_to_isocentre_mm").number(above=0.0),
        spacing_mm,
        shape,
        (float(x), float(y), float(z)),
        "dicom" if convention is None else convention.text(tuple(CONVENTIONS)),
    )
    extras = {
        "patient_position": _choice(c_arm, "patient_position", tuple(POSITIONS)),
        "angles_relative_to": _choice(c_arm, "angles_relative_to", RELATIVE_TO),
        "swivel_deg": _angle(c_arm, "swivel_deg"),
        "detector_rotation_deg": _angle(c_arm, "detector_rotation_deg"),
        "image_rotation_deg": _angle(c_arm, "image_rotation_deg"),
    }
    intrinsics, world_to_camera = explained(c_arm, lambda: c_arm_camera(*arguments, **extras))
    return intrinsics, world_to_camera, spacing_mm, distance_mm


def _choice(c_arm: Field, name: str, choices: tuple[str, ...]) -> str | None:
    found = c_arm.optional(name)
    return None if found is None else found.text(choices)


def _angle(c_arm: Field, name: str) -> float:
    found = c_arm.optional(name)
    return 0.0 if found is None else found.number()


def _spacing(field: Field) -> tuple[float, float]:
    rows, columns = field.numbers(2)
    if min(rows, columns) <= 0:
        field.fail("two lengths above 0: between rows, between columns")
    return float(rows), float(columns)


def _frame_difference(first: Camera, second: Camera, isocentre_mm: float, shape: tuple[int, int]) -> float:
    """Largest distance in pixels between the two cameras' pictures of what the first sees along the detector's frame.

    Points stand on the frame's rays at the isocentre's depth and on the detector, so a source that is displaced along
    the rays of one point is seen at the others.
    """
    height, width = shape
    pixels = np.array([[u, v, 1.0] for u in np.linspace(0, width - 1, 5) for v in np.linspace(0, height - 1, 5)])
    rays = pixels @ np.linalg.inv(first[0]).T
    largest = 0.0
    for depth_mm in (isocentre_mm, first[3]):
        world = (np.linalg.inv(first[1]) @ np.c_[rays * depth_mm, np.ones(len(rays))].T)[:3]
        seen = second[0] @ (second[1][:3, :3] @ world + second[1][:3, 3:])
        if (seen[2] <= 0).any():
            return float("inf")
        largest = max(largest, float(np.linalg.norm(seen[:2] / seen[2] - pixels[:, :2].T, axis=0).max()))
    return largest


def explained(field: Field, function: Callable[[], Result]) -> Result:
    """The function's result; its ValueError ("got ...; expected ...") as an InputError of this field."""
    try:
        return function()
    except InputError:
        raise
    except ValueError as error:
        found, _, expected = str(error).removeprefix("got ").partition("; expected ")
        raise InputError(field.where, field.path, found, expected or "a valid value") from None
