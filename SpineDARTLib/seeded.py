"""What is known of where a vertebra is before it is fitted: the nouns of ``detect`` and ``fit`` (``types`` has them
too)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Crop:
    """A part of a picture.

    Attributes:
        row, column: of its first pixel's centre in the full image.
        values: (rows, columns).
        step_px: side of one of its pixels in pixels of the full image.
    """

    row: float
    column: float
    values: np.ndarray
    step_px: float = 1.0


@dataclass(frozen=True)
class Place:
    """Where a body's centre (the origin of the model's frame) is: (3,) RAS mm with its covariance (3, 3) mm2."""

    centre_mm: np.ndarray
    covariance_mm2: np.ndarray


@dataclass(frozen=True)
class Seed:
    """A vertebra to plan and what is known of where it is.

    Attributes:
        level: "T1" ... "L5".
        clicks_px: view name to (u, v) of the vertebral body's centre; possibly none.
        landmarks_px: view name to {landmark name: (u, v, standard deviation in pixels)}; possibly none.
        place: from detections in all views and the curve of the spine; None where nothing was detected.
        covariances_px2: view name to {landmark name: (uu, uv, vv)} in place of a standard deviation, where known.
        masks: view name to the whole vertebra's silhouette, overlapped or not, as probabilities; possibly none.
        projections: view name to the line integral of this vertebra alone; possibly none.
        scores: view name to how sure its detection there is, 0 to 1; where nothing is said, wholly.
    """

    level: str
    clicks_px: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    landmarks_px: Mapping[str, Mapping[str, tuple[float, float, float]]] = field(default_factory=dict)
    place: Place | None = None
    covariances_px2: Mapping[str, Mapping[str, tuple[float, float, float]]] = field(default_factory=dict)
    masks: Mapping[str, Crop] = field(default_factory=dict)
    projections: Mapping[str, Crop] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)

    def covariance_px2(self, view: str, name: str, sigma_px: float) -> np.ndarray:
        """(2, 2) of a landmark in a view; a circle of the given deviation where no more is known."""
        uu, uv, vv = self.covariances_px2.get(view, {}).get(name, (sigma_px**2, 0.0, sigma_px**2))
        return np.array([[uu, uv], [uv, vv]])
