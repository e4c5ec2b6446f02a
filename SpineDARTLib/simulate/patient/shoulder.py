"""The shoulder blades behind the upper ribs: in raised-arm lateral views their plates cross the thoracic spine."""

from __future__ import annotations

import numpy as np

from ..draw import uniform
from ..nouns import Volume
from .lungs import cage_back
from .stamp import resampled, splat_plate
from .trunk import BodySettings, Trunk

MEDIAL = np.array([[62.0, -8.0, 1.2], [68.0, -14.0, 3.0], [74.0, -13.0, 5.0], [82.0, -7.0, 7.0]])
LATERAL = np.array([[92.0, 10.0, 1.0], [128.0, 30.0, 2.2], [118.0, 20.0, 4.6], [92.0, 0.0, 7.0]])
"""The borders of a shoulder blade with the arms raised: from the middle, in front of the ribs' back, level; it lies on
the second to the seventh rib (Gray's Anatomy), turned outwards as the arm goes up."""


def add_shoulders(bone: Volume, trunk: Trunk, settings: BodySettings, generator: np.random.Generator) -> None:
    """Stamp both blades into a volume of bone, in place, as far as it reaches."""
    cortex, spongiosa = uniform(generator, settings.blade_cortex_mm), uniform(generator, settings.rib_spongiosa)
    for side in (1.0, -1.0):
        turned, odd = generator.normal(0.0, 1.0, 3), generator.normal(0.0, 1.5, (2, 4, 2))
        child = generator.spawn(1)[0]
        borders = []
        for border, noise in zip((MEDIAL, LATERAL), odd, strict=True):
            right, front, level = border.T
            z = trunk.height(level + 0.4 * turned[0])
            # The arm takes the blade's lower end outwards.
            right = right + noise[:, 0] + 4.0 * turned[1] + (6.0 + 4.0 * turned[2]) * (level - 1.0) / 6.0
            y = cage_back(trunk, z) + front + noise[:, 1] - 4.0
            borders.append(resampled(np.stack([trunk.at("middle_mm", z) + side * right, y, z], axis=1), 240))
        across = np.linspace(0.0, 1.0, 110)[:, None, None]
        plate = borders[0] * (1.0 - across) + borders[1] * across
        plate = plate - 4.0 * across * (1.0 - across) * np.array([0.0, 7.0, 0.0])
        share = across[..., 0]
        half = 1.0 + 1.5 * np.exp(-((share / 0.05) ** 2)) + 4.0 * share**6
        splat_plate(bone, plate, np.broadcast_to(half, plate.shape[:2]), cortex, spongiosa, child)
