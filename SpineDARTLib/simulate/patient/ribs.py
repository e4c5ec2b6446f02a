"""Twelve pairs of ribs on the thoracic vertebrae, the breastbone, calcified cartilage: thin flat shells of bone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..draw import chance, uniform
from ..nouns import TrueVertebra, Volume
from .lungs import cage_back, cage_centre
from .stamp import along, splat
from .trunk import OVALNESS, BodySettings, Trunk

LENGTH_MM = (130.0, 200.0, 245.0, 270.0, 285.0, 295.0, 300.0, 295.0, 275.0, 245.0, 195.0, 115.0)
"""Along the curve from head to cartilage; adults, mean of both sexes, about (Mohr 2007; Dansereau and Stokes 1988)."""
DROP_MM = (28.0, 48.0, 66.0, 82.0, 95.0, 106.0, 116.0, 124.0, 130.0, 134.0, 138.0, 140.0)
"""How far a rib would come down on its whole way round to the front."""
HALF_HEIGHT_MM = (6.5, 6.0, 5.8, 6.0, 6.2, 6.5, 6.8, 6.8, 6.6, 6.3, 5.5, 4.4)
HALF_THICKNESS_MM = (3.0, 3.2, 3.4, 3.5, 3.6, 3.7, 3.7, 3.7, 3.6, 3.4, 3.0, 2.5)
FRONT_RAD = np.deg2rad(162.0)
"""Where the way round ends; 180 is the middle line in front."""
CORTEX_STEP_MM = 0.55


def add_ribs(
    bone: Volume,
    vertebrae: Mapping[str, TrueVertebra],
    trunk: Trunk,
    settings: BodySettings,
    generator: np.random.Generator,
) -> None:
    """Stamp the ribs of the thoracic vertebrae that there are into a volume of bone, in place."""
    cortex, spongiosa = uniform(generator, settings.rib_cortex_mm), uniform(generator, settings.rib_spongiosa)
    slope = uniform(generator, (0.85, 1.2))
    short = chance(generator, settings.short_twelfth_chance)
    calcified = chance(generator, settings.cartilage_calcium_chance)
    for number in range(1, 13):
        scale = uniform(generator, settings.rib_scale)
        own = generator.normal(0.0, 1.0, (2, 4))
        children = generator.spawn(2)
        vertebra = vertebrae.get(f"T{number}")
        if vertebra is None:
            continue
        length = LENGTH_MM[number - 1] * scale * (0.3 if short and number == 12 else 1.0)
        for side, odd, child in zip((1.0, -1.0), own, children, strict=True):
            line = rib_line(vertebra, number, side, trunk, slope, odd)
            path, rest = line[: int(length)], line[int(length) :]
            _stamp(bone, path, number, trunk, cortex, spongiosa, child)
            if calcified and number < 11:
                _add_cartilage(bone, rest[:45], child)


def rib_line(
    vertebra: TrueVertebra, number: int, side: float, trunk: Trunk, slope: float, odd: np.ndarray
) -> np.ndarray:
    """(n, 3) RAS mm, a millimetre apart: from the head at the vertebra to the cartilage and on to the breastbone.

    Args:
        side: 1 right, -1 left.
        slope: factor on how far ribs come down.
        odd: (4,) standard normal: what is this rib's own.
    """
    head, neck, tubercle = _joints(vertebra, number, side)
    z = float(tubercle[2])
    # In the narrow upper cage the wall is reached further round.
    start = np.deg2rad({1: 71.0, 2: 66.0, 3: 60.0, 4: 56.0, 5: 52.0}.get(number, 48.0))
    drop = DROP_MM[number - 1] * slope * (1.0 + 0.06 * odd[0])
    turns = np.linspace(start, FRONT_RAD, 14) + 0.02 * odd[1]
    share = np.linspace(0.0, 1.0, len(turns))
    # Steep at the side, level again in front where the cartilage takes over.
    # The floating ribs come down at once.
    first = {11: 15.0, 12: 19.0}.get(number, 8.0)
    heights = z - first - 2.0 * odd[2] - drop * (0.75 * share**1.1 + 0.25 * np.sin(0.5 * np.pi * share))
    around = np.stack([_wall(trunk, side, turn, height) for turn, height in zip(turns, heights, strict=True)])
    beyond = tubercle + np.array([side * 8.0, -2.0, -2.0])
    return along(np.concatenate([[head, neck, tubercle, beyond], around]), 1.0)


def _joints(vertebra: TrueVertebra, number: int, side: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(3,) each: a rib's head at the body's corner, its neck, its tubercle at the transverse process."""
    name = "right" if side > 0 else "left"
    axes = vertebra.vertebra.pose[:3, :3]
    size = vertebra.vertebra.scale
    pedicle, process = (np.asarray(vertebra.landmarks[f"{name}_{part}"]) for part in ("pedicle", "transverse_process"))
    # The second to tenth heads touch the disc above; the others their own body alone (Gray's).
    own = number in (1, 11, 12)
    head = pedicle + size * axes @ np.array([side * 6.0, 6.0, 0.0 if own else 7.0])
    tubercle = process + size * axes @ np.array([side * 3.0, 7.0, -2.0 if own else 0.0])
    return head, 0.5 * (head + tubercle) + size * axes @ np.array([0.0, 1.0, 1.0]), tubercle


