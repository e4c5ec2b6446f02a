"""Makes the sample case that is shipped: ``python -m SpineDARTLib.simulate.sample --out Resources/sample``.

Drawn from our own atlas alone, so no patient's image is in it. Always the same: everything random hangs on one seed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..types import Case
from .case import Arm, Pose, aim, write_simulated
from .phantom import make_phantom, models_of

SEED = 20
ALL_LEVELS = ("T12", "L1", "L2", "L3", "L4", "L5")
ASKED_LEVELS = ("L2", "L3", "L4")
CENTRE_MM = np.array([9.0, -31.0, 212.0])
"""Where the phantom's middle vertebra (L3) stands: far from the world's origin, and not on an axis."""

# A prone patient, the beam nearly but not quite along the textbook's directions.
POSES = (Pose("AP", primary_deg=176.0, secondary_deg=3.0), Pose("LAT", primary_deg=87.0, secondary_deg=-2.0))


def make_sample(folder: Path, seed: int = SEED) -> Case:
    """Write the sample case with its truth."""
    generator = np.random.default_rng(seed)
    phantom = make_phantom(models_of(ALL_LEVELS), CENTRE_MM, generator)
    views = [aim(Arm(), pose, CENTRE_MM + offset) for pose, offset in zip(POSES, ([4, 6, 2], [4, 6, -3]), strict=True)]
    return write_simulated(folder, "sample", phantom, views, ASKED_LEVELS, generator)


def main() -> None:
    """Command line."""
    import tyro

    def sample(out: Path, seed: int = SEED) -> None:
        """Write the sample case to the folder OUT."""
        make_sample(out, seed)

    tyro.cli(sample)


if __name__ == "__main__":
    main()
