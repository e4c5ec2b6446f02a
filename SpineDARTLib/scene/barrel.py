"""The view down a cannula's axis: the bone cut across the path, the needle in it, and the room on its four sides.

Seen from the operator's side: forwards is into the screen, the patient's right is right, the head is up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from slicer import vtkMRMLScene
from slicer.util import NodeModify, updateMarkupsControlPointsFromArray
from vtkmodules.vtkCommonDataModel import vtkPlane, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkCutter, vtkStripper
from vtkmodules.vtkFiltersGeneral import vtkContourTriangulator

from ..types import Cannula, Option, Plan, Safety
from . import shapes
from .colours import BONES, LANDMARK, OUTLINES, cannula_colour, turn
from .layout import BARREL, point_slice, slice_node
from .models import Look, dress_markup, seen_in, show_model
from .nodes import finish, remove, shown
from .vertebrae import BANDS

FIELD_MM = 36.0
"""A lumbar pedicle, which is up to 20 mm wide, and what lies around it."""

MARGIN_MM = 1.0
"""The dashed ring: what a needle should keep around it."""

ROLES = ("section", "section outline", "section ring", "section room", "walls")

LABELS_AT = 0.4
"""Of the field, from the needle."""


def barrel_frame(cannula: Cannula, position: float, right: np.ndarray) -> np.ndarray:
    """(4, 4) slice-to-world RAS mm across a path, its origin on the path.

    Args:
        position: where along entry-to-target, 0 to 1.
        right: (3,) the vertebra's own right, RAS.
    """
    path = cannula.path_mm
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    station = position * along[-1]

    def at(distance: float) -> np.ndarray:
        return np.array([np.interp(distance, along, column) for column in path.T])

    forwards = at(min(station + 1.0, along[-1])) - at(max(station - 1.0, 0.0))
    forwards /= max(float(np.linalg.norm(forwards)), 1e-9)
    sideways = right - (right @ forwards) * forwards
    sideways /= max(float(np.linalg.norm(sideways)), 1e-9)
    frame = np.eye(4)
    frame[:3, 0], frame[:3, 1], frame[:3, 2] = sideways, np.cross(sideways, forwards), -forwards
    frame[:3, 3] = at(station)
    return frame


def show_barrel(
    scene: vtkMRMLScene, plan: Plan, option: Option, position: float | None = None, case_id: str = ""
) -> Any | None:
    """Turn the fourth view down a cannula and show the bone cut there; gives the slice node, None without a surface.

    Args:
        position: where along entry-to-target, 0 to 1; where the room is smallest when None.
    """
    finish(barrel_steps(scene, plan, option, position, case_id))
    return None if plan.vertices_mm is None or plan.fitted.vertebra is None else slice_node(scene, BARREL)


def barrel_steps(
    scene: vtkMRMLScene, plan: Plan, option: Option | None, position: float | None = None, case_id: str = ""
) -> Iterator[None]:
    """``show_barrel``, a few milliseconds a step; an empty view without an option."""
    if option is None or plan.vertices_mm is None or plan.faces is None or plan.fitted.vertebra is None:
        hide_barrel(scene)
        return
    cannula, safety = option.cannula, option.safety
    if position is None:
        position = safety.position if np.isfinite(safety.position) else 0.5
    frame = barrel_frame(cannula, position, plan.fitted.vertebra.pose[:3, 0])
    node = slice_node(scene, BARREL)
    node.SetLayoutLabel(f"{plan.fitted.level} {cannula.side}, down the needle")
    point_slice(node, frame, np.array([FIELD_MM, FIELD_MM]))
    seen = (node.GetID(),)
    yield
    _show_section(scene, plan, frame, seen, case_id)
    yield
    _show_ring(scene, plan, option, frame, seen, case_id)
    _show_nearest(scene, option, position, frame, seen, case_id)
    yield
    _show_walls(scene, cannula, safety, frame, seen, case_id)
    yield


def hide_barrel(scene: vtkMRMLScene) -> None:
    """Empty the fourth view."""
    slice_node(scene, BARREL).SetLayoutLabel("Barrel")
    for role in ROLES:
        remove(scene, role)


def section_of(vertices_mm: np.ndarray, faces: np.ndarray, frame: np.ndarray) -> tuple[vtkPolyData, vtkPolyData]:
    """The surface, (n, 3) and (f, 3), cut by the plane of a frame (4, 4): its outline, and the bone filled."""
    plane, cutter, joined, filled = vtkPlane(), vtkCutter(), vtkStripper(), vtkContourTriangulator()
    plane.SetOrigin(*frame[:3, 3])
    plane.SetNormal(*frame[:3, 2])
    cutter.SetInputData(shapes.surface(vertices_mm, faces))
    cutter.SetCutFunction(plane)
    joined.SetInputConnection(cutter.GetOutputPort())
    joined.JoinContiguousSegmentsOn()
    joined.Update()
    filled.SetInputConnection(joined.GetOutputPort())
    filled.Update()
    return joined.GetOutput(), filled.GetOutput()


def _show_section(scene: vtkMRMLScene, plan: Plan, frame: np.ndarray, seen: tuple[str, ...], case_id: str) -> None:
    assert plan.vertices_mm is not None and plan.faces is not None
    level = plan.fitted.level
    outline, bone = section_of(plan.vertices_mm, plan.faces, frame)
    inside = Look(BONES[turn(level)], 0.45, 1.0, False, seen, True)
    show_model(scene, "section", "", f"{level} cut across the needle, bone", bone, inside, case_id)
    wall = Look(OUTLINES[turn(level)], 1.0, 2.0, False, seen, True)
    show_model(scene, "section outline", "", f"{level} cut across the needle", outline, wall, case_id)


def _show_ring(
    scene: vtkMRMLScene, plan: Plan, option: Option, frame: np.ndarray, seen: tuple[str, ...], case_id: str
) -> None:
    """The needle's wall with a cross at its axis, and the dashed ring of a millimetre around it."""
    radius = option.cannula.diameter_mm / 2
    arm = radius / 3
    cross = [_in_plane(frame, np.array([[-arm, 0], [arm, 0]])), _in_plane(frame, np.array([[0, -arm], [0, arm]]))]
    margin = shapes.dashed(_circle(frame, radius + MARGIN_MM), 0.6, 0.5)
    colour = cannula_colour(option.cannula.side, option.safety, plan.fitted.status.usable)
    shape = shapes.lines([_circle(frame, radius), *cross, *margin])
    show_model(
        scene,
        "section ring",
        "",
        "Needle and its millimetre",
        shape,
        Look(colour, 1.0, 2.0, False, seen, True),
        case_id,
    )


