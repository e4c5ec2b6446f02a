"""Makes the sample case that is shipped: ``python -m SpineDARTLib.simulate.sample --out Resources/sample``.

Drawn from our own atlas alone, so no patient's image is in it. Always the same: everything random hangs on one seed.
"""

from __future__ import annotations

from pathlib import Path

from ..types import Case
from .case import write_simulated
from .draw import stream
from .imaging.collimation import Collimation
from .imaging.display import Display
from .imaging.exposure import Exposure
from .imaging.projection import Projector
from .imaging.technique import AutomaticTube
from .imaging.views import Arm, CameraPair, Pose, aim
from .patient.foreign import ForeignSettings
from .picture import take_exposed
from .settings import SimulationSettings
from .supply import Supply

SEED = 42
MIDDLE = "L3"
ASKED_LEVELS = ("L2", "L3", "L4")

# A prone patient, the beam nearly but not quite along the textbook's directions.
POSES = (Pose("AP", primary_deg=176.0, secondary_deg=3.0), Pose("LAT", primary_deg=87.0, secondary_deg=-2.0))
EXPOSURE = Exposure(
    dose_ngy=1500.0,
    dose_reach=1500.0,
    scatter_to_primary=0.4,
    focal_spot_mm=0.6,
    automatic=AutomaticTube(kv_at_180_mm=68.0, kv_per_mm=0.24, kv=(55.0, 120.0), copper_out_mm=(150.0, 250.0)),
    display=Display(
        tone="log",
        region=Collimation(gaps=(0.5, 0.9)),
        margin=(0.15, 0.2),
        compression=0.4,
        compression_mm=30.0,
        edges=((0.6, 0.8),),
        bits=12,
    ),
)
"""A C-arm of today, set as it should be."""


def make_sample(folder: Path, seed: int = SEED) -> Case:
    """Write the sample case with its truth."""
    settings = SimulationSettings(seed=seed, foreign=ForeignSettings(anything_chance=0.0))
    aimed = Supply(settings, levels=(MIDDLE,)).patient(0)
    projector = Projector(aimed.patient)
    views = [
        aim(Arm(), pose, aimed.target_mm + [4.0, 6.0, shift]) for pose, shift in zip(POSES, (2.0, -3.0), strict=True)
    ]
    pictures = [
        take_exposed(projector, CameraPair(view, view), aimed.target_mm, EXPOSURE, seed + number)
        for number, view in enumerate(views)
    ]
    return write_simulated(folder, "sample", aimed.patient, pictures, ASKED_LEVELS, stream(seed, "clicks"))


def main() -> None:
    """Command line."""
    import tyro

    def sample(out: Path, seed: int = SEED) -> None:
        """Write the sample case to the folder OUT."""
        make_sample(out, seed)

    tyro.cli(sample)


if __name__ == "__main__":
    main()
