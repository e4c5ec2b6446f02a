"""Taking a case, or one level of it, out of the scene: all that is ours, nothing of the user's."""

from __future__ import annotations

from slicer import vtkMRMLScene

from .folders import case_folders, remove_folder
from .nodes import forget, nodes_of, parts_of


def clear(scene: vtkMRMLScene, case_id: str | None = None) -> None:
    """Remove all nodes of ours and their folders: of one case, or of all."""
    cases = list(case_folders(scene)) if case_id is None else [case_id]
    scene.StartState(scene.BatchProcessState)
    # A browser would make another model to play in, were it the last to go.
    for node in (*nodes_of(scene, "browser", case_id), *nodes_of(scene, case_id=case_id)):
        forget(scene, node)
    for case in cases:
        remove_folder(scene, case)
    scene.EndState(scene.BatchProcessState)


def clear_level(scene: vtkMRMLScene, level: str) -> None:
    """Remove all nodes that belong to one level: before another fit of it is shown."""
    for node in nodes_of(scene):
        if level in parts_of(node):
            forget(scene, node)


def clear_view(scene: vtkMRMLScene, name: str) -> None:
    """Remove an X-ray with all that lies on it."""
    for node in nodes_of(scene):
        if parts_of(node)[0] == name:
            forget(scene, node)
