"""The optimiser's steps: their sizes, what may not move, and when a stage has settled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..config import Settings, StageSettings
from .cameras import Cameras
from .scene import Parameters

PATIENCE = 8
"""Steps over which a stage must still gain something."""


def keep_numbers(parameters: Parameters, rank: int) -> None:
    """A start that has left the numbers stays where it is; modes beyond the stage's rank do not move."""
    for tensor in parameters.tensors():
        if tensor.grad is not None:
            tensor.grad.nan_to_num_(0.0, 0.0, 0.0)
    if parameters.coefficients.grad is not None:
        parameters.coefficients.grad[..., rank:] = 0.0


def settled(course: Sequence[Tensor], tolerance: float) -> bool:
    """Whether no vertebra's best score has fallen by more than the tolerance over the last ``PATIENCE`` steps."""
    if len(course) <= 2 * PATIENCE:
        return False
    before = torch.stack(list(course[:-PATIENCE])).min(0).values
    return bool((before - torch.stack(list(course[-PATIENCE:])).min(0).values < tolerance).all())


def optimiser_of(parameters: Parameters, stage: StageSettings, settings: Settings, cameras: Cameras | None):
    """Adam with a step size for each kind of parameter, falling to a tenth along a cosine."""
    options = settings.fit
    turn = math.radians(options.rotation_deg)
    rates = (turn, options.translation_mm, options.log_scale, options.coefficient, options.presence)
    # Where no mode may move, shapes need no gradient.
    groups = [
        {"params": [tensor.requires_grad_(True)], "lr": stage.rate * rate}
        for tensor, rate in zip(parameters.tensors(), rates, strict=True)
        if stage.rank or tensor is not parameters.coefficients
    ]
    if cameras:
        groups.append({"params": [cameras.moved.requires_grad_(True)], "lr": stage.rate * settings.refinement.rate})
    optimiser = torch.optim.Adam(groups, betas=(0.8, 0.95))
    return optimiser, torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 0.1 + 0.45 * (1 + math.cos(math.pi * step / max(stage.steps, 1)))
    )
