"""Two lungs: domes of the diaphragm, a mediastinum with heart between them, airways, and vessels that branch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..draw import chance, uniform
from ..nouns import Volume
from .stamp import along, axes_of, chain_depth, coverage, lumps, splat
from .trunk import OVALNESS, BodySettings, Trunk

PLEURA_MM = 9.0
"""From the ribs' outer side to the lung: a rib and a little."""
BRANCHINGS = 8
"""Of a lung's ten stems, arteries and veins: down to about half a millimetre."""


@dataclass(frozen=True)
class Lungs:
    """Shares of each voxel, (x, y, z) float32.

    Attributes:
        inside: in a lung.
        tissue: soft tissue of what is in a lung: air, vessels.
        airway: in the trachea or a main bronchus.
        below: mm below the diaphragm (negative above it).
    """

    inside: np.ndarray
    tissue: np.ndarray
    airway: np.ndarray
    below: np.ndarray


def draw_lungs(grid: Volume, trunk: Trunk, settings: BodySettings, generator: np.random.Generator) -> Lungs:
    """A person's lungs on a grid."""
    spacing = float(grid.voxel_to_world[0, 0])
    below = _diaphragm(grid, trunk, settings, generator)
    rough = lumps(grid, 16.0, generator)
    depth = np.minimum(cage_depth(grid, trunk) - PLEURA_MM + 1.0 * rough, -below)
    depth = np.minimum(depth, -_mediastinum(grid, trunk, rough, generator))
    x, y, z = axes_of(grid)
    # The domes of the pleura, at the neck of the first rib.
    aside = np.abs(x - trunk.at("middle_mm", z)) - 34.0
    fall = 28.0 * np.tanh(aside**2 / 1260.0)
    apex = (trunk.height(-0.1) - z - fall) / np.sqrt(1.0 + np.minimum(np.abs(aside) / 22.5, 1.3) ** 2)
    depth = np.minimum(depth, apex.astype(np.float32))
    inside = coverage(depth, 1.2 * spacing)
    airway = coverage(_airways(grid, trunk, generator), 1.2 * spacing)
    air = uniform(generator, settings.lung)
    # Blood sinks: a prone person's lung is denser in front, a supine one's behind.
    sunk = 0.0006 * generator.normal() * (y - trunk.at("y_mm", z) - 40.0)
    tissue = air * (1.0 + 0.10 * lumps(grid, 11.0, generator)) + sunk
    tissue = np.clip(tissue, 0.08, 0.7) + _vessels(grid, trunk, settings, generator)
    return Lungs(inside, np.minimum(tissue, 1.0), airway, below)


def cage_depth(grid: Volume, trunk: Trunk) -> np.ndarray:
    """(x, y, z) mm inside the ribs' outer side, along the line to the middle."""
    x, y, z = axes_of(grid)
    across = x - trunk.at("middle_mm", z)
    centre = cage_centre(trunk, z)
    along_y = y - centre
    half = np.where(along_y > 0, trunk.at("cage_front_mm", z) - centre, centre - cage_back(trunk, z))
    return oval_depth(across, along_y, trunk.at("cage_half_width_mm", z), half)


def cage_back(trunk: Trunk, z: np.ndarray) -> np.ndarray:
    """Y of the ribs' outer side behind."""
    return np.asarray(trunk.at("y_mm", z) - 50.0)


def cage_centre(trunk: Trunk, z: np.ndarray) -> np.ndarray:
    """Y where the rib cage is widest."""
    return np.asarray(0.6 * cage_back(trunk, z) + 0.4 * trunk.at("cage_front_mm", z))


def oval_depth(across: np.ndarray, along_y: np.ndarray, half_x: np.ndarray, half_y: np.ndarray) -> np.ndarray:
    """Depth inside an oval along the line to its middle, mm."""
    norm = ((np.abs(across) / half_x) ** OVALNESS + (np.abs(along_y) / half_y) ** OVALNESS) ** (1.0 / OVALNESS)
    norm = np.maximum(norm, 1e-3)
    return (np.sqrt(across**2 + along_y**2) * (1.0 / norm - 1.0)).astype(np.float32)


