"""What takes its time: the atlas's models, and plan folders with all that measures in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..atlas.files import load_model
from ..atlas.model import ShapeModel
from ..errors import InputError
from ..io.plan import read_plan
from ..types import Vertebra
from .measuring import Ready, ready
from .packing import packed
from .state import Fit


@dataclass(frozen=True)
class Loaded:
    """A plan folder that was read.

    Attributes:
        tools: level to what measures in its plan.
    """

    fit: Fit
    tools: Mapping[str, Ready]


class Loader:
    """Keeps the models that were learned; its functions may run in a thread."""

    def __init__(self) -> None:
        self._models: dict[str, ShapeModel] = {}

    def model(self, level: str) -> ShapeModel:
        """The shape model of a level's region, learned once (a second or two).

        Raises:
            InputError: no such.
        """
        if level not in self._models:
            model = load_model(level)
            self._models.update(dict.fromkeys(model.levels, model))
        return self._models[level]

    def _model_or_none(self, level: str) -> ShapeModel | None:
        """Of a plan from another atlas, which may have had other levels: that costs its own measuring alone."""
        try:
            return self.model(level)
        except InputError:
            return None

    def load(self, number: int, folder: Path, settings: Mapping[str, object]) -> Loaded:
        """Read a plan folder: in the background, it takes its time.

        Raises:
            InputError: names file and field.
        """
        tools: dict[str, Ready] = {}
        for plan in read_plan(folder).plans:
            tools[plan.fitted.level] = ready(plan, self._model_or_none(plan.fitted.level))
        plans = {level: tool.plan for level, tool in tools.items()}
        return Loaded(Fit(number, plans, settings, folder, packed(folder)), tools)

    def points_mm(self, one: Mapping[str, Any]) -> np.ndarray | None:
        """(n, 3) RAS mm of a vertebra that is being fitted; None until the atlas is there, or where it diverged."""
        model = self._models.get(one["level"])
        numbers = [one["scale"], *one["coefficients"], *(value for row in one["pose"] for value in row)]
        if model is None or None in numbers:
            return None
        pose, coefficients = np.array(one["pose"], dtype=np.float64), np.array(one["coefficients"], dtype=np.float64)
        vertebra = Vertebra(one["level"], pose, float(one["scale"]), coefficients)
        return vertebra.place(model.instance(vertebra.level, coefficients))
