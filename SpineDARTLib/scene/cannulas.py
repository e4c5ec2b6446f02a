"""Cannulas in the scene: a line (or a curve) to take hold of, a tube of the needle's thickness, and the tube around it
that is inside bone with 95 % probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from slicer import vtkMRMLScene
from slicer.util import NodeModify, arrayFromMarkupsControlPoints, updateMarkupsControlPointsFromArray

from ..plan.words import needle_name, room_words
from ..types import SIDES, Cannula, FittedVertebra, Option, Plan, Risk
from . import shapes
from .colours import BREACH, SIDE_COLOURS, UNCERTAINTY, Colour, cannula_colour
from .layout import space_ids
from .models import Look, dress_markup, seen_in, show_model
from .nodes import SEPARATOR, joined, keep, kept, node_of, nodes_of, remove, shown

Key = tuple[str, str]
"""Level and side."""

SHAFT_MM = 35.0
"""How much of the needle is shown behind its entry."""

MOVED_MM = 1e-4
"""A line nearer than this to what was last shown has not been moved: files round."""


def name_of(level: str, option: Option) -> str:
    """ "L3 left · 11G · 2.6 mm free, A"."""
    cannula = option.cannula
    return f"{level} {cannula.side} · {needle_name(cannula.diameter_mm)} · {room_words(option.safety)}"


def show_cannula(scene: vtkMRMLScene, fitted: FittedVertebra, option: Option, case_id: str = "") -> Any:
    """Show a level's cannula of one side as it stands now, with its tubes; gives the line.

    Showing another one for the same side moves it.
    """
    cannula, key = option.cannula, joined(fitted.level, option.cannula.side)
    colour = cannula_colour(cannula.side, option.safety, fitted.status.usable)
    bent = cannula.via_mm is not None
    class_name = "vtkMRMLMarkupsCurveNode" if bent else "vtkMRMLMarkupsLineNode"
    line = shown(scene, "cannula", key, name_of(fitted.level, option), class_name, case_id, space_ids(scene))
    with NodeModify(line.GetDisplayNode()) as display, NodeModify(line):
        keep(line, _members(fitted.level, cannula))
        place_line(line, cannula.path_mm, ("entry", "tip"))
        line.SetDescription(f"{option.words} Not for clinical use.".strip())
        dress_markup(display, colour, 1.6)
        seen_in(display, space_ids(scene))
        display.SetLineThickness(0.2)
    _show_tube(scene, key, cannula, colour, case_id)
    _show_uncertainty(scene, key, cannula, option.risk, case_id)
    return line


def show_cannulas(scene: vtkMRMLScene, plan: Plan, options: Mapping[str, Option], case_id: str = "") -> None:
    """Show a level's cannulas, side to option; those of other sides go."""
    for side in SIDES:
        show_side(scene, plan, side, options.get(side), case_id)


def show_side(scene: vtkMRMLScene, plan: Plan, side: str, option: Option | None, case_id: str = "") -> None:
    """Show a level's cannula of one side as it stands; none when None."""
    if option is None:
        hide_cannula(scene, plan.fitted.level, side)
    else:
        show_cannula(scene, plan.fitted, option, case_id)


def hide_cannula(scene: vtkMRMLScene, level: str, side: str) -> None:
    """Take a cannula and its tubes out of the scene."""
    for role in ("cannula", "tube", "uncertainty"):
        remove(scene, role, joined(level, side))


def place_line(line: Any, path_mm: np.ndarray, ends: tuple[str, str] = ("", "")) -> None:
    """Set a line's or curve's points, (k, 3) RAS mm, without a word to whoever listens where they stand already."""
    known = arrayFromMarkupsControlPoints(line)
    if known.shape != path_mm.shape or np.abs(known - path_mm).max() > 1e-9:
        line.SetFixedNumberOfControlPoints(False)
        updateMarkupsControlPointsFromArray(line, np.ascontiguousarray(path_mm))
    line.SetFixedNumberOfControlPoints(True)
    for index in range(len(path_mm)):
        label = ends[0] if index == 0 else ends[1] if index == len(path_mm) - 1 else ""
        if line.GetNthControlPointLabel(index) != label:
            line.SetNthControlPointLabel(index, label)
        between = 0 < index < len(path_mm) - 1
        line.SetNthControlPointLocked(index, between)
        line.SetNthControlPointVisibility(index, not between)


