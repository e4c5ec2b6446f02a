"""From line integrals to what a flat detector stores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

MIDDLE_LEVEL = 0.3
"""Of full scale: where automatic exposure puts the middle of the picture."""


@dataclass(frozen=True)
class Detector:
    """How the picture is taken.

    Attributes:
        photons: reaching a pixel through air (a fluoroscopic frame).
        scatter_to_primary: mean ratio behind the torso, with a grid (0.3 to 1 for a torso, e.g. Boone 2000).
        scatter_px: width of the scatter's blur.
        blur_px: standard deviation of focal spot and scintillator together.
        noise: of the electronics, photons.
        polarity: "bone-dark" (counts) or "bone-bright" (the usual display: their negative logarithm).
    """

    photons: float = 3.0e5
    scatter_to_primary: float = 0.4
    scatter_px: float = 45.0
    blur_px: float = 0.8
    noise: float = 6.0
    polarity: str = "bone-dark"


def expose(attenuation: np.ndarray, detector: Detector, generator: np.random.Generator) -> np.ndarray:
    """(height, width) uint16 as a file stores it, from line integrals of the same shape."""
    primary = gaussian_filter(detector.photons * np.exp(-attenuation.astype(np.float64)), detector.blur_px)
    dim = np.minimum(primary, np.percentile(primary, 75))  # open air beside the patient scatters nothing
    scatter = detector.scatter_to_primary * gaussian_filter(dim, detector.scatter_px)
    counts = generator.poisson(primary + scatter) + generator.normal(0.0, detector.noise, primary.shape)
    counts = np.maximum(counts, 1.0)
    # Automatic exposure looks at the middle of the picture; air beside the patient saturates.
    height, width = counts.shape
    white = np.median(counts[height // 4 : -(height // 4), width // 4 : -(width // 4)]) / MIDDLE_LEVEL
    if detector.polarity == "bone-dark":
        return np.round(np.clip(65535 * counts / white, 0, 65535)).astype(np.uint16)
    shown = -np.log(np.minimum(counts / white, 1.0))
    return np.round(65535 * np.clip(shown / np.percentile(shown, 99.9), 0.0, 1.0)).astype(np.uint16)
