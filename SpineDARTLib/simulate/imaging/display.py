"""From what the detector holds to the grey values that a file stores: what vendors do to a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

import numpy as np

from ..draw import chance, log_uniform, uniform
from .collimation import Collimation, collimate
from .filters import Tensor, blur, shrink_and_grow
from .settings import ImagingSettings
from .vendors import Vendor

TONES = ("counts", "linear", "root", "log")
"""Of counts: as they are, with nothing else done; linear; square root; logarithm."""
OUTSIDE = ("as it is", "black", "grey")
RELEVANT = 12.0
"""A window is set by what lets through between so many times more and less than the middle of its region: neither open
air nor metal."""
TOE = 0.02
"""Added to counts before their logarithm, of what automatic exposure aims at: vendors' curves end in such a toe, else
the noise in the shade of metal and blades would fill the picture."""
MARGIN_FAULTS = {"dark window": (-0.45, 0.6), "bright window": (0.6, -0.45), "flat window": (1.5, 1.5)}
"""What a bad setting adds to the window's margins."""
SAMPLE_STEP = 3
"""Every third pixel each way is enough to set a window by."""


@dataclass(frozen=True)
class Display:
    """How counts become grey.

    Attributes:
        polarity: "bone-dark" or "bone-bright", as in ``io.attenuation``: the latter is linear in log-attenuation but
            for what the S-curve and compression do.
        tone: one of ``TONES``; "bone-bright" is always "log".
        curve: strength of the S-curve; negative flattens the middle.
        region: what the window is set by, as an opening of the same place and size; the whole picture by default.
        clip_percent: of the region's exposed pixels that are below and above the window.
        margin: by which the window is then widened below and above, of its width; negative makes it narrower.
        compression: share of the slow variation taken out; its deviation in mm.
        edges: unsharp masks, each strength and deviation in mm.
        smooth_px: deviation of a last blur.
        shrink: factor by which the frame was smaller when it was saved.
        outside: what the closed part of the picture shows, one of ``OUTSIDE``.
        bits: grey values are 0 to 2**bits - 1, stretched to 16 bits where they are more than 8.
        jpeg_quality: of an 8-bit picture that was a JPEG once; 0: it was not.
    """

    polarity: str = "bone-dark"
    tone: str = "counts"
    curve: float = 0.0
    region: Collimation = field(default_factory=Collimation)
    clip_percent: tuple[float, float] = (0.5, 0.5)
    margin: tuple[float, float] = (0.0, 0.0)
    compression: float = 0.0
    compression_mm: float = 20.0
    edges: tuple[tuple[float, float], ...] = ()
    smooth_px: float = 0.0
    shrink: float = 1.0
    outside: str = "as it is"
    bits: int = 16
    jpeg_quality: int = 0

    def __post_init__(self) -> None:
        if self.polarity not in ("bone-dark", "bone-bright"):
            raise ValueError(f'polarity {self.polarity!r}: allowed are "bone-dark" and "bone-bright"')
        if self.tone not in TONES or (self.polarity == "bone-bright" and self.tone != "log"):
            raise ValueError(f'tone {self.tone!r}: allowed are {", ".join(TONES)}; of "bone-bright" only "log"')
        if self.outside not in OUTSIDE:
            raise ValueError(f"outside {self.outside!r}: allowed are {', '.join(OUTSIDE)}")
        if not 8 <= self.bits <= 16:
            raise ValueError(f"{self.bits} bits: allowed are 8 to 16")


def draw_display(
    settings: ImagingSettings, vendor: Vendor, generator: np.random.Generator, region: Collimation, fault: str = ""
) -> Display:
    """Draw what a machine of a kind does.

    Args:
        region: around the spine: what the window is set by.
        fault: "dark window", "bright window" or "flat window" where it is set badly.
    """
    bright, bits = chance(generator, vendor.bone_bright), vendor.bits[int(generator.integers(len(vendor.bits)))]
    curve, compression, compression_mm, smooth_px, shrink = (
        uniform(generator, limits)
        for limits in (vendor.curve, vendor.compression, vendor.compression_mm, vendor.smooth_px, vendor.shrink)
    )
    sharper = log_uniform(generator, settings.jitter)
    quality = uniform(generator, vendor.jpeg_quality or (0.0, 0.0))
    low, high = (uniform(generator, settings.clip_percent) for _ in range(2))
    below, above = (uniform(generator, settings.margin) for _ in range(2))
    wrong = MARGIN_FAULTS.get(fault, (0.0, 0.0))
    raw = vendor.tone == "counts"
    return Display(
        polarity="bone-bright" if bright else "bone-dark",
        tone="log" if bright else vendor.tone,
        curve=0.0 if raw else curve,
        region=region,
        clip_percent=(low, high),
        margin=(below + wrong[0], above + wrong[1]),
        compression=0.0 if raw else compression,
        compression_mm=compression_mm,
        edges=tuple((sharper * strength, deviation_mm) for strength, deviation_mm in vendor.edges),
        smooth_px=smooth_px,
        shrink=shrink,
        outside=vendor.outside,
        bits=bits,
        jpeg_quality=round(quality) if bits == 8 else 0,
    )


