"""A synthetic column for tests of consistency: tilted cylinders of uneven height with flat ends, X-rayed exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.geometry.camera import rays
from SpineDARTLib.types import View

SHAPE = (230, 250)
SPACING_MM = 1.2
DISTANCE_MM = 1000.0

BODIES = (
    # middle RAS mm, half axes right and front mm, height mm, tilt about right and front deg
    ((4.0, 2.0, 62.0), (19.0, 14.0), 19.0, (8.0, -3.0)),
    ((1.0, 6.0, 33.0), (21.0, 15.0), 25.0, (4.0, 2.0)),
    ((-3.0, 8.0, 0.0), (22.0, 16.0), 22.0, (-2.0, 4.0)),
    ((-6.0, 7.0, -34.0), (23.0, 17.0), 29.0, (-7.0, 1.0)),
    ((-4.0, 2.0, -68.0), (24.0, 17.0), 24.0, (-12.0, -5.0)),
)


def blank(name: str, primary_deg: float, secondary_deg: float = 0.0) -> View:
    """A view without a picture."""
    spacing = (SPACING_MM, SPACING_MM)
    camera = c_arm_camera(primary_deg, secondary_deg, DISTANCE_MM, 680.0, spacing, SHAPE)
    return View(name, np.zeros(SHAPE, dtype=np.float32), *camera, spacing, DISTANCE_MM)


def thickness(view: View, number: int) -> np.ndarray:
    """(height, width) mm of one body that each ray passes."""
    middle, axes, height, tilt = BODIES[number]
    rows, columns = np.indices(SHAPE)
    source, directions = rays(np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float), view)
    turn = Rotation.from_euler("xy", tilt, degrees=True).as_matrix()
    start, steps = (source - np.array(middle)) @ turn, directions @ turn
    start[:2] /= axes
    steps[:, :2] /= axes
    a, b, c = (steps[:, :2] ** 2).sum(1), steps[:, :2] @ start[:2], start[:2] @ start[:2] - 1.0
    root = np.sqrt(np.maximum(b**2 - a * c, 0.0))
    ends = np.sort(
        (np.array([[-0.5], [0.5]]) * height - start[2]) / np.where(np.abs(steps[:, 2]) < 1e-9, 1e-9, steps[:, 2]), 0
    )
    enter, leave = np.maximum((-b - root) / a, ends[0]), np.minimum((-b + root) / a, ends[1])
    return np.where(b**2 > a * c, np.maximum(leave - enter, 0.0), 0.0).reshape(SHAPE)


def column_view(name: str, primary_deg: float, secondary_deg: float = 0.0) -> View:
    """A view of all bodies, bone bright, with a slope of soft tissue and a little noise."""
    view = blank(name, primary_deg, secondary_deg)
    rows, columns = np.indices(SHAPE)
    picture = 0.02 * sum(thickness(view, number) for number in range(len(BODIES))) + 0.003 * columns + 0.001 * rows
    noise = np.random.default_rng(len(name) + round(primary_deg)).standard_normal(SHAPE)
    return replace(view, image=(picture + 0.02 * noise).astype(np.float32))
