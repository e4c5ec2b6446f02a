"""What a running desktop Slicer offers to Python, read from an inventory of its API."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def inventory_path() -> Path:
    """The file, whether it is there or not: $SPINEDART_SHARED or ``shared`` beside the checkout."""
    named = os.environ.get("SPINEDART_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    return folder / "slicer-api" / "inventory.json"


BESIDE: dict[str, Any] = {
    "QDropEvent": {"members": ["acceptProposedAction", "ignore", "mimeData", "proposedAction"], "also": "QEvent"},
}
"""Not among the classes that the inventory was read for, but used by Slicer's own DICOM module in every desktop Slicer
(``DICOMLoadingByDragAndDropEventFilter`` in Modules/Scripted/DICOM): what an event filter is handed for a drop."""


class Offered:
    """One class of the inventory: what PythonQt shows of it, with what ``also`` points to."""

    def __init__(self, name: str, entry: dict[str, Any], base: Offered | None) -> None:
        self.name = name
        self.members = frozenset(entry["members"]) | (base.members if base else frozenset())
        self.properties = frozenset(entry.get("properties", ())) | (base.properties if base else frozenset())
        self.signals = frozenset(entry.get("signals", ())) | (base.signals if base else frozenset())

    @cached_property
    def signal_names(self) -> frozenset[str]:
        return frozenset(signature.split("(")[0] for signature in self.signals)

    def refuse(self, name: str) -> AttributeError:
        """What to raise for a member that Slicer does not have."""
        return AttributeError(f"{self.name}.{name} is not in desktop Slicer's inventory")


class Inventory:
    """The whole of it."""

    def __init__(self, path: Path) -> None:
        self.raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.raw["qt"] = {**BESIDE, **self.raw["qt"]}
        self._known: dict[str, Offered] = {}

    def offered(self, name: str) -> Offered:
        """A class of qt or ctk.

        Raises:
            AttributeError: Slicer has no such class.
        """
        if name not in self._known:
            entry = self.raw["qt"].get(name) or self.raw["ctk"].get(name) or self.raw["slicer_widgets"].get(name)
            if entry is None:
                raise AttributeError(f"{name} is not a class in desktop Slicer's inventory")
            also = entry.get("also")
            self._known[name] = Offered(name, entry, self.offered(also) if also else None)
        return self._known[name]

    def names(self, part: str) -> frozenset[str]:
        """Names of a module or object: "slicer.util", "slicer.app", "Qt_enums", ..."""
        return frozenset(self.raw[part])
