"""Views of made-up patients for the tests of ``simulate.imaging``."""

from __future__ import annotations

import numpy as np

from SpineDARTLib.simulate.imaging.views import Arm, Pose, aim
from SpineDARTLib.simulate.nouns import Patient, TrueVertebra, Volume
from SpineDARTLib.types import Vertebra, View
from Testing.shapes import sphere

ISOCENTRE_MM = np.array([5.0, -12.0, 40.0])
POSES = {
    "AP": Pose("AP", 176.0, 4.0),
    "LAT": Pose("LAT", 88.0, -6.0, roll_deg=7.0, offset_px=(9.0, -14.0)),
    "OBL": Pose("OBL", 40.0, -18.0, zoom=1.2),
    "MIR": Pose("MIR", -70.0, 11.0, roll_deg=-12.0, offset_px=(-6.0, 3.0), mirrored=True),
}


def camera(name: str, size_px: int = 192, spacing_mm: float = 1.0, isocentre_mm: np.ndarray = ISOCENTRE_MM) -> View:
    """One of ``POSES``."""
    return aim(Arm(pixel_spacing_mm=spacing_mm, size_px=size_px), POSES[name], isocentre_mm)


def ball(centre_mm: np.ndarray, radius_mm: float, spacing_mm: float, turn: np.ndarray | None = None) -> Volume:
    """A ball of bone, blended over a voxel's width, in a grid whose axes are turned; off the grid's middle."""
    turn = np.eye(3) if turn is None else turn
    number = int(np.ceil(radius_mm / spacing_mm)) + 3
    offset = number + np.array([0.3, 0.7, -0.1])
    grid = np.stack(np.meshgrid(*3 * [np.arange(2 * number + 2)], indexing="ij"), -1) - offset
    values = np.clip(0.5 + radius_mm / spacing_mm - np.linalg.norm(grid, axis=-1), 0, 1).astype(np.float32)
    voxel_to_world = np.eye(4)
    voxel_to_world[:3, :3] = turn * spacing_mm
    voxel_to_world[:3, 3] = centre_mm - turn @ offset * spacing_mm
    return Volume(values, voxel_to_world, "bone")


def ball_path(view: View, centre_mm: np.ndarray, radius_mm: float) -> np.ndarray:
    """(height, width) mm that each pixel's ray passes through a ball, exact."""
    from SpineDARTLib.geometry.camera import rays

    v, u = np.indices(view.image.shape)
    source, along = rays(np.stack([u.ravel(), v.ravel()], axis=1).astype(float), view)
    beside2 = ((centre_mm - source) ** 2).sum() - (along @ (centre_mm - source)) ** 2
    return 2 * np.sqrt(np.maximum(radius_mm**2 - beside2, 0.0)).reshape(view.image.shape)


def ball_vertebra(level: str, centre_mm: np.ndarray, radius_mm: float) -> TrueVertebra:
    """A "vertebra" that is a ball, its landmarks along an asymmetric spiral on it."""
    from SpineDARTLib.simulate.imaging.labels import LANDMARK_NAMES

    vertices, faces = sphere(tuple(centre_mm), radius_mm, 32)
    pose = np.eye(4)
    pose[:3, 3] = centre_mm
    turns = np.arange(10) * 0.55
    spiral = np.stack([np.cos(turns), np.sin(turns) * 0.8, turns / 6 - 0.3], axis=1)
    landmarks = dict(zip(LANDMARK_NAMES, centre_mm + radius_mm * spiral * 0.7, strict=True))
    cannulas = {
        side: centre_mm + np.array([[x, -20.0, 5], [x / 3, 5.0, 1]]) for side, x in (("left", -15), ("right", 12))
    }
    volume = ball(centre_mm, radius_mm, 0.8)
    return TrueVertebra(Vertebra(level, pose, 1.0, np.zeros(2)), vertices, faces, landmarks, cannulas, volume)


def two_balls() -> Patient:
    """L2 above L3, of different size and off the axes, in a box of soft tissue."""
    above, below = ISOCENTRE_MM + [8.0, 5.0, 22.0], ISOCENTRE_MM + [-6.0, -3.0, -14.0]
    to_world = np.diag([4.0, 4.0, 4.0, 1.0])
    to_world[:3, 3] = ISOCENTRE_MM - [78.0, 50.0, 78.0]
    soft = Volume(np.ones((40, 26, 40), dtype=np.float32), to_world)
    vertebrae = {"L2": ball_vertebra("L2", above, 11.0), "L3": ball_vertebra("L3", below, 14.0)}
    return Patient("two balls", vertebrae, (soft,))
