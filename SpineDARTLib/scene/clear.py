"""Taking a case, or one level of it, out of the scene: all that is ours, nothing of the user's."""

from __future__ import annotations

from collections.abc import Iterator

from slicer import vtkMRMLScene

from .folders import case_folders, remove_folder
from .nodes import finish, forget, nodes_of, parts_of


def clear(scene: vtkMRMLScene, case_id: str | None = None) -> None:
    """Remove all nodes of ours and their folders: of one case, or of all."""
    scene.StartState(scene.BatchProcessState)
    finish(clear_steps(scene, case_id))
    scene.EndState(scene.BatchProcessState)


def clear_steps(scene: vtkMRMLScene, case_id: str | None = None) -> Iterator[None]:
    """``clear``, a node a step: the views take some milliseconds to let a markup go."""
    cases = list(case_folders(scene)) if case_id is None else [case_id]
    # A browser would make another model to play in, were it the last to go.
    for node in (*nodes_of(scene, "browser", case_id), *nodes_of(scene, case_id=case_id)):
        if scene.IsNodePresent(node):
            forget(scene, node)
            yield
    for case in cases:
        remove_folder(scene, case)


def clear_level(scene: vtkMRMLScene, level: str) -> None:
    """Remove all nodes that belong to one level: before another fit of it is shown."""
    finish(clear_level_steps(scene, level))


def clear_level_steps(scene: vtkMRMLScene, level: str) -> Iterator[None]:
    """``clear_level``, a node a step."""
    for node in (*nodes_of(scene, "browser"), *nodes_of(scene)):
        if level in parts_of(node) and scene.IsNodePresent(node):
            forget(scene, node)
            yield


def clear_view(scene: vtkMRMLScene, name: str) -> None:
    """Remove an X-ray with all that lies on it."""
    for node in nodes_of(scene):
        if parts_of(node)[0] == name:
            forget(scene, node)
