"""Cannulas on their way into a vertebra, and pedicle screws joined by rods."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..draw import chance, uniform
from ..nouns import Rod, TrueVertebra

NEEDLES_MM = ((3.40, 2.69), (3.05, 2.39), (2.41, 1.80))
"""Outer and inner diameter of 10, 11 and 13 gauge (clinical.md; inner: regular walls of ISO 9626)."""
SIDES = ("left", "right")


def draw_cannulas(
    vertebrae: Mapping[str, TrueVertebra], skin_mm: tuple[float, float], generator: np.random.Generator
) -> list[Rod]:
    """Cannulas at one or two levels, anywhere between the skin and where they should end."""
    levels = [level for level, vertebra in vertebrae.items() if vertebra.cannulas]
    if not levels:
        return []
    rods: list[Rod] = []
    first, two = int(generator.integers(len(levels))), chance(generator, 0.3)
    for level in levels[first : first + 1 + two]:
        kept = generator.permutation([True, True, chance(generator, 0.4)])[:2]
        diameters = NEEDLES_MM[int(generator.integers(len(NEEDLES_MM)))]
        for side, keep in zip(SIDES, kept, strict=True):
            needle = _cannula(vertebrae[level].cannulas[side], f"{level} {side} cannula", diameters, generator)
            rods += needle if keep else []
    return rods


def _cannula(
    path: np.ndarray, name: str, diameters_mm: tuple[float, float], generator: np.random.Generator
) -> list[Rod]:
    """A hollow needle with its stylet or without, a steel hub and a plastic handle."""
    entry, target = np.asarray(path, dtype=np.float64)
    depth = float(np.linalg.norm(target - entry))
    aim = (target - entry) / depth + generator.normal(0.0, 0.04, 3)
    aim /= np.linalg.norm(aim)
    # From just above the bone to a little short of the target.
    tip = entry + generator.normal(0.0, 1.0, 3) + aim * uniform(generator, (-15.0, depth))
    length = uniform(generator, (100.0, 130.0))
    stylet, (outer, inner) = chance(generator, 0.5), (value / 2 for value in diameters_mm)
    hub = tip - aim * length
    across = np.cross(aim, generator.normal(size=3))
    across *= uniform(generator, (25.0, 40.0)) / np.linalg.norm(across)
    # A stylet's point in five steps, for between two points a rod has the mean of their radii.
    taper = np.append(np.linspace(0.1 if stylet else 1.0, 1.0, 6), 1.0)
    points = np.stack([*(tip - back * aim for back in np.linspace(0.0, 4.0, 6)), hub])
    shaft = Rod(points, outer * taper, "steel", 0.0 if stylet else inner, name)
    return [
        shaft,
        Rod(np.stack([hub, hub - 14.0 * aim]), np.array([3.5, 4.5]), "titanium", 2.5, "hub"),
        Rod(np.stack([hub - 12.0 * aim - across, hub - 12.0 * aim + across]), np.full(2, 6.0), "soft", 0.0, "handle"),
    ]


def draw_screws(
    vertebrae: Mapping[str, TrueVertebra], skin_mm: tuple[float, float], generator: np.random.Generator
) -> list[Rod]:
    """Titanium screws through both pedicles of two to four neighbours, a rod on each side."""
    levels = [level for level, vertebra in vertebrae.items() if vertebra.cannulas]
    count, place = int(generator.integers(2, 5)), generator.random()
    chosen = levels[int(place * max(len(levels) - count + 1, 1)) :][:count]
    radius, bar = uniform(generator, (2.25, 3.5)), uniform(generator, (2.5, 3.0))
    rods: list[Rod] = []
    for side in SIDES:
        heads = []
        for level in chosen:
            entry, target = np.asarray(vertebrae[level].cannulas[side], dtype=np.float64)
            aim = (target - entry) / np.linalg.norm(target - entry)
            length = np.linalg.norm(target - entry) * uniform(generator, (0.8, 1.02))
            rods += _screw(entry, aim, float(length), radius, f"{level} {side} screw")
            heads.append(entry - 9.0 * aim)
        if len(heads) > 1:
            rods.append(_bar(np.array(heads), bar, f"{side} rod"))
    return rods


def _screw(entry: np.ndarray, aim: np.ndarray, length: float, radius: float, name: str) -> list[Rod]:
    """A tapered core with threads, and a head that is open for the rod."""
    half_pitch = 1.3
    along = np.repeat(np.arange(0.0, length, half_pitch), 2)[1:]
    taper = np.interp(along, [0.0, 0.7 * length, length], [1.0, 0.9, 0.45])
    # Steps: a crest and a root in turn, each half a pitch long.
    crest = np.arange(1, len(along) + 1) // 2 % 2 == 0
    thread = Rod(entry + along[:, None] * aim, radius * taper * np.where(crest, 1.0, 0.72), "titanium", 0.0, name)
    top = entry - 14.0 * aim
    head = Rod(
        np.stack([entry - 1.0 * aim, entry - 4.0 * aim, top]), np.array([3.5, 6.0, 6.2]), "titanium", 2.6, "head"
    )
    return [thread, head]


def _bar(heads: np.ndarray, radius: float, name: str) -> Rod:
    """A rod through the heads that stands out a little at both ends."""
    first, last = heads[0] - heads[1], heads[-1] - heads[-2]
    ends = heads[0] + 7.0 * first / np.linalg.norm(first), heads[-1] + 7.0 * last / np.linalg.norm(last)
    points = np.concatenate([ends[0][None], heads, ends[1][None]])
    return Rod(points, np.full(len(points), radius), "titanium", 0.0, name)
