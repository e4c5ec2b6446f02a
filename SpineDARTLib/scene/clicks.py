"""Where somebody clicked a vertebra's centre on an X-ray: one list of points a view, each with its level's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from slicer import vtkMRMLScene
from slicer.util import NodeModify, arrayFromMarkupsControlPoints, updateMarkupsControlPointsFromArray

from ..geometry.camera import project
from ..types import View
from .colours import OUTLINES
from .layout import slice_node, slot_of
from .models import dress_markup, seen_in
from .nodes import node_of, remove, shown
from .xrays import on_detector


def show_clicks(
    scene: vtkMRMLScene, view: View, clicks_px: Mapping[str, tuple[float, float]], case_id: str = ""
) -> Any:
    """Show a view's clicks, level to (u, v); gives the node, None (and nothing shown) without clicks.

    They can be dragged; ``read_clicks`` says where to.
    """
    if not clicks_px:
        remove(scene, "clicks", view.name)
        return None
    slot = slot_of(scene, view.name)
    seen = (slice_node(scene, slot).GetID() if slot else "none",)
    node = shown(scene, "clicks", view.name, f"Clicks on {view.name}", case_id=case_id, seen_in=seen)
    with NodeModify(node.GetDisplayNode()) as display, NodeModify(node):
        place_points(node, on_detector(view, np.array(list(clicks_px.values()))), tuple(clicks_px))
        dress_markup(display, OUTLINES[0], 2.4, labels=True)
        display.SetGlyphTypeFromString("CrossDot2D")
        display.SetTextScale(4.0)
        seen_in(display, seen)
    return node


def place_points(node: Any, points_mm: np.ndarray, labels: Sequence[str]) -> None:
    """Put a node's points where they belong, (n, 3) RAS mm, each with its label; nobody can add one by hand."""
    node.SetFixedNumberOfControlPoints(False)
    updateMarkupsControlPointsFromArray(node, points_mm)
    for index, label in enumerate(labels):
        node.SetNthControlPointLabel(index, label)
    node.SetFixedNumberOfControlPoints(True)


def read_clicks(scene: vtkMRMLScene, view: View) -> dict[str, tuple[float, float]]:
    """Level to (u, v) of a view's clicks as they stand; empty where there are none."""
    node = node_of(scene, "clicks", view.name)
    if node is None or not node.GetNumberOfControlPoints():
        return {}
    pixels = project(arrayFromMarkupsControlPoints(node), view)
    return {node.GetNthControlPointLabel(index): (float(u), float(v)) for index, (u, v) in enumerate(pixels)}
