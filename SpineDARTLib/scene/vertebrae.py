"""Fitted vertebrae in the scene: closed surfaces in the turn of two colours, their room around the cannulas painted on
the pedicles, and their landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from slicer import vtkMRMLScene
from slicer.util import NodeModify, updateMarkupsControlPointsFromArray

from ..io.cannulas import recommended
from ..plan.words import room_words
from ..types import Option, Plan
from . import shapes
from .colours import BONES, BREACH, LANDMARK, turn, vertebra_name
from .layout import space_ids
from .models import Look, dress_markup, seen_in, show_model
from .nodes import keep, kept, node_of, nodes_of, remove, shown

SCALAR = "clearance_mm"
FAR_MM = 9.9
"""What a point off the pedicle, or farther than this from every cannula, is given: its true distance says nothing."""

PEDICLE_MM = 6.0
"""How far in front of and behind its isthmus a pedicle is painted."""
RIM_REACH = 1.6
"""Points so many times the rim's radius from its middle still belong to that pedicle."""

BANDS: tuple[tuple[float, tuple[float, float, float]], ...] = (
    (0.0, BREACH),
    (1.0, (0.93, 0.55, 0.13)),
    (2.0, (0.97, 0.80, 0.42)),
)
"""Clearance mm up to which a colour reaches: breach, less than the millimetre that a needle should keep, less than two;
beyond that the bone's own colour."""

LOW_MM, HIGH_MM, COLOURS_PER_MM = -2.0, 4.0, 4


def show_vertebra(
    scene: vtkMRMLScene, plan: Plan, options: Mapping[str, Option] | None = None, case_id: str = ""
) -> Any | None:
    """Show a plan's surface and landmarks; gives the model, None (and nothing shown) where there is no surface.

    Args:
        options: side to the cannula as it stands, to which the room is painted; the recommended ones when None.
    """
    level = plan.fitted.level
    options = chosen(plan) if options is None else options
    if plan.vertices_mm is None or plan.faces is None:
        hide_vertebra(scene, level)
        return None
    clearance = painted_clearance(plan, options)
    shape = shapes.surface(plan.vertices_mm, plan.faces, {SCALAR: clearance})
    opacity = 1.0 if plan.fitted.status.usable else 0.55
    name = vertebra_name(plan.fitted)
    node = show_model(scene, "vertebra", level, name, shape, Look(BONES[turn(level)], opacity), case_id)
    keep(node, {"level": level, "status": plan.fitted.status.value, "reason": plan.fitted.reason})
    node.SetDescription(" ".join([_room(options), plan.fitted.reason, "Not for clinical use."]).strip())
    _paint(scene, node, turn(level), case_id)
    _show_landmarks(scene, plan, case_id)
    return node


def chosen(plan: Plan) -> dict[str, Option]:
    """Side to the cannula that a plan recommends."""
    return {option.cannula.side: option for option in recommended(plan)}


def _room(options: Mapping[str, Option]) -> str:
    """The painted clearance in words: "left 1.9 mm free, A; right ...":"""
    words = [f"{side} {room_words(option.safety)}" for side, option in options.items()]
    return f"{'; '.join(words)}." if words else ""


def hide_vertebra(scene: vtkMRMLScene, level: str) -> None:
    """Take a vertebra's surface and landmarks out of the scene."""
    for role in ("vertebra", "landmarks"):
        remove(scene, role, level)


def update_vertebra(
    scene: vtkMRMLScene, level: str, vertices_mm: np.ndarray, faces: np.ndarray | None = None, case_id: str = ""
) -> None:
    """Move a vertebra's points while a fit runs, (n, 3) RAS mm: nothing else of it changes but its name.

    Args:
        faces: (f, 3), wanted the first time only.

    Raises:
        ValueError: there is no such vertebra yet and no faces either.
    """
    node, name = node_of(scene, "vertebra", level), f"{level} · being fitted"
    if node is None or node.GetPolyData().GetNumberOfPoints() != len(vertices_mm):
        if faces is None:
            raise ValueError(f"got {len(vertices_mm)} points of {level}, not in the scene yet; expected its faces too")
        shape = shapes.surface(vertices_mm, faces)
        show_model(scene, "vertebra", level, name, shape, Look(BONES[turn(level)], 0.7), case_id)
        return
    node.SetName(name)
    shape = node.GetPolyData()
    shape.SetPoints(shapes.points_to_vtk(vertices_mm))
    shape.GetPointData().Initialize()  # clearances belong to another place
    shapes.set_normals(shape, vertices_mm, shapes.faces_of(shape))
    shape.Modified()


