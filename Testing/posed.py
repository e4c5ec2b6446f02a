"""The pipeline without its fit, for tests of all that is around it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib import commands
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.benchmark import methods
from SpineDARTLib.plan.planning import plan_vertebra
from SpineDARTLib.types import FitState, FittedVertebra, Status, Vertebra


def poses_for_fits(monkeypatch: pytest.MonkeyPatch, sample: Path, models: Mapping[str, ShapeModel]) -> list[str]:
    """Every level of the sample stands at its true pose with the mean shape, and is planned as ever.

    Returns:
        a list: levels that a test puts into it are not found.
    """
    lost: list[str] = []
    poses = json.loads((sample / "truth" / "truth.json").read_text(encoding="utf-8"))["vertebrae"]

    def plan_case(case, settings, levels, without=(), located=None):
        found = []
        for step, seed in enumerate(one for one in case.seeds if not levels or one.level in levels):
            model = models[seed.level]
            vertebra = Vertebra(seed.level, np.array(poses[seed.level]["pose"]), 1.0, np.zeros(model.rank))
            yield FitState("coarse", step, 3, {}, (vertebra,))
            missing = seed.level in lost
            status = Status.NOT_INITIALISED if missing else Status.CONVERGED
            reason = f"{seed.level} was not found: click its centre in both views" if missing else ""
            start = replace(vertebra, scale=0.8)
            fitted = FittedVertebra(seed.level, status, reason, None if missing else vertebra, start)
            found.append(plan_vertebra(fitted, model, settings.plan))
        return tuple(found)

    for module in (commands, methods):
        monkeypatch.setattr(module, "plan_case", plan_case)
    monkeypatch.setattr(methods, "load_models", lambda without=(): models)
    return lost
