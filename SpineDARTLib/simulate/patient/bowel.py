"""Gas and stool: colon, stomach and small bowel."""

from __future__ import annotations

import numpy as np

from ..draw import chance, uniform
from ..nouns import Volume
from .canvas import Canvas
from .stamp import FAR_MM, along, axes_of, chain_depth, lumps
from .trunk import WALL_MM, BodySettings, Trunk

COLON = np.array([
    # share of the half width to the right, share of the way from the spine to the front, level
    [0.66, 0.25, 15.9], [0.72, 0.30, 14.2], [0.64, 0.45, 12.8], [0.32, 0.84, 13.2], [0.00, 0.90, 13.9],
    [-0.40, 0.82, 12.8], [-0.70, 0.35, 11.3], [-0.76, 0.15, 13.2], [-0.72, 0.12, 15.2], [-0.55, 0.22, 16.8],
    [-0.15, 0.32, 17.4], [0.00, 0.02, 18.6],
])  # fmt: skip
"""Ascending, transverse, descending and sigmoid colon."""
HAUSTRUM_MM, FOLD_MM = 30.0, 2.6
"""From one fold of the colon to the next, and a fold's thickness, about."""
FULL = (-0.6, 1.6)
"""Of a lumen with gas: how far below its middle the fluid stands, in radii; from 1 on there is none."""
STOMACH_STRETCH = (1.2, 0.9, 0.8)


def paint_bowel(
    canvas: Canvas,
    cavity: np.ndarray,
    trunk: Trunk,
    settings: BodySettings,
    generator: np.random.Generator,
    upwards: float,
) -> None:
    """Gas and stool in the colon, in the stomach and in loops of small bowel; only inside the belly.

    Args:
        upwards: 1 where the patient's front is up, -1 where their back is: gas rises.
    """
    grid = canvas.volume
    colon, filled, radii = _colon(trunk, settings, generator)
    # Mottled: bubbles in a paste.
    bubbles = np.maximum(lumps(grid, 3.5, generator) - 0.9, 0.0)
    stool = np.clip(0.99 + 0.03 * lumps(grid, 6.0, generator) - 0.45 * bubbles, 0.1, 1.05)
    canvas.paint(np.minimum(chain_depth(grid, colon, radii + 2.0), cavity), stool)
    depth = _colon_gas(grid, colon, filled, radii, upwards, generator)
    depth = np.maximum(depth, _risen(grid, *_stomach(trunk, settings, generator), upwards, STOMACH_STRETCH))
    depth = np.maximum(depth, _small_bowel(grid, trunk, settings, generator))
    ragged = 0.6 * canvas.rough + 0.3 * lumps(grid, 5.0, generator)
    canvas.paint(np.minimum(depth + ragged, cavity - 3.0), 0.0, 2.5)


