"""Bone cement as it lies in a vertebral body after vertebroplasty: lobed, and sometimes not only there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..draw import chance, uniform
from ..nouns import TrueVertebra, Volume
from .grids import empty_volume, inside_mask

SPACING_MM = 0.8
LOBE_MM = (3.5, 7.5)
"""Size of the lobes: 1 to 7 ml in all, as are injected (2 to 8 ml, Hulme 2006)."""
LEAK_CHANCE = 0.3
"""Of a treated body; most leaks are small and into veins or the disc (up to 70 % are seen on CT, Hulme 2006)."""


def draw_cement(vertebrae: Mapping[str, TrueVertebra], generator: np.random.Generator) -> tuple[Volume, ...]:
    """Cement in one to three bodies that have a way in."""
    levels = [level for level, vertebra in vertebrae.items() if vertebra.cannulas]
    if not levels:
        return ()
    count = int(generator.integers(1, 4))
    chosen = generator.permutation(len(levels))[:count]
    return tuple(_fill(vertebrae[levels[place]], generator) for place in sorted(chosen))


def _fill(vertebra: TrueVertebra, generator: np.random.Generator) -> Volume:
    """Lobes around where one or both cannulas end; kept inside the bone but for a leak."""
    low, high = vertebra.vertices.min(0) - 4.0, vertebra.vertices.max(0) + 4.0
    # Coarse is enough to say what is in the bone; the blob itself is finer than a millimetre.
    volume = empty_volume(low, high, SPACING_MM, "cement")
    grid = [low[axis] + SPACING_MM * np.arange(size) for axis, size in enumerate(volume.values.shape)]
    field = np.zeros(volume.values.shape, dtype=np.float32)
    leak = np.zeros_like(field)
    for side in ("left", "right"):
        entry, target = np.asarray(vertebra.cannulas[side], dtype=np.float64)
        size, lobes = uniform(generator, LOBE_MM), generator.normal(0.0, 1.0, (7, 3))
        missing = chance(generator, 0.25)
        if missing and side == "right":
            continue
        start = target - 0.12 * (target - entry)
        for lobe in lobes:
            _add_lobe(field, grid, start + 0.8 * size * lobe, size * (0.65 + 0.1 * abs(lobe[0])))
    _add_leak(leak, grid, vertebra, generator)
    inside = inside_mask(vertebra.vertices, vertebra.faces, low, volume.values.shape, SPACING_MM)
    spikes = _texture(field.shape, generator)
    share = _soft_step(field + 0.15 * spikes - 0.7) * _smooth(inside) + _soft_step(leak - 0.5)
    volume.values[...] = np.minimum(share, 1.0)
    return volume


def _add_lobe(field: np.ndarray, grid: list[np.ndarray], centre: np.ndarray, radius: float) -> None:
    """Add a round bump that is 1 in its middle and half as high at ``radius``."""
    falls = [
        np.exp2(-(((axis - place) / radius) ** 2)).astype(np.float32) for axis, place in zip(grid, centre, strict=True)
    ]
    field += falls[0][:, None, None] * falls[1][None, :, None] * falls[2][None, None, :]


def _add_leak(leak: np.ndarray, grid: list[np.ndarray], vertebra: TrueVertebra, generator: np.random.Generator) -> None:
    """Now and then a string of beads: into the disc above, or along a vein at the front or side."""
    leaks, way = chance(generator, LEAK_CHANCE), generator.normal(size=3) * [1.0, 0.6, 0.8]
    steps, radius = generator.normal(0.0, 0.5, (9, 3)), uniform(generator, (0.9, 1.6))
    if not leaks:
        return
    start = np.mean([np.asarray(vertebra.cannulas[side])[1] for side in ("left", "right")], axis=0)
    way = vertebra.vertebra.pose[:3, :3] @ (way / np.linalg.norm(way))
    place = start + 12.0 * way
    for step in steps:
        place = place + 1.6 * way + step
        _add_lobe(leak, grid, place, radius)


def _texture(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) noise of unit deviation, as coarse as the spongiosa that cement runs between."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(generator.standard_normal(shape, dtype=np.float32), 1.6)
    return noise / noise.std()


def _soft_step(values: np.ndarray) -> np.ndarray:
    """0 to 1 about 0, over about a voxel where the values rise as those of lobes do."""
    return np.clip(0.5 + values / 0.3, 0.0, 1.0)


def _smooth(inside: np.ndarray) -> np.ndarray:
    """A mask without stairs, drawn in a little: cement does not fill the cortex."""
    from scipy.ndimage import gaussian_filter

    return np.clip(2.0 * gaussian_filter(inside.astype(np.float32), 1.2) - 1.0, 0.0, 1.0)
