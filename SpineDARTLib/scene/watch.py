"""Hands on the cannulas and clicks: tells when somebody drags an end, in 3D or on an X-ray, and when they let go.

    start of interaction -> point moved (again and again) -> end of interaction

A projected end moves its cannula in the plane that is parallel to that X-ray's detector. What the program itself
moves is told to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from slicer import vtkMRMLMarkupsNode, vtkMRMLScene
from slicer.util import arrayFromMarkupsControlPoints

from ..types import View
from .cannulas import read_cannulas
from .clicks import read_clicks
from .nodes import ROLE, kept, key_of, nodes_of
from .projections import drag_in_view, pixel_of
from .proposals import read_proposals

Dragged = Callable[[str, str, str, np.ndarray], None]
"""Level, side, "entry" | "target", (3,) RAS mm."""
Clicked = Callable[[str, str, float, float], None]
"""View, level, u, v."""
Released = Callable[[str, str], None]
"""Level, side."""

READ = {"clicks": read_clicks, "proposals": read_proposals}
POINTS = tuple(READ)
"""Roles of single points on an X-ray."""

ENDS = ("entry", "target")
MOVED_MM = 1e-6


class Watch:
    """Observes the lines in a scene; ``update`` after showing some, ``stop`` at the end.

    Args:
        dragged: called with every move, while it goes on.
        released: called once at its end.
        started: called once at its beginning.
        clicked: called with every click, or proposal, on that X-ray, when one of them was moved.
    """

    def __init__(
        self,
        scene: vtkMRMLScene,
        dragged: Dragged,
        released: Released,
        started: Released = lambda level, side: None,
        clicked: Clicked = lambda view, level, u, v: None,
    ) -> None:
        self._scene, self._dragged, self._released, self._started = scene, dragged, released, started
        self._clicked = clicked
        self._views: dict[str, View] = {}
        self._observed: dict[str, tuple[Any, list[int]]] = {}
        self._held: dict[str, np.ndarray] = {}
        self._busy = False

    def update(self, views: Sequence[View]) -> None:
        """Observe the lines that there are now; those that are gone no longer."""
        self._views = {view.name: view for view in views}
        roles = ("cannula", "projected cannula", *POINTS)
        lines = {line.GetID(): line for role in roles for line in nodes_of(self._scene, role)}
        for gone in set(self._observed) - set(lines):
            self._forget(gone)
        for number, line in lines.items():
            if number not in self._observed:
                self._observed[number] = (line, self._observe(line))

    def stop(self) -> None:
        """Observe nothing any more."""
        for number in list(self._observed):
            self._forget(number)

    def _observe(self, line: Any) -> list[int]:
        if line.GetAttribute(ROLE) in POINTS:
            return [line.AddObserver(vtkMRMLMarkupsNode.PointEndInteractionEvent, self._end_of_click)]
        return [
            line.AddObserver(vtkMRMLMarkupsNode.PointStartInteractionEvent, self._start),
            line.AddObserver(vtkMRMLMarkupsNode.PointModifiedEvent, self._move),
            line.AddObserver(vtkMRMLMarkupsNode.PointEndInteractionEvent, self._end),
        ]

    def _forget(self, number: str) -> None:
        line, tags = self._observed.pop(number)
        self._held.pop(number, None)
        for tag in tags:
            line.RemoveObserver(tag)

    def _start(self, line: Any, _event: str) -> None:
        self._held[line.GetID()] = arrayFromMarkupsControlPoints(line)
        known = kept(line)
        self._started(known["level"], known["side"])

    def _move(self, line: Any, _event: str) -> None:
        before = self._held.get(line.GetID())
        if before is None or self._busy:
            return
        points = arrayFromMarkupsControlPoints(line)
        if points.shape != before.shape:
            return
        self._busy = True  # what the answer to this moves is no drag
        try:
            for index, end in ((0, ENDS[0]), (len(points) - 1, ENDS[1])):
                if np.abs(points[index] - before[index]).max() > MOVED_MM:
                    self._tell(kept(line), end, points[index])
            self._held[line.GetID()] = arrayFromMarkupsControlPoints(line)
        finally:
            self._busy = False

    def _tell(self, known: dict[str, Any], end: str, point: np.ndarray) -> None:
        level, side, name = known["level"], known["side"], known.get("view")
        if name is None:
            self._dragged(level, side, end, point)
        elif name in self._views:
            cannula = read_cannulas(self._scene).get((level, side))
            if cannula is not None:
                before = cannula.entry_mm if end == ENDS[0] else cannula.target_mm
                view = self._views[name]
                self._dragged(level, side, end, drag_in_view(before, view, *pixel_of(view, point)))

    def _end(self, line: Any, _event: str) -> None:
        if self._held.pop(line.GetID(), None) is not None:
            known = kept(line)
            self._released(known["level"], known["side"])

    def _end_of_click(self, node: Any, _event: str) -> None:
        view = self._views.get(key_of(node))
        if view is not None:
            read = READ[node.GetAttribute(ROLE)]
            for level, (u, v) in read(self._scene, view).items():
                self._clicked(view.name, level, u, v)
