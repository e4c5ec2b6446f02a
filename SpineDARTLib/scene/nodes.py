"""Nodes that are ours: each has a role and a key, by which it is found again, in this scene or in one that was loaded.

A user's own nodes have neither, and are never touched.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slicer import vtkMRMLNode, vtkMRMLScene, vtkMRMLSubjectHierarchyConstants, vtkMRMLSubjectHierarchyNode

EXCLUDE = vtkMRMLSubjectHierarchyConstants.GetSubjectHierarchyExcludeFromTreeAttributeName()

ROLE, KEY, CASE, DATA = "SpineDART.role", "SpineDART.key", "SpineDART.case", "SpineDART.data"

SEPARATOR = "|"

QUIET = (
    "beam", "clearance colours", "outline border", "outline", "marks", "names", "band border", "band",
    "projected cannula", "epipolar line border", "epipolar line", "section", "section outline", "section ring",
    "section room", "walls", "found outline border", "found outline", "loss series", "plan", "state", "letters",
)  # fmt: skip
"""Roles that no list of nodes need show: they follow the others."""

ROLES: Mapping[str, str] = {
    "view": "vtkMRMLScalarVolumeNode",
    "frustum": "vtkMRMLModelNode",
    "beam": "vtkMRMLModelNode",
    "vertebra": "vtkMRMLModelNode",
    "clearance colours": "vtkMRMLColorTableNode",
    "landmarks": "vtkMRMLMarkupsFiducialNode",
    "cannula": "vtkMRMLMarkupsNode",
    "tube": "vtkMRMLModelNode",
    "uncertainty": "vtkMRMLModelNode",
    "outline border": "vtkMRMLModelNode",
    "band border": "vtkMRMLModelNode",
    "outline": "vtkMRMLModelNode",
    "marks": "vtkMRMLModelNode",
    "names": "vtkMRMLMarkupsFiducialNode",
    "band": "vtkMRMLModelNode",
    "projected cannula": "vtkMRMLMarkupsNode",
    "epipolar line border": "vtkMRMLModelNode",
    "epipolar line": "vtkMRMLModelNode",
    "clicks": "vtkMRMLMarkupsFiducialNode",
    "proposals": "vtkMRMLMarkupsFiducialNode",
    "found outline border": "vtkMRMLModelNode",
    "found outline": "vtkMRMLModelNode",
    "letters": "vtkMRMLMarkupsFiducialNode",
    "section": "vtkMRMLModelNode",
    "section outline": "vtkMRMLModelNode",
    "section ring": "vtkMRMLModelNode",
    "section room": "vtkMRMLModelNode",
    "walls": "vtkMRMLMarkupsFiducialNode",
    "table": "vtkMRMLTableNode",
    "losses": "vtkMRMLTableNode",
    "loss series": "vtkMRMLPlotSeriesNode",
    "loss chart": "vtkMRMLPlotChartNode",
    "history": "vtkMRMLSequenceNode",
    "replay": "vtkMRMLModelNode",
    "browser": "vtkMRMLSequenceBrowserNode",
    "plan": "vtkMRMLTextNode",
    "state": "vtkMRMLTextNode",
}
"""What each role is shown by."""


def nodes_of(scene: vtkMRMLScene, role: str = "", case_id: str | None = None) -> tuple[Any, ...]:
    """Our nodes, of one role and one case or of all, in the scene's order."""
    collection = scene.GetNodesByClass(ROLES.get(role, "vtkMRMLNode"))
    collection.UnRegister(None)  # GetNodesByClass hands over a reference that Python has counted already
    found = (collection.GetItemAsObject(index) for index in range(collection.GetNumberOfItems()))
    return tuple(node for node in found if _is(node, role, case_id))


def _is(node: vtkMRMLNode, role: str, case_id: str | None) -> bool:
    known = node.GetAttribute(ROLE)
    same_role = known == role if role else known is not None
    return same_role and (case_id is None or node.GetAttribute(CASE) == case_id)


def node_of(scene: vtkMRMLScene, role: str, key: str = "") -> Any | None:
    """The node of a role and a key, None where there is none."""
    return next((node for node in nodes_of(scene, role) if (node.GetAttribute(KEY) or "") == key), None)


