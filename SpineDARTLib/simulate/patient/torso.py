"""Soft tissue of the trunk: skin fat, muscle, organs, vessels, gas in the bowel, the table that the patient lies on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..draw import chance, uniform
from ..nouns import Volume
from .lungs import draw_effusion, draw_lungs, oval_depth
from .stamp import FAR_MM, along, axes_of, chain_depth, coverage, lumps
from .trunk import BodySettings, Trunk
from .vessels import Vessel

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
WALL_MM = 13.0
"""Muscle of the belly's wall."""
BLOOD, LIVER, KIDNEY = 1.03, 1.03, 1.01
"""Over soft tissue at 60 keV: whole blood, liver and kidney (ICRU-44, densities 1.06, 1.06, 1.05 with 1.06 for tissue
at large, which holds fat)."""


@dataclass
class _Canvas:
    """A soft volume while it is painted; the only thing here that changes."""

    volume: Volume
    rough: np.ndarray

    def paint(self, depth_mm: np.ndarray, value: np.ndarray | float, blur_mm: float = 3.5) -> None:
        """Put a tissue where the depth is positive; only where the edge or the inside is."""
        box = _box(depth_mm > -0.5 * blur_mm)
        if box is None:
            return
        share = coverage(depth_mm[box], blur_mm)
        part = self.volume.values[box]
        here = value[box] if isinstance(value, np.ndarray) else np.float32(value)
        part += share * (here - part)


def draw_torso(
    grid: Volume, trunk: Trunk, vessels: Sequence[Vessel], settings: BodySettings, generator: np.random.Generator
) -> Volume:
    """Fill an empty grid with a person's soft tissue.

    Args:
        grid: covers the trunk and the table around it; its values are not used.
        vessels: from ``draw_vessels``.
    """
    forms, lung, organs, gas, table = generator.spawn(5)
    canvas = _Canvas(Volume(np.zeros_like(grid.values), grid.voxel_to_world), lumps(grid, 9.0, forms))
    wall = _wall_depth(grid, trunk) + 4.0 * lumps(grid, 38.0, forms)
    _paint_wall(canvas, wall, trunk, settings, forms)
    lungs = draw_lungs(grid, trunk, settings, lung)
    cavity = np.minimum(wall - WALL_MM, np.maximum(lungs.below, 0.0) + 1e3 * (lungs.below <= 0) * -1.0)
    _paint_organs(canvas, cavity, trunk, organs)
    for vessel in vessels:
        canvas.paint(chain_depth(grid, vessel.points[::3], vessel.radii[::3]), BLOOD)
    has_table, supine = chance(table, settings.table_chance), chance(table, settings.supine_chance)
    _paint_bowel(canvas, cavity, trunk, settings, gas, 1.0 if supine else -1.0)
    fluid = draw_effusion(settings, lung)
    canvas.volume.values[...] += lungs.inside * (lungs.below < -fluid) * (lungs.tissue - canvas.volume.values)
    canvas.volume.values[...] *= 1.0 - lungs.airway
    if has_table:
        _add_table(canvas.volume, supine, table)
    return canvas.volume


def _wall_depth(grid: Volume, trunk: Trunk) -> np.ndarray:
    """(x, y, z) mm inside the wall of muscle."""
    x, y, z = axes_of(grid)
    back, front = trunk.at("back_mm", z), trunk.at("front_mm", z)
    centre = 0.55 * back + 0.45 * front
    from_centre = y - centre
    half = np.where(from_centre > 0, front - centre, centre - back)
    return oval_depth(x - trunk.at("middle_mm", z), from_centre, trunk.at("half_width_mm", z), half)


def _paint_wall(
    canvas: _Canvas, wall: np.ndarray, trunk: Trunk, settings: BodySettings, generator: np.random.Generator
) -> None:
    """Skin, fat below it, and muscle marbled with fat."""
    x, y, z = axes_of(canvas.volume)
    across, ahead = x - trunk.at("middle_mm", z), y - trunk.at("y_mm", z) - 40.0
    weight = ahead / np.sqrt(across**2 + ahead**2 + 400.0)
    # The groove along the spinous processes between the erector muscles.
    groove = 7.0 * np.exp(-((across / 16.0) ** 2)) * (ahead < 0)
    fat = np.where(
        weight > 0,
        trunk.side_fat_mm + (trunk.front_fat_mm - trunk.side_fat_mm) * weight**2,
        trunk.side_fat_mm + (trunk.back_fat_mm - trunk.side_fat_mm) * weight**2,
    )
    fat = np.maximum(fat * (1.0 + 0.12 * lumps(canvas.volume, 45.0, generator)), 4.0) - groove
    skin = wall + fat
    canvas.paint(skin, 1.03)
    canvas.paint(skin - 2.0, trunk.fat * (1.0 + 0.012 * canvas.rough))
    marbling = uniform(generator, settings.marbling)
    streaks = marbling * np.minimum(canvas.rough, 0.4) + 0.6 * marbling * lumps(canvas.volume, 4.0, generator)
    canvas.paint(wall, trunk.muscle * (1.0 + streaks))
    # The erector muscles are parted by fat from the flat muscles around them.
    near = np.abs(wall - 9.0 - 5.0 * np.abs(across) / 60.0)
    canvas.paint(2.0 - near - 0.02 * np.maximum(ahead + 70.0, 0.0) ** 1.5, trunk.fat)


