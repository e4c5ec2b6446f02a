"""Where a fit has its landmarks, and how far that is from where they were clicked or detected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry.camera import project
from ..types import Case, Plan
from .geometry_rules import mm_per_pixel


@dataclass(frozen=True)
class LandmarkError:
    """One landmark in one view.

    Attributes:
        seen_px: (u, v) where it was clicked or detected.
        fitted_px: (u, v) where the fit has it.
        sigma_px: deviation with which it was seen.
        error_mm: of ``error_px``, at the patient.
    """

    name: str
    view: str
    seen_px: tuple[float, float]
    fitted_px: tuple[float, float]
    sigma_px: float
    error_px: float
    error_mm: float

    def far(self, sigmas: float, least_mm: float) -> bool:
        """Whether it is off by more than both."""
        return self.error_px > sigmas * self.sigma_px and self.error_mm > least_mm


def landmark_errors(plan: Plan, case: Case) -> tuple[LandmarkError, ...]:
    """All landmarks that were seen, by view; none without a fit."""
    seed = next((seed for seed in case.seeds if seed.level == plan.fitted.level), None)
    found = []
    for view in case.views if seed is not None else ():
        for name, (u, v, sigma) in seed.landmarks_px.get(view.name, {}).items():  # type: ignore[union-attr]
            point = plan.landmarks_mm.get(name)
            if point is not None:
                place = project(point[None], view)[0]
                off = float(np.linalg.norm(place - (u, v)))
                fitted = (float(place[0]), float(place[1]))
                found.append(
                    LandmarkError(name, view.name, (u, v), fitted, sigma, off, off * mm_per_pixel(view, point))
                )
    return tuple(found)
