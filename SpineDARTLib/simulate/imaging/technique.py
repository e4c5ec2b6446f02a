"""How an X-ray is taken: the plain numbers and words of one exposure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..draw import chance, log_uniform, uniform
from .collimation import Collimation, draw_collimation
from .display import Display, draw_display
from .markers import Marks, draw_marks
from .settings import ImagingSettings

INTENSIFIER_FIELD = (0.94, 1.04)
"""Diameter of an image intensifier's round field, of the picture's side."""


@dataclass(frozen=True)
class Exposure:
    """How one X-ray is taken; the defaults are a clean acquisition on a flat panel. Units as in ``ImagingSettings``.

    Attributes:
        dose_ngy: at the detector, in the middle of the picture, that automatic exposure aims at.
        dose_reach: most that the tube can give, as a multiple of it in open air.
        scatter_to_primary: behind 200 mm of soft tissue.
        saturation: what the detector holds, as a multiple of what is aimed at.
        motion_px: (right, down) between this frame and the one that lags.
        detector: "flat panel" or "image intensifier".
    """

    kvp: float = 80.0
    aluminium_mm: float = 3.0
    copper_mm: float = 0.1
    focal_spot_mm: float = 0.6
    dose_ngy: float = 1000.0
    dose_reach: float = 300.0
    scatter_to_primary: float = 0.4
    scatter_mm: float = 50.0
    veil: float = 0.0
    scintillator_mm: float = 0.15
    electronic_noise_ngy: float = 1.0
    line_noise: float = 0.0
    uneven_gain: float = 0.0
    dead_pixels: int = 0
    saturation: float = 20.0
    lag: float = 0.0
    motion_px: tuple[float, float] = (0.0, 0.0)
    detector: str = "flat panel"
    vignetting: float = 0.0
    collimation: Collimation = field(default_factory=Collimation)
    display: Display = field(default_factory=Display)
    marks: Marks = field(default_factory=Marks)

    @property
    def conditions(self) -> dict[str, float | str]:
        """Numbers and words for a report, those of display and collimation among them."""
        own = {name: value for name, value in vars(self).items() if isinstance(value, int | float | str)}
        shown = self.display
        own |= {"polarity": shown.polarity, "tone": shown.tone, "bits": shown.bits, "compression": shown.compression}
        own |= {"edge_enhancement": sum(strength for strength, _ in shown.edges)}
        own |= {"diaphragm": self.collimation.shape, "blades": min(*self.collimation.gaps, 1.0)}
        return {name: value if isinstance(value, str) else float(value) for name, value in own.items()}


def draw_exposure(
    settings: ImagingSettings, generator: np.random.Generator, aim: tuple[float, float] = (0.5, 0.5)
) -> Exposure:
    """Draw how an X-ray is taken.

    Args:
        aim: (x, y) shares of the picture's width and height: what the collimator is to keep.
    """
    intensifier, copper = chance(generator, settings.intensifier_chance), chance(generator, settings.copper_chance)
    vignetting, size = uniform(generator, settings.vignetting), uniform(generator, INTENSIFIER_FIELD)
    copper_mm, veil = uniform(generator, settings.copper_mm), uniform(generator, settings.veil)
    moved = settings.motion_px * generator.standard_normal(2).clip(-2.5, 2.5)
    collimation = draw_collimation(settings, generator, aim)
    if intensifier:
        # Its window is the diaphragm, and nothing outside is recorded.
        collimation = Collimation(shape="round", diameter=size, penumbra_mm=0.8)
    return Exposure(
        kvp=uniform(generator, settings.kvp),
        aluminium_mm=uniform(generator, settings.aluminium_mm),
        copper_mm=copper_mm if copper else 0.0,
        focal_spot_mm=uniform(generator, settings.focal_spot_mm),
        dose_ngy=log_uniform(generator, settings.detector_dose_ngy),
        dose_reach=log_uniform(generator, settings.dose_reach),
        scatter_to_primary=uniform(generator, settings.scatter_to_primary),
        scatter_mm=uniform(generator, settings.scatter_mm),
        veil=veil if intensifier else 0.3 * veil,
        scintillator_mm=uniform(generator, settings.scintillator_mm),
        electronic_noise_ngy=log_uniform(generator, settings.electronic_noise_ngy),
        line_noise=uniform(generator, settings.line_noise),
        uneven_gain=uniform(generator, settings.uneven_gain),
        dead_pixels=int(uniform(generator, settings.dead_pixels)),
        saturation=log_uniform(generator, settings.saturation),
        lag=uniform(generator, settings.lag),
        motion_px=(float(moved[0]), float(moved[1])),
        detector="image intensifier" if intensifier else "flat panel",
        vignetting=vignetting if intensifier else 0.0,
        collimation=collimation,
        display=draw_display(settings, generator),
        marks=draw_marks(settings, generator),
    )
