"""Leads, catheters, clips, staples, forceps and tubes: what lies on, in and over a patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..draw import chance, uniform
from ..nouns import Rod, TrueVertebra

Skin = tuple[float, float]
"""Distances in mm from the bodies' centres back and forward to the skin."""


def _frame(vertebrae: Mapping[str, TrueVertebra], generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(3,) a body's centre, and (3, 3) columns to the right side of the model's frame, forward and up there."""
    level = list(vertebrae)[int(generator.integers(len(vertebrae)))]
    pose = vertebrae[level].vertebra.pose
    return pose[:3, 3], pose[:3, :3]


def _spline(points: np.ndarray, count: int = 40) -> np.ndarray:
    """(count, 3) on a smooth curve through some points."""
    from scipy.interpolate import CubicSpline

    return CubicSpline(np.linspace(0.0, 1.0, len(points)), points)(np.linspace(0.0, 1.0, count))


def _wire(points: np.ndarray, radius: float, material: str, name: str, bore: float = 0.0) -> Rod:
    return Rod(np.asarray(points, dtype=np.float64), np.full(len(points), radius), material, bore, name)


def draw_leads(vertebrae: Mapping[str, TrueVertebra], skin_mm: Skin, generator: np.random.Generator) -> list[Rod]:
    """One to three wires that wander over the front or the back, an electrode's snap at the end of each."""
    centre, axes = _frame(vertebrae, generator)
    depth = skin_mm[1] if chance(generator, 0.6) else -skin_mm[0]
    rods: list[Rod] = []
    for _ in range(int(generator.integers(1, 4))):
        knots = np.empty((6, 3))
        knots[:, 0] = uniform(generator, (-80.0, 80.0)) + np.cumsum(generator.normal(0.0, 28.0, 6))
        knots[:, 1] = depth + generator.normal(0.0, 4.0, 6)
        knots[:, 2] = np.linspace(-1.0, 1.0, 6) * uniform(generator, (60.0, 160.0)) + generator.normal(0.0, 12.0, 6)
        points = centre + _spline(knots) @ axes.T
        rods.append(_wire(points, uniform(generator, (0.35, 0.7)), "steel", "lead"))
        snap = np.stack([points[-1], points[-1] + axes[:, 1] * np.sign(depth) * 3.0])
        rods.append(Rod(snap, np.array([5.0, 2.0]), "titanium", 0.0, "electrode"))
    return rods


def draw_catheters(vertebrae: Mapping[str, TrueVertebra], skin_mm: Skin, generator: np.random.Generator) -> list[Rod]:
    """A tube whose wall holds barium (central line, stomach tube), or a pacemaker's coiled lead, before the spine."""
    centre, axes = _frame(vertebrae, generator)
    knots = np.empty((5, 3))
    knots[:, 0] = uniform(generator, (-35.0, 35.0)) + np.cumsum(generator.normal(0.0, 9.0, 5))
    knots[:, 1] = uniform(generator, (30.0, 60.0)) + np.cumsum(generator.normal(0.0, 7.0, 5))
    knots[:, 2] = np.linspace(180.0, uniform(generator, (-160.0, 40.0)), 5)
    points = centre + _spline(knots) @ axes.T
    radius = uniform(generator, (0.8, 2.6))
    if chance(generator, 0.3):
        return [_wire(points, 0.9, "titanium", "pacemaker lead", 0.6), _wire(points[-4:], 1.3, "titanium", "tip")]
    return [_wire(points, radius, "cement", "catheter", 0.7 * radius)]


def draw_clips(vertebrae: Mapping[str, TrueVertebra], skin_mm: Skin, generator: np.random.Generator) -> list[Rod]:
    """A cluster of surgeons' clips in the belly, each closed to a double line."""
    centre, axes = _frame(vertebrae, generator)
    middle = np.array(
        [uniform(generator, (-60.0, 60.0)), uniform(generator, (40.0, 90.0)), generator.normal(0.0, 40.0)]
    )
    rods = []
    for _ in range(int(generator.integers(3, 9))):
        place = middle + generator.normal(0.0, 14.0, 3)
        along, across = np.linalg.qr(generator.normal(size=(3, 2)))[0].T
        leg, gap = uniform(generator, (5.0, 9.0)), uniform(generator, (0.9, 1.6))
        corners = np.stack([place + leg * along, place, place + gap * across, place + gap * across + leg * along])
        rods.append(_wire(centre + corners @ axes.T, 0.4, "titanium", "clip"))
    return rods


def draw_staples(vertebrae: Mapping[str, TrueVertebra], skin_mm: Skin, generator: np.random.Generator) -> list[Rod]:
    """A row of staples in the skin of the back (or of the belly), about along the midline."""
    centre, axes = _frame(vertebrae, generator)
    back = chance(generator, 0.7)
    depth, inward = (-skin_mm[0], 1.0) if back else (skin_mm[1], -1.0)
    start, lean = (
        np.array([generator.normal(0.0, 12.0), depth, generator.normal(0.0, 50.0)]),
        generator.normal(0.0, 0.12),
    )
    rods = []
    for number in range(int(generator.integers(6, 20))):
        place = start + number * uniform(generator, (6.0, 9.0)) * np.array([lean, 0.0, -1.0])
        turn = generator.normal(0.0, 0.25)
        half = 3.2 * np.array([np.cos(turn), 0.0, np.sin(turn)])
        leg = np.array([0.0, 3.4 * inward, 0.0])
        corners = place + np.stack([leg - 0.4 * half, leg - half, -half, half, leg + half, leg + 0.4 * half])
        rods.append(_wire(centre + corners @ axes.T, 0.28, "steel", "staple"))
    return rods


def draw_forceps(vertebrae: Mapping[str, TrueVertebra], skin_mm: Skin, generator: np.random.Generator) -> list[Rod]:
    """A clamp held over the back, its tip near a pedicle, two arms that cross at a hinge and end in rings."""
    centre, axes = _frame(vertebrae, generator)
    tip = np.array([generator.normal(0.0, 25.0), -skin_mm[0] - 6.0, generator.normal(0.0, 15.0)])
    angle = uniform(generator, (0.0, 2 * np.pi))
    away = np.array([np.cos(angle), -0.25, np.sin(angle)])
    across = np.cross(away, [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    opened, jaw, shank = (
        uniform(generator, (0.05, 0.2)),
        uniform(generator, (30.0, 50.0)),
        uniform(generator, (70.0, 110.0)),
    )
    rods = []
    for side in (-1.0, 1.0):
        hinge = tip + jaw * away
        end = hinge + shank * (away + side * opened * across)
        turn = np.linspace(0.0, 2 * np.pi, 17)
        ring = end + 13.0 * ((1 - np.cos(turn))[:, None] * away + side * np.sin(turn)[:, None] * across)
        # The jaws cross over at the hinge: what is left in front is right behind.
        points = np.stack([tip - side * opened * 0.4 * jaw * across, hinge - side * 1.5 * across, end])
        rods.append(Rod(centre + points @ axes.T, np.array([0.9, 2.8, 2.2]), "steel", 0.0, "forceps"))
        rods.append(_wire(centre + ring @ axes.T, 1.9, "steel", "forceps ring"))
    return rods


def draw_tube(vertebrae: Mapping[str, TrueVertebra], skin_mm: Skin, generator: np.random.Generator) -> list[Rod]:
    """A drain or breathing hose across the field, with an opaque line along it."""
    centre, axes = _frame(vertebrae, generator)
    knots = np.empty((4, 3))
    knots[:, 0] = np.linspace(-170.0, 170.0, 4)
    knots[:, 1] = skin_mm[1] + 10.0 + generator.normal(0.0, 6.0, 4)
    knots[:, 2] = generator.normal(0.0, 50.0) + np.cumsum(generator.normal(0.0, 25.0, 4))
    points = centre + _spline(knots) @ axes.T
    radius = uniform(generator, (3.0, 8.0))
    hose = _wire(points, radius, "soft", "hose", radius - 1.2)
    return [hose, _wire(points + 0.9 * radius * axes[:, 2], 0.5, "cement", "hose's line")]