def _diaphragm(grid: Volume, trunk: Trunk, settings: BodySettings, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) mm below the two domes, which fall steeply to the recesses at the back and the sides."""
    x, y, z = axes_of(grid)
    breath = uniform(generator, settings.breath_levels)
    domes = generator.normal([8.8, 9.4], 0.25) + breath
    recess = generator.normal([11.6, 11.5], 0.3) + 0.6 * breath
    steep = generator.uniform(2.2, 3.4, 2)
    middle, half = trunk.at("middle_mm", trunk.height(10.0)), trunk.at("cage_half_width_mm", trunk.height(10.0))
    front, back = (float(trunk.at(name, trunk.height(10.0))) for name in ("cage_front_mm", "y_mm"))
    flat_x, flat_y = x[:, :, 0], y[:, :, 0]
    found = []
    for side, dome, end, power in zip((1.0, -1.0), domes, recess, steep, strict=True):
        away_x = (flat_x - (middle + side * 0.50 * half)) / (0.52 * half)
        apart = flat_y - (back + 0.55 * (front - back))
        away_y = apart / np.where(apart > 0, 0.55 * (front - back), 0.62 * (front - back + 45.0))
        share = np.clip(away_x**2 + away_y**2, 0.0, 1.6) ** (power / 2)
        drop = float(trunk.height(dome) - trunk.height(end))
        # The recess in front is less deep than behind.
        found.append(trunk.height(dome) - drop * share * (0.75 - 0.25 * np.tanh(apart / 25.0)))
    # Between the domes the central tendon hangs from the heart.
    share = 1.0 / (1.0 + np.exp(-(flat_x - middle) / 12.0))
    surface = share * found[0] + (1.0 - share) * found[1] + 3.0 * lumps(grid, 30.0, generator)[:, :, 0]
    # Towards the recesses it is nearly upright: what counts is the distance to it, not the height below it.
    slopes = np.gradient(surface, float(grid.voxel_to_world[0, 0]))
    steepness = np.sqrt(1.0 + slopes[0] ** 2 + slopes[1] ** 2)
    return ((surface[:, :, None] - z) / steepness[:, :, None]).astype(np.float32)


def _mediastinum(grid: Volume, trunk: Trunk, rough: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) mm inside what lies between the lungs: spine, great vessels, heart."""
    x, y, z = axes_of(grid)
    across, front = x - trunk.at("x_mm", z), y - trunk.at("y_mm", z)
    level = trunk.at("level", z)
    # Beside the spine thin, wider behind where the transverse processes are, wide above the aortic arch.
    behind = 14.0 / (1.0 + np.exp((front + 20.0) / 8.0))
    above = 6.0 * np.clip((4.0 - level) / 3.0, 0.0, 1.0) / (1.0 + np.exp(-(front + 5.0) / 8.0))
    # The lungs almost meet behind the heart and before it.
    before = 9.0 / (1.0 + np.exp(-(front - 34.0) / 9.0))
    right, left = generator.uniform([20.0, 23.0], [25.0, 30.0])
    half = np.where(across > 0, right, left) + behind + above - before
    depth = half - np.abs(across) + 3.0 * rough
    return np.maximum(depth, _heart(grid, trunk, generator))


def _heart(grid: Volume, trunk: Trunk, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) mm inside the heart and the hila's great vessels."""
    size = uniform(generator, (0.85, 1.2))
    shift = generator.normal(0.0, 5.0, 3)
    front = float(trunk.at("cage_front_mm", trunk.height(8.0)) - trunk.at("y_mm", trunk.height(8.0)))
    balls = np.array([
        # right, share of the way to the front, level, radius: atria, ventricles, apex, outflow, arch, hila
        [14.0, 0.48, 7.3, 38.0], [-8.0, 0.42, 7.0, 36.0], [-24.0, 0.58, 8.2, 42.0], [-46.0, 0.66, 9.0, 34.0],
        [-8.0, 0.60, 5.6, 26.0], [-20.0, 0.36, 4.0, 17.0], [30.0, 0.30, 5.8, 13.0], [-34.0, 0.30, 5.4, 13.0],
    ])  # fmt: skip
    centres = np.stack([trunk.place(right * size, share * front, level) for right, share, level, _ in balls]) + shift
    return chain_depth(grid, centres, balls[:, 3] * size, (1.0, 0.95, 1.05))


