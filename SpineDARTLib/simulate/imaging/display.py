"""From what the detector holds to the grey values that a file stores: what vendors do to a picture."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np

from ..draw import chance, log_uniform, uniform
from .filters import Tensor, blur, shrink_and_grow
from .settings import ImagingSettings

TONES = ("counts", "linear", "root", "log")
"""Of counts: as they are, with nothing else done; linear; square root; logarithm."""
OUTSIDE = ("as it is", "black", "grey")
OUTSIDE_SHARES = (0.35, 0.5, 0.15)
"""How often a vendor shows it so; no figures are published."""
MIDDLE_LEVEL = 0.3
"""Of full scale: where raw counts have the middle of what is exposed, when there was too little; else the aim."""
TOE = 0.02
"""Added to counts before their logarithm, of what automatic exposure aims at: vendors' curves end in such a toe, else
the noise in the shade of metal and blades would fill the picture."""
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
        clip_percent: of the exposed pixels that are black and that are white.
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
    clip_percent: tuple[float, float] = (0.5, 0.5)
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


def draw_display(settings: ImagingSettings, generator: np.random.Generator) -> Display:
    """Draw what a vendor does."""
    bright, raw = chance(generator, settings.bone_bright_chance), chance(generator, settings.counts_chance)
    tone, outside = TONES[1 + int(generator.integers(3))], str(generator.choice(OUTSIDE, p=OUTSIDE_SHARES))
    compression, edges = uniform(generator, settings.compression), _draw_edges(settings, generator)
    compressed, smooth = chance(generator, 0.6), chance(generator, settings.smooth_chance)
    smooth_px, shrink = uniform(generator, settings.smooth_px), uniform(generator, settings.shrink)
    shrunk, jpeg = chance(generator, settings.shrink_chance), chance(generator, settings.jpeg_chance)
    quality, bits = (
        uniform(generator, settings.jpeg_quality),
        settings.bits[int(generator.integers(len(settings.bits)))],
    )
    clip_percent, curve = _draw_clip(settings, generator), uniform(generator, settings.curve)
    if raw and not bright:
        return Display(outside=outside if outside != "grey" else "black", bits=max(bits, 12))
    return Display(
        polarity="bone-bright" if bright else "bone-dark",
        tone="log" if bright else tone,
        compression=compression if compressed else 0.0,
        compression_mm=log_uniform(generator, settings.compression_mm),
        edges=edges,
        smooth_px=smooth_px if smooth else 0.0,
        shrink=shrink if shrunk else 1.0,
        outside=outside,
        bits=bits,
        jpeg_quality=round(quality) if jpeg and bits == 8 else 0,
        clip_percent=clip_percent,
        curve=curve,
    )


def _draw_edges(settings: ImagingSettings, generator: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """None, one or two unsharp masks; the narrow one may be stronger."""
    masks = [(uniform(generator, settings.edge_strength), log_uniform(generator, settings.edge_mm)) for _ in range(2)]
    kept, second = chance(generator, settings.edge_chance), chance(generator, 0.3)
    return tuple(masks[: 1 + second]) if kept else ()


def _draw_clip(settings: ImagingSettings, generator: np.random.Generator) -> tuple[float, float]:
    """Percent of black and of white pixels."""
    clip = [uniform(generator, settings.clip_low), uniform(generator, settings.clip_high)]
    hard, end = chance(generator, settings.hard_clip_chance), int(generator.integers(2))
    much = uniform(generator, settings.hard_clip)
    if hard:
        clip[end] = much
    return clip[0], clip[1]


def show(counts: Tensor, field: Tensor, display: Display, pixel_spacing_mm: float) -> Tensor:
    """Grey values of 0 to 1.

    Args:
        counts: (height, width) of the detector, 1 where automatic exposure aims at.
        field: (height, width) bool, the open part.
        pixel_spacing_mm: on the detector.
    """
    if display.tone == "counts":
        # A picture that the tube could not fill is amplified: noise grows with it.
        middle = _exposed(counts, field).median().clamp(1e-3, 1.0)
        return _shut(counts * (MIDDLE_LEVEL / middle), field, display).clamp(0.0, 1.0)
    values = (counts + TOE).log() if display.tone == "log" else counts.sqrt() if display.tone == "root" else counts
    if display.compression:
        slow = _blur_within(values, field, display.compression_mm / pixel_spacing_mm)
        values = values - display.compression * (slow - slow.mean())
    for strength, deviation_mm in display.edges:
        values = values + strength * (values - _blur_within(values, field, deviation_mm / pixel_spacing_mm))
    values = shrink_and_grow(blur(values, display.smooth_px), display.shrink)
    grey = _curve(_window(values, field, display.clip_percent), display.curve)
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


def _window(values: Tensor, field: Tensor, clip_percent: tuple[float, float]) -> Tensor:
    """0 to 1 between two percentiles of what is exposed."""
    ranked = _exposed(values, field).sort().values
    low, high = (ranked[int(share * (len(ranked) - 1))] for share in (clip_percent[0] / 100, 1 - clip_percent[1] / 100))
    return ((values - low) / (high - low).clamp(min=1e-6)).clamp(0.0, 1.0)


def _exposed(values: Tensor, field: Tensor) -> Tensor:
    """(n,) some of the values in the open part; one of all where nothing is open."""
    exposed = values[::SAMPLE_STEP, ::SAMPLE_STEP][field[::SAMPLE_STEP, ::SAMPLE_STEP]]
    return exposed if len(exposed) else values.flatten()[:1]


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
