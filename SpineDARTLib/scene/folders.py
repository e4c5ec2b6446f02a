"""Where our nodes stand in Slicer's data tree: one folder a case, in it one for the X-rays and one a level."""

from __future__ import annotations

from typing import Any

from slicer import vtkMRMLScene, vtkMRMLSubjectHierarchyNode

from ..types import LEVELS
from .nodes import CASE, QUIET, ROLE, nodes_of, parts_of

XRAYS, FIT, REVIEW = "X-rays", "Fit", "Review"

FOLDER_OF = {
    **dict.fromkeys(("view", "frustum", "clicks", "proposals"), XRAYS),
    **dict.fromkeys(("history", "replay", "browser", "losses", "loss chart"), FIT),
}
"""What stands under a name of its own; what belongs to a level, under the level; the rest under ``REVIEW``."""


def tidy(scene: vtkMRMLScene, case_id: str) -> int:
    """Put all nodes of a case where they belong; gives the case folder's item. Call it once after showing."""
    tree = vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    top = _folder(tree, tree.GetSceneItemID(), f"SpineDART {case_id}")
    for node in nodes_of(scene, case_id=case_id):
        if node.GetAttribute(ROLE) in QUIET:
            continue
        parent = _folder(tree, top, _place(node))
        item = tree.GetItemByDataNode(node)
        if not item:
            tree.CreateItem(parent, node)
        elif tree.GetItemParent(item) != parent:
            tree.SetItemParent(item, parent)
    return top


def _place(node: Any) -> str:
    role = node.GetAttribute(ROLE)
    if role in FOLDER_OF:
        return FOLDER_OF[role]
    level = next((part for part in parts_of(node) if part in LEVELS), "")
    return level or REVIEW


def _folder(tree: Any, parent: int, name: str) -> int:
    return tree.GetItemChildWithName(parent, name) or tree.CreateFolderItem(parent, name)


def case_folders(scene: vtkMRMLScene) -> dict[str, int]:
    """Case to its folder's item, of the cases that have one."""
    tree = vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    cases = dict.fromkeys(node.GetAttribute(CASE) or "" for node in nodes_of(scene))
    found = {case: tree.GetItemChildWithName(tree.GetSceneItemID(), f"SpineDART {case}") for case in cases}
    return {case: item for case, item in found.items() if item}


def remove_folder(scene: vtkMRMLScene, case_id: str) -> None:
    """Remove a case's folders that have become empty; what a user put in them stays, and so does its folder."""
    tree = vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    top = tree.GetItemChildWithName(tree.GetSceneItemID(), f"SpineDART {case_id}")
    if top:
        for name in (XRAYS, FIT, REVIEW, *LEVELS):
            item = tree.GetItemChildWithName(top, name)
            if item and not tree.GetNumberOfItemChildren(item):
                tree.RemoveItem(item)
        if not tree.GetNumberOfItemChildren(top):
            tree.RemoveItem(top)
