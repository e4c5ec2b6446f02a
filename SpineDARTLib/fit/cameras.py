"""Cameras that move a little with the fit: every view but the first, which anchors the world."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from ..config import RefinementSettings
from ..render import Detectors


@dataclass
class Cameras:
    """How far the views have moved from where they were given.

    Attributes:
        pivot_mm: (3,) RAS, about which they turn.
        units: (6,) the prior's standard deviations: shift x, y, z (mm), turn about x, y, z (rad).
        moved: (views - 1, 6) in units; what the optimiser moves.
    """

    pivot_mm: Float[Tensor, " 3"]
    units: Float[Tensor, " 6"]
    moved: Float[Tensor, "others 6"]

    @classmethod
    def as_given(cls, views: int, pivot_mm: np.ndarray, settings: RefinementSettings, like: Tensor) -> Cameras:
        """Nothing has moved yet; ``like`` has the type and device."""
        units = [settings.translation_mm] * 3 + [math.radians(settings.rotation_deg)] * 3
        return cls(like.new_tensor(pivot_mm), like.new_tensor(units), like.new_zeros(views - 1, 6))

    def applied(self, detectors: Detectors) -> Detectors:
        """The detectors where the views are now."""
        numbers = self.moved * self.units
        turn = roma.rotvec_to_rotmat(numbers[:, 3:])
        shift = numbers[:, :3] + self.pivot_mm - (turn @ self.pivot_mm[:, None])[..., 0]
        below = torch.zeros_like(self.moved[:, None, :4])
        below[..., 3] = 1.0
        motions = torch.cat([torch.cat([turn, shift[..., None]], dim=-1), below], dim=-2)
        first, others = detectors.world_to_camera[:1], detectors.world_to_camera[1:]
        return replace(detectors, world_to_camera=torch.cat([first, others @ motions]))

    def cost(self) -> Tensor:
        """Half the squared departure in standard deviations."""
        return 0.5 * self.moved.square().sum()
