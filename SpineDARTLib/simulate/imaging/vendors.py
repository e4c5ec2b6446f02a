"""Kinds of machines, each with a look of its own: detector, processing and what is written into the picture.

No maker publishes its curves; these are made up after what radiographs and angiograms of each kind look like. Their
values belong together, and one machine differs from the next of its kind by some jitter only.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..draw import Range

Layout = tuple[tuple[str, tuple[str, ...]], ...]
"""Corner ("top left" and so on) and its lines; what stands in braces is filled in by ``markers``."""


@dataclass(frozen=True)
class Vendor:
    """How a kind of machine makes its pictures. Ranges are uniform where nothing else is said.

    Attributes:
        share: of the pictures that come from such machines (relative to the others).
        detector: "flat panel" or "image intensifier".
        diaphragm: one of ``collimation.SHAPES``; of an image intensifier it is always round.
        dose_ngy: at the detector, log-uniform. Last-image hold of averaged frames of 10-50 nGy each: 100-500; an
            acquired frame or a radiograph 500-5000 (Jones et al., AAPM report 125).
        scintillator_mm: deviation of the detector's blur.
        bone_bright: chance that pictures are stored so.
        tone, curve, compression, compression_mm, smooth_px, shrink, outside: as in ``display.Display``.
        edges: unsharp masks, each strength and deviation in mm.
        bits: one of these.
        jpeg_quality: range, or None.
        font: file in matplotlib's fonts, without its suffix.
        text_size: of a line, share of the picture's height.
        boxed: words stand in boxes.
        layout: what is written where.
        letter_chance: of a lead letter on the detector.
        mark: "ruler", "ring" or "": what some pictures have besides.
    """

    name: str
    share: float
    detector: str = "flat panel"
    diaphragm: str = "open"
    dose_ngy: Range = (500.0, 3000.0)
    scintillator_mm: Range = (0.1, 0.3)
    bone_bright: float = 0.5
    tone: str = "log"
    curve: Range = (0.2, 0.9)
    compression: Range = (0.2, 0.5)
    compression_mm: Range = (15.0, 35.0)
    edges: tuple[tuple[float, float], ...] = ()
    smooth_px: Range = (0.0, 0.5)
    shrink: Range = (1.0, 1.0)
    outside: str = "black"
    bits: tuple[int, ...] = (8, 10, 12)
    jpeg_quality: Range | None = None
    font: str = "DejaVuSans"
    text_size: Range = (0.022, 0.03)
    boxed: bool = False
    layout: Layout = ()
    letter_chance: float = 0.05
    mark: str = ""


VENDORS = (
    Vendor(
        "mobile panel",
        0.18,
        dose_ngy=(150.0, 1200.0),
        bone_bright=0.35,
        compression=(0.3, 0.6),
        edges=((0.8, 0.8),),
        bits=(8, 12),
        layout=(
            ("top left", ("{word}", "{date:%d-%m-%Y}", "{clock:%H:%M:%S}")),
            ("bottom left", ("{kv}  {ma:.1f} mA", "{gy:.2f} mGy")),
            ("top right", ("{image}",)),
        ),
    ),
    Vendor(
        "mobile intensifier",
        0.14,
        detector="image intensifier",
        dose_ngy=(100.0, 800.0),
        scintillator_mm=(0.18, 0.35),
        bone_bright=0.25,
        tone="log",
        curve=(0.4, 1.2),
        compression=(0.1, 0.4),
        edges=((0.6, 1.2),),
        smooth_px=(0.4, 0.9),
        bits=(8,),
        jpeg_quality=(75.0, 95.0),
        font="DejaVuSansMono",
        layout=(("top left", ("{date:%Y/%m/%d}", "{clock:%H:%M}")), ("bottom right", ("{kv}", "{ma:.1f} mA"))),
    ),
    Vendor(
        "angiography",
        0.2,
        diaphragm="octagon",
        bone_bright=0.15,
        curve=(0.0, 0.6),
        compression=(0.35, 0.7),
        compression_mm=(20.0, 40.0),
        edges=((0.9, 1.5),),
        bits=(8, 10, 12),
        layout=(
            ("top right", ("{date:%d.%m.%Y}", "{clock:%H:%M:%S}")),
            ("bottom left", ("{angles}", "{kv}")),
            ("bottom right", ("{image}", "{gy:.2f} mGy")),
        ),
        mark="ring",
    ),
    Vendor(
        "raw frames",
        0.12,
        dose_ngy=(400.0, 3000.0),
        bone_bright=0.0,
        tone="counts",
        outside="as it is",
        bits=(12, 14, 16),
    ),
    Vendor(
        "radiography",
        0.14,
        dose_ngy=(1500.0, 5000.0),
        scintillator_mm=(0.1, 0.22),
        bone_bright=0.95,
        curve=(0.4, 1.2),
        compression=(0.3, 0.6),
        compression_mm=(12.0, 30.0),
        edges=((0.6, 0.5), (0.5, 3.0)),
        bits=(10, 12, 14),
        font="STIXGeneralBol",
        letter_chance=0.6,
    ),
    Vendor(
        "imaging plate",
        0.08,
        dose_ngy=(1500.0, 5000.0),
        scintillator_mm=(0.2, 0.35),
        bone_bright=0.95,
        curve=(0.6, 1.4),
        compression=(0.0, 0.2),
        edges=((0.4, 2.0),),
        outside="as it is",
        bits=(10, 12),
        letter_chance=0.6,
        layout=(("bottom right", ("{date:%d-%m-%Y} {clock:%H:%M}",)),),
    ),
    Vendor(
        "fluoroscopy table",
        0.08,
        diaphragm="round",
        dose_ngy=(150.0, 1000.0),
        scintillator_mm=(0.15, 0.3),
        bone_bright=0.8,
        tone="log",
        curve=(-0.2, 0.5),
        compression=(0.4, 0.75),
        compression_mm=(20.0, 40.0),
        edges=((0.5, 1.0),),
        smooth_px=(0.4, 0.8),
        outside="as it is",
        bits=(8, 10),
        font="cmss10",
        text_size=(0.026, 0.034),
        layout=(("top left", ("{kv}  {ma:.1f} mA", "{word}")), ("bottom left", ("{date:%d-%m-%Y}",))),
        mark="ruler",
    ),
    Vendor(
        "saved screen",
        0.06,
        dose_ngy=(300.0, 2000.0),
        bone_bright=0.5,
        tone="root",
        curve=(0.2, 1.0),
        compression=(0.0, 0.3),
        edges=((0.6, 1.5),),
        shrink=(1.2, 2.0),
        outside="grey",
        bits=(8,),
        jpeg_quality=(55.0, 85.0),
        font="DejaVuSans-Bold",
        boxed=True,
        layout=(
            ("top left", ("{word}", "{image}")),
            ("top right", ("{date:%m/%d/%Y}", "{clock:%H:%M:%S}")),
            ("bottom right", ("{angles}",)),
        ),
    ),
)
"""Eight kinds. "root" and "counts" cannot be bone-bright; ``display`` takes "log" then."""
