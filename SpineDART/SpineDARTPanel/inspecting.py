"""6 Inspect: why a fit is as it is: diagnosis, replay, loss, residual, modes, landmarks; another try; two compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ctk
import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from SpineDARTLib.panel.comparing import Compared
from SpineDARTLib.panel.state import PanelState
from SpineDARTLib.types import Plan

from . import build, picture
from .fit import REFINED
from .fold import Fold
from .section import Section
from .style import TONES, colours

OUTLIER_SD = 2.5
"""A coefficient beyond this many standard deviations is marked: one in eighty is, by chance."""

LOSS = "loss_"
"""How the history calls the terms of the loss."""


class Inspector(Protocol):
    """What looks into fits for this section; ``SpineDARTPanel.inspector`` is the real one."""

    def findings(self, state: PanelState, level: str) -> Sequence[str]: ...

    def landmark_errors_px(self, state: PanelState, level: str) -> Mapping[str, float]: ...

    def residuals(self, state: PanelState, level: str) -> Mapping[str, Path]: ...

    def comparison(self, state: PanelState, level: str) -> tuple[str, Sequence[Compared]]: ...

    def replay(self, level: str, step: int) -> None: ...


class InspectSection(Section):
    """Everything about the selected vertebra's fit."""

    reads = frozenset({"plans", "selected", "fits", "session"})

    def __init__(self, presenter: Any, inspector: Inspector, dark: bool = False) -> None:
        super().__init__(6, _("Inspect"), _("Why a fit is as it is."), "modes")
        self._presenter, self._inspector, self._colours = presenter, inspector, colours(dark)
        self._diagnosis = self.add(build.label())
        self._replay = Replay(lambda step: inspector.replay(self._level, step))
        self._plot = picture.Plot()
        wide = build.button(_("In a plot view"), _("The same curves in Slicer's own plot view."), self._wide, "small")
        loss = Fold(
            _("Loss"), _("What the fit has brought down, step by step."), self._plot.whole, build.row(wide, None)
        )
        self._residual_words, self._pictures = build.label("", "quiet"), build.row(spacing=8)
        residual = Fold(_("Residual"), _("X-ray and fit, one over the other."), self._residual_words, self._pictures)
        self._modes = build.table((_("Mode"), _("Coefficient"), ""), 2)
        modes = Fold(_("Modes"), _("Shape in standard deviations from the mean."), self._modes)
        self._landmarks = build.table((_("Landmark"), "R", "A", "S", _("Off")), 0)
        places = Fold(
            _("Landmarks"), _("Where the fit has them, RAS mm; how far from where they were seen."), self._landmarks
        )
        again = build.button(_("Fit again with the settings of step 3"), _("The earlier fit is kept."), self._rerun)
        self._fits = build.helped(qt.QComboBox(), _("Which fit of this vertebra is shown."))
        self._fits.connect("activated(int)", self._use)
        self._compared = build.label("", "quiet")
        self._rows = build.table((_("What"), _("By how much"), _("So it is")), 1)
        tries = Fold(
            _("Again and compare"), _("Another try; two fits compared."), again, self._fits, self._compared, self._rows
        )
        self._folds = (self._replay.fold, loss, residual, modes, places, tries)
        for fold in self._folds:
            self.add(fold.whole)
        self.controls.update(replay=self._replay.controls, loss=wide, modes=self._modes, landmarks=self._landmarks)
        self.controls.update(rerun=again, compare=self._fits)
        self._numbers: list[int] = []
        self._shown: Plan | None = None
        self._level = ""

    def unfold(self) -> None:
        """Open all of its parts."""
        self.open(True)
        for fold in self._folds:
            fold.open(True)

    def play(self) -> None:
        """Play or pause the replay."""
        self._replay.toggle()

    def show(self, state: PanelState) -> None:
        """What is selected; nothing is filled in twice."""
        plan = state.plans.get(state.selected[0]) if state.selected else None
        self._level = plan.fitted.level if plan is not None else ""
        self._replay.show(plan)
        if plan is not None and plan is not self._shown:
            self._fill(plan, state)
        self._shown = plan

    def _fill(self, plan: Plan, state: PanelState) -> None:
        fitted = plan.fitted
        findings = self._inspector.findings(state, fitted.level)
        fine = _("Nothing stands out in this fit.")
        words = "\n".join(findings) or f"{fine} {fitted.reason}".strip()
        cameras = _("Cameras: {words}").format(words=plan.refinement.words) if plan.refinement is not None else ""
        build.write(self._diagnosis, f"{words}\n{cameras}".strip())
        build.tone(self._diagnosis, "tone", "check" if findings else "")
        self._plot.show(losses(plan), None, self._colours["quiet"])
        coefficients = () if fitted.vertebra is None else fitted.vertebra.coefficients
        lines = [(str(at + 1), f"{value:+.1f} SD", _mode_words(value)) for at, value in enumerate(coefficients)]
        inks = [[self._colours["attention" if abs(value) > OUTLIER_SD else "text"]] * 3 for value in coefficients]
        build.fill(self._modes, lines, inks, most_rows=9)
        errors = self._inspector.landmark_errors_px(state, fitted.level)
        build.fill(self._landmarks, [_landmark_line(name, place, errors) for name, place in plan.landmarks_mm.items()])
        self._show_fits(fitted.level, state)
        self._show_residuals(self._inspector.residuals(state, fitted.level))

    def _show_fits(self, level: str, state: PanelState) -> None:
        fits = [fit for fit in state.fits if level in fit.plans]
        self._numbers = [fit.number for fit in fits]
        self._fits.clear()
        self._fits.addItems([_("Fit {number}: {settings}").format(
            number=fit.number, settings=settings_words(fit.settings) or _("usual settings"),
        ) for fit in fits])  # fmt: skip
        shown = [at for at, fit in enumerate(fits) if fit.plans[level] is state.plans[level]]
        self._fits.setCurrentIndex(shown[0] if shown else len(fits) - 1)
        title, rows = self._inspector.comparison(state, level)
        build.write(self._compared, title)
        inks = [[self._colours["text"]] * 2 + [self._colours[TONES[row.colour]]] for row in rows]
        build.fill(self._rows, [(row.name, row.words, row.verdict) for row in rows], inks)
        self._rows.setVisible(bool(rows))

    def _show_residuals(self, found: Mapping[str, Path]) -> None:
        layout = self._pictures.layout()
        while layout.count():
            layout.takeAt(0).widget().deleteLater()
        for name, file in found.items():
            shown = build.label("", "", wrap=False)
            shown.setPixmap(qt.QPixmap(str(file)).scaledToWidth(180, qt.Qt.SmoothTransformation))
            layout.addWidget(build.column(build.label(name, "strong", wrap=False), shown, spacing=2))
        words = _("Orange: only the X-ray is bright. Blue: only the fit is. Grey: both agree.")
        build.write(self._residual_words, words if found else _("No residual pictures were kept with this fit."))

    def _wide(self) -> None:
        if self._shown is not None:
            names, values = zip(*losses(self._shown), strict=True)
            steps = np.arange(len(values[0]), dtype=np.float64)
            slicer.util.plot(np.column_stack([steps, *values]), 0, [_("step"), *names], _("Loss"))

    def _rerun(self) -> None:
        self._presenter.rerun({})

    def _use(self, at: int) -> None:
        self._presenter.use_fit(self._numbers[at], self._level)


