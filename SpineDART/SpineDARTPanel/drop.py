"""Files dropped on the panel, heard by an event filter as Slicer's own DICOM module does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt


class DropZone(qt.QWidget):
    """Lets files be dropped on a widget and on all that is in it.

    Args:
        target: the widget.
        dropped: is given the files' paths, of which there may be none where something else was dropped.
        over: is told whether files hang over the widget just now.
    """

    def __init__(
        self, target: Any, dropped: Callable[[Sequence[str]], Any], over: Callable[[bool], Any] = lambda on: None
    ) -> None:
        super().__init__()
        self._dropped, self._over = dropped, over
        target.setAcceptDrops(True)
        target.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # as Qt spells it
        kind = event.type()
        if kind == qt.QEvent.DragEnter:
            if event.mimeData().hasUrls():
                event.acceptProposedAction()
                self._over(True)
            return True
        if kind == qt.QEvent.DragLeave:
            self._over(False)
            return True
        if kind == qt.QEvent.Drop:
            event.acceptProposedAction()
            self._over(False)
            self._dropped([path for url in event.mimeData().urls() if (path := str(url.toLocalFile()))])
            return True
        return False
