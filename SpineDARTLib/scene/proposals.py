"""What the detector proposes on an X-ray: dots where a vertebra's centre should be, with its level in brackets, and
thin dashed outlines. A dot that is dragged becomes a click (``clicks``); both go when the vertebra is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from slicer import vtkMRMLScene
from slicer.util import NodeModify, arrayFromMarkupsControlPoints

from ..geometry.camera import project
from ..types import View
from . import shapes
from .clicks import place_points
from .colours import PROPOSED
from .layout import slice_node, slot_of
from .models import Look, dress_markup, seen_in, show_model
from .nodes import keep, kept, node_of, remove, shown
from .xrays import on_detector

Pixel = tuple[float, float]

WIDTH, BORDER_WIDTH = 1.0, 3.0
BORDER, BORDER_OPACITY = (0.02, 0.03, 0.05), 0.5
DASH_MM, GAP_MM = 4.0, 2.4
"""On the detector."""
BEFORE_MM = 1.0
"""How far before the detector's plane outlines lie: behind those of a fit."""


def show_proposals(
    scene: vtkMRMLScene, view: View, places_px: Mapping[str, Pixel], doubtful: frozenset[str] = frozenset(),
    case_id: str = "",
) -> Any:  # fmt: skip
    """Show where vertebrae are proposed on a view, level to (u, v); gives the node, None (and nothing shown) without.

    They can be dragged; ``read_proposals`` says where to.

    Args:
        doubtful: levels whose name has a question mark.
    """
    if not places_px:
        remove(scene, "proposals", view.name)
        return None
    slot = slot_of(scene, view.name)
    seen = (slice_node(scene, slot).GetID() if slot else "none",)
    node = shown(scene, "proposals", view.name, f"Found on {view.name}", case_id=case_id, seen_in=seen)
    with NodeModify(node.GetDisplayNode()) as display, NodeModify(node):
        labels = [f"({level}{' ?' * (level in doubtful)})" for level in places_px]
        place_points(node, on_detector(view, np.array(list(places_px.values()))), labels)
        keep(node, {"levels": list(places_px)})
        dress_markup(display, PROPOSED, 2.4, labels=True)
        display.SetGlyphTypeFromString("Circle2D")
        display.SetTextScale(4.0)
        seen_in(display, seen)
    return node


def read_proposals(scene: vtkMRMLScene, view: View) -> dict[str, Pixel]:
    """Level to (u, v) of a view's proposals as they stand; empty where there are none."""
    node = node_of(scene, "proposals", view.name)
    if node is None or not node.GetNumberOfControlPoints():
        return {}
    pixels = project(arrayFromMarkupsControlPoints(node), view)
    return {level: (float(u), float(v)) for level, (u, v) in zip(kept(node)["levels"], pixels, strict=True)}


def levels_proposed(scene: vtkMRMLScene, view: View, role: str) -> list[str]:
    """Of which levels a view has "proposals", or a "found outline"."""
    node = node_of(scene, role, view.name)
    return [] if node is None else kept(node).get("levels", [])


def show_found_outlines(
    scene: vtkMRMLScene, view: View, loops_px: Mapping[str, Sequence[np.ndarray]], case_id: str = ""
) -> Any:
    """Show the silhouettes that were found on a view, level to loops (n, 2) of pixels, all as one model; gives it."""
    roles = ("found outline border", "found outline")
    if not loops_px:
        for role in roles:
            remove(scene, role, view.name)
        return None
    loops = (loop for one in loops_px.values() for loop in one)
    placed = [on_detector(view, loop) - BEFORE_MM * view.axis for loop in loops]
    shape = shapes.lines([dash for loop in placed for dash in shapes.dashed(loop, DASH_MM, GAP_MM)])
    slot = slot_of(scene, view.name)
    seen = (slice_node(scene, slot).GetID() if slot else "none",)
    looks = (
        Look(BORDER, BORDER_OPACITY, BORDER_WIDTH, False, seen, True),
        Look(PROPOSED, 0.9, WIDTH, False, seen, True),
    )
    for role, look in zip(roles, looks, strict=True):
        node = show_model(scene, role, view.name, f"Found on {view.name}, outlines", shape, look, case_id)
    keep(node, {"levels": list(loops_px)})
    return node
