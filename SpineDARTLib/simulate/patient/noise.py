"""Smooth noise in space, the same on every machine: for trabeculae, uneven walls and rough rims."""

from __future__ import annotations

import functools

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

NOISE_MM, NOISE_SIZE = 0.55, 96
"""Voxel and side of the block of noise; its smallest grains are about a trabecula's spacing, 1 mm."""
GRAIN_MM = 2 * NOISE_MM
"""Where the correlation has fallen to 1/e."""


@functools.cache
def _block() -> np.ndarray:
    """A cube of smooth noise of unit deviation, which goes on at its other side."""
    white = np.random.default_rng(20051).standard_normal((NOISE_SIZE,) * 3).astype(np.float32)
    smooth = gaussian_filter(white, 1.0, mode="wrap")
    return smooth / smooth.std()


def noise(points_mm: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(n,) float32 noise of unit deviation and grains of 1.1 mm at points (n, 3); divide the points for larger grains.

    It is a part of one block, somewhere in it and in one of its eight mirrorings.
    """
    offset = generator.uniform(0.0, NOISE_SIZE, 3)
    mirror = generator.choice([-1.0, 1.0], 3)
    places = (points_mm.T * (mirror / NOISE_MM)[:, None] + offset[:, None]).astype(np.float32)
    return map_coordinates(_block(), places, order=1, mode="grid-wrap", output=np.float32)
