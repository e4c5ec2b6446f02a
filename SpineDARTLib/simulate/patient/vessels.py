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

CLUSTERS, CLUSTER_MM, GRAINS = 9, 9.0, 220
"""Of plaques: how many at most, how far they are spread along the wall, and of how many grains a plaque is made."""
WHICH = (0, 0, 0, 0, 0, 1, 2)
"""Cluster by cluster the aorta, the right or the left common iliac artery."""


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
    """Stamp plaques into arteries' walls, in place: none in many people, flecks in some, broken rails in the old.

    Plaques come in clusters along the wall, so that many of them grow together to rails.
    """
    has, count = chance(generator, settings.calcium_chance), log_uniform(generator, settings.calcium_plaques)
    most = int(np.ceil(settings.calcium_plaques[1]))
    # Most of it sits in the abdominal aorta, towards the fork, behind and at the sides; the iliac arteries come next.
    places = generator.beta(3.0, 1.1, CLUSTERS)
    turns = generator.normal(-0.5 * np.pi, 1.3, CLUSTERS)
    which = np.minimum(np.array(WHICH)[generator.integers(0, len(WHICH), CLUSTERS)], len(arteries) - 1)
    cluster = np.minimum(generator.exponential(1.7, most).astype(int), CLUSTERS - 1)
    offset_mm, offset_turn = generator.normal(0.0, CLUSTER_MM, most), generator.normal(0.0, 0.3, most)
    sizes = np.exp(generator.normal([1.3, 0.6], [0.6, 0.4], (most, 2)))
    thick = np.exp(generator.normal(0.1, 0.5, most))
    for index in range(most):
        points = generator.uniform(-1.0, 1.0, (3, GRAINS)), generator.normal(0.0, 1.0, (2, GRAINS))
        if not has or index >= count:
            continue
        at = cluster[index]
        artery = arteries[which[at]]
        # In an iliac artery anywhere along it.
        start = float(places[at] if which[at] == 0 else 1.3 * places[at] - 0.4) * (len(artery.points) - 1)
        turn = float(turns[at] + offset_turn[index])
        _add_plaque(bone, artery, start + float(offset_mm[index]), turn, sizes[index], float(thick[index]), points)


def _add_plaque(
    bone: Volume,
    artery: Vessel,
    start: float,
    turn: float,
    size: np.ndarray,
    thick: float,
    noise: tuple[np.ndarray, np.ndarray],
) -> None:
    """One plaque: a thin plate in the wall that ends where it ends, in grains of very different sizes.

    Args:
        start: of its middle, mm along the artery.
        size: half of its length and of its width, mm.
        thick: mm of dense bone, on average.
        noise: (3, n) uniform and (2, n) normal numbers.
    """
    (lengthwise, across, depth), (grain, ragged) = noise
    along_mm = start + size[0] * lengthwise * (1.0 + 0.15 * ragged)
    inside = (along_mm >= 0) & (along_mm < len(artery.points))
    index = along_mm[inside].astype(int)
    radius = artery.radii[index]
    # An oval plate, thinner at its ends.
    wide = size[1] * np.sqrt(np.clip(1.0 - lengthwise[inside] ** 2, 0.05, 1.0))
    angle = turn + wide * across[inside] * (1.0 + 0.2 * ragged[inside]) / radius
    around = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
    points = artery.points[index] + (radius + 0.5 * thick * depth[inside])[:, None] * around
    grains = np.exp(1.1 * grain)
    splat(bone, points, np.pi * thick * size[0] * size[1] * grains[inside] / grains.sum())
