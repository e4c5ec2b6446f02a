"""The body around a spine: one volume of soft tissue, one of bone (ribs, pelvis, calcium), both tightly cropped."""

from __future__ import annotations

import numpy as np

from ..draw import chance
from ..nouns import Volume
from .grids import empty_volume
from .pelvis import add_pelvis
from .ribs import add_ribs
from .shoulder import add_shoulders
from .spine import Disc, Spine
from .stamp import along, chain_depth, coverage, splat
from .torso import draw_torso
from .trunk import BodySettings, Trunk, draw_trunk
from .vessels import add_calcium, draw_vessels

__all__ = ["BodySettings", "draw_body"]

ROOM_MM = 60.0
"""Around the skin, before and behind, for the table."""


def draw_body(
    spine: Spine,
    settings: BodySettings,
    generator: np.random.Generator,
    centre_mm: np.ndarray,
    half_length_mm: float = 170.0,
) -> tuple[Volume, ...]:
    """Draw the stretch of a person's body around ``centre_mm``.

    Args:
        spine: whose person this is; RAS, so the front is +y. Only the vertebrae's poses and landmarks, and the discs
            are used.
        centre_mm: (3,) RAS; only its height counts.
        half_length_mm: what exists up and down from it.

    Returns:
        Volumes of "soft" and of "bone"; the second is left out where there is none.
    """
    trunk_draws, vessel_draws, soft_draws, rib_draws, pelvis_draws, calcium_draws, extra, shoulder_draws = (
        generator.spawn(8)
    )
    trunk = draw_trunk(spine.vertebrae, settings, trunk_draws)
    vessels = draw_vessels(trunk, settings, vessel_draws)
    bottom, top = float(centre_mm[2]) - half_length_mm, float(centre_mm[2]) + half_length_mm
    arms = _arms(trunk, settings, extra)
    soft = draw_torso(_soft_grid(trunk, bottom, top, arms, settings), trunk, vessels, settings, soft_draws)
    _add_vacuum(soft, spine.discs, settings, extra)
    bone = _bone_grid(trunk, bottom, top, arms, settings)
    add_ribs(bone, spine.vertebrae, trunk, settings, rib_draws)
    add_shoulders(bone, trunk, settings, shoulder_draws)
    add_pelvis(bone, trunk, settings, pelvis_draws)
    add_calcium(bone, vessels[:3], trunk, settings, calcium_draws)
    for line in arms:
        _add_arm(soft, bone, line, extra)
    np.clip(bone.values, 0.0, 1.0, out=bone.values)
    return tuple(_cropped(volume) for volume in (soft, bone) if volume.values.any())


def _soft_grid(trunk: Trunk, bottom: float, top: float, arms: list[np.ndarray], settings: BodySettings) -> Volume:
    """An empty grid around the skin and the table."""
    z = np.linspace(bottom, top, 40)
    half = trunk.at("half_width_mm", z) + 1.25 * trunk.side_fat_mm + 14.0
    low = [float((trunk.at("middle_mm", z) - half).min()), float(trunk.at("back_mm", z).min()) - trunk.back_fat_mm]
    high = [float((trunk.at("middle_mm", z) + half).max()), float(trunk.at("front_mm", z).max()) + trunk.front_fat_mm]
    low[1], high[1] = low[1] - ROOM_MM, high[1] + ROOM_MM
    for line in arms:
        low[0], high[0] = min(low[0], float(line[0, 0]) - 58.0), max(high[0], float(line[0, 0]) + 58.0)
    return empty_volume(np.array([*low, bottom]), np.array([*high, top]), settings.soft_spacing_mm, "soft")


def _bone_grid(trunk: Trunk, bottom: float, top: float, arms: list[np.ndarray], settings: BodySettings) -> Volume:
    """An empty grid around the ribs, the pelvis and the arms."""
    z = np.linspace(bottom, top, 40)
    half = np.maximum(trunk.at("cage_half_width_mm", z), 140.0 * (np.abs(trunk.at("level", z) - 9.0) > 5.0)) + 8.0
    low = [float((trunk.at("middle_mm", z) - half).min()), float(trunk.at("y_mm", z).min()) - 90.0]
    high = [float((trunk.at("middle_mm", z) + half).max()), float(trunk.at("cage_front_mm", z).max()) + 15.0]
    for line in arms:
        low[0], high[0] = min(low[0], float(line[0, 0]) - 20.0), max(high[0], float(line[0, 0]) + 20.0)
    return empty_volume(np.array([*low, bottom]), np.array([*high, top]), settings.bone_spacing_mm, "bone")


def _arms(trunk: Trunk, settings: BodySettings, generator: np.random.Generator) -> list[np.ndarray]:
    """The lines of the arms that lie beside the body; most people's are raised out of the way."""
    lines = []
    for side in (1.0, -1.0):
        has, odd = chance(generator, settings.arm_chance), generator.normal(0.0, 1.0, 2)
        level = np.array([0.3, 8.0, 14.0, 19.0])
        away = trunk.half_width_mm.max() * 0.95 + trunk.side_fat_mm + 48.0
        front = 15.0 + 12.0 * odd[0] + np.array([0.0, 3.0, 12.0, 30.0])
        if has:
            points = [[side * away, y, float(trunk.height(one))] for y, one in zip(front, level, strict=True)]
            lines.append(along(np.array(points) + trunk.place(0.0, 0.0, 8.0) * [1, 1, 0], 2.0))
    return lines


def _add_arm(soft: Volume, bone: Volume, line: np.ndarray, generator: np.random.Generator) -> None:
    """Flesh around a shaft of bone with a hollow in it; below the elbow the two bones count as one."""
    radius = generator.uniform(36.0, 48.0)
    flesh = 0.98 * coverage(chain_depth(soft, line[::4], np.full(len(line[::4]), radius)), 4.0)
    np.maximum(soft.values, flesh, out=soft.values)
    shaft = chain_depth(bone, line, np.full(len(line), 11.5))
    wall = coverage(shaft, 1.5) - 0.9 * coverage(shaft - 4.0, 2.0)
    np.maximum(bone.values, 0.9 * wall, out=bone.values)


def _add_vacuum(soft: Volume, discs: tuple[Disc, ...], settings: BodySettings, generator: np.random.Generator) -> None:
    """Clefts of gas in some lumbar discs, in place."""
    for disc in discs:
        has, size, thick = (
            chance(generator, settings.vacuum_chance),
            generator.uniform(0.3, 0.75),
            generator.uniform(0.6, 1.8),
        )
        spot = generator.normal(0.0, 0.15, 2)
        points = generator.normal(0.0, 0.45, (1500, 2))
        if has and disc.upper[0] == "L":
            half = size * np.array([disc.half_width_mm, disc.half_depth_mm])
            flat = (points + spot) * half
            where = disc.centre_mm + flat @ disc.axes[:, :2].T
            splat(soft, where, np.full(len(where), -np.pi * half[0] * half[1] * thick / len(where)))
    np.maximum(soft.values, 0.0, out=soft.values)


def _cropped(volume: Volume) -> Volume:
    """Without the empty margins."""
    filled = volume.values > 1e-3
    ends = []
    for axis in range(3):
        line = np.flatnonzero(filled.any(axis=tuple(other for other in range(3) if other != axis)))
        ends.append((max(int(line[0]) - 1, 0), int(line[-1]) + 2))
    to_world = volume.voxel_to_world.copy()
    to_world[:3, 3] += to_world[:3, :3] @ [start for start, _ in ends]
    box = tuple(slice(start, stop) for start, stop in ends)
    return Volume(np.ascontiguousarray(volume.values[box]), to_world, volume.material)
