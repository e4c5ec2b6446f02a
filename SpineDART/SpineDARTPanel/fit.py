"""3 Fit: the vertebrae are fitted in a process of their own; Slicer stays free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.state import Job, PanelState
from SpineDARTLib.types import LEVELS

from . import build
from .fold import Fold
from .section import Section

SIGNS = {"waiting": "○", "running": "◐", "done": "●", "failed": "⚠", "cancelled": "○"}
TONES = {"waiting": "none", "running": "running", "done": "good", "failed": "check", "cancelled": "none"}
SIMILARITIES = ("gradient-ncc", "ncc", "hybrid", "learned")
REFINED = {"on": True}
DEVICES = ("auto", "cpu", "cuda", "mps")


class FitSection(Section):
    """Starts and stops fits and shows how far they are.

    Args:
        ready: whether what the fits need is installed; may ask the user.
    """

    reads = frozenset({"jobs", "selected", "level", "settings", "plans"})

    def __init__(self, presenter: Any, ready: Callable[[], bool]) -> None:
        super().__init__(
            3, _("Fit"), _("Fit a vertebra's shape to the X-rays and plan its cannulas."), "fit_all", "cancel"
        )
        self._presenter, self._ready, self._rows = presenter, ready, {}
        self._every = every = build.button(
            _("Fit all"), _("Every located vertebra."), lambda: self._fit(None), "primary"
        )
        self._one = build.button(_("Fit selected"), _("Only the vertebra that is selected."), self._fit_one)
        cancel = build.button(_("Cancel"), _("Stop within a second; finished fits stay."), presenter.cancel)
        self.add(build.row(every, self._one, cancel), fit_all=every, fit_selected=self._one, cancel=cancel)
        self._list = self.add(build.column(spacing=3))
        self.settings = FitSettings(presenter)
        self.add(self.settings.fold.whole)

    def show(self, state: PanelState) -> None:
        """A row a fit."""
        for level in [one for one in self._rows if one not in state.jobs]:
            self._rows[level].whole.hide()
            self._rows.pop(level).whole.deleteLater()
        for level in sorted(state.jobs, key=LEVELS.index):
            if level not in self._rows:
                self._rows[level] = JobRow(level)
                self._list.layout().addWidget(self._rows[level].whole)
            self._rows[level].show(state.jobs[level])
        build.tone(self._every, "role", "" if state.plans else "primary")
        level = state.selected[0] if state.selected else state.level
        build.write(self._one, _("Fit {level} only").format(level=level))
        self.settings.show(state)

    def _fit_one(self) -> None:
        state = self._presenter.state
        self._fit((state.selected[0] if state.selected else state.level,))

    def _fit(self, levels: Sequence[str] | None) -> None:
        if self._ready():
            self._presenter.fit(levels)


class JobRow:
    """One vertebra's fit: sign, words, bar."""

    def __init__(self, level: str) -> None:
        self._level = build.label(level, "strong", wrap=False)
        self._level.setMinimumWidth(30)
        self._words = build.label()
        self._bar = qt.QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.maximum = 1000
        self._bar.setMaximumWidth(110)
        self.whole = build.row(self._level, self._words, self._bar)
        self.whole.layout().setStretch(1, 1)

    def show(self, job: Job) -> None:
        """How far it is."""
        stage = f"{job.stage}: " if job.state == "running" and job.stage else ""
        build.write(self._words, f"{SIGNS[job.state]} {stage}{job.words}")
        build.tone(self._words, "tone", TONES[job.state])
        self._bar.setVisible(job.open)
        value = round(1000 * job.share)
        if self._bar.value != value:
            self._bar.value = value


class FitSettings:
    """What the next fit does otherwise than usual."""

    def __init__(self, presenter: Any) -> None:
        self._presenter = presenter
        self._similarity = build.helped(
            qt.QComboBox(), _("How likeness of two X-rays is measured; the first is usual.")
        )
        self._similarity.addItems(list(SIMILARITIES))
        self._device = build.helped(
            qt.QComboBox(), _("Where to compute; auto takes a graphics card when there is one.")
        )
        self._device.addItems(list(DEVICES))
        self._seed = build.helped(qt.QSpinBox(), _("Other starts are tried with another number."))
        self._seed.maximum = 9999
        self._refine = build.helped(
            qt.QCheckBox(_("Refine small errors of the geometry")),
            _("Cameras, poses and shapes move together for one more stage; needs two vertebrae or more."),
        )
        self._refine.connect("clicked(bool)", self._changed)
        rows = ((_("Similarity"), self._similarity), (_("Device"), self._device), (_("Random seed"), self._seed))
        self.fold = Fold(_("Settings"), _("For the next fit; the usual ones are good."), build.form(rows), self._refine)
        self._similarity.connect("activated(int)", self._changed)
        self._device.connect("activated(int)", self._changed)
        self._seed.connect("valueChanged(int)", self._changed)

    def show(self, state: PanelState) -> None:
        """The settings as they stand."""
        self._similarity.setCurrentIndex(SIMILARITIES.index(str(state.settings.get("similarity", SIMILARITIES[0]))))
        self._device.setCurrentIndex(DEVICES.index(str(state.settings.get("device", DEVICES[0]))))
        self._seed.blockSignals(True)
        self._seed.value = int(str(state.settings.get("seed", 0)))
        self._seed.blockSignals(False)
        self._refine.blockSignals(True)
        self._refine.checked = state.settings.get("refinement") == REFINED
        self._refine.blockSignals(False)

    def _changed(self) -> None:
        chosen: dict[str, object] = {}
        if self._similarity.currentIndex:
            chosen["similarity"] = SIMILARITIES[self._similarity.currentIndex]
        if self._device.currentIndex:
            chosen["device"] = DEVICES[self._device.currentIndex]
        if self._seed.value:
            chosen["seed"] = self._seed.value
        if self._refine.checked:
            chosen["refinement"] = REFINED
        self._presenter.set_settings(chosen)
