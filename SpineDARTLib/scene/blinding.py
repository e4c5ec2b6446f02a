"""While a rater grades, nothing in the scene says which cannula it is, or how safe: what shows it is hidden, its names
and descriptions too. All of it comes back as it was, from a scene that was saved meanwhile as well."""

from __future__ import annotations

import json
from typing import Any

from slicer import vtkMRMLScene

from . import barrel
from .layout import BARREL, slice_node
from .nodes import ROLE, nodes_of
from .projections import OVERLAYS
from .tables import show_table

ROLES = (*OVERLAYS, *barrel.ROLES, "vertebra", "landmarks", "cannula", "tube", "uncertainty", "replay")
"""All but the X-rays and their beams."""

BEFORE = "SpineDART.before grading"
NAME = "hidden while grading"


def blinded(scene: vtkMRMLScene, blind: bool) -> None:
    """Hide all that a rater must not see, or show it again as it was; twice does no harm."""
    for node in nodes_of(scene):
        if node.GetAttribute(ROLE) in ROLES and (node.GetAttribute(BEFORE) is None) == blind:
            _hide(node) if blind else _show(node)
    if blind:
        slice_node(scene, BARREL).SetLayoutLabel("Barrel")
        if nodes_of(scene, "table"):
            show_table(scene, [])


def _hide(node: Any) -> None:
    display = node.GetDisplayNode()
    known = {"name": node.GetName(), "description": node.GetDescription() or "", "visible": display.GetVisibility()}
    node.SetAttribute(BEFORE, json.dumps(known))
    node.SetName(NAME)
    node.SetDescription("")
    display.SetVisibility(False)


def _show(node: Any) -> None:
    known = json.loads(node.GetAttribute(BEFORE))
    node.RemoveAttribute(BEFORE)
    node.SetName(known["name"])
    node.SetDescription(known["description"])
    node.GetDisplayNode().SetVisibility(known["visible"])
