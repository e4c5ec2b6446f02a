"""What the Inspect section shows, looked up in plans and case (``SpineDARTLib.inspect`` has the rules)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from SpineDARTLib.inspect.findings import findings
from SpineDARTLib.inspect.landmarks import landmark_errors
from SpineDARTLib.panel.comparing import Compared, comparison, fits_to_compare
from SpineDARTLib.panel.packing import RESIDUALS, case_with_seeds
from SpineDARTLib.panel.state import PanelState


class FitInspector:
    """Findings, errors, residuals and comparisons of the fits in a state.

    Args:
        replay: shows a level's fit at a step.
        model: gives a level's shape model.
    """

    def __init__(self, replay: Callable[[str, int], Any], model: Callable[[str], Any]) -> None:
        self._replay, self._model = replay, model

    def replay(self, level: str, step: int) -> None:
        """Show a fit at a step."""
        self._replay(level, step)

    def findings(self, state: PanelState, level: str) -> Sequence[str]:
        """What stands out, each with what to do next."""
        plan = state.plans[level]
        case = case_with_seeds(state) if state.case is not None else None
        model = self._model(level) if plan.fitted.vertebra is not None else None
        found = findings(plan, case, tuple(state.plans.values()), model)
        signs = {"wrong": "✗", "check": "⚠"}
        return [f"{signs.get(one.severity, '⚠')} {one.words}" for one in found]

    def landmark_errors_px(self, state: PanelState, level: str) -> Mapping[str, float]:
        """Landmark to the largest distance, over the views, to where it was seen; only those that were."""
        if state.case is None:
            return {}
        worst: dict[str, float] = {}
        for error in landmark_errors(state.plans[level], case_with_seeds(state)):
            worst[error.name] = max(error.error_px, worst.get(error.name, 0.0))
        return worst

    def residuals(self, state: PanelState, level: str) -> Mapping[str, Path]:
        """View name to the picture of what the fit leaves over, where the fit has drawn some."""
        folders = [fit.folder for fit in state.fits if fit.plans.get(level) is state.plans[level]]
        files = {
            name: folder / RESIDUALS / f"residual_{level}_{name}.png" for folder in folders for name in state.view_names
        }
        return {name: file for name, file in files.items() if file.is_file()}

    def comparison(self, state: PanelState, level: str) -> tuple[str, Sequence[Compared]]:
        """Which two fits of a level are compared, in words, and row by row how they differ."""
        fits = fits_to_compare(state, level)
        if fits is None:
            return "", ()
        before, now = fits
        rows = comparison(before.plans[level], now.plans[level])
        words = _("Fit {now} against fit {before}:") if rows else _("Fit {now} or fit {before} has no surface.")
        return words.format(now=now.number, before=before.number), rows
