"""Panel and four views in one picture, as Slicer's window shows them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PySide6 import QtCore, QtGui

from SpineDARTLib.scene.layout import BARREL, SLOTS, slice_node, view_node

from .session import WIDTH, Session

VIEW = (560, 470)
"""Of one view, pixels."""

GAP = 4
BAR = 26
"""Height of the bar above a view, which has its title, pixels."""


class WholeWindow:
    """Off-screen views on a session's scene, beside its panel."""

    def __init__(self, session: Session) -> None:
        self._session, scene = session, session.scene
        nodes = [slice_node(scene, SLOTS[0]), slice_node(scene, SLOTS[1]), view_node(scene), slice_node(scene, BARREL)]
        self._windows = [session.core.window(node, VIEW) for node in nodes]
        self._titles = ("A", "B", "3D", "Barrel")

    def picture(self, file: Path) -> None:
        """Save it; what does not fit below the views is cut off, as it is in Slicer until it is scrolled to."""
        with tempfile.TemporaryDirectory() as folder:
            panel = Path(folder) / "panel.png"
            self._session.picture(panel)
            self._look_at_selected()
            views = [Path(folder) / f"{at}.png" for at in range(4)]
            for window, path in zip(self._windows, views, strict=True):
                window.save(path)
            size = QtCore.QSize(WIDTH + 2 * (VIEW[0] + GAP), 2 * (VIEW[1] + BAR) + GAP)
            whole = QtGui.QImage(size, QtGui.QImage.Format.Format_RGB32)
            whole.fill(QtGui.QColor("#2b2f36"))
            painter = QtGui.QPainter(whole)
            panel_image = QtGui.QImage(str(panel))
            painter.fillRect(0, 0, WIDTH, size.height(), panel_image.pixelColor(2, 2))
            painter.drawImage(0, 0, panel_image)
            for at, path in enumerate(views):
                corner = QtCore.QPoint(WIDTH + GAP + (at % 2) * (VIEW[0] + GAP), (at // 2) * (VIEW[1] + BAR + GAP))
                painter.drawImage(corner + QtCore.QPoint(0, BAR), QtGui.QImage(str(path)))
                self._title(painter, corner, at)
            painter.end()
            whole.save(str(file))

    def _title(self, painter: Any, corner: QtCore.QPoint, at: int) -> None:
        """As the bar above Slicer's view has it."""
        node = self._windows[at].node
        text = node.GetLayoutLabel() if at < 2 else self._titles[at]
        painter.setPen(QtGui.QColor("#e9eef2"))
        font = painter.font()
        font.setPixelSize(14)
        font.setBold(True)
        painter.setFont(font)
        painter.drawText(corner + QtCore.QPoint(VIEW[0] // 2 - 20, BAR - 8), text or self._titles[at])

    def _look_at_selected(self) -> None:
        """From behind, above and the left, as an operator stands."""
        state = self._session.presenter.state
        plan = state.plans.get(state.selected[0]) if state.selected else None
        if plan is not None and plan.vertices_mm is not None:
            middle = plan.vertices_mm.mean(axis=0)
            self._windows[2].look(middle + np.array([-190.0, -300.0, 150.0]), middle, 26.0)
        elif state.case is not None:
            middle = np.mean([view.source_mm + 0.6 * view.source_to_detector_mm * view.axis
                              for view in state.case.views], axis=0)  # fmt: skip
            self._windows[2].look(middle + np.array([-1500.0, -2200.0, 900.0]), middle, 34.0)
