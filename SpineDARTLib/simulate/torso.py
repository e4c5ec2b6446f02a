"""What surrounds the spine: skin fat, muscle and organs, gas in the bowel. Coarse, since none of it has sharp edges."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from .volume import FAT_PER_MM, SOFT_PER_MM, Volume, empty_volume

SPACING_MM = 2.5
HALF_WIDTH_MM, HALF_DEPTH_MM, HALF_LENGTH_MM = 160.0, 108.0, 140.0
"""An adult's lumbar torso, about."""
SPINE_BEHIND_MM = 42.0
"""The vertebral bodies lie behind the torso's middle."""
FAT_MM = 17.0
PSOAS_PER_MM = 0.0016
"""How much muscle adds to what surrounds it, which has fat in it: half of the way from fat to soft tissue."""


def torso_volume(spine_mm: np.ndarray, generator: np.random.Generator) -> Volume:
    """An oval torso around the spine at ``spine_mm`` (3,) RAS: fat outside, soft tissue inside, pockets of gas."""
    half = np.array([HALF_WIDTH_MM, HALF_DEPTH_MM, HALF_LENGTH_MM])
    middle = np.asarray(spine_mm) + np.array([0.0, SPINE_BEHIND_MM, 0.0])
    volume = empty_volume(middle - half - 5.0, middle + half + 5.0, SPACING_MM)
    axes = [np.arange(size) * SPACING_MM + low for size, low in zip(volume.values.shape, -half - 5.0, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    # The waist is narrower in the middle of the volume than at its ends.
    width = HALF_WIDTH_MM * (0.96 + 0.04 * (z / HALF_LENGTH_MM) ** 2)
    skin = _coverage(x, y, width, HALF_DEPTH_MM)
    muscle = _coverage(x, y, width - 1.5 * FAT_MM, HALF_DEPTH_MM - FAT_MM)
    organs = 0.03 * _lumps(volume.values.shape, 7.0, generator) + 0.04 * _lumps(volume.values.shape, 2.5, generator)
    tissue = SOFT_PER_MM * (1.0 + np.maximum(organs, 0.0) + np.minimum(organs, 0.0) * (1.0 - _psoas(x, y, z)))
    values = FAT_PER_MM * skin + (tissue + PSOAS_PER_MM * _psoas(x, y, z) - FAT_PER_MM) * muscle
    values *= 1.0 - _gas(x, y, z, generator)
    volume.values[...] = gaussian_filter(values, 0.8)
    return volume


def _psoas(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """1 inside the two muscles that run down beside the lumbar spine, wider and farther out as they go, 0 outside."""
    down = 0.5 - 0.5 * z / HALF_LENGTH_MM
    radius = 10.0 + 20.0 * down
    distance = np.sqrt((np.abs(x) - 24.0 - 30.0 * down) ** 2 + ((y + SPINE_BEHIND_MM + 6.0) / 1.2) ** 2)
    return np.clip(0.5 + (radius - distance) / SPACING_MM, 0.0, 1.0)


def _lumps(shape: tuple[int, ...], size_voxels: float, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) smooth noise of unit deviation: organs and bowel are not all of one density."""
    noise = gaussian_filter(generator.standard_normal(shape).astype(np.float32), size_voxels)
    return noise / max(float(noise.std()), 1e-9)


def _coverage(x: np.ndarray, y: np.ndarray, half_x: np.ndarray, half_y: float) -> np.ndarray:
    """1 inside an oval, 0 outside, blended over about a voxel."""
    # Flatter than an ellipse in front and behind, as torsos are.
    radius = ((np.abs(x) / half_x) ** 3 + (np.abs(y) / half_y) ** 3) ** (1 / 3)
    return np.clip(0.5 + (1.0 - radius) * half_y / SPACING_MM, 0.0, 1.0)


def _gas(x: np.ndarray, y: np.ndarray, z: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Share of gas, 0 to 1: a few chains of bubbles in front of the spine, as in a colon."""
    share = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.float32)
    for _ in range(4):
        place = generator.uniform([-110.0, 5.0, -95.0], [110.0, 65.0, 95.0])
        step = generator.normal(0.0, 1.0, 3) * [1.0, 0.3, 0.6]
        step *= 16.0 / np.linalg.norm(step)
        for _ in range(generator.integers(1, 4)):
            radius = generator.uniform(5.0, 12.0)
            distance = np.sqrt((x - place[0]) ** 2 + ((y - place[1]) / 0.8) ** 2 + (z - place[2]) ** 2)
            share = np.maximum(share, np.clip(0.5 + (radius - distance) / SPACING_MM, 0.0, 1.0))
            place = place + step
    return share
