"""Single vertebrae rendered into regions: each level's scene is made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...atlas.model import ShapeModel
from ...config import RenderSettings
from ...fit.scene import Parameters, Scene, parameters_of
from ...render import Detectors
from ...types import Vertebra


class Drawer:
    """Renders vertebrae, and knows their surfaces.

    Args:
        models: level to shape model.
        splats: most cortical ones a vertebra.
    """

    def __init__(self, models: Mapping[str, ShapeModel], splats: int, device: str = "cpu") -> None:
        self.models, self._splats, self._device = models, splats, device
        self._scenes: dict[str, Scene] = {}
        self._lock = Lock()

    def scene(self, level: str) -> Scene:
        """Of one vertebra of a level."""
        with self._lock:
            if level not in self._scenes:
                scene = Scene((level,), self.models, RenderSettings(), device=self._device)
                scene.gather(self._splats)
                self._scenes[level] = scene
            return self._scenes[level]

    def starts(self, states: Sequence[Vertebra]) -> Parameters:
        """States of one level as so many starts of a scene of one vertebra."""
        rank = self.models[states[0].level].rank
        rows = [parameters_of([state], rank, device=self._device) for state in states]
        names = ("base_rotation", "rotation", "translation_mm", "log_scale", "coefficients", "presence")
        return Parameters(*(torch.cat([getattr(row, name) for row in rows]) for name in names))

    def draw(self, states: Sequence[Vertebra], detectors: Detectors) -> Float[Tensor, "states views height width"]:
        """Optical depth of each state (all of one level) on its own."""
        scene = self.scene(states[0].level)
        return scene.pictures(self.starts(states), detectors, "auto")[:, 0]

    def surface(self, state: Vertebra) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (n, 3) RAS mm and faces of a state."""
        model = self.models[state.level]
        return state.place(model.instance(state.level, state.coefficients)), model.faces
