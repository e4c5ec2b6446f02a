"""What stands between tube and patient: blades and diaphragms; and the round field of an image intensifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..draw import chance, uniform
from .settings import ImagingSettings

OPEN_SHARE = 0.9
SHAPES = ("open", "round", "octagon")


@dataclass(frozen=True)
class Collimation:
    """An opening in the beam; lengths are shares of the picture's shorter side unless they say otherwise.

    Attributes:
        middle: (x, y) of the opening from the picture's left upper corner, shares of width and height.
        gaps: (x, y) full width and height between the blades; infinite where there are none.
        turn_deg: of the blades against the picture's sides.
        shape: one of ``SHAPES``: a diaphragm besides the blades.
        diameter: of the diaphragm.
        penumbra_mm: width of the soft edge on the detector.
        leakage: share of the beam that gets through.
    """

    middle: tuple[float, float] = (0.5, 0.5)
    gaps: tuple[float, float] = (np.inf, np.inf)
    turn_deg: float = 0.0
    shape: str = "open"
    diameter: float = 1.0
    penumbra_mm: float = 1.0
    leakage: float = 0.0

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"shape {self.shape!r}: allowed are {', '.join(SHAPES)}")


def draw_collimation(
    settings: ImagingSettings,
    generator: np.random.Generator,
    aim: tuple[float, float] = (0.5, 0.5),
    turn_deg: float = 0.0,
    diaphragm: str = "open",
) -> Collimation:
    """Draw an opening around what is aimed at.

    Args:
        aim: (x, y) shares of the picture's width and height.
        turn_deg: of the spine's axis, clockwise from upright: the blades are set along it.
        diaphragm: what the machine has besides, one of ``SHAPES``.
    """
    bladed, rounded = chance(generator, settings.blades_chance), chance(generator, settings.diaphragm_chance)
    off_x, off_y = settings.blade_offset * np.clip(generator.standard_normal(2), -2, 2)
    gap, longer = uniform(generator, settings.blade_gap), uniform(generator, settings.blade_longer)
    turn = settings.blade_turn_deg * float(np.clip(generator.standard_normal(), -2, 2))
    diameter = uniform(generator, (0.92, 1.1))
    # An operator's picture may be off its aim, but not so far that the spine is gone.
    middle = (float(np.clip(aim[0] + off_x, 0.2, 0.8)), float(np.clip(aim[1] + off_y, 0.2, 0.8)))
    return Collimation(
        middle=middle if bladed else (0.5, 0.5),
        gaps=(gap, gap + longer) if bladed else (np.inf, np.inf),
        turn_deg=turn_deg + turn,
        shape=diaphragm if rounded else "open",
        diameter=diameter,
        penumbra_mm=uniform(generator, settings.blade_penumbra_mm),
        leakage=uniform(generator, settings.leakage),
    )


def collimate(
    collimation: Collimation, shape: tuple[int, int], pixel_spacing_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """How much of the beam reaches each pixel.

    Args:
        shape: (height, width) pixels.
        pixel_spacing_mm: on the detector.

    Returns:
        (height, width) float32 share of the beam, leakage to 1, and bool: the open field, which gets 0.9 of it and more
        (systems cut their pictures inside the penumbra).
    """
    height, width = shape
    side = min(height, width)
    x = (np.arange(width) - collimation.middle[0] * (width - 1))[None]
    y = (np.arange(height) - collimation.middle[1] * (height - 1))[:, None]
    turn = np.deg2rad(collimation.turn_deg)
    along, down = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    inside_px = np.minimum(
        collimation.gaps[0] * side / 2 - np.abs(along), collimation.gaps[1] * side / 2 - np.abs(down)
    )
    inside_px = np.minimum(inside_px, _inside_diaphragm(collimation, shape))
    edge_px = max(collimation.penumbra_mm / pixel_spacing_mm, 1e-3)
    share = np.clip(0.5 + inside_px / edge_px, 0.0, 1.0)
    share = share * share * (3.0 - 2.0 * share)
    return (collimation.leakage + (1.0 - collimation.leakage) * share).astype(np.float32), share > OPEN_SHARE


def _inside_diaphragm(collimation: Collimation, shape: tuple[int, int]) -> np.ndarray:
    """(height, width) pixels from the diaphragm's edge, positive inside; it is centred on the detector."""
    if collimation.shape == "open":
        return np.full(shape, np.inf)
    (height, width), side = shape, min(shape)
    x, y = np.abs(np.arange(width) - (width - 1) / 2)[None], np.abs(np.arange(height) - (height - 1) / 2)[:, None]
    if collimation.shape == "round":
        return collimation.diameter * side / 2 - np.hypot(x, y)
    # A detector's square with cut corners, as cardiac systems show it.
    return np.minimum(
        collimation.diameter * side / 2 - np.maximum(x, y),
        0.41 * side * collimation.diameter * np.sqrt(2) - (x + y) / np.sqrt(2),
    )
