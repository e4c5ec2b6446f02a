"""What the tests of other programs' parameters share: a camera like no other, and where it sees three points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.io.cameras import Camera
from Testing.io.drr_oracles import POINTS_MM

SHAPE, SPACING = (300, 400), (0.5, 0.4)
LPS = np.diag([-1.0, -1.0, 1.0])


def camera(seed: int = 0, shape: tuple[int, int] = SHAPE, spacing: tuple[float, float] = SPACING, **how: Any) -> Camera:
    """An oblique camera with its axis off the middle and a roll."""
    generator = np.random.default_rng(seed)
    primary, secondary = generator.uniform([-80, -40], [80, 40])
    x, y, z = generator.uniform(-50, 50, 3)
    point = {"principal_point_px": (190.0, 160.0), "detector_rotation_deg": float(generator.uniform(-20, 20))}
    made = c_arm_camera(primary, secondary, 1020.0, 530.0, spacing, shape, (x, y, z), **{**point, **how})
    return *made, spacing, 1020.0


def seen(camera: Camera, mirrored_width: int | None = None) -> np.ndarray:
    """(u, v) of the points in the picture as the program stores it."""
    intrinsics, world_to_camera = camera[:2]
    points = intrinsics @ (world_to_camera @ np.c_[POINTS_MM, np.ones(3)].T)[:3]
    assert (points[2] > 0).all()
    pixels = (points[:2] / points[2]).T
    if mirrored_width:
        pixels[:, 0] = mirrored_width - 1 - pixels[:, 0]
    return pixels


def file_of(folder: Path, values: object, name: str = "cameras.json") -> Path:
    (folder / name).write_text(json.dumps(values))
    return folder / name


def assert_same(found: Camera, true: Camera) -> None:
    for one, other in zip(found, true, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