def _airways(grid: Volume, trunk: Trunk, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) mm inside the trachea and the main bronchi."""
    bend, radius = generator.normal(0.0, 2.5, 2), uniform(generator, (7.0, 9.5))
    carina = 4.2 + 0.3 * generator.normal()
    trachea = [trunk.place(1.0, 34.0, -2.0), trunk.place(2.0 + bend[0], 33.0, 1.5), trunk.place(2.0, 32.0, carina)]
    right = [trachea[-1], trunk.place(16.0, 29.0, carina + 0.8), trunk.place(32.0, 25.0, carina + 1.9)]
    left = [trachea[-1], trunk.place(-20.0, 28.0, carina + 1.1), trunk.place(-44.0, 23.0, carina + 1.8)]
    pieces = [along(np.array(line), 2.5) for line in (trachea, right, left)]
    sizes = (1.0, 0.75, 0.65)
    radii = [np.full(len(piece), radius * size) for piece, size in zip(pieces, sizes, strict=True)]
    return chain_depth(grid, np.concatenate(pieces), np.concatenate(radii))


def _vessels(grid: Volume, trunk: Trunk, settings: BodySettings, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) share of soft tissue that arteries and veins add to both lungs; also drawn beyond the lungs' edges."""
    volume = Volume(np.zeros_like(grid.values), grid.voxel_to_world)
    for side, level in ((1.0, 5.8), (-1.0, 5.4)):
        first = uniform(generator, settings.vessel_mm)
        # To the apex, the front, the side, the base before and behind; arteries and veins.
        ways = np.array([[0.5, 0.0, 1.0], [0.6, 1.0, 0.1], [1.0, -0.2, -0.3], [0.35, -0.6, -1.0], [0.5, 0.4, -1.0]])
        ways = np.repeat(ways, 2, axis=0) * [side, 1.0, 1.0] + generator.normal(0.0, 0.25, (10, 3))
        points = trunk.place(side * 30.0, 28.0, level) + generator.normal(0.0, 6.0, (10, 3))
        _branch(volume, points, ways, np.full(10, first), 36.0, generator)
    return volume.values


def _branch(
    volume: Volume,
    points: np.ndarray,
    ways: np.ndarray,
    radii: np.ndarray,
    length: float,
    generator: np.random.Generator,
) -> None:
    """Stamp a tree generation by generation; every vessel parts into two thinner ones."""
    for _ in range(BRANCHINGS):
        ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
        lengths = length * generator.uniform(0.6, 1.3, len(ways))
        steps = (np.arange(40) + 0.5) / 40
        bent = generator.normal(0.0, 0.12, ways.shape)
        places = points[:, None] + lengths[:, None, None] * (
            steps[:, None] * ways[:, None] + (steps * (1 - steps))[:, None] * bent[:, None] * 4.0
        )
        mass = np.repeat(0.75 * np.pi * radii**2 * lengths / len(steps), len(steps))
        splat(volume, places.reshape(-1, 3), mass)
        points = np.repeat(points + lengths[:, None] * ways, 2, axis=0)
        ways = np.repeat(ways, 2, axis=0) + generator.normal(0.0, 0.45, (2 * len(ways), 3))
        # Murray's law: the cubes of the radii add up.
        radii, length = (
            np.repeat(radii * 0.5 ** (1 / 3), 2) * generator.uniform(0.85, 1.1, 2 * len(radii)),
            length * 0.78,
        )


def draw_effusion(settings: BodySettings, generator: np.random.Generator) -> float:
    """How far fluid stands above the diaphragm, mm; 0 in most people."""
    has, height = chance(generator, settings.effusion_chance), uniform(generator, (10.0, 60.0))
    return height if has else 0.0