def _wall(trunk: Trunk, side: float, turn: float, z: float) -> np.ndarray:
    """(3,) RAS mm on the ribs' middle surface; ``turn`` is 0 behind and 180 degrees in front."""
    centre = float(cage_centre(trunk, np.array(z)))
    back, front = float(cage_back(trunk, np.array(z))), float(trunk.at("cage_front_mm", z))
    half_x = float(trunk.at("cage_half_width_mm", z)) - 4.0
    half_y = (centre - back if turn < np.pi / 2 else front - centre) - 4.0
    sine, cosine = np.sin(turn), -np.cos(turn)
    radius = ((abs(sine) / half_x) ** OVALNESS + (abs(cosine) / half_y) ** OVALNESS) ** (-1.0 / OVALNESS)
    return np.array([float(trunk.at("middle_mm", z)) + side * radius * sine, centre + radius * cosine, z])


def _stamp(
    bone: Volume,
    path: np.ndarray,
    number: int,
    trunk: Trunk,
    cortex_mm: float,
    spongiosa: float,
    generator: np.random.Generator,
) -> None:
    """One rib: a shell of bone with spongiosa in it; flat, round at the neck, thicker at the angle and in front."""
    if len(path) < 8:
        return
    way = np.arange(len(path), dtype=np.float64)
    neck = np.exp(-way / 18.0)
    high = HALF_HEIGHT_MM[number - 1] * (1.0 - 0.30 * neck) * (0.93 + 0.14 * way / len(path))
    thick = HALF_THICKNESS_MM[number - 1] * (1.0 + 0.20 * neck + 0.12 * np.exp(-(((way - 55.0) / 20.0) ** 2)))
    end = np.sqrt(np.clip((len(path) - way) / 7.0, 0.05, 1.0))
    high, thick = high * np.maximum(end, 0.5), thick * end
    across, up = _frame(path, number, trunk)
    rings = max(8, int(2.4 * (high.max() + thick.max()) / CORTEX_STEP_MM))
    shell = _tube(path, across, up, thick - 0.5 * cortex_mm, high - 0.5 * cortex_mm, rings, generator)
    around = np.pi * (high + thick) / rings
    wall = cortex_mm * (1.0 + 0.5 * neck)
    splat(bone, shell.reshape(-1, 3), np.repeat(around * wall, rings))
    for share, area, count in ((0.35, 0.3, 8), (0.75, 0.7, 14)):
        points = _tube(path, across, up, share * thick, share * high, count, generator)
        splat(bone, points.reshape(-1, 3), np.repeat(np.pi * high * thick * area * spongiosa / count, count))


def _tube(
    path: np.ndarray,
    across: np.ndarray,
    up: np.ndarray,
    thick: np.ndarray,
    high: np.ndarray,
    count: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """(n, count, 3) points around a line, turned at random from ring to ring so that no pattern shows."""
    turn = 2.0 * np.pi * (np.arange(count) / count + generator.random((len(path), 1)))
    flat, tall = np.cos(turn) * thick[:, None], np.sin(turn) * high[:, None]
    return path[:, None] + flat[..., None] * across[:, None] + tall[..., None] * up[:, None]


def _frame(path: np.ndarray, number: int, trunk: Trunk) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) unit vectors of a rib's thin and of its tall direction; the first rib lies flat, the second half so."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    z = path[:, 2]
    centre = np.stack([trunk.at("middle_mm", z), cage_centre(trunk, z), z], axis=1)
    outward = path - centre + np.array([0.0, 0.0, {1: 400.0, 2: 80.0}.get(number, 15.0)])
    outward -= (outward * tangent).sum(1, keepdims=True) * tangent
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    return outward, np.cross(tangent, outward)


def _add_cartilage(bone: Volume, path: np.ndarray, generator: np.random.Generator) -> None:
    """Flecks of calcium in a rib's cartilage, more at its edges."""
    if len(path) < 2:
        return
    where = generator.integers(0, len(path), 90)
    offset = generator.normal(0.0, 1.0, (90, 3)) * np.array([2.0, 2.0, 4.0])
    splat(bone, path[where] + offset, generator.uniform(0.2, 2.5, 90))
