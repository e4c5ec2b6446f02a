"""The four views: our layout, and clicks on the X-rays while vertebrae are being located."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from SpineDARTLib.scene.layout import LAYOUT_ID, SLOTS, add_layout, slice_node, view_node
from SpineDARTLib.scene.projections import pixel_of, slots_to_views
from SpineDARTLib.scene.xrays import view_named


class Views:
    """Shows our layout while the module is; gives the user's own back.

    Args:
        scene: Slicer's.
    """

    def __init__(self, presenter: Any, scene: Any) -> None:
        self._presenter, self._scene = presenter, scene
        self._before = 0
        self._observed: list[tuple[Any, int]] = []

    def enter(self) -> None:
        """Our layout, its views watched."""
        manager = slicer.app.layoutManager()
        node = manager.layoutLogic().GetLayoutNode()
        add_layout(node)
        if node.GetViewArrangement() != LAYOUT_ID:
            self._before = node.GetViewArrangement()
            node.SetViewArrangement(LAYOUT_ID)
        for slot in SLOTS:
            widget = manager.sliceWidget(slot)
            if widget is not None:
                self.observe(slot, widget.sliceView().interactor())

    def look_at(self, point_mm: Any) -> None:
        """Turn the 3D view around a point, (3,) RAS mm."""
        manager = slicer.app.layoutManager()
        for at in range(manager.threeDViewCount):
            widget = manager.threeDWidget(at)
            if widget.mrmlViewNode() is view_node(self._scene):
                widget.threeDView().setFocalPoint(*(float(value) for value in point_mm))

    def exit(self) -> None:
        """The layout that there was before."""
        for interactor, tag in self._observed:
            interactor.RemoveObserver(tag)
        self._observed.clear()
        node = slicer.app.layoutManager().layoutLogic().GetLayoutNode()
        if self._before and node.GetViewArrangement() == LAYOUT_ID:
            node.SetViewArrangement(self._before)

    def observe(self, slot: str, interactor: Any) -> None:
        """Clicks and moves of the pointer in one X-ray's view."""

        def press(caller: Any, _event: str) -> None:
            if self._presenter.state.clicking and (place := self._place(slot, caller)):
                self._presenter.click(*place)

        def move(caller: Any, _event: str) -> None:
            if self._presenter.state.clicking and (place := self._place(slot, caller)):
                self._presenter.hover(*place)

        for event, slot_function in (("LeftButtonPressEvent", press), ("MouseMoveEvent", move)):
            self._observed.append((interactor, interactor.AddObserver(event, slot_function)))

    def _place(self, slot: str, interactor: Any) -> tuple[str, float, float] | None:
        """View, u and v under the pointer."""
        name = slots_to_views(self._scene).get(slot)
        if not name:
            return None
        x, y = interactor.GetEventPosition()[:2]
        point = np.array(slice_node(self._scene, slot).GetXYToRAS().MultiplyPoint((x, y, 0.0, 1.0))[:3])
        return (name, *pixel_of(view_named(self._scene, name), point))
