"""How a fit runs: what every command takes that fits vertebrae."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..config import DetectorSettings, Device, PlanSettings, RefinementSettings, Renderer, Settings, SimilarityName
from ..errors import InputError
from .common import Common

Similarity = Literal["gradient-ncc", "ncc", "learned", "hybrid"]
"""Those of contract.md that this version has (the learned one needs weights)."""


@dataclass(frozen=True)
class HowToFit(Common):
    """Where and how a fit runs."""

    device: Device = Settings.device
    """What computes; auto takes CUDA where there is one."""
    renderer: Renderer = Settings.renderer
    """What draws the vertebrae; auto takes gsplat on CUDA where it is installed."""
    gauge: int = PlanSettings.gauge
    """Needle: 8, 10, 11, 13 or 15 gauge."""
    diameter_mm: float | None = PlanSettings.diameter_mm
    """Outer diameter of the cannulas in place of a gauge's."""
    unipedicular: bool = PlanSettings.unipedicular
    """Offer paths that reach the midline from one side, too."""
    refine_geometry: bool = RefinementSettings.on
    """Seek small errors of the cameras together with the fit; the first view stays."""
    seed: int = Settings.seed
    """Of everything random: the same seed gives the same plan."""

    def settings(self, similarity: SimilarityName, detector: DetectorSettings) -> Settings:
        """The library's settings.

        Raises:
            InputError: a gauge or a diameter that no cannula has.
        """
        from ..plan.cannula import NEEDLE_DIAMETERS_MM

        if self.gauge not in NEEDLE_DIAMETERS_MM:
            raise InputError("--gauge", "", self.gauge, ", ".join(map(str, NEEDLE_DIAMETERS_MM)))
        if self.diameter_mm is not None and not 0.5 <= self.diameter_mm <= 10.0:
            raise InputError("--diameter-mm", "", f"{self.diameter_mm:g}", "0.5 to 10 mm")
        cannula = PlanSettings(self.gauge, self.diameter_mm, self.unipedicular)
        refinement = RefinementSettings(on=self.refine_geometry)
        return Settings(
            self.device, similarity, self.renderer, self.seed, detector, plan=cannula, refinement=refinement
        )
