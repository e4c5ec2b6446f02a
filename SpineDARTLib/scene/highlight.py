"""One vertebra at a time: it stands out in all views, its neighbours are faint."""

from __future__ import annotations

from slicer import vtkMRMLScene

from .nodes import joined, key_of, nodes_of, parts_of

FAINT = 0.6
"""Of the neighbours' outlines on the X-rays, which lose their dark border."""
CLEAR, NEIGHBOUR = 0.45, 0.85
"""Opacity in space: the needles are seen in the bone of the one, not of the others."""


def highlight(scene: vtkMRMLScene, level: str, side: str = "") -> None:
    """Make one vertebra stand out, half transparent so that its cannulas are seen in the bone; on the X-rays the others
    are faint."""
    for node in nodes_of(scene, "vertebra"):
        node.GetDisplayNode().SetOpacity(CLEAR if key_of(node) == level else NEIGHBOUR)
    for node in nodes_of(scene, "uncertainty"):
        node.GetDisplayNode().SetVisibility(key_of(node) == joined(level, side))
    for role in ("landmarks", "marks"):
        for node in nodes_of(scene, role):
            node.GetDisplayNode().SetVisibility(level in parts_of(node))
    for node in nodes_of(scene, "projected cannula"):
        node.GetDisplayNode().SetPointLabelsVisibility(level in parts_of(node))
    for role, faint in (("outline", FAINT), ("band", FAINT), ("outline border", 0.0), ("band border", 0.0)):
        for node in nodes_of(scene, role):
            display = node.GetDisplayNode()
            display.SetSliceIntersectionOpacity((1.0 if level in parts_of(node) else faint) * display.GetOpacity())