def _members(level: str, cannula: Cannula) -> dict[str, Any]:
    return {
        "level": level,
        "side": cannula.side,
        "name": cannula.name,
        "diameter_mm": cannula.diameter_mm,
        "path_mm": cannula.path_mm.tolist(),
        "bent": cannula.via_mm is not None,
    }


def move_cannula(scene: vtkMRMLScene, level: str, cannula: Cannula, breach: bool = False) -> None:
    """Move a shown cannula and its tube while it is dragged: nothing else of it changes.

    The tube around it, which would have to be computed anew, goes.

    Args:
        breach: whether its wall leaves the pedicle there.
    """
    key = joined(level, cannula.side)
    line, needle = node_of(scene, "cannula", key), node_of(scene, "tube", key)
    if line is None or needle is None:
        return
    with NodeModify(line):
        keep(line, _members(level, cannula))
        place_line(line, cannula.path_mm, ("entry", "tip"))
    needle.SetAndObservePolyData(_tube_of(cannula))
    colour = colour_while_moving(cannula.side, breach)
    line.GetDisplayNode().SetSelectedColor(*colour)
    needle.GetDisplayNode().SetColor(*colour)
    remove(scene, "uncertainty", key)


def colour_while_moving(side: str, breach: bool) -> Colour:
    """The side's colour, or red."""
    return BREACH if breach else SIDE_COLOURS[side]


def _tube_of(cannula: Cannula) -> Any:
    return shapes.tube(smooth_path(shapes.extended(cannula.path_mm, SHAFT_MM)), cannula.diameter_mm / 2)


def smooth_path(path_mm: np.ndarray) -> np.ndarray:
    """(k, 3) without points that repeat their neighbour, which a tube cannot turn around."""
    kept_points = np.concatenate([[True], np.linalg.norm(np.diff(path_mm, axis=0), axis=1) > 1e-6])
    return path_mm[kept_points] if kept_points.sum() > 1 else path_mm[:1] + np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.1]])


def _show_tube(scene: vtkMRMLScene, key: str, cannula: Cannula, colour: Colour, case_id: str) -> None:
    node = show_model(
        scene, "tube", key, f"{key.replace(SEPARATOR, ' ')} needle", _tube_of(cannula), Look(colour), case_id
    )
    display = node.GetDisplayNode()
    display.SetAmbient(0.35)
    display.SetDiffuse(0.75)
    display.SetSpecular(0.4)
    display.SetPower(25.0)


def _show_uncertainty(scene: vtkMRMLScene, key: str, cannula: Cannula, risk: Risk | None, case_id: str) -> None:
    """The tube through the pedicle that is inside bone with 95 % probability, where there is one at all."""
    shape = None if risk is None else uncertainty_tube(cannula, risk)
    if shape is None:
        remove(scene, "uncertainty", key)
        return
    name = f"{key.replace(SEPARATOR, ' ')} inside bone with 95 %"
    show_model(scene, "uncertainty", key, name, shape, Look(UNCERTAINTY, 0.35), case_id)


def uncertainty_tube(cannula: Cannula, risk: Risk) -> Any | None:
    """A tube of ``Risk.tube_mm`` around the path; None where its axis is inside bone nowhere."""
    inside = np.flatnonzero(risk.tube_mm > 0.0)
    if len(inside) < 2:
        return None
    path = cannula.path_mm
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    stations = risk.stations_mm[inside[0] : inside[-1] + 1]
    points = np.stack([np.interp(stations, along, column) for column in path.T], axis=1)
    return shapes.tube(points, np.maximum(risk.tube_mm[inside[0] : inside[-1] + 1], 0.01))


def cannula_keys(scene: vtkMRMLScene) -> tuple[Key, ...]:
    """Level and side of the cannulas that are shown."""
    return tuple((kept(line)["level"], kept(line)["side"]) for line in nodes_of(scene, "cannula"))


def read_cannulas(scene: vtkMRMLScene, case_id: str | None = None) -> dict[Key, Cannula]:
    """Level and side to the cannula as it stands in the scene, moved by whom it may."""
    lines = nodes_of(scene, "cannula", case_id)
    return {(kept(line)["level"], kept(line)["side"]): read_cannula(line) for line in lines}


def read_cannula(line: Any) -> Cannula:
    """The cannula that a line or curve of ours shows."""
    known, points = kept(line), arrayFromMarkupsControlPoints(line)
    path = np.array(known["path_mm"])
    if points.shape == path.shape and np.abs(points - path).max() > MOVED_MM:
        path = points
    via = path[1:-1] if known["bent"] else None
    return Cannula(known["side"], path[0], path[-1], known["diameter_mm"], known["name"], via)
