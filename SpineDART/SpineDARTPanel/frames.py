"""Which picture of a run is planned on."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.state import XRay

from . import build


class Frames:
    """A slider over a file's pictures, its number, and the last one at once; out of sight where there is only one.

    Attributes:
        whole: to be put into the X-ray's row.
        controls: its widgets.
    """

    def __init__(self, presenter: Any) -> None:
        self._presenter, self._name = presenter, ""
        self._box = build.helped(qt.QSpinBox(), _("Which picture of the run is planned on."))
        self._box.minimum = 1
        self._box.setKeyboardTracking(False)
        self._box.connect("valueChanged(int)", lambda number: self._choose(number))
        self._slider = build.helped(qt.QSlider(qt.Qt.Horizontal), _("Through the pictures of the run."))
        self._slider.minimum = 1
        self._slider.tracking = False
        self._slider.connect("valueChanged(int)", lambda number: self._choose(number))
        self._count = build.label("", "quiet", wrap=False)
        last = build.button(_("Last image"), _("The last picture of the run."), self._last, "small")
        self._last_button = last
        self.controls = (self._slider, self._box, last)
        self.whole = build.row(
            build.label(_("Picture"), "quiet", wrap=False), self._slider, self._box, self._count, last
        )
        self.whole.layout().setStretch(1, 1)

    def show(self, xray: XRay) -> None:
        """Which one it is."""
        self._name = xray.name
        self.whole.setVisible(xray.frames > 1)
        if xray.known is None:
            return
        for widget in (self._box, self._slider):
            widget.blockSignals(True)
            widget.maximum = max(xray.frames, 1)
            widget.value = xray.known.frame + 1
            widget.blockSignals(False)
        build.write(self._count, _("of {count}").format(count=xray.frames))
        build.write(self._last_button, _("Last image hold") if xray.holds else _("Last image"))

    def _choose(self, number: int) -> None:
        self._presenter.set_frame(self._name, number - 1)

    def _last(self) -> None:
        self._choose(self._box.maximum)
