"""How an X-ray is taken: the plain numbers and words of one exposure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..draw import Range, chance, log_uniform, uniform
from .collimation import Collimation, draw_collimation
from .display import Display, draw_display
from .markers import Marks, draw_marks
from .settings import ImagingSettings
from .vendors import Vendor

INTENSIFIER_FIELD = (0.94, 1.04)
"""Diameter of an image intensifier's round field, of the picture's side."""
MEASURED = (0.2, 0.35)
"""Width and height of automatic exposure's measuring field, of the picture's side: it lies on the spine."""
FAULTS = ("underexposed", "overexposed", "dark window", "bright window", "flat window")


@dataclass(frozen=True)
class Aim:
    """What the operator looks at in a picture.

    Attributes:
        x, y: shares of the picture's width and height.
        turn_deg: of the spine's axis, clockwise from upright.
        angles_deg: the C-arm's (primary, secondary), or None where nobody knows.
    """

    x: float = 0.5
    y: float = 0.5
    turn_deg: float = 0.0
    angles_deg: tuple[float, float] | None = None

    def region(self, gaps: tuple[float, float]) -> Collimation:
        """A rectangle along the spine, ``gaps`` wide and high, shares of the picture's shorter side."""
        return Collimation((self.x, self.y), gaps, self.turn_deg)


@dataclass(frozen=True)
class AutomaticTube:
    """What automatic exposure makes of the thickness behind its measuring field, mm of soft tissue.

    Attributes:
        kv_at_180_mm, kv_per_mm, kv: voltage, its rise, and what the generator can.
        copper_out_mm: between which thicknesses the filter is taken out.
    """

    kv_at_180_mm: float
    kv_per_mm: float
    kv: Range
    copper_out_mm: Range


@dataclass(frozen=True)
class Exposure:
    """How one X-ray is taken; the defaults are a clean acquisition on a flat panel. Units as in ``ImagingSettings``.

    Attributes:
        dose_ngy: at the detector, in the measuring field, that automatic exposure aims at.
        dose_reach: most that the tube can give, as a multiple of it in open air.
        scatter_to_primary: behind 200 mm of soft tissue.
        saturation: what the detector holds, as a multiple of what is aimed at.
        motion_px: (right, down) between this frame and the one that lags.
        detector: "flat panel" or "image intensifier".
        measured: the measuring field, as an opening of the same place and size.
        automatic: what sets voltage, filter and reach; None: they stand as they are.
        vendor: the kind of machine; fault: what an operator set badly, or "".
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
    measured: Collimation = field(default_factory=lambda: Collimation(gaps=(1 / 3, 1 / 3)))
    automatic: AutomaticTube | None = None
    collimation: Collimation = field(default_factory=Collimation)
    display: Display = field(default_factory=Display)
    marks: Marks = field(default_factory=Marks)
    vendor: str = ""
    fault: str = ""

    @property
    def conditions(self) -> dict[str, float | str]:
        """Numbers and words for a report, those of display and collimation among them."""
        own = {name: value for name, value in vars(self).items() if isinstance(value, int | float | str)}
        shown = self.display
        own |= {"polarity": shown.polarity, "tone": shown.tone, "bits": shown.bits, "compression": shown.compression}
        own |= {"edge_enhancement": sum(strength for strength, _ in shown.edges)}
        own |= {"diaphragm": self.collimation.shape, "blades": min(*self.collimation.gaps, 1.0)}
        return {name: value if isinstance(value, str) else float(value) for name, value in own.items()}


def draw_exposure(settings: ImagingSettings, generator: np.random.Generator, aim: Aim | None = None) -> Exposure:
    """Draw how an X-ray is taken; voltage and filter are set once the patient is in the beam (``exposure.settle``).

    Args:
        aim: where the spine is in the picture: what is measured, kept open and shown; the middle if None.
    """
    aim = Aim() if aim is None else aim
    shares = np.array([vendor.share for vendor in settings.vendors])
    vendor = settings.vendors[int(generator.choice(len(shares), p=shares / shares.sum()))]
    fault = _draw_fault(settings, generator)
    intensifier, copper = vendor.detector == "image intensifier", chance(generator, settings.copper_chance)
    vignetting, copper_mm, veil, reach, saturation = (
        uniform(generator, settings.vignetting),
        uniform(generator, settings.copper_mm),
        uniform(generator, settings.veil),
        log_uniform(generator, settings.dose_reach),
        log_uniform(generator, settings.saturation),
    )
    moved = settings.motion_px * generator.standard_normal(2).clip(-2.5, 2.5)
    return Exposure(
        kvp=settings.kv_at_180_mm[0],
        aluminium_mm=uniform(generator, settings.aluminium_mm),
        copper_mm=copper_mm if copper else 0.0,
        focal_spot_mm=uniform(generator, settings.focal_spot_mm),
        dose_ngy=log_uniform(generator, vendor.dose_ngy),
        # A fortieth of the tube's power is what a forgotten setting for children is like.
        dose_reach=reach / 40.0 if fault == "underexposed" else reach,
        scatter_to_primary=uniform(generator, settings.scatter_to_primary),
        scatter_mm=uniform(generator, settings.scatter_mm),
        veil=veil if intensifier else 0.3 * veil,
        scintillator_mm=uniform(generator, vendor.scintillator_mm),
        electronic_noise_ngy=log_uniform(generator, settings.electronic_noise_ngy),
        line_noise=uniform(generator, settings.line_noise),
        uneven_gain=uniform(generator, settings.uneven_gain),
        dead_pixels=int(uniform(generator, settings.dead_pixels)),
        saturation=1.3 if fault == "overexposed" else saturation,
        lag=uniform(generator, settings.lag),
        motion_px=(float(moved[0]), float(moved[1])),
        detector=vendor.detector,
        vignetting=vignetting if intensifier else 0.0,
        measured=aim.region(MEASURED),
        automatic=AutomaticTube(
            uniform(generator, settings.kv_at_180_mm), settings.kv_per_mm, settings.kv, settings.copper_out_mm
        ),
        collimation=_opening(settings, vendor, generator, aim),
        display=draw_display(settings, vendor, generator, aim.region(settings.region), fault),
        marks=draw_marks(settings, vendor, generator, aim.angles_deg),
        vendor=vendor.name,
        fault=fault,
    )


def _draw_fault(settings: ImagingSettings, generator: np.random.Generator) -> str:
    """What an operator set badly, or nothing."""
    failed, which = chance(generator, settings.badly_set_chance), int(generator.integers(len(FAULTS)))
    return FAULTS[which] if failed else ""


def _opening(settings: ImagingSettings, vendor: Vendor, generator: np.random.Generator, aim: Aim) -> Collimation:
    """Blades and diaphragm, or an image intensifier's round window: nothing outside of it is recorded."""
    drawn = draw_collimation(settings, generator, (aim.x, aim.y), aim.turn_deg, vendor.diaphragm)
    size = uniform(generator, INTENSIFIER_FIELD)
    if vendor.detector == "image intensifier":
        return Collimation(shape="round", diameter=size, penumbra_mm=0.8)
    return drawn