def _paint_organs(canvas: _Canvas, cavity: np.ndarray, trunk: Trunk, generator: np.random.Generator) -> None:
    """What lies below the diaphragm: fat with bowel in it, liver, spleen, kidneys in fat, psoas."""
    grid, rough = canvas.volume, canvas.rough
    x, y, z = axes_of(grid)
    across, ahead, level = x - trunk.at("x_mm", z), y - trunk.at("y_mm", z), trunk.at("level", z)
    mixture = 0.5 * (trunk.fat + 1.0) + 0.045 * lumps(grid, 14.0, generator) + 0.02 * rough
    behind = ahead + 34.0 - 0.35 * np.abs(across) + 5.0 * rough
    canvas.paint(np.minimum(cavity, behind), np.clip(mixture, trunk.fat, 1.03), 10.0)
    shift, size = generator.normal(0.0, 1.0, (8, 3)), generator.uniform(0.88, 1.14, 8)
    edge = 13.3 + 0.6 * shift[0, 0] - (across + 60.0 * (across < 0)) * -0.004
    liver = np.minimum(
        cavity - 1.0, (trunk.height(0.0) - trunk.height(1.0)) * (edge - 0.012 * np.maximum(ahead, 0) - level)
    )
    liver = np.minimum(liver, across + 25.0 + 20.0 * size[0] + 0.4 * ahead + 5.0 * rough)
    canvas.paint(np.minimum(liver, ahead + 60.0), LIVER * (1.0 + 0.006 * rough), 5.0)
    spleen = trunk.place(-88.0, -8.0, 10.9) + 5.0 * shift[1]
    canvas.paint(
        np.minimum(chain_depth(grid, spleen[None], np.array([34.0 * size[1]]), (0.8, 1.25, 1.5)) + 2 * rough, cavity),
        1.03,
    )
    for index, (side, top) in enumerate(((1.0, 12.1), (-1.0, 11.7))):
        ends = [trunk.place(side * 44.0, -14.0, top), trunk.place(side * 62.0, -2.0, top + 2.2)]
        centres = along(np.array([ends[0], 0.5 * (ends[0] + ends[1]), ends[1]]) + 4.0 * shift[2 + index], 4.0)
        body = np.full(len(centres), 24.0 * size[2 + index])
        canvas.paint(chain_depth(grid, centres, body + 9.0) + 3.0 * rough, trunk.fat, 5.0)
        canvas.paint(chain_depth(grid, centres, body, (1.0, 0.9, 1.0)) + 1.5 * rough, KIDNEY)
    for index, side in enumerate((1.0, -1.0)):
        stations = [(26.0, -4.0, 11.6), (33.0, -6.0, 13.0), (41.0, -2.0, 14.5), (51.0, 4.0, 16.0), (62.0, 24.0, 18.0)]
        line = along(
            np.array([trunk.place(side * a, b, c) for a, b, c in stations]) + shift[5 + index] * [2, 2, 4], 4.0
        )
        radii = size[5] * np.interp(np.linspace(0, 1, len(line)), [0, 0.3, 0.7, 1], [8, 16, 24, 23])
        fat_around = chain_depth(grid, line, radii + 4.0, (0.85, 1.0, 1.0))
        canvas.paint(np.minimum(fat_around, np.abs(across) - 24.0), trunk.fat + 0.02)
        canvas.paint(chain_depth(grid, line, radii, (0.85, 1.0, 1.0)) + rough, trunk.muscle, 3.0)
    # What hugs the bodies is ligament, disc and muscle.
    levels = np.linspace(9.0, 17.0, 60)
    column = np.stack([trunk.place(0.0, -4.0, level) for level in levels])
    canvas.paint(chain_depth(grid, column, np.full(60, 27.0), (1.0, 0.95, 1.0)) + 3.0 * rough, 1.01, 9.0)


def _paint_bowel(
    canvas: _Canvas,
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


def _add_table(volume: Volume, supine: bool, generator: np.random.Generator) -> None:
    """A carbon board with a foam mattress on it, under the patient: before a prone one, behind a supine one."""
    foam, board = generator.uniform([0.02, 0.10], [0.06, 0.22])
    mattress, thick = generator.uniform([8.0, 12.0], [55.0, 28.0])
    _, y, _ = axes_of(volume)
    touched = np.flatnonzero((volume.values > 0.5).any(axis=(0, 2)))
    below = (y.ravel()[touched[0]] - y) if supine else (y - y.ravel()[touched[-1]])
    # The body sinks in a little.
    below = below + 6.0
    air = np.clip(1.0 - 2.0 * volume.values, 0.0, 1.0)
    slab = foam * coverage(np.minimum(below, mattress - below), 2.5)
    deep = below - mattress
    slab = slab + board * coverage(np.minimum(deep, thick - deep), 2.5)
    skins = coverage(1.2 - np.abs(deep), 2.5) + coverage(1.2 - np.abs(deep - thick), 2.5)
    volume.values[...] += air * (slab + 0.5 * skins).astype(np.float32)


def _box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Where a mask is true at all."""
    found = [np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    return None if not len(found[0]) else tuple(slice(int(one[0]), int(one[-1]) + 1) for one in found)