def losses(plan: Plan) -> list[tuple[str, np.ndarray]]:
    """The terms of the loss, by step."""
    history = plan.fitted.history
    return [(name.removeprefix(LOSS), values) for name, values in history.items() if name.startswith(LOSS)]


def settings_words(settings: Mapping[str, object]) -> str:
    """{"plan": {"gauge": 11}, "seed": 3} to "gauge 11, seed 3"."""
    refined = [_("geometry refined")] * (settings.get("refinement") == REFINED)
    parts = [
        settings_words(value) if isinstance(value, Mapping) else f"{name.replace('_', ' ')} {value}"
        for name, value in settings.items()
        if name != "refinement"
    ]
    return ", ".join(parts + refined)


def _mode_words(value: float) -> str:
    """A bar in letters, and a word for what is far out."""
    bar = "█" * min(round(2 * abs(value)), 8)
    return f"{bar} {_('⚠ unusual') if abs(value) > OUTLIER_SD else ''}"


def _landmark_line(name: str, place_mm: np.ndarray, errors_px: Mapping[str, float]) -> tuple[str, ...]:
    off = f"{errors_px[name]:.1f} px" if name in errors_px else "–"
    return (name.replace("_", " "), *(f"{value:.1f}" for value in place_mm), off)


class Replay:
    """A slider over a fit's history, and a button that moves it.

    Attributes:
        controls: what a missing history forbids.
    """

    INTERVAL_MS = 40

    def __init__(self, moved: Callable[[int], Any]) -> None:
        self._to = moved
        self._slider = build.helped(ctk.ctkSliderWidget(), _("Step of the fit; all views follow."))
        self._slider.decimals = 0
        self._slider.connect("valueChanged(double)", self._moved)
        self._play = build.button("▶", _("Play or pause (Space)."), self.toggle, "small")
        self._timer = qt.QTimer()
        self._timer.interval = self.INTERVAL_MS
        self._timer.connect("timeout()", self._next)
        self.controls = (self._slider, self._play)
        self.fold = Fold(_("Replay"), _("The fit again, step by step."), build.row(self._play, self._slider))
        self._plan: Plan | None = None

    def show(self, plan: Plan | None) -> None:
        """Another vertebra's history."""
        if plan is self._plan:
            return
        self._plan = plan
        self._stop()
        steps = 0 if plan is None or "pose" not in plan.fitted.history else len(plan.fitted.history["pose"])
        self._slider.blockSignals(True)
        self._slider.maximum = max(steps - 1, 0)
        self._slider.value = self._slider.maximum
        self._slider.blockSignals(False)

    def toggle(self) -> None:
        """Play from where it stands, from the start at the end; or pause."""
        if self._timer.active:
            self._stop()
            return
        if self._slider.value >= self._slider.maximum:
            self._slider.value = 0
        self.fold.open(True)
        self._play.text = "❚❚"
        self._timer.start()

    def _stop(self) -> None:
        self._timer.stop()
        self._play.text = "▶"

    def _next(self) -> None:
        if self._slider.value >= self._slider.maximum:
            self._stop()
        else:
            self._slider.value = self._slider.value + 1

    def _moved(self, value: float) -> None:
        self._to(round(value))
