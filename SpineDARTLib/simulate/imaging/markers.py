"""What stands in a picture beside the patient: burnt-in words and graphics, and lead letters on the detector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from ..draw import Range, chance, uniform
from .settings import ImagingSettings
from .vendors import Vendor

WORDS = ("FLUORO", "SPINE LS", "SPINE T", "HQ", "DCM", "LIH", "AUTO", "STORED", "EXP", "ROOM 2")
"""Such as machines write; no names of people, places or vendors."""
VOLTAGE = "<kV>"
"""Stands for the tube's voltage until that is known."""
CORNERS = {"top left": (False, False), "top right": (True, False), "bottom left": (False, True)}
CORNERS |= {"bottom right": (True, True)}
"""Whether right and whether at the bottom."""
LINE = 1.3
"""From a line to the next, of their size."""
LETTERS = ("L", "R", "L", "R", "PA", "AP", "STANDING", "X")
LEAD_SHARE = 0.97
"""Of the beam that a lead letter holds back."""


@dataclass(frozen=True)
class Text:
    """Words in a picture; place and size are shares of the picture's width, height and height.

    Attributes:
        font: file in matplotlib's fonts, without its suffix.
        ends: the place is the words' right upper corner, not their left one.
    """

    words: str
    x: float
    y: float
    size: float
    turn_deg: float = 0.0
    font: str = "DejaVuSans"
    ends: bool = False


@dataclass(frozen=True)
class Marks:
    """Everything that is not patient.

    Attributes:
        texts: burnt in.
        letters: of lead, on the detector.
        ruler: side at which a ruler stands ("left", "right", "bottom"), "" for none.
        ring: radius of a circle around the middle, share of the height; 0 for none.
        grey: of what is burnt in, 0 black to 1 white.
        boxed: whether words stand in a box of the opposite grey.
    """

    texts: tuple[Text, ...] = ()
    letters: tuple[Text, ...] = ()
    ruler: str = ""
    ring: float = 0.0
    grey: float = 1.0
    boxed: bool = False

    def at(self, kvp: float) -> Marks:
        """The same with the tube's voltage in its place."""
        texts = (replace(text, words=text.words.replace(VOLTAGE, f"{kvp:.0f} kV")) for text in self.texts)
        return replace(self, texts=tuple(texts))


def draw_marks(
    settings: ImagingSettings,
    vendor: Vendor,
    generator: np.random.Generator,
    angles_deg: tuple[float, float] | None = None,
) -> Marks:
    """Draw what a machine writes in a picture.

    Args:
        angles_deg: the C-arm's (primary, secondary) as DICOM has them; what shows them is left out if None.
    """
    written, lettered = chance(generator, settings.text_chance), chance(generator, vendor.letter_chance)
    shown, radius = chance(generator, settings.mark_chance), uniform(generator, (0.02, 0.3))
    texts, letters = _draw_texts(vendor, generator, angles_deg), _draw_letters(generator)
    side, grey = ("left", "right")[int(generator.integers(2))], uniform(generator, (0.7, 1.0))
    return Marks(
        texts if written else (),
        letters if lettered else (),
        side if shown and vendor.mark == "ruler" else "",
        radius if shown and vendor.mark == "ring" else 0.0,
        grey,
        vendor.boxed,
    )


def _draw_texts(
    vendor: Vendor, generator: np.random.Generator, angles_deg: tuple[float, float] | None
) -> tuple[Text, ...]:
    """The vendor's lines in its corners; they reach neither each other nor the middle."""
    size, margin = uniform(generator, vendor.text_size), uniform(generator, (0.01, 0.03))
    facts = _facts(generator, angles_deg)
    found = []
    for corner, lines in vendor.layout:
        right, bottom = CORNERS[corner]
        words = [line.format_map(facts) for line in lines if angles_deg or "{angles}" not in line]
        top = 1.0 - margin - LINE * size * len(words) if bottom else margin
        places = [top + LINE * size * number for number in range(len(words))]
        x = 1.0 - margin if right else margin
        found += [Text(word, x, y, size, 0.0, vendor.font, right) for word, y in zip(words, places, strict=True)]
    return tuple(found)


