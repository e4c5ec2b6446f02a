"""The trunk's frame: where the skin, the wall, the rib cage and the spine are at each height, and how people differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...types import LEVELS
from ..draw import Range, uniform
from ..nouns import TrueVertebra

WALL_MM = 13.0
"""Muscle of the belly's wall."""


@dataclass(frozen=True)
class BodySettings:
    """How bodies differ; millimetres, shares of soft tissue and of dense bone (``nouns.Volume``).

    Thickness: slim to obese adults measure 180-320 mm from front to back and 280-450 mm across (clinical.md's patients;
    trunk breadth and depth in NHANES agree). Organ sizes and places: Gray's Anatomy, 41st edition, unless said
    otherwise; attenuation relative to soft tissue at 60 keV: ICRU-44 through NIST (Hubbell and Seltzer 2004).
    """

    soft_spacing_mm: float = 2.5
    bone_spacing_mm: float = 1.2

    depth_mm: Range = (180.0, 300.0)
    """Front to back at the waist."""
    width_to_depth: Range = (1.35, 1.65)
    back_fat_mm: Range = (8.0, 50.0)
    """From the spinous processes' tips to the skin; more in the obese (10-60 mm)."""
    cage_half_width_mm: Range = (122.0, 146.0)
    """Rib cage at its widest; 26-29 cm across (adult chest CT)."""
    fat: Range = (0.86, 0.89)
    muscle: Range = (1.00, 1.04)
    marbling: Range = (0.01, 0.05)
    """Deviation of muscle's and organs' density, from fat in them."""

    lung: Range = (0.18, 0.36)
    """Inspiration to expiration (-820 to -640 HU)."""
    breath_levels: Range = (-0.7, 1.3)
    """How much lower than T9/T10 the right dome stands, in levels; +1 is a deep breath."""
    vessel_mm: Range = (3.0, 4.5)
    """Radius of a lung's first artery."""
    effusion_chance: float = 0.06

    stomach_gas_chance: float = 0.6
    colon_gas: Range = (0.05, 0.6)
    """Share of the colon's length that holds gas."""
    small_bowel_gas: Range = (0.0, 10.0)
    """Pockets in small bowel."""
    arm_chance: float = 0.08
    """Of an arm beside the body, in the way of lateral views; else arms are raised."""
    table_chance: float = 0.85
    supine_chance: float = 0.2
    """Vertebroplasty is done prone: the table then lies under the belly."""
    vacuum_chance: float = 0.06
    """Of gas in a lumbar disc (vacuum phenomenon; 1-3 % of all, up to 20 % of the old: Resnick 1981)."""

    rib_cortex_mm: Range = (0.5, 1.1)
    """0.5-1 mm in adults (Mohr et al., Ann Biomed Eng 2007; 35: 424)."""
    rib_spongiosa: Range = (0.03, 0.12)
    rib_scale: Range = (0.9, 1.1)
    short_twelfth_chance: float = 0.1
    cartilage_calcium_chance: float = 0.35
    blade_cortex_mm: Range = (0.4, 0.9)
    """Of the shoulder blade, whose plate lets light through in many people."""
    pelvis_cortex_mm: Range = (1.0, 1.8)
    pelvis_spongiosa: Range = (0.07, 0.2)

    calcium_chance: float = 0.6
    """Aortic calcification on lateral films: 60 % of those over 65 (Kauppila 1997, Framingham)."""
    calcium_plaques: Range = (1.0, 45.0)
    aorta_radius_mm: Range = (8.5, 13.0)


HEIGHTS = ("skin", "cage", "front", "depth")
SHAPE = {
    # half width of the wall (share of the waist's) and of the cage (of its widest), the cage's front, the trunk's depth
    -2.0: (0.55, 0.40, 0.30, 0.60),
    0.0: (1.00, 0.50, 0.42, 0.66),
    2.0: (1.10, 0.75, 0.60, 0.78),
    4.0: (1.04, 0.88, 0.76, 0.90),
    7.0: (1.00, 0.99, 0.97, 1.00),
    9.0: (0.99, 1.00, 1.03, 1.02),
    11.0: (0.97, 0.98, 1.04, 1.00),
    13.0: (0.95, 0.93, 1.00, 0.98),
    15.0: (1.00, 0.90, 1.00, 0.99),
    17.0: (1.10, 0.90, 1.00, 1.00),
    19.0: (1.15, 0.90, 1.00, 0.96),
}
"""By level (T1 is 0, L5 is 16); shares of the values drawn for the person. From axial slices of adult CT by eye."""
OVALNESS = 2.5
"""Exponent of the trunk's outline: 2 an ellipse, more a box."""


