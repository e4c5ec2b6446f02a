"""From Hounsfield units to shares of the materials that a picture is computed from.

A voxel's linear attenuation at 60 keV is taken to be water's times 1 + HU / 1000. Up to ``SOFT_MOST_HU`` all of it is
soft tissue (air 0, fat about 0.87, water 0.95, muscle 1); what is above is the excess of dense cortical bone, which
takes soft tissue's place, but only where the scan is bright after smoothing, so that noise in soft tissue stays soft
tissue. Soft and bone together attenuate at 60 keV exactly as the scan says, whatever the split.
A scan made with 120 kVp has a mean energy of about 70 keV, where bone's excess over water is some 15 % smaller than at
60 keV: bones from CT are that much paler than they should be, about as much as people differ.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

WATER_PER_MM = 0.02059
"""Water, 60 keV: 0.2059 cm2/g (NIST, Hubbell and Seltzer 2004)."""
SOFT_PER_MM = 0.0217
"""Soft tissue (ICRU-44), 60 keV: 0.2048 cm2/g x 1.06 g/cm3 (same source)."""
BONE_PER_MM = 0.0604
"""Cortical bone (ICRU-44), 60 keV: 0.3148 cm2/g x 1.92 g/cm3 (same source)."""
SOFT_MOST_HU = 70.0
"""Muscle and unclotted blood end here; brighter is bone, calcium or contrast medium."""
METAL_HU = 3000.0
"""Denser than enamel. Scanners clip at 3071 HU, so how dense metal is cannot be read from it."""
BONE_MOST = 1.0
"""Share of bone at most: teeth and the halo of metal would be more."""
SOFT_SHARE_MOST = 2.0
"""What is left of metal and teeth when bone has its most would be much more."""
SURROUNDINGS_MM = 1.2
"""How far around a voxel it is asked whether there is bone (Gaussian)."""
SURELY_BONE_HU = 150.0
"""So bright around it, everything above ``SOFT_MOST_HU`` is bone; at ``SOFT_MOST_HU`` nothing is."""


def shares(hounsfield: np.ndarray, spacing_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of soft tissue and of dense cortical bone, float32 (see ``nouns.Volume``).

    Args:
        hounsfield: (x, y, z).
        spacing_mm: (3,) along each index.
    """
    hounsfield = np.maximum(hounsfield, -1000.0).astype(np.float32)
    around = gaussian_filter(hounsfield, SURROUNDINGS_MM / spacing_mm, truncate=2.5)
    sure = np.clip((around - SOFT_MOST_HU) / np.float32(SURELY_BONE_HU - SOFT_MOST_HU), 0.0, 1.0)
    water, excess = np.float32(WATER_PER_MM), np.float32(BONE_PER_MM - SOFT_PER_MM)
    bone = sure * water * np.maximum(hounsfield - SOFT_MOST_HU, 0.0) / np.float32(1000.0) / excess
    bone = np.minimum(bone, np.float32(BONE_MOST))
    soft = (water * (1.0 + hounsfield / np.float32(1000.0)) - excess * bone) / np.float32(SOFT_PER_MM)
    return np.minimum(soft, np.float32(SOFT_SHARE_MOST)), bone
