"""A soft volume while it is painted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..nouns import Volume
from .stamp import coverage


@dataclass
class Canvas:
    """A soft volume while it is painted; the only thing here that changes."""

    volume: Volume
    rough: np.ndarray

    def paint(self, depth_mm: np.ndarray, value: np.ndarray | float, blur_mm: float = 3.5) -> None:
        """Put a tissue where the depth is positive; only where the edge or the inside is."""
        box = _box(depth_mm > -0.5 * blur_mm)
        if box is None:
            return
        share = coverage(depth_mm[box], blur_mm)
        part = self.volume.values[box]
        here = value[box] if isinstance(value, np.ndarray) else np.float32(value)
        part += share * (here - part)


def _box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Where a mask is true at all."""
    found = [np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    return None if not len(found[0]) else tuple(slice(int(one[0]), int(one[-1]) + 1) for one in found)
