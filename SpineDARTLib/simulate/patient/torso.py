"""Soft tissue of the trunk: skin fat, muscle, organs, vessels, gas in the bowel, the table that the patient lies on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..draw import chance, uniform
from ..nouns import Volume
from .bowel import paint_bowel
from .canvas import Canvas
from .lungs import draw_effusion, draw_lungs, oval_depth
from .stamp import along, axes_of, chain_depth, coverage, lumps
from .trunk import WALL_MM, BodySettings, Trunk
from .vessels import Vessel

BLOOD, LIVER, KIDNEY = 1.03, 1.03, 1.01
"""Over soft tissue at 60 keV: whole blood, liver and kidney (ICRU-44, densities 1.06, 1.06, 1.05 with 1.06 for tissue
at large, which holds fat)."""


def draw_torso(
    grid: Volume, trunk: Trunk, vessels: Sequence[Vessel], settings: BodySettings, generator: np.random.Generator
) -> Volume:
    """Fill an empty grid with a person's soft tissue.

    Args:
        grid: covers the trunk and the table around it; its values are not used.
        vessels: from ``draw_vessels``.
    """
    forms, lung, organs, gas, table = generator.spawn(5)
    canvas = Canvas(Volume(np.zeros_like(grid.values), grid.voxel_to_world), lumps(grid, 9.0, forms))
    wall = _wall_depth(grid, trunk) + 4.0 * lumps(grid, 38.0, forms)
    _paint_wall(canvas, wall, trunk, settings, forms)
    lungs = draw_lungs(grid, trunk, settings, lung)
    cavity = np.minimum(wall - WALL_MM, np.maximum(lungs.below, 0.0) + 1e3 * (lungs.below <= 0) * -1.0)
    _paint_organs(canvas, cavity, trunk, organs)
    for vessel in vessels:
        canvas.paint(chain_depth(grid, vessel.points[::3], vessel.radii[::3]), BLOOD)
    has_table, supine = chance(table, settings.table_chance), chance(table, settings.supine_chance)
    paint_bowel(canvas, cavity, trunk, settings, gas, 1.0 if supine else -1.0)
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
    canvas: Canvas, wall: np.ndarray, trunk: Trunk, settings: BodySettings, generator: np.random.Generator
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


def _paint_organs(canvas: Canvas, cavity: np.ndarray, trunk: Trunk, generator: np.random.Generator) -> None:
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