def _facts(generator: np.random.Generator, angles_deg: tuple[float, float] | None) -> dict[str, Any]:
    """What can be written: drawn, but for the angles; the voltage comes later."""
    moment = datetime(2005, 1, 1) + timedelta(days=int(generator.integers(7600)), hours=7)
    moment += timedelta(seconds=int(generator.integers(12 * 3600)))
    return {
        "word": WORDS[int(generator.integers(len(WORDS)))],
        "date": moment,
        "clock": moment,
        "kv": VOLTAGE,
        "ma": uniform(generator, (1.0, 9.9)),
        "gy": uniform(generator, (0.1, 9.9)),
        "image": f"Im {int(generator.integers(1, 90))}",
        "angles": _angles(*angles_deg) if angles_deg else "",
    }


def _angles(primary_deg: float, secondary_deg: float) -> str:
    """As machines write them. They do not know that a patient lies prone: an AP from below is theirs from above."""
    primary = (primary_deg + 90.0) % 180.0 - 90.0
    sides = "LAO" if primary >= 0 else "RAO", "CRA" if secondary_deg >= 0 else "CAU"
    return f"{sides[0]} {abs(primary):.0f} {sides[1]} {abs(secondary_deg):.0f}"


def _draw_letters(generator: np.random.Generator) -> tuple[Text, ...]:
    """One lead letter, beside the spine rather than on it."""
    beside = uniform(generator, (0.08, 0.22))
    x = beside if chance(generator, 0.5) else 1.0 - beside
    turn = float(generator.normal(0.0, 8.0))
    word = LETTERS[int(generator.integers(len(LETTERS)))]
    size = uniform(generator, (0.04, 0.1)) / max(len(word) / 2, 1.0)
    return (Text(word, x, uniform(generator, (0.25, 0.75)), size, turn),)


def lead(marks: Marks, shape: tuple[int, int]) -> np.ndarray:
    """(height, width) float32: share of the beam that lead letters let through."""
    cover = np.zeros(shape, dtype=np.float32)
    for letter in marks.letters:
        cover = np.maximum(cover, _written(letter, shape))
    return 1.0 - LEAD_SHARE * cover


def burn(values: np.ndarray, marks: Marks) -> np.ndarray:
    """(height, width) grey values of 0 to 1 with everything written into them."""
    shape = (values.shape[0], values.shape[1])
    cover, boxes = _graphics(marks, shape), np.zeros(shape, dtype=np.float32)
    for text in marks.texts:
        written = _written(text, shape)
        cover = np.maximum(cover, written)
        rows, columns = np.nonzero(written > 0)
        if marks.boxed and len(rows):
            boxes[max(rows.min() - 2, 0) : rows.max() + 3, max(columns.min() - 2, 0) : columns.max() + 3] = 1.0
    values = values + boxes * (1.0 - marks.grey - values)
    return values + cover * (marks.grey - values)


def _written(text: Text, shape: tuple[int, int]) -> np.ndarray:
    """(height, width) 0 to 1: words with smooth edges."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (shape[1], shape[0]))
    font = _font(text.font, max(round(text.size * shape[0]), 6))
    place = (text.x * shape[1], text.y * shape[0])
    ImageDraw.Draw(canvas).text(place, text.words, fill=255, font=font, anchor="ra" if text.ends else "la")
    if text.turn_deg:
        canvas = canvas.rotate(text.turn_deg, resample=Image.Resampling.BILINEAR, center=place)
    return np.asarray(canvas, dtype=np.float32) / 255.0


def _graphics(marks: Marks, shape: tuple[int, int]) -> np.ndarray:
    """(height, width) 0 to 1: ruler and circle."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    if marks.ruler:
        _rule(pen, marks.ruler, shape)
    if marks.ring:
        (height, width), radius = shape, marks.ring * shape[0]
        pen.ellipse((width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius), outline=255)
    return np.asarray(canvas, dtype=np.float32) / 255.0


def _rule(pen: Any, side: str, shape: tuple[int, int]) -> None:
    """A scale along one side, every fifth mark longer."""
    height, width = shape
    length: Range = (0.25, 0.75)
    for number, place in enumerate(np.linspace(*length, 21)):
        long = 0.02 if number % 5 == 0 else 0.01
        if side == "bottom":
            pen.line((place * width, 0.97 * height, place * width, (0.97 - long) * height), fill=255)
        else:
            edge, inward = (0.02, long) if side == "left" else (0.98, -long)
            pen.line((edge * width, place * height, (edge + inward) * width, place * height), fill=255)


@cache
def _font(name: str, size_px: int) -> Any:
    """One of matplotlib's own: the same letters on every machine."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    file = f"{get_data_path()}/fonts/ttf/{name}.ttf"
    # The plain layout engine is in every build of Pillow; the other one is not.
    return ImageFont.truetype(file, size_px, layout_engine=ImageFont.Layout.BASIC)
