"""A finished fit, step by step: kept in the scene, and shown in place of its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from slicer import vtkMRMLScene

from ..atlas.model import ShapeModel
from ..errors import InputError
from ..types import FittedVertebra, Plan, Vertebra, View
from .history import frames_of, hide_replay, history_steps, read_history, show_losses, show_replay
from .nodes import finish, node_of
from .projections import show_outline

ModelOf = Callable[[str], ShapeModel]
"""Level to its shape model; an InputError where there is none any more."""

PARTS = ("pose", "scale", "coefficients")


def can_be_replayed(plan: Plan) -> bool:
    """Whether a plan's fit has kept where the vertebra was."""
    return plan.faces is not None and all(name in plan.fitted.history for name in PARTS)


def show_step(
    scene: vtkMRMLScene, views: Sequence[View], plan: Plan, step: int, model_of: ModelOf, case_id: str = ""
) -> None:
    """Show one step of a plan's fit, in 3D and as outlines; its last step is the fit itself."""
    level = plan.fitted.level
    if plan.vertices_mm is None or plan.faces is None or not can_be_replayed(plan):
        return
    steps = len(plan.fitted.history["pose"])
    vertices = plan.vertices_mm
    if step >= steps - 1:
        hide_replay(scene, level)
    else:
        finish(keep_history(scene, plan, model_of, case_id))
        if node_of(scene, "browser", level) is None:
            return
        place = int(np.abs(frames_of(steps) - step).argmin())
        show_replay(scene, level, place)
        vertices = read_history(scene, level)[place][1]
    for view in views:
        show_outline(scene, view, level, vertices, plan.faces, case_id=case_id)


def keep_history(scene: vtkMRMLScene, plan: Plan, model_of: ModelOf, case_id: str = "") -> Iterator[None]:
    """Keep a plan's fit and its losses in the scene, where they are not yet; a few milliseconds a step.

    Of a fit with another atlas nothing is kept: without its model nobody knows the steps' shapes.
    """
    fitted = plan.fitted
    if plan.faces is None or not can_be_replayed(plan) or node_of(scene, "browser", fitted.level):
        return
    try:
        model = model_of(fitted.level)
    except InputError:
        return
    steps = frames_of(len(fitted.history["pose"]))
    frames = ((int(step), _vertices(fitted, int(step), model)) for step in steps)
    yield from history_steps(scene, fitted.level, frames, plan.faces, case_id)
    show_losses(scene, fitted.level, fitted.history, case_id)
    yield


def _vertices(fitted: FittedVertebra, step: int, model: ShapeModel) -> np.ndarray:
    """(n, 3) RAS mm of a fit at one step of its history."""
    past = fitted.history
    vertebra = Vertebra(fitted.level, past["pose"][step], float(past["scale"][step]), past["coefficients"][step])
    return vertebra.place(model.instance(fitted.level, vertebra.coefficients))