def shown(
    scene: vtkMRMLScene,
    role: str,
    key: str,
    name: str,
    class_name: str = "",
    case_id: str = "",
    seen_in: Sequence[str] = (),
) -> Any:
    """The node of a role and a key, made where there is none, with that name and its display nodes.

    Args:
        class_name: which class of the role's, where there are several; a node of another one is replaced.
        case_id: kept as it is when blank.
        seen_in: ids of the views that show a new markup: the others need not get ready for it, which takes them long.
    """
    class_name = class_name or ROLES[role]
    node = node_of(scene, role, key)
    if node is not None and not node.IsA(class_name):
        forget(scene, node)
        node = None
    if node is None:
        return _new(scene, role, key, name, class_name, case_id, seen_in)
    name_as(node, role, key, name, case_id)
    return node


def _new(
    scene: vtkMRMLScene, role: str, key: str, name: str, class_name: str, case_id: str, seen_in: Sequence[str]
) -> Any:
    """A node that is ours before anybody hears of it: Slicer lists a node in the moment that it is added."""
    node = scene.CreateNodeByClass(class_name)
    node.UnRegister(None)
    name_as(node, role, key, name, case_id)
    if role in QUIET:
        node.SetHideFromEditors(True)
        node.SetAttribute(EXCLUDE, "1")
    if seen_in and node.IsA("vtkMRMLMarkupsNode"):
        _display_in(scene, node, seen_in)
    scene.AddNode(node)
    if node.IsA("vtkMRMLDisplayableNode"):
        node.CreateDefaultDisplayNodes()
    return node


def _display_in(scene: vtkMRMLScene, node: Any, view_ids: Sequence[str]) -> None:
    """Give a markup that is not in the scene yet a display of some views only; later, every view has a widget of it,
    at 5 ms each."""
    points = node.IsA("vtkMRMLMarkupsFiducialNode")
    display = scene.CreateNodeByClass("vtkMRMLMarkupsFiducialDisplayNode" if points else "vtkMRMLMarkupsDisplayNode")
    display.UnRegister(None)
    for view_id in view_ids:
        display.AddViewNodeID(view_id)
    scene.AddNode(display)
    node.SetAndObserveDisplayNodeID(display.GetID())


def name_as(node: vtkMRMLNode, role: str, key: str, name: str, case_id: str = "") -> None:
    """Make a node ours, whether it is in a scene or not."""
    for attribute, value in ((ROLE, role), (KEY, key), (CASE, case_id)):
        if value or attribute == KEY:
            node.SetAttribute(attribute, value)
    if node.GetName() != name:
        node.SetName(name)


def key_of(node: vtkMRMLNode) -> str:
    """The key of one of our nodes."""
    return node.GetAttribute(KEY) or ""


def joined(*parts: str) -> str:
    """A key of several parts: view, level, side."""
    return SEPARATOR.join(parts)


def parts_of(node: vtkMRMLNode) -> tuple[str, ...]:
    """The parts of a node's key."""
    return tuple(key_of(node).split(SEPARATOR))


def keep(node: vtkMRMLNode, data: Mapping[str, Any]) -> None:
    """Keep plain values with a node; floats come back to the last digit."""
    node.SetAttribute(DATA, json.dumps(data))


def kept(node: vtkMRMLNode) -> dict[str, Any]:
    """What was kept with a node; empty where nothing was."""
    return json.loads(node.GetAttribute(DATA) or "{}")


def remove(scene: vtkMRMLScene, role: str, key: str | None = None) -> None:
    """Remove the nodes of a role: of one key, or all."""
    for node in nodes_of(scene, role):
        if key is None or key_of(node) == key:
            forget(scene, node)


def forget(scene: vtkMRMLScene, node: Any) -> None:
    """Remove a node with all that hangs on it: its place in the data tree, its display and its storage."""
    hangers = []
    if node.IsA("vtkMRMLDisplayableNode"):
        hangers += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        hangers += [node.GetNthStorageNode(index) for index in range(node.GetNumberOfStorageNodes())]
    tree = vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = tree.GetItemByDataNode(node)
    if item:
        tree.RemoveItem(item, False, False)
    for one in (node, *hangers):
        if one is not None and scene.IsNodePresent(one):
            scene.RemoveNode(one)


def finish(steps: Iterable[None]) -> None:
    """Take all steps of something at once."""
    deque(steps, maxlen=0)
