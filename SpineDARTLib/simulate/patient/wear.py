"""What age does to a vertebra's surface: lips and spurs at the rims, dents in the endplates, uneven walls and tips.

Spurs grow where a worn disc no longer holds its neighbours, in front and at the sides, hardly ever into the canal
(Nathan, J Bone Joint Surg Am 1962; 44:243). Vertices move, none is added: a landmark rides with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..draw import uniform
from .noise import GRAIN_MM, noise
from .shapes import Shape, SpineSettings

SPURS = 5
"""Single spurs at a rim; most of them are hardly there."""
TIPS = ("left_transverse_process", "right_transverse_process", "spinous_process")
TIP_MM, TIP_GAIN = 8.0, 1.0
"""How far from a process's tip its surface is rougher, and how much."""
STEEPEST = 0.8
"""A dent's depth over its radius at most: the mesh's triangles measure 2.6 mm."""


@dataclass(frozen=True)
class _Rim:
    """Where a body's vertices lie to one of its endplates.

    Attributes:
        front: (n,) -1 at the back of the rim, 1 in front.
        angle: (n,) rad around it: 0 to the right, a quarter turn in front.
        radius: (n,) 1 at the rim.
        below_mm: (n,) below the endplate's plane, away from the disc.
        outward: (n, 3) unit vectors in the endplate's plane.
        towards_disc: (3,) unit vector.
    """

    front: np.ndarray
    angle: np.ndarray
    radius: np.ndarray
    below_mm: np.ndarray
    outward: np.ndarray
    towards_disc: np.ndarray


def worn(
    shape: Shape, discs: tuple[float, float], age: float, settings: SpineSettings, generator: np.random.Generator
) -> Shape:
    """A vertebra as the years leave it.

    Args:
        discs: how worn those above and below are, 0 to 1.
        age: how degenerated the person's spine is, 0 to 1.
    """
    vertices, body = shape.vertices.copy(), shape.model.regions["body"]
    for name, disc in zip(("superior", "inferior"), discs, strict=True):
        rim = _rim(shape, name, body)
        vertices[body] += _spurs(rim, disc, age, settings, generator)
        vertices[body] += _dent(rim, age, settings, generator) * (not shape.fracture)
    height = uniform(generator, settings.waviness_mm) * (0.7 + 0.6 * age) * _roughness(shape, discs)
    vertices += height[:, None] * _waves(vertices, settings, generator)
    return replace(shape, vertices=vertices, wear=discs)


def _rim(shape: Shape, name: str, body: np.ndarray) -> _Rim:
    frame, vertices = shape.plates[name], shape.vertices
    plate = (vertices[shape.model.regions[f"{name}_endplate"]] - frame[:3, 3]) @ frame[:3, :3]
    half = np.percentile(np.abs(plate[:, :2]), 98, axis=0)
    local = (vertices[body] - frame[:3, 3]) @ frame[:3, :3]
    across = local[:, :2] / half
    radius = np.maximum(np.linalg.norm(across, axis=1), 1e-6)
    away = local[:, :2] / np.maximum(np.linalg.norm(local[:, :2], axis=1, keepdims=True), 1e-6)
    side = 1.0 if name == "superior" else -1.0
    return _Rim(
        across[:, 1] / radius,
        np.arctan2(across[:, 1], across[:, 0]),
        radius,
        -side * local[:, 2],
        away @ frame[:3, :2].T,
        side * frame[:3, 2],
    )


def _spurs(rim: _Rim, disc: float, age: float, settings: SpineSettings, generator: np.random.Generator) -> np.ndarray:
    """(n, 3) mm: a lip all around but behind, and single spurs that bend towards the disc."""
    places = np.pi / 2 + generator.normal(0.0, np.deg2rad(65.0), SPURS)
    widths, sizes = np.deg2rad(generator.uniform(10.0, 24.0, SPURS)), generator.random(SPURS) ** 2
    most = settings.spur_mm * np.clip(0.15 + 0.5 * age + 0.6 * disc, 0.0, 1.2)
    apart = np.angle(np.exp(1j * (rim.angle[:, None] - places)))
    single = (sizes * np.exp(-((apart / widths) ** 2))).max(axis=1)
    lip = uniform(generator, settings.lip_share) * (0.5 + 0.5 * rim.front)
    at_rim = np.clip((rim.radius - 0.7) / 0.25, 0.0, 1.0) * np.exp(-(((rim.below_mm - 1.0) / 2.5) ** 2))
    size = most * np.maximum(single, lip) * at_rim * np.clip((rim.front + 0.75) / 0.4, 0.0, 1.0)
    return size[:, None] * (rim.outward + 0.35 * rim.towards_disc)


def _dent(rim: _Rim, age: float, settings: SpineSettings, generator: np.random.Generator) -> np.ndarray:
    """(n, 3) mm: a Schmorl's node, where the disc has broken into the body; mostly none."""
    there = generator.random() < settings.node_chance * (0.5 + age)
    place = np.array([0.0, -0.15]) + generator.uniform(-0.4, 0.4, 2)
    depth, size = uniform(generator, settings.node_mm), generator.uniform(0.2, 0.32)
    across = rim.radius[:, None] * np.column_stack([np.cos(rim.angle), np.sin(rim.angle)]) - place
    radius_mm = size * 20.0
    shape = np.exp(-((np.linalg.norm(across, axis=1) / size) ** 2)) * (np.abs(rim.below_mm) < 6.0)
    return -there * min(depth, STEEPEST * radius_mm) * shape[:, None] * rim.towards_disc


def _roughness(shape: Shape, discs: Sequence[float]) -> np.ndarray:
    """(n,) factor on the waviness: endplates at worn discs and the processes' tips are rougher than walls."""
    model, vertices = shape.model, shape.vertices
    factor = np.ones(len(vertices))
    for name, disc in zip(("superior", "inferior"), discs, strict=True):
        factor[model.regions[f"{name}_endplate"]] += 0.8 * disc
    for name in TIPS:
        away = np.linalg.norm(vertices - model.landmarks[name].on(vertices), axis=1)
        factor += TIP_GAIN * np.exp(-((away / TIP_MM) ** 2))
    return factor


def _waves(vertices: np.ndarray, settings: SpineSettings, generator: np.random.Generator) -> np.ndarray:
    """(n, 3) unit noise along each axis: space itself is bent, so both sides of a thin lamina give way together."""
    points = vertices * (GRAIN_MM / uniform(generator, settings.wave_mm))
    return np.column_stack([np.clip(noise(points, generator), -2.0, 2.0) for _ in range(3)]).astype(np.float64)
