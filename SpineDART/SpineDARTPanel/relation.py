"""How the X-rays stand to each other: one frame or not, what they can tell, whether that can be true, recovery."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.geometry.camera_prior import CameraPrior
from SpineDARTLib.io.gathered import Gathered
from SpineDARTLib.panel.geometry_words import advice_words, consistency_words
from SpineDARTLib.panel.lacking import judgement, sharing
from SpineDARTLib.panel.state import PanelState

from . import build
from .fold import Fold

SHARED = _("● The X-rays share one frame.")


class Relation:
    """A part of the Case section.

    Attributes:
        whole: to be put into the section.
        controls: by the names of ``panel.steps``.
    """

    def __init__(self, presenter: Any) -> None:
        self._presenter = presenter
        self._sharing = build.label()
        self._vouch = build.helped(
            qt.QCheckBox(_("Neither patient nor C-arm moved in between")),
            _("Your word for what the files do not say: neither the patient on the table nor the C-arm's foot moved."),
        )
        self._vouch.connect("clicked(bool)", presenter.vouch)
        self._advice, self._consistency = build.label("", "quiet"), build.label("", "quiet")
        self._mark = build.button(
            _("Click points"), _("Click the same points of the patient in both X-rays: five or more."), self._toggle
        )
        self._mark.checkable = True
        self._moved = build.helped(qt.QDoubleSpinBox(), _("How far table or C-arm may have moved, roughly."))
        self._moved.minimum, self._moved.maximum, self._moved.decimals = 1.0, 500.0, 0
        self._moved.value, self._moved.suffix = CameraPrior.translation_mm, " mm"
        recover = build.button(
            _("Recover the views' position"),
            _("The first X-ray stays, the others move."),
            self._recover,
        )
        back = build.button("↶ " + _("Point"), _("Take back the last point or recovery."), presenter.undo_mark, "small")
        clear = build.button(_("Clear"), _("Take all points away."), presenter.clear_marks, "small")
        self._points = build.table((_("Point"), _("Clicked in"), ""), 1)
        self._points.setSelectionMode(qt.QAbstractItemView.NoSelection)
        self._recovered = build.label("", "quiet")
        words = build.label(_("Table or C-arm may have moved by"), "quiet", wrap=False)
        self.fold = Fold(
            _("The views do not fit together?"),
            _("Recover how they stand to each other from the same points in both."),
            build.row(self._mark, back, clear, None), self._points, build.row(words, self._moved, None),
            build.row(recover, None), self._recovered,
        )  # fmt: skip
        self.whole = build.column(
            self._sharing, self._vouch, self._advice, self._consistency, self.fold.whole, spacing=3
        )
        self.controls = {
            "same_frame": self._vouch, "mark": self._mark, "moved": self._moved, "recover": recover,
            "undo_mark": back, "clear_marks": clear,
        }  # fmt: skip

    def show(self, state: PanelState) -> None:
        """How things stand."""
        two = len(state.view_names) > 1
        self.whole.setVisible(two)
        if not two:
            return
        shared, words = sharing(state)
        build.write(self._sharing, SHARED if shared else f"⚠ {words}")
        self._sharing.toolTip = words
        build.tone(self._sharing, "tone", "good" if shared else "check")
        self._vouch.setVisible(state.same_frame or shared is None)
        self._vouch.blockSignals(True)
        self._vouch.checked = state.same_frame
        self._vouch.blockSignals(False)
        self._show_judged(judgement(state))
        self._show_points(state)

    def _show_judged(self, judged: Gathered | None) -> None:
        for label, said in ((self._advice, advice_words(judged)), (self._consistency, consistency_words(judged))):
            build.write(label, said.line)
            label.toolTip = said.whole
            build.tone(label, "tone", said.tone)
            label.setVisible(bool(said.line))

    def _show_points(self, state: PanelState) -> None:
        marking = state.marking
        self._mark.blockSignals(True)
        self._mark.checked = bool(marking.next)
        self._mark.blockSignals(False)
        lines = []
        for number, clicks in marking.points.items():
            signs = [f"{name} {'✓' if name in clicks else '–'}" for name in state.view_names]
            lines.append((number, "   ".join(signs), _("●") if len(clicks) > 1 else _("⚠ click once more")))
        build.fill(self._points, lines, most_rows=8)
        self._points.setVisible(bool(lines))
        build.write(self._mark, _("Click point {number}").format(number=marking.next) if marking.next
                    else _("Click points"))  # fmt: skip
        found = marking.recovered
        build.write(self._recovered, found.words if found else "")
        build.tone(self._recovered, "tone", "check" if found and not found.identifiable else "")
        self._recovered.setVisible(found is not None)

    def _toggle(self) -> None:
        if self._mark.checked:
            self._presenter.start_marking()
        else:
            self._presenter.stop_marking()

    def _recover(self) -> None:
        self._presenter.recover(self._moved.value)
