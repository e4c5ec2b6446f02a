"""From a fitted vertebra to its plan: surface, landmarks, both cannulas and how safe they are."""

from __future__ import annotations

from ..atlas.model import ShapeModel
from ..config import PlanSettings
from ..types import SIDES, FittedVertebra, Plan
from .anatomy import anatomy_of
from .cannula import transfer
from .safety import assess


def plan_vertebra(fitted: FittedVertebra, model: ShapeModel | None, settings: PlanSettings) -> Plan:
    """Carry the template's cannulas over and assess them; without a vertebra the plan holds its status alone."""
    vertebra = fitted.vertebra
    if vertebra is None or model is None:
        return Plan(fitted)
    vertices = vertebra.place(model.instance(vertebra.level, vertebra.coefficients))
    anatomy = anatomy_of(vertices, model, vertebra.pose)
    cannulas = transfer(vertices, model, settings.cannula_diameter_mm)
    return Plan(
        fitted=fitted,
        vertices_mm=vertices,
        faces=model.faces,
        landmarks_mm={name: anchor.on(vertices) for name, anchor in model.landmarks.items()},
        cannulas=cannulas,
        safety=tuple(assess(cannula, vertices, model.faces, anatomy) for cannula in cannulas),
        pedicle_rims_mm={side: vertices[model.regions[f"{side}_isthmus"]] for side in SIDES},
    )
