"""Which side of an X-ray is which of the patient's: letters in its upper corners, as letters of lead stand on films."""

from __future__ import annotations

from typing import Any

import numpy as np
from slicer import vtkMRMLScene
from slicer.util import NodeModify, arrayFromVTKMatrix, updateMarkupsControlPointsFromArray

from ..types import View
from .colours import LETTER
from .models import dress_markup, seen_in
from .nodes import CASE, node_of, shown

PLACES = np.array([[-0.45, 0.42], [0.45, 0.42]])
"""Left and right, in fields of view from the middle."""

OBLIQUE = 0.35
"""A direction that goes so far along an axis of the patient's has its letter too: 20 degrees."""


def letters_of(direction: np.ndarray) -> str:
    """Where a direction (3,) RAS goes in the patient, the main part first: "L", "LP"."""
    parts = direction / max(float(np.linalg.norm(direction)), 1e-9)
    axes = [axis for axis in np.argsort(-np.abs(parts)) if abs(parts[axis]) > OBLIQUE]
    return "".join("RAS"[axis] if parts[axis] > 0 else "LPI"[axis] for axis in axes)


def show_letters(scene: vtkMRMLScene, view: View, slice_node: Any) -> None:
    """Show them in the view that a slice node is of, where its upper corners are now."""
    place, size = arrayFromVTKMatrix(slice_node.GetSliceToRAS()), np.array(slice_node.GetFieldOfView()[:2])
    volume, seen = node_of(scene, "view", view.name), (slice_node.GetID(),)
    case_id = volume.GetAttribute(CASE) or "" if volume is not None else ""
    node = shown(scene, "letters", view.name, f"Sides of {view.name}", case_id=case_id, seen_in=seen)
    with NodeModify(node.GetDisplayNode()) as display, NodeModify(node):
        updateMarkupsControlPointsFromArray(node, size * PLACES @ place[:3, :2].T + place[:3, 3])
        for index, right in enumerate((-place[:3, 0], place[:3, 0])):
            node.SetNthControlPointLabel(index, letters_of(right))
        node.SetLocked(True)
        dress_markup(display, LETTER, 0.1, labels=True)
        display.SetTextScale(5.0)
        display.GetTextProperty().SetJustificationToCentered()
        seen_in(display, seen)
