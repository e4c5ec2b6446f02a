"""What the Inspect section shows, looked up in plans and case (``SpineDARTLib.inspect`` has the rules)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from SpineDARTLib.inspect.findings import findings
from SpineDARTLib.inspect.landmarks import landmark_errors
from SpineDARTLib.panel.packing import case_with_seeds
from SpineDARTLib.panel.state import PanelState

RESIDUALS = "inspect"
"""The folder in a plan folder that has pictures of what the fit leaves over: ``residual_<level>_<view>.png``."""


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

    def comparison(self, state: PanelState, level: str) -> str:
        """How the last two fits of a level differ, in words."""
        plans = [fit.plans[level] for fit in state.fits if level in fit.plans][-2:]
        first, second = (plan.vertices_mm for plan in plans)
        if first is None or second is None or first.shape != second.shape:
            return ""
        apart = np.linalg.norm(first - second, axis=1)
        rooms = [", ".join(f"{one.clearance_mm:.1f} mm" for one in plan.safety) for plan in plans]
        words = _("Surfaces {mean} mm apart on average, {most} at most; clearances {one} before and {other} now.")
        return words.format(mean=f"{apart.mean():.1f}", most=f"{apart.max():.1f}", one=rooms[0], other=rooms[1])