def _circle(frame: np.ndarray, radius: float) -> np.ndarray:
    angle = np.linspace(0.0, 2 * np.pi, 97)
    return _in_plane(frame, radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _in_plane(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n, 2) mm in the plane of a frame to (n, 3) RAS mm."""
    return points @ frame[:3, :2].T + frame[:3, 3]


def _room(safety: Safety) -> dict[str, float]:
    """Wall to the clearance mm there, of those that were measured."""
    return {name: value for name, value in safety.clearance_by_direction_mm.items() if np.isfinite(value)}


def _ways(side: str) -> dict[str, tuple[float, float]]:
    """Wall to where it is in the view: right, up."""
    inwards = 1.0 if side == "left" else -1.0
    return {"medial": (inwards, 0.0), "lateral": (-inwards, 0.0), "superior": (0.0, 1.0), "inferior": (0.0, -1.0)}


def _show_nearest(
    scene: vtkMRMLScene, option: Option, position: float, frame: np.ndarray, seen: tuple[str, ...], case_id: str
) -> None:
    """From the needle to the nearest wall, where the room is smallest: amber under the millimetre, red in a breach."""
    room = _room(option.safety)
    if not room or abs(position - option.safety.position) > 1e-6:
        remove(scene, "section room")
        return
    nearest = min(room, key=lambda name: room[name])
    radius, clearance = option.cannula.diameter_mm / 2, room[nearest]
    way = np.array(_ways(option.cannula.side)[nearest])
    colour = next((colour for upper, colour in BANDS[:2] if clearance < upper), LANDMARK)
    line = _in_plane(frame, np.stack([radius * way, (radius + clearance) * way]))
    look = Look(colour, 1.0, 4.0, False, seen, True)
    show_model(scene, "section room", "", "Smallest room", shapes.lines([line]), look, case_id)


def _show_walls(
    scene: vtkMRMLScene, cannula: Cannula, safety: Safety, frame: np.ndarray, seen: tuple[str, ...], case_id: str
) -> None:
    """On each side, the name of the wall and the smallest room that the whole pedicle leaves there."""
    room, ways = _room(safety), _ways(cannula.side)
    if not room:
        remove(scene, "walls")
        return
    away = LABELS_AT * FIELD_MM
    node = shown(scene, "walls", "", "Room on each side", case_id=case_id, seen_in=seen)
    with NodeModify(node.GetDisplayNode()) as display, NodeModify(node):
        updateMarkupsControlPointsFromArray(node, _in_plane(frame, away * np.array([ways[name] for name in room])))
        for index, (name, value) in enumerate(room.items()):
            node.SetNthControlPointLabel(index, f"{name}\n{value:.1f} mm" + ("\nBREACH" if value < 0 else ""))
        node.SetLocked(True)
        dress_markup(display, LANDMARK, 0.1, labels=True)
        display.SetTextScale(3.6)
        display.GetTextProperty().SetJustificationToCentered()  # else what stands on the right is cut off
        display.GetTextProperty().SetVerticalJustificationToCentered()
        seen_in(display, seen)