@dataclass(frozen=True)
class Trunk:
    """Where things are at each height; (n,) tables over ``z_mm``, upwards.

    Attributes:
        z_mm: heights.
        level: T1 is 0, L5 is 16, between them by height.
        x_mm, y_mm: the vertebral bodies' centres.
        middle_mm: x of the trunk's middle, which follows a crooked spine only partly.
        back_mm: y of the wall behind, just behind the spinous processes.
        front_mm: y of the belly's wall in front.
        half_width_mm: of the wall of muscle.
        cage_half_width_mm, cage_front_mm: of the ribs' outer side: x from the middle, and y in front.
        back_fat_mm, side_fat_mm, front_fat_mm: below the skin.
        fat, muscle: shares of soft tissue.
    """

    z_mm: np.ndarray
    level: np.ndarray
    x_mm: np.ndarray
    y_mm: np.ndarray
    middle_mm: np.ndarray
    back_mm: np.ndarray
    front_mm: np.ndarray
    half_width_mm: np.ndarray
    cage_half_width_mm: np.ndarray
    cage_front_mm: np.ndarray
    back_fat_mm: float
    side_fat_mm: float
    front_fat_mm: float
    fat: float
    muscle: float

    def at(self, name: str, z_mm: np.ndarray | float) -> np.ndarray:
        """A table's value at heights of any shape, float32."""
        return np.asarray(np.interp(z_mm, self.z_mm, getattr(self, name)), dtype=np.float32)

    def height(self, level: float | np.ndarray) -> np.ndarray:
        """Z of a level, RAS mm."""
        return np.asarray(np.interp(-np.asarray(level, dtype=np.float64), -self.level, self.z_mm))

    def place(self, right: float, front: float, level: float) -> np.ndarray:
        """(3,) RAS mm: to the right and in front of the vertebral bodies' line at a level."""
        z = float(self.height(level))
        return np.array([float(self.at("x_mm", z)) + right, float(self.at("y_mm", z)) + front, z])


def draw_trunk(vertebrae: Mapping[str, TrueVertebra], settings: BodySettings, generator: np.random.Generator) -> Trunk:
    """A person's trunk around a spine that is given."""
    depth = uniform(generator, settings.depth_mm)
    size = (depth - settings.depth_mm[0]) / max(settings.depth_mm[1] - settings.depth_mm[0], 1e-9)
    width = depth * uniform(generator, settings.width_to_depth)
    cage = uniform(generator, settings.cage_half_width_mm)
    spread = 0.5 + 0.5 * generator.random(3)
    least, most = settings.back_fat_mm
    back_fat = least + (most - least) * size * spread[0]
    side_fat, front_fat = 6.0 + 30.0 * size * spread[1], 5.0 + 35.0 * size * spread[2]
    levels, centres, tips = _spine_line(vertebrae)
    z = np.arange(centres[:, 2].min() - 250.0, centres[:, 2].max() + 200.0, 4.0)
    order = np.argsort(centres[:, 2])
    level = _extended(z, centres[order, 2], levels[order])
    x, y = (_smooth(np.interp(z, centres[order, 2], centres[order, axis]), 8.0) for axis in (0, 1))
    tip_order = np.argsort(tips[:, 2])
    back = _smooth(np.interp(z, tips[tip_order, 2], tips[tip_order, 1]), 30.0) - 6.0
    shares = {
        name: np.interp(level, list(SHAPE), np.array(list(SHAPE.values()))[:, i]) for i, name in enumerate(HEIGHTS)
    }
    inner_depth = depth * shares["depth"] - back_fat - front_fat
    half_width = np.maximum(0.5 * width * shares["skin"] - side_fat, (cage + 6.0) * np.minimum(shares["skin"], 1.0))
    back = np.minimum(back, y - 52.0)
    front = np.maximum(_smooth(back, 60.0) + inner_depth, y + 42.0)
    return Trunk(
        z, level, x, y, _smooth(x, 60.0), back, front, half_width, cage * shares["cage"],
        np.minimum(y + 0.98 * cage * shares["front"], front - 6.0), back_fat, side_fat, front_fat,
        uniform(generator, settings.fat), uniform(generator, settings.muscle),
    )  # fmt: skip


def _spine_line(vertebrae: Mapping[str, TrueVertebra]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers (n,), body centres (n, 3) and spinous tips (n, 3) of the vertebrae that there are."""
    if not vertebrae:
        raise ValueError("a body needs at least one vertebra; got none")
    levels = np.array([float(LEVELS.index(level)) for level in vertebrae])
    centres = np.stack([one.vertebra.pose[:3, 3] for one in vertebrae.values()])
    tips = np.stack([np.asarray(one.landmarks["spinous_process"]) for one in vertebrae.values()])
    return levels, centres, tips


def _extended(z: np.ndarray, known: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Levels at heights, going on evenly beyond the known ones: 22 mm a thoracic, 36 mm a lumbar vertebra."""
    level = np.interp(z, known, levels)
    level = np.where(z > known[-1], levels[-1] - (z - known[-1]) / 22.0, level)
    return np.where(z < known[0], levels[0] + (known[0] - z) / 36.0, level)


def _smooth(values: np.ndarray, sigma_mm: float) -> np.ndarray:
    """A table without its sharp turns; tables step by 4 mm."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, sigma_mm / 4.0, mode="nearest"))
