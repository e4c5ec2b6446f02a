"""The pencil of planes through two X-ray sources: each cuts both pictures in lines that show the same slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..types import View
from .triangulate import nearest_to_lines

SHORTEST_ARM_MM = 150.0
"""A pencil whose axis passes closer than this to the patient (opposed beams) no longer cuts the spine into slices."""


MOST_PARALLEL = 1e4
"""Condition of where beams meet, beyond which their point is no place in the patient (beams about a degree apart)."""


@dataclass(frozen=True)
class Pencil:
    """Planes through the baseline of two sources, told apart by where they cut the patient.

    Attributes:
        centre_mm: (3,) RAS; the plane through it has height 0.
        baseline: (3,) unit vector from the first source to the second.
        arm: (3,) unit vector from the baseline to the centre, at right angles to it.
        up: (3,) unit vector across the planes; its largest component is to the left, front or head.
        arm_mm: distance of the centre from the baseline.
    """

    centre_mm: np.ndarray
    baseline: np.ndarray
    arm: np.ndarray
    up: np.ndarray
    arm_mm: float

    def heights_mm(self, pixels: np.ndarray, view: View) -> np.ndarray:
        """Which plane each pixel (n, 2) belongs to, as the height (n,) in mm at the centre along ``up``."""
        directions = (
            np.c_[pixels, np.ones(len(pixels))] @ np.linalg.inv(view.intrinsics).T @ view.world_to_camera[:3, :3]
        )
        return self.arm_mm * np.arctan2(directions @ self.up, directions @ self.arm)


def meeting_point(views: Sequence[View]) -> np.ndarray:
    """The point (3,) RAS mm nearest to the middle rays of all views: about where the patient's spine is.

    Raises:
        ValueError: the beams are so parallel that they meet nowhere.
    """
    return nearest_to_lines(
        np.array([view.source_mm for view in views]), np.array([view.axis for view in views]), MOST_PARALLEL
    )


def pencil_of(first: View, second: View, centre_mm: np.ndarray | None = None) -> Pencil:
    """The pencil of two views.

    Args:
        centre_mm: (3,) a point of the spine; without it, where the beams meet.

    Raises:
        ValueError: beams that are almost parallel or opposed, so that the baseline runs through the patient.
    """
    centre = meeting_point((first, second)) if centre_mm is None else np.asarray(centre_mm, dtype=np.float64)
    baseline = second.source_mm - first.source_mm
    length = float(np.linalg.norm(baseline))
    if length < 1.0:
        raise ValueError("got two views from the same source; expected two directions")
    baseline = baseline / length
    arm = centre - first.source_mm
    arm = arm - baseline * (arm @ baseline)
    arm_mm = float(np.linalg.norm(arm))
    if arm_mm < SHORTEST_ARM_MM:
        found = f"sources whose joining line passes {arm_mm:.0f} mm from the patient"
        raise ValueError(f"got {found}; expected beams that are not opposed")
    up = np.cross(baseline, arm / arm_mm)
    # RAS: x runs to the right, so that "left" is the negative side.
    largest = int(np.argmax(np.abs(up)))
    up = up * np.sign(up[largest]) * (-1.0 if largest == 0 else 1.0)
    return Pencil(centre, baseline, arm / arm_mm, up, arm_mm)


def rectify(
    view: View, pencil: Pencil, heights_mm: np.ndarray, along_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A view's picture resampled so that every row is one plane of the pencil.

    Args:
        heights_mm: (rows,) planes, see ``Pencil``; even steps.
        along_mm: (columns,) directions within a plane, as the distance at the patient from the middle one; even steps.

    Returns:
        the picture (rows, columns); where it lies on the detector (rows, columns) bool; the angles (columns,) in
        radians between each direction and the baseline's normal.
    """
    to_centre = pencil.centre_mm - view.source_mm
    distance_mm = float(np.linalg.norm(to_centre))
    angles = np.arctan2(to_centre @ pencil.baseline, to_centre @ pencil.arm) + along_mm / distance_mm
    tilt = (heights_mm / pencil.arm_mm)[:, None]
    in_plane = np.cos(tilt) * pencil.arm + np.sin(tilt) * pencil.up
    directions = np.sin(angles)[None, :, None] * pencil.baseline + np.cos(angles)[None, :, None] * in_plane[:, None]
    seen = directions @ (view.intrinsics @ view.world_to_camera[:3, :3]).T
    depth = np.where(seen[..., 2] > 1e-6, seen[..., 2], np.nan)
    columns, rows = seen[..., 0] / depth, seen[..., 1] / depth
    height, width = view.image.shape
    inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    # As coarse as the new rows, lest noise between them comes through.
    step_px = abs(heights_mm[1] - heights_mm[0]) * view.intrinsics[1, 1] / distance_mm
    smooth = ndimage.gaussian_filter(view.image.astype(np.float32), max(0.4 * float(step_px) - 0.3, 0.0))
    grid = [np.where(inside, rows, 0.0), np.where(inside, columns, 0.0)]
    return np.where(inside, ndimage.map_coordinates(smooth, grid, order=1), 0.0), inside, angles
