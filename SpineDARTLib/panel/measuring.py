"""A fitted vertebra made ready for measuring cannulas in it, many times a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..atlas.model import ShapeModel
from ..config import PlanSettings
from ..fit.posterior import posterior_of
from ..io.cannulas import unmeasured
from ..plan.anatomy import anatomy_of
from ..plan.cannula import NEEDLE_DIAMETERS_MM
from ..plan.risk import RiskModel
from ..plan.safest import safest
from ..plan.safety import assess
from ..plan.surface import PreparedSurface, prepare
from ..plan.words import describe
from ..types import Cannula, Option, Plan, Safety

SAME_SURFACE_MM = 0.5
"""A saved surface whose bounding box is farther from the atlas's was made with another atlas (as ``commands``)."""

OTHER_ATLAS = "the plan was made with another atlas than the one installed; fit it again to measure"
NO_FIT = "there is no surface of the vertebra to measure in"


@dataclass(frozen=True)
class Ready:
    """A plan and what measures in it.

    Attributes:
        plan: its vertices in the order of the atlas, so that a live fit and its result are one surface.
        surface: None where nothing can be measured; ``reason`` then says why.
        risks: None where the fit expects nothing of itself.
    """

    plan: Plan
    surface: PreparedSurface | None = None
    risks: RiskModel | None = None
    reason: str = NO_FIT

    def safety(self, cannula: Cannula) -> Safety:
        """Of a cannula in this vertebra: some milliseconds."""
        return unmeasured("no_surface", self.reason) if self.surface is None else assess(cannula, self.surface)

    def option(self, cannula: Cannula) -> Option:
        """With its safety and words, without its risk."""
        safety = self.safety(cannula)
        return Option(cannula, safety, None, describe(cannula, safety))

    def with_risk(self, option: Option) -> Option:
        """With its risk too: some tens of milliseconds."""
        if self.risks is None or option.safety.status != "measured":
            return option
        return replace(option, risk=self.risks.of(option.cannula))

    def safest(self, side: str, diameter_mm: float) -> Option | None:
        """The safest path on a side: the plan's own if it has this needle, else looked for (a quarter of a second)."""
        for option in self.plan.options:
            cannula = option.cannula
            if (cannula.side, cannula.name) == (side, "safest") and abs(cannula.diameter_mm - diameter_mm) < 0.005:
                return option
        start = self.transferred(side, diameter_mm)
        if start is None or self.surface is None:
            return None
        return safest(start, self.surface, PlanSettings(), diameter_mm)

    def transferred(self, side: str, diameter_mm: float) -> Cannula | None:
        """The template's path on a side with this needle."""
        for option in self.plan.options:
            if (option.cannula.side, option.cannula.name) == (side, "transferred"):
                return replace(option.cannula, diameter_mm=diameter_mm)
        return None


def ready(plan: Plan, model: ShapeModel | None) -> Ready:
    """Prepare a plan that was read from its folder: a tenth of a second."""
    vertebra = plan.fitted.vertebra
    if vertebra is None or plan.vertices_mm is None:
        return Ready(plan)
    if model is None or len(vertebra.coefficients) > model.rank:
        return Ready(plan, reason=OTHER_ATLAS)
    vertices = vertebra.place(model.instance(vertebra.level, vertebra.coefficients))
    if np.abs(_box(vertices) - _box(plan.vertices_mm)).max() > SAME_SURFACE_MM:
        return Ready(plan, reason=OTHER_ATLAS)
    surface = prepare(vertices, model.faces, anatomy_of(vertices, model, vertebra.pose))
    posterior = posterior_of(plan.fitted)
    risks = None if posterior is None else RiskModel(vertebra, model, posterior)
    placed = replace(plan, vertices_mm=vertices, faces=model.faces)
    found = Ready(placed, surface, risks, "")
    options = tuple(found.with_risk(option) for option in plan.options)
    return replace(found, plan=replace(placed, options=options))


def nearest_wall(clearance_mm: Mapping[str, float]) -> str:
    """The direction in which there is least room, "" where none was measured."""
    measured = {name: room for name, room in clearance_mm.items() if np.isfinite(room)}
    return min(measured, key=lambda name: measured[name]) if measured else ""


def gauge_of(diameter_mm: float) -> int | None:
    """The needle of this outer diameter, None where there is no such."""
    found = (gauge for gauge, known in NEEDLE_DIAMETERS_MM.items() if abs(known - diameter_mm) < 0.005)
    return next(found, None)


def _box(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