def _colon_gas(
    grid: Volume,
    line: np.ndarray,
    filled: np.ndarray,
    radii: np.ndarray,
    upwards: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """(x, y, z) mm inside the colon's gas: it lies on fluid or stool, and folds cut into it from the side."""
    levels, leans = generator.uniform(*FULL, 60), generator.normal(0.0, 1.0, (60, 3))
    depth = np.full(grid.values.shape, FAR_MM, dtype=np.float32)
    ends = np.flatnonzero(np.diff(np.r_[0, filled.astype(int), 0]))
    for number, (start, stop) in enumerate(zip(ends[::2], ends[1::2], strict=True)):
        part = slice(int(start), int(stop))
        np.maximum(depth, _risen(grid, line[part], radii[part], float(levels[number % 60]), upwards), out=depth)
    tangents = np.gradient(line, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    for number, place in enumerate(range(2, len(line), int(HAUSTRUM_MM / 4.0))):
        if filled[place]:
            _cut_fold(depth, grid, line[place], tangents[place], float(radii[place]), leans[number % 60])
    return depth


def _risen(
    grid: Volume,
    line: np.ndarray,
    radii: np.ndarray,
    full: float,
    upwards: float,
    stretch: tuple[float, ...] = (1.0, 1.0, 1.0),
) -> np.ndarray:
    """(x, y, z) mm inside the gas of one lumen, which lies on fluid.

    Args:
        full: how far below its lowest centre the fluid stands, in radii: 1 and more, all is gas.
    """
    depth = chain_depth(grid, line, radii, stretch)
    if len(line):
        fluid = float((upwards * line[:, 1]).min()) - full * float(np.mean(radii)) * stretch[1]
        np.minimum(depth, np.float32(upwards) * axes_of(grid)[1] - np.float32(fluid), out=depth)
    return depth


def _cut_fold(
    depth: np.ndarray, grid: Volume, centre: np.ndarray, tangent: np.ndarray, radius: float, lean: np.ndarray
) -> None:
    """Take a semilunar fold out of gas, in place: a plate across the lumen that reaches in from one side only."""
    spacing, low = float(grid.voxel_to_world[0, 0]), grid.voxel_to_world[:3, 3]
    reach = 1.4 * radius + 6.0
    first = np.maximum(np.floor((centre - reach - low) / spacing).astype(int), 0)
    last = np.minimum(np.ceil((centre + reach - low) / spacing).astype(int) + 1, depth.shape)
    if (last <= first).any():
        return
    box = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    away = [
        axis[tuple(box[k] if n == k else slice(None) for n in range(3))] - np.float32(centre[k])
        for k, axis in enumerate(axes_of(grid))
    ]
    side = lean - (lean @ tangent) * tangent
    side /= max(float(np.linalg.norm(side)), 1e-6)
    through = sum(part * np.float32(share) for part, share in zip(away, tangent, strict=True))
    aside = sum(part * np.float32(share) for part, share in zip(away, side, strict=True))
    plate = np.minimum(FOLD_MM / 2.0 - np.abs(through), aside + np.float32(0.15 * radius))
    np.minimum(depth[box], -plate, out=depth[box])


def _colon(
    trunk: Trunk, settings: BodySettings, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The colon's line (n, 3), where it holds gas (n,) and its radii (n,), folded into haustra."""
    odd = generator.normal(0.0, 1.0, (len(COLON), 3)) * [0.06, 0.07, 0.35]
    line = along(np.stack([_belly_place(trunk, *(row + own)) for row, own in zip(COLON, odd, strict=True)]), 4.0)
    share, start, width = uniform(generator, settings.colon_gas), generator.random(), uniform(generator, (10.0, 19.0))
    knots = generator.standard_normal(40)
    way = np.linspace(0.0, 39.0, len(line))
    level = np.interp(way, np.arange(40), np.convolve(knots, [0.3, 0.4, 0.3], "same"))
    filled = level > np.quantile(level, 1.0 - share)
    slow = np.interp(way, np.arange(40), knots[::-1])
    phase = np.pi * (4.0 * np.arange(len(line)) / HAUSTRUM_MM + start + 0.6 * slow)
    # Round pouches with sharp folds between them.
    return line, filled, width * ((0.62 + 0.5 * np.abs(np.sin(phase))) * (1.0 + 0.22 * slow)).clip(0.4, 1.5)


def _belly_place(trunk: Trunk, right: float, front: float, level: float) -> np.ndarray:
    """(3,) RAS mm from shares of the belly's half width and of the way from the spine to its front."""
    z = float(trunk.height(level))
    y, wall = float(trunk.at("y_mm", z)), float(trunk.at("front_mm", z))
    half = float(trunk.at("half_width_mm", z)) - WALL_MM - 8.0
    return np.array([float(trunk.at("middle_mm", z)) + right * half, y + front * (wall - WALL_MM - y - 10.0), z])


def _stomach(
    trunk: Trunk, settings: BodySettings, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """The stomach's bubble under the left dome: centres (n, 3), radii (n,), and how full of gas (see ``_risen``)."""
    has, odd = chance(generator, settings.stomach_gas_chance), generator.normal(0.0, 1.0, (3, 3))
    radii = generator.uniform([16.0, 12.0, 8.0], [36.0, 28.0, 22.0])
    rows = np.array([[-0.52, 0.35, 10.6], [-0.45, 0.52, 11.2], [-0.28, 0.66, 12.0]]) + odd * [0.05, 0.06, 0.2]
    centres = np.stack([_belly_place(trunk, *row) for row in rows])
    return centres[: 3 * has], radii[: 3 * has], uniform(generator, FULL)


def _small_bowel(grid: Volume, trunk: Trunk, settings: BodySettings, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) mm inside short bent pockets of gas."""
    most = int(settings.small_bowel_gas[1])
    count = uniform(generator, settings.small_bowel_gas)
    centres, radii = [np.zeros((0, 3))], [np.zeros(0)]
    for index in range(most):
        start = generator.uniform([-0.55, 0.25, 12.5], [0.55, 0.85, 17.5])
        way, radius, bend = generator.normal(0.0, 1.0, 3), generator.uniform(4.0, 10.0), generator.normal(0.0, 0.25, 3)
        steps = np.arange(generator.integers(2, 9))[:, None] * 4.0
        if index < count:
            way = way / np.linalg.norm(way)
            centres.append(_belly_place(trunk, *start) + steps * way + 0.06 * steps**2 * bend)
            radii.append(radius * (1.0 + 0.15 * np.cos(1.7 * np.arange(len(steps)))))
    return chain_depth(grid, np.concatenate(centres), np.concatenate(radii))
