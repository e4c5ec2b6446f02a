"""Random draws that hang on named seeds, so that any patient or picture can be made again alone."""

from __future__ import annotations

from zlib import crc32

import numpy as np

Range = tuple[float, float]
"""From, to."""


def stream(seed: int, *names: int | str) -> np.random.Generator:
    """The generator of one named thing: ``stream(7, "patient", 12)`` is the same wherever and whenever it is asked."""
    return np.random.default_rng([seed, *(crc32(name.encode()) if isinstance(name, str) else name for name in names)])


def uniform(generator: np.random.Generator, limits: Range) -> float:
    """A number in a range."""
    return float(generator.uniform(*limits))


def log_uniform(generator: np.random.Generator, limits: Range) -> float:
    """A number in a range of positive numbers, every factor as likely."""
    return float(np.exp(generator.uniform(*np.log(limits))))


def chance(generator: np.random.Generator, probability: float) -> bool:
    """True with a probability; always takes one number from the generator, so that later draws stay what they were."""
    return bool(generator.random() < probability)