def show(counts: Tensor, field: Tensor, display: Display, pixel_spacing_mm: float) -> Tensor:
    """Grey values of 0 to 1.

    Args:
        counts: (height, width) of the detector, 1 where automatic exposure aims at.
        field: (height, width) bool, the open part.
        pixel_spacing_mm: on the detector.
    """
    relevant = _relevant(counts, field, display)
    if display.tone == "counts":
        # As they are, but for the gain that makes the region fill the scale.
        _, high = _window(counts, relevant, display)
        return _shut(counts / high, field, display).clamp(0.0, 1.0)
    values = (counts + TOE).log() if display.tone == "log" else counts.sqrt() if display.tone == "root" else counts
    if display.compression:
        slow = _blur_within(values, field, display.compression_mm / pixel_spacing_mm)
        values = values - display.compression * (slow - slow.mean())
    for strength, deviation_mm in display.edges:
        values = values + strength * (values - _blur_within(values, field, deviation_mm / pixel_spacing_mm))
    values = shrink_and_grow(blur(values, display.smooth_px), display.shrink)
    low, high = _window(values, relevant, display)
    grey = _curve(((values - low) / (high - low).clamp(min=1e-6)).clamp(0.0, 1.0), display.curve)
    if display.polarity == "bone-bright":
        grey = 1.0 - grey
    return _shut(grey, field, display)


def _blur_within(values: Tensor, field: Tensor, deviation_px: float) -> Tensor:
    """Blurred from the open part alone, lest blades cast a halo; the closed part is its own blur."""
    if bool(field.all()) or not bool(field.any()):
        return blur(values, deviation_px)
    weight = field.to(values)
    share = blur(weight, deviation_px).clamp(min=1e-3)
    return (blur(values * weight, deviation_px) / share).where(field, values)


def _relevant(counts: Tensor, field: Tensor, display: Display) -> Tensor:
    """(height, width) bool: what the window is set by, some of the open pixels; of all where none is open."""
    import torch

    height, width = counts.shape
    # The region is a share of the picture: its spacing only makes the edge soft, which does not matter.
    region = torch.from_numpy(collimate(display.region, (height, width), 1.0)[1]).to(field.device)
    some = torch.zeros_like(field)
    some[::SAMPLE_STEP, ::SAMPLE_STEP] = True
    inside = next((part for part in (some & field & region, some & field) if bool(part.any())), some)
    middle = counts[inside].median()
    return inside & (counts >= middle / RELEVANT) & (counts <= middle * RELEVANT)


def _window(values: Tensor, relevant: Tensor, display: Display) -> tuple[Tensor, Tensor]:
    """The values that become black and white."""
    ranked = values[relevant].sort().values
    below, above = display.clip_percent[0] / 100, 1 - display.clip_percent[1] / 100
    low, high = (ranked[int(share * (len(ranked) - 1))] for share in (below, above))
    return low - display.margin[0] * (high - low), high + display.margin[1] * (high - low)


def _curve(grey: Tensor, strength: float) -> Tensor:
    """An S through black, middle and white; its slope in the middle is more than 1 for positive strength."""
    if abs(strength) < 1e-2:
        return grey
    if strength > 0:
        return 0.5 + 0.5 * (strength * (2.0 * grey - 1.0)).tanh() / float(np.tanh(strength))
    return 0.5 + 0.5 * ((2.0 * grey - 1.0) * float(np.tanh(-strength))).atanh() / -strength


def _shut(grey: Tensor, field: Tensor, display: Display) -> Tensor:
    """The closed part painted over."""
    if display.outside == "as it is":
        return grey
    return grey.where(field, grey.new_full((), 0.0 if display.outside == "black" else 0.45))


def store(grey: np.ndarray, display: Display) -> np.ndarray:
    """(height, width) uint8 of 8 bits, else uint16 with the grey values spread over all 16 bits."""
    largest = 2**display.bits - 1
    levels = np.round(np.clip(grey, 0.0, 1.0) * largest)
    if display.bits == 8:
        stored = levels.astype(np.uint8)
        return _through_jpeg(stored, display.jpeg_quality) if display.jpeg_quality else stored
    return np.round(levels * (65535 / largest)).astype(np.uint16)


def _through_jpeg(stored: np.ndarray, quality: int) -> np.ndarray:
    """What is left of a picture after JPEG."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(stored).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))
