"""Curves as pictures for labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import qt

from . import build

CURVE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Okabe and Ito's, a curve each; its name stands beside it."""


class Plot:
    """Curves over steps, with the value range at the left and a mark at one step.

    Attributes:
        whole: the label.
    """

    WIDTH, HEIGHT, LEFT, FOOT = 380, 130, 46, 18

    def __init__(self) -> None:
        self.whole = build.label("", "", wrap=False)
        self._shown: Any = None

    def show(self, curves: Sequence[tuple[str, np.ndarray]], mark: int | None = None, ink: str = "#566573") -> None:
        """Draw (n,) values of each curve; nothing is drawn twice."""
        known = (tuple((name, len(values), float(values[-1])) for name, values in curves if len(values)), mark, ink)
        if known == self._shown:
            return
        self._shown = known
        made = qt.QPixmap(self.WIDTH, self.HEIGHT)
        made.fill(qt.QColor(0, 0, 0, 0))
        painter = qt.QPainter()
        painter.begin(made)
        painter.setRenderHint(qt.QPainter.Antialiasing, True)
        self._draw(painter, [(name, values) for name, values in curves if len(values) > 1], mark, ink)
        painter.end()
        self.whole.setPixmap(made)

    def _draw(self, painter: Any, curves: Sequence[tuple[str, np.ndarray]], mark: int | None, ink: str) -> None:
        painter.setPen(qt.QPen(qt.QColor(ink)))
        bottom, right = self.HEIGHT - self.FOOT, self.WIDTH - 4
        painter.drawLine(self.LEFT, bottom, right, bottom)
        if not curves:
            return
        low = min(float(values.min()) for _, values in curves)
        high = max(float(values.max()) for _, values in curves)
        count = max(len(values) for _, values in curves)
        painter.drawText(2, 12, f"{high:.3g}")
        painter.drawText(2, bottom, f"{low:.3g}")
        legend = self.LEFT
        for at, (name, values) in enumerate(curves):
            pen = qt.QPen(qt.QColor(CURVE[at % len(CURVE)]))
            pen.setWidth(2)
            painter.setPen(pen)
            x = self.LEFT + np.linspace(0, (right - self.LEFT) * (len(values) - 1) / max(count - 1, 1), len(values))
            y = bottom - 4 - (bottom - 10) * (values - low) / max(high - low, 1e-12)
            points = list(zip(x.astype(int).tolist(), y.astype(int).tolist(), strict=True))
            for (x0, y0), (x1, y1) in pairwise(points):
                painter.drawLine(x0, y0, x1, y1)
            painter.drawText(legend, self.HEIGHT - 4, name)
            legend += 8 * len(name) + 12
        if mark is not None:
            painter.setPen(qt.QPen(qt.QColor(ink)))
            place = self.LEFT + (right - self.LEFT) * mark // max(count - 1, 1)
            painter.drawLine(place, 4, place, bottom)
