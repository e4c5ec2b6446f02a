"""What stands in a picture beside the patient: burnt-in words and graphics, and lead letters on the detector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..draw import Range, chance, uniform
from .settings import ImagingSettings

WORDS = ("FLUORO", "SPINE LS", "SPINE T", "HQ", "DCM", "LIH", "AUTO", "STORED", "FR", "EXP", "ROOM 2", "POS", "ZOOM 1")
"""Such as machines write; no names of people, places or vendors."""
LETTERS = ("L", "R", "L", "R", "PA", "AP", "STANDING", "X")
LEAD_SHARE = 0.97
"""Of the beam that a lead letter holds back."""


@dataclass(frozen=True)
class Text:
    """Words in a picture; place and size are shares of the picture's width, height and height."""

    words: str
    x: float
    y: float
    size: float
    turn_deg: float = 0.0


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


def draw_marks(settings: ImagingSettings, generator: np.random.Generator) -> Marks:
    """Draw what is written in a picture."""
    kept = [chance(generator, probability) for probability in (settings.text_chance, settings.letter_chance)]
    ruler, ring = chance(generator, settings.ruler_chance), chance(generator, settings.ring_chance)
    texts, letters = _draw_texts(generator), _draw_letters(generator)
    side, radius = ("left", "right", "bottom")[int(generator.integers(3))], uniform(generator, (0.02, 0.3))
    grey, boxed = uniform(generator, (0.7, 1.0)), chance(generator, 0.15)
    return Marks(
        texts if kept[0] else (),
        letters if kept[1] else (),
        side if ruler else "",
        radius if ring else 0.0,
        grey if chance(generator, 0.85) else 0.0,
        boxed,
    )


def _draw_texts(generator: np.random.Generator) -> tuple[Text, ...]:
    """A few lines in some of the corners."""
    size, margin = uniform(generator, (0.02, 0.038)), uniform(generator, (0.01, 0.03))
    corners = generator.permutation([(margin, margin), (0.72, margin), (margin, 0.86), (0.72, 0.86)])
    found = []
    for corner in corners[: int(generator.integers(1, 5))]:
        lines = int(generator.integers(1, 4))
        x, y = float(corner[0]), float(corner[1])
        found += [Text(_line(generator), x, y + 1.3 * size * line, size) for line in range(lines)]
    return tuple(found)


def _line(generator: np.random.Generator) -> str:
    """One line such as machines write."""
    kind, number = int(generator.integers(7)), generator.integers(0, 10, 8)
    word = WORDS[int(generator.integers(len(WORDS)))]
    day = f"{number[0] % 3}{number[1]}-0{1 + number[3] % 9}-20{number[4] % 3}{number[5]}"
    clock = f"{number[0] % 2}{number[1]}:{number[2] % 6}{number[3]}:{number[4] % 6}{number[5]}"
    technique = f"{60 + 6 * number[0]} kV {1 + number[1]}.{number[2]} mA"
    angles = f"{'LR'[number[0] % 2]}AO {9 * number[1]} {'CR' if number[2] % 2 else 'CA'}{number[3]}"
    return (word, day, clock, technique, angles, f"Im {number[0]}{number[1]}", f"{number[2]}.{number[3]} mGy")[kind]


def _draw_letters(generator: np.random.Generator) -> tuple[Text, ...]:
    """One lead letter, beside the spine rather than on it."""
    beside = uniform(generator, (0.08, 0.22))
    x = beside if chance(generator, 0.5) else 1.0 - beside
    turn = float(generator.normal(0.0, 8.0))
    word = LETTERS[int(generator.integers(len(LETTERS)))]
    size = uniform(generator, (0.04, 0.1)) / max(len(word) / 2, 1.0)
    return (Text(word, x, uniform(generator, (0.1, 0.9)), size, turn),)


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
    font = _font(max(round(text.size * shape[0]), 6))
    place = (text.x * shape[1], text.y * shape[0])
    ImageDraw.Draw(canvas).text(place, text.words, fill=255, font=font)
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
def _font(size_px: int) -> Any:
    """matplotlib's own font: the same letters on every machine."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    file = f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf"
    # The plain layout engine is in every build of Pillow; the other one is not.
    return ImageFont.truetype(file, size_px, layout_engine=ImageFont.Layout.BASIC)