def read_vertebra(scene: vtkMRMLScene, level: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(n, 3) RAS mm and (f, 3) of a level's surface, None where none is shown."""
    node = node_of(scene, "vertebra", level)
    if node is None or node.GetPolyData() is None:
        return None
    return shapes.points_of(node.GetPolyData()), shapes.faces_of(node.GetPolyData())


def levels_shown(scene: vtkMRMLScene) -> tuple[str, ...]:
    """The levels with a surface."""
    return tuple(kept(node).get("level", "") for node in nodes_of(scene, "vertebra") if kept(node))


def painted_clearance(plan: Plan, options: Mapping[str, Option]) -> np.ndarray:
    """(n,) mm from each point of a pedicle's wall to the wall of the cannula in it; ``FAR_MM`` elsewhere.

    Never less than the smallest clearance that ``Safety`` has, which is measured on triangles: red is a breach only.
    """
    assert plan.vertices_mm is not None
    values = np.full(len(plan.vertices_mm), FAR_MM)
    for side, option in options.items():
        cannula, safety, rim = option.cannula, option.safety, plan.pedicle_rims_mm.get(side)
        if rim is None or safety.status != "measured":
            continue
        near = _on_pedicle(plan.vertices_mm, rim)
        away = distance_to_path(plan.vertices_mm[near], cannula.path_mm) - cannula.diameter_mm / 2
        values[near] = np.minimum(values[near], np.maximum(away, safety.clearance_mm))
    return values


def _on_pedicle(points: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """(n,) which points are on the pedicle that a ring (r, 3) goes around."""
    arms = rim - rim.mean(axis=0)
    across = np.cross(arms, np.roll(arms, -1, axis=0)).sum(axis=0)
    axis = across / max(float(np.linalg.norm(across)), 1e-9)
    from_middle = points - rim.mean(axis=0)
    along = from_middle @ axis
    out = np.linalg.norm(from_middle - along[:, None] * axis, axis=1)
    return (np.abs(along) < PEDICLE_MM) & (out < RIM_REACH * np.linalg.norm(arms, axis=1).max())


def distance_to_path(points_mm: np.ndarray, path_mm: np.ndarray) -> np.ndarray:
    """(n,) mm from (n, 3) points to a path (k, 3)."""
    nearest = np.full(len(points_mm), np.inf)
    for start, end in pairwise(path_mm):
        step = end - start
        share = np.clip((points_mm - start) @ step / max(float(step @ step), 1e-12), 0.0, 1.0)
        nearest = np.minimum(nearest, np.linalg.norm(points_mm - start - share[:, None] * step, axis=1))
    return nearest


def _paint(scene: vtkMRMLScene, node: Any, which: int, case_id: str) -> None:
    table = _clearance_colours(scene, which, case_id)
    display = node.GetDisplayNode()
    changing = display.StartModify()
    display.SetActiveScalarName(SCALAR)
    display.SetAndObserveColorNodeID(table.GetID())
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(LOW_MM, HIGH_MM)
    display.SetScalarVisibility(True)
    display.SetInterpolation(display.GouraudInterpolation)
    display.EndModify(changing)


def _clearance_colours(scene: vtkMRMLScene, which: int, case_id: str) -> Any:
    """One table for each turn: breach, tight, close, and the bone's own colour."""
    table = shown(scene, "clearance colours", str(which), f"Clearance {'AB'[which]}", case_id=case_id)
    count = int((HIGH_MM - LOW_MM) * COLOURS_PER_MM)
    if table.GetNumberOfColors() == count:
        return table
    table.SetTypeToUser()
    table.SetHideFromEditors(True)
    table.SetNumberOfColors(count)
    for index in range(count):
        middle = LOW_MM + (index + 0.5) / COLOURS_PER_MM
        colour = next((colour for upper, colour in BANDS if middle < upper), BONES[which])
        table.SetColor(index, f"{middle:.2f} mm", *colour, 1.0)
    return table


def _show_landmarks(scene: vtkMRMLScene, plan: Plan, case_id: str) -> None:
    level = plan.fitted.level
    marks: Mapping[str, np.ndarray] = {
        name: point for name, point in plan.landmarks_mm.items() if np.isfinite(point).all()
    }
    if not marks:
        remove(scene, "landmarks", level)
        return
    seen = space_ids(scene)
    node = shown(scene, "landmarks", level, f"{level} landmarks", case_id=case_id, seen_in=seen)
    with NodeModify(node.GetDisplayNode()) as display, NodeModify(node):
        updateMarkupsControlPointsFromArray(node, np.stack(list(marks.values())))
        for index, name in enumerate(marks):
            node.SetNthControlPointLabel(index, name.replace("_", " "))
        node.SetLocked(True)
        dress_markup(display, LANDMARK, 1.4)
        seen_in(display, seen)
