"""Closed surfaces with known volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def box(corner: Sequence[float], sizes: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """An axis-aligned box, outward normals: vertices (8, 3), faces (12, 3)."""
    unit = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))]
    return np.asarray(corner) + unit * sizes, np.array(faces)


def sphere(centre: Sequence[float], radius: float, rings: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """A sphere of 2 x rings meridians, outward normals."""
    meridians = 2 * rings
    polar = np.pi * np.arange(1, rings) / rings
    around = 2 * np.pi * np.arange(meridians) / meridians
    grid = np.stack(
        [np.outer(np.sin(polar), np.cos(around)), np.outer(np.sin(polar), np.sin(around)),
         np.outer(np.cos(polar), np.ones(meridians))], axis=-1,
    ).reshape(-1, 3)  # fmt: skip
    points = np.vstack([grid, [0, 0, 1], [0, 0, -1]])
    top, bottom = len(grid), len(grid) + 1
    faces = []
    for j in range(meridians):
        k = (j + 1) % meridians
        faces.append((top, j, k))
        faces.append((bottom, (rings - 2) * meridians + k, (rings - 2) * meridians + j))
        for i in range(rings - 2):
            a, b = i * meridians + j, i * meridians + k
            faces += [(a, a + meridians, b), (b, a + meridians, b + meridians)]
    return np.asarray(centre) + radius * points, np.array(faces)
