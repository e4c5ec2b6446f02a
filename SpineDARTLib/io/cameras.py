"""The camera of a view from the ``geometry`` of a case file: a projection matrix, C-arm angles, or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ..errors import InputError
from ..geometry.camera import c_arm_camera, check_camera, decompose_projection
from .fields import Field

AGREEMENT_PX = 1.0
"""Matrix and C-arm angles of one view may differ by this anywhere on the detector's frame (contract)."""

GEOMETRY_FIELDS = ("projection_matrix", "pixel_spacing_mm", "source_to_detector_mm", "c_arm")
C_ARM_FIELDS = (
    "primary_deg", "secondary_deg", "source_to_detector_mm", "source_to_isocentre_mm", "isocentre_mm",
    "pixel_spacing_mm", "convention",
)  # fmt: skip

Camera = tuple[np.ndarray, np.ndarray, tuple[float, float], float]
"""intrinsics (3, 3) pixels, world_to_camera (4, 4), (between rows, between columns) mm, source to detector mm."""

Result = TypeVar("Result")


def read_camera(geometry: Field, shape: tuple[int, int]) -> Camera:
    """The camera that a ``geometry`` field describes.

    Args:
        shape: (height, width) of the view's image.

    Raises:
        InputError: neither matrix nor C-arm, a field of the wrong kind, a matrix that is no camera or not this
            detector's, or a matrix and a C-arm that disagree.
    """
    matrix, c_arm = geometry.optional("projection_matrix"), geometry.optional("c_arm")
    if matrix is None and c_arm is None:
        geometry.fail("a projection_matrix or a c_arm")
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
        "dicom" if convention is None else convention.text(("dicom", "deepdrr")),
    )
    intrinsics, world_to_camera = explained(c_arm, lambda: c_arm_camera(*arguments))
    return intrinsics, world_to_camera, spacing_mm, distance_mm


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
