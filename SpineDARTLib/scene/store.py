"""What the scene keeps of a review beside what it shows: the panel's state and the plans, in text nodes; and scenes on
disk (MRB), which bring both back.

Slicer saves and opens scenes itself; ``write_bundle`` and ``read_bundle`` are for where there is no Slicer around.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from slicer import vtkMRMLMessageCollection, vtkMRMLScene

from ..errors import InputError
from ..types import Plan
from .nodes import key_of, node_of, nodes_of, shown
from .records import from_text, to_text

WHOLE = "a scene saved whole (.mrb); open an earlier copy of it"
ROOM = "a folder that can be written, with room in it"
STATE_NAME = "SpineDART review"


def save_state(scene: vtkMRMLScene, text: str, case_id: str = "") -> None:
    """Keep the panel's state, a text of its own, in the scene."""
    _keep_text(scene, "state", "", STATE_NAME, text, case_id)


def read_state(scene: vtkMRMLScene) -> str:
    """The panel's state as it was kept, "" where none was."""
    node = node_of(scene, "state")
    return "" if node is None else node.GetText() or ""


def _keep_text(scene: vtkMRMLScene, role: str, key: str, name: str, text: str, case_id: str) -> None:
    node = shown(scene, role, key, name, case_id=case_id)
    if node.GetText() != text:
        node.SetText(text)
    if node.GetStorageNode() is None:
        node.AddDefaultStorageNode()  # a file of its own in a saved scene, whatever its length


def save_plan(scene: vtkMRMLScene, plan: Plan, case_id: str = "") -> None:
    """Keep a plan whole, with its numbers and history."""
    level = plan.fitted.level
    _keep_text(scene, "plan", level, f"{level} plan", to_text(plan), case_id)


def read_plans(scene: vtkMRMLScene, case_id: str | None = None) -> dict[str, Plan]:
    """Level to plan, as they were kept.

    Raises:
        InputError: a plan that was changed by hand or cut short.
    """
    return {key_of(node): read_plan(node.GetText() or "", key_of(node)) for node in nodes_of(scene, "plan", case_id)}


def read_plan(text: str, level: str) -> Plan:
    """A level's plan of the text that was kept of it.

    Raises:
        InputError: it was changed by hand or cut short.
    """
    try:
        plan = from_text(text)
    except ValueError as error:
        raise InputError(
            "the scene", f"{level} plan", error, "a plan as it was saved; fit this vertebra again"
        ) from None
    if not isinstance(plan, Plan):
        raise InputError("the scene", f"{level} plan", type(plan).__name__, "a plan; fit this vertebra again")
    return plan


def write_bundle(scene: vtkMRMLScene, path: Path | str) -> None:
    """Save the scene as an MRB, whole or not at all; an earlier one of that name then stays.

    Raises:
        InputError: it could not be written there.
    """
    path, messages = Path(path), vtkMRMLMessageCollection()
    try:
        with TemporaryDirectory(dir=path.parent, prefix=".spinedart-") as folder:
            made = Path(folder) / path.name
            written = scene.WriteToMRB(str(made), None, messages) and not _fault(made)
            if written:
                made.replace(path)
    except OSError as error:
        raise InputError(path, "", error.strerror or error, ROOM) from None
    if not written:
        raise InputError(path, "", _said(messages) or "nothing written", ROOM)


def read_bundle(scene: vtkMRMLScene, path: Path | str) -> str:
    """Replace the scene by a saved one.

    Returns:
        What of it could not be read, the rest being there; "" mostly.

    Raises:
        InputError: there is none, or the file itself is damaged; the scene then stays as it is. Or nothing of ours is
            in it that can be read.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "", "no such file", "a scene that was saved (.mrb)")
    fault = _fault(path)
    if fault:
        raise InputError(path, "", fault, WHOLE)
    messages = vtkMRMLMessageCollection()
    whole = scene.ReadFromMRB(str(path), True, messages)
    words = "" if whole else _said(messages) or "a broken file"
    if words and not nodes_of(scene):
        raise InputError(path, "", words, WHOLE)
    return words


def _fault(path: Path) -> str:
    """What is wrong with a file that should be an MRB, a zip archive with a scene in it; "" if nothing is."""
    try:
        with ZipFile(path) as archive:
            broken = archive.testzip()
            if broken:
                return f"a damaged part, {broken}"
            return "" if any(name.endswith(".mrml") for name in archive.namelist()) else "an archive without a scene"
    except (BadZipFile, OSError, EOFError, zlib.error):
        return "a file that is damaged or cut short"


def _said(messages: vtkMRMLMessageCollection) -> str:
    return messages.GetAllMessagesAsString() or ""
