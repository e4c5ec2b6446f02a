"""From a fitted vertebra to its plan: surface, landmarks, the cannulas that could be taken and the ones to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..atlas.model import ShapeModel
from ..config import PlanSettings
from ..types import SIDES, Cannula, FittedVertebra, Option, Plan
from .anatomy import anatomy_of
from .cannula import needle_diameter_mm, transfer
from .curved import curved_cannulas
from .risk import RiskModel
from .safest import safest, standing
from .safety import assess
from .surface import PreparedSurface, prepare
from .words import describe


def plan_vertebra(fitted: FittedVertebra, model: ShapeModel | None, settings: PlanSettings) -> Plan:
    """Carry the template's cannulas over, look for the safest and assess all; without a vertebra the plan holds its
    status alone.

    Raises:
        ValueError: a needle that there is not.
    """
    diameter = needle_diameter_mm(settings)
    vertebra = fitted.vertebra
    if vertebra is None or model is None:
        return Plan(fitted)
    vertices = vertebra.place(model.instance(vertebra.level, vertebra.coefficients))
    surface = prepare(vertices, model.faces, anatomy_of(vertices, model, vertebra.pose))
    options = _options(vertices, model, surface, settings, diameter)
    if fitted.posterior is not None:
        risks = RiskModel(vertebra, model, fitted.posterior)
        options = tuple(replace(option, risk=risks.of(option.cannula)) for option in options)
    recommended = [_recommended(options, side, settings) for side in SIDES]
    return Plan(
        fitted=fitted,
        vertices_mm=vertices,
        faces=model.faces,
        landmarks_mm={name: anchor.on(vertices) for name, anchor in model.landmarks.items()},
        cannulas=tuple(option.cannula for option in recommended),
        safety=tuple(option.safety for option in recommended),
        pedicle_rims_mm={side: vertices[model.regions[f"{side}_isthmus"]] for side in SIDES},
        options=options,
    )


def _options(
    vertices: np.ndarray, model: ShapeModel, surface: PreparedSurface, settings: PlanSettings, diameter_mm: float
) -> tuple[Option, ...]:
    """Every cannula that is considered: the transferred, then the safest, then others."""
    transferred = transfer(vertices, model, diameter_mm)
    options = [_assessed(one, surface) for one in transferred]
    options += [safest(one, surface, settings, diameter_mm) for one in transferred]
    if settings.unipedicular:
        options += [safest(one, surface, settings, diameter_mm, unipedicular=True) for one in transferred]
    options += [_assessed(one, surface) for one in curved_cannulas(vertices, model, diameter_mm)]
    return tuple(options)


def _assessed(cannula: Cannula, surface: PreparedSurface) -> Option:
    safety = assess(cannula, surface)
    return Option(cannula, safety, words=describe(cannula, safety))


def _recommended(options: Sequence[Option], side: str, settings: PlanSettings) -> Option:
    """The safest of a side where it is better than the transferred one, else that."""
    by_name = {option.cannula.name: option for option in options if option.cannula.side == side}
    moved, transferred = by_name["safest"], by_name["transferred"]
    gained = standing(moved.safety, settings.enough_mm) > standing(transferred.safety, settings.enough_mm)
    return moved if gained else transferred
