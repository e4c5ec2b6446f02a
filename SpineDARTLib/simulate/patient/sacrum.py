"""A sacrum below L5: body, wings, canal and holes from a few formulas along an arc, cut out as one closed surface.

Sizes of an adult at scale 1: about 105 mm long along its front and 105 mm wide at the wings (Gray's Anatomy), its front
hollow, turning through 60 to 80 degrees from S1 to S5 (sacral kyphosis). Nobody plans in it: it has to look right.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from ...atlas.surfaces import iso_surface
from ...io.mesh import outward

GRID_MM = 2.0
BACKWARDS = 0.2
"""How far the bodies first go backwards, for each millimetre down from the endplate: the promontory juts out."""
LENGTH_MM = 105.0
SEGMENTS_MM = np.array([0.0, 30.0, 55.0, 75.0, 91.0, LENGTH_MM])
"""Borders of S1 to S5 along the axis."""
WING_MM = ([0.0, 12.0, 40.0, 58.0, 80.0, LENGTH_MM], [48.0, 53.0, 49.0, 41.0, 31.0, 12.0])
"""Half width along the axis: the joint with the ilium is straight down to S3."""


def make_sacrum(
    half_width_mm: float, half_depth_mm: float, scale: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A sacrum in the frame of its upper endplate: middle at the origin, x right, y to the front, z up.

    Args:
        half_width_mm, half_depth_mm: of the endplate.
        scale: of the person, 1 for the mean.

    Returns:
        vertices (n, 3) mm and faces (f, 3), closed, outward normals.
    """
    hollow = float(generator.uniform(np.deg2rad(60.0), np.deg2rad(85.0)))
    wing, crest = generator.uniform(0.93, 1.07), generator.uniform(0.8, 1.2)
    low, high = np.array([-66.0, -84.0, -116.0]), np.array([66.0, 46.0, 14.0])
    axes = [np.arange(a, b, GRID_MM) for a, b in zip(low, high, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    along, front = _on_arc(y, z, LENGTH_MM / hollow)
    half = (half_width_mm / scale, half_depth_mm / scale)
    depth = _depth(np.abs(x) / wing, along, front, half, float(crest))
    depth = np.pad(depth[1:-1, 1:-1, 1:-1], 1, constant_values=-30.0)
    vertices, faces = iso_surface(gaussian_filter(depth, 0.8), 0.0)
    vertices = scale * (vertices * GRID_MM + low)
    return vertices, outward(vertices, faces)


def _on_arc(y: np.ndarray, z: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """How far along the axis (from the endplate) and how far in front of it a point of the sagittal plane lies, mm."""
    from_middle = radius - (y + BACKWARDS * np.maximum(-z, 0.0))
    return radius * np.arctan2(-z, from_middle), radius - np.hypot(from_middle, z)


def _depth(x: np.ndarray, along: np.ndarray, front: np.ndarray, half: tuple[float, float], crest: float) -> np.ndarray:
    """(x, y, z) mm below the surface, about; ``x`` is the distance from the midline."""
    share = np.clip(along / LENGTH_MM, 0.0, 1.0)
    wide, deep = half[0] * (1 - share) ** 0.8 + 9.0 * share, half[1] * (1 - share) ** 0.9 + 4.5 * share
    ends = np.minimum(along, LENGTH_MM - along)
    body = np.minimum(deep * (1 - np.sqrt((x / wide) ** 2 + (front / deep) ** 2)), ends)
    # Each segment is waisted, and a ridge stands where its disc was.
    segment = np.interp(along, SEGMENTS_MM, np.arange(6.0))
    body = body - 1.0 * np.sin(np.pi * segment) ** 2 * (along > 4.0)
    reach = np.interp(along, *WING_MM)
    # Wings slope down sideways and sweep backwards.
    top = along - 3.0 - 0.13 * np.maximum(x - half[0] + 6.0, 0.0)
    sweep = front + 6.0 * (1 - share) + 0.0035 * x**2
    thick = 15.0 * (1 - share) ** 0.7 + 4.0
    wings = np.minimum(np.minimum(reach - x, thick - np.abs(sweep)), np.minimum(top, ends))
    canal_at = -deep - 8.0 * (1 - 0.4 * share)
    canal = _oval(x, front - canal_at, 14.0 - 8.0 * share, 8.5 - 4.5 * share)
    arch = np.minimum(
        _oval(x, front - canal_at, 23.0 - 9.0 * share, 15.0 - 6.0 * share), np.minimum(along - 13.0, 92.0 - along)
    )
    spines = 15.0 * crest * (1 - share) * (0.45 + 0.55 * np.cos(np.pi * (segment - 0.5)) ** 2)
    ridge = np.minimum(3.5 - x, np.minimum(spines + 12.0 * (1 - share) + front - canal_at, canal_at - front))
    ridge = np.minimum(ridge, np.minimum(along - 14.0, 84.0 - along))
    # The superior articular processes stand up behind the endplate, outside those of L5.
    process = 5.0 - np.sqrt((x - 25.0) ** 2 + (front - canal_at + 3.0) ** 2 + (0.55 * (along - 9.0)) ** 2)
    bone = np.maximum.reduce([body, wings, arch, ridge, process])
    return np.minimum(bone, -np.maximum(canal, _holes(x, along, front, half[0])))


def _oval(x: np.ndarray, y: np.ndarray, half_x: np.ndarray, half_y: np.ndarray) -> np.ndarray:
    """Depth below an oval's border, about."""
    return np.minimum(half_x, half_y) * (1 - np.sqrt((x / half_x) ** 2 + (y / half_y) ** 2))


def _holes(x: np.ndarray, along: np.ndarray, front: np.ndarray, half_width: float) -> np.ndarray:
    """The four pairs of foramina, wider in front, slanting outwards and down from behind."""
    depth = np.full(np.broadcast_shapes(x.shape, along.shape), -99.0)
    slant = np.clip(front + 10.0, -20.0, 20.0)
    for number, place in enumerate(SEGMENTS_MM[1:5]):
        radius = (5.0 - 0.5 * number) * (1 + 0.025 * slant)
        aside = half_width * (0.78 - 0.11 * number) + 0.15 * slant
        depth = np.maximum(depth, radius - np.sqrt((x - aside) ** 2 + (along - place + 2.0 - 0.2 * slant) ** 2))
    return depth
