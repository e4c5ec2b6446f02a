"""The aorta in front and left of the spine down to its fork at L4, the vena cava, and calcium in the aorta's wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..draw import chance, log_uniform, uniform
from ..nouns import Volume
from .stamp import along, splat
from .trunk import BodySettings, Trunk

COURSE = np.array([
    # level (T1 is 0), to the right, in front of the bodies' centres: arch, descending, through the diaphragm, the fork
    [3.4, -4.0, 42.0], [3.2, -18.0, 20.0], [4.5, -26.0, 10.0], [7.0, -23.0, 16.0], [9.0, -15.0, 24.0],
    [11.0, -7.0, 29.0], [13.0, -9.0, 31.0], [15.0, -6.0, 32.0],
])  # fmt: skip
FORK = np.array([[15.0, -6.0, 32.0], [16.0, 18.0, 32.0], [17.2, 36.0, 18.0], [18.4, 52.0, 8.0]])
"""To the right; to the left it runs mirrored about the aorta."""
CAVA = np.array([[9.5, 22.0, 40.0], [11.0, 20.0, 36.0], [13.0, 20.0, 30.0], [15.4, 16.0, 28.0]])


@dataclass(frozen=True)
class Vessel:
    """A tube: (n, 3) RAS mm, a millimetre apart, and (n,) radii."""

    points: np.ndarray
    radii: np.ndarray


def draw_vessels(trunk: Trunk, settings: BodySettings, generator: np.random.Generator) -> tuple[Vessel, ...]:
    """The aorta, the two common iliac arteries, the vena cava; the aorta is the more crooked the wider it is."""
    radius = uniform(generator, settings.aorta_radius_mm)
    crooked = 0.6 + 2.4 * (radius > 11.0)
    lines = []
    for table, share in ((COURSE, 1.0), (FORK, 0.55), (FORK * [1, -1, 1] - [0, 12, 0], 0.55), (CAVA, 1.0)):
        bent = generator.normal(0.0, crooked, (len(table), 2))
        bent[0] = 0.0
        rows = zip(table, bent, strict=True)
        points = np.array([trunk.place(x + dx, y + dy + radius - 10.0, level) for (level, x, y), (dx, dy) in rows])
        line = along(points, 1.0)
        lines.append(Vessel(line, np.full(len(line), radius * share)))
    # It narrows as it gives off its branches.
    aorta = lines[0]
    narrowing = np.linspace(1.2, 0.85, len(aorta.points))
    return (Vessel(aorta.points, aorta.radii * narrowing), *lines[1:])


def add_calcium(
    bone: Volume, arteries: tuple[Vessel, ...], trunk: Trunk, settings: BodySettings, generator: np.random.Generator
) -> None:
    """Stamp plaques into arteries' walls, in place: none in many people, flecks to long rails in others."""
    has, count = chance(generator, settings.calcium_chance), log_uniform(generator, settings.calcium_plaques)
    most = int(np.ceil(settings.calcium_plaques[1]))
    # Most of it sits in the abdominal aorta, towards the fork, and behind.
    places = generator.beta(3.0, 1.2, most)
    which = np.minimum(generator.integers(0, 6, most) // 4 * generator.integers(1, 3, most), len(arteries) - 1)
    turns = generator.normal(-0.5 * np.pi, 1.7, most)
    sizes = np.exp(generator.normal([1.5, 0.8], 0.5, (most, 2)))
    thick = generator.uniform(1.0, 4.0, most)
    for index in range(most):
        points = generator.normal(0.0, 1.0, (160, 3))
        if not has or index >= count:
            continue
        artery = arteries[which[index]]
        _add_plaque(bone, artery, float(places[index]), float(turns[index]), sizes[index], float(thick[index]), points)


def _add_plaque(
    bone: Volume, artery: Vessel, place: float, turn: float, size: np.ndarray, thick: float, noise: np.ndarray
) -> None:
    """One plaque: points on the wall, crowded in its middle; ``size`` is its deviation along and around, mm."""
    last = len(artery.points) - 1
    along_mm = np.clip(place * last + size[0] * noise[:, 0], 0, last)
    index = along_mm.astype(int)
    radius = artery.radii[index]
    angle = turn + size[1] * noise[:, 1] / radius
    around = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
    points = artery.points[index] + (radius + 0.3 * noise[:, 2])[:, None] * around
    # A Gaussian patch of this thickness in its middle, in grains of very different sizes.
    grains = np.exp(1.2 * noise[:, 2])
    splat(bone, points, 2.0 * np.pi * thick * size[0] * size[1] * grains / grains.sum())
