"""How far around a start is looked: the spread of the starts and the prior on the pose.

A click says some mm, the same for every vertebra. What was detected says it for each: the likeliest pose from landmarks
has a covariance. Both together are surer than either, so a start that is known well is sought in a smaller space.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..config import FitSettings, Settings
from .objective import Prior
from .scene import Parameters

CLICK_MM = 3.0
CLICK_DEG = 8.0
"""How far a start from clicks may be off; what a start knows of itself can only make it less."""

LEAST_MM = 1.5
LEAST_DEG = 4.0
LEAST_LOG_SCALE = 0.02
"""How far any start may be off, however sure: what a detector gets wrong of a whole vertebra its covariances miss."""

NEIGHBOUR_MM = 6.0
NEIGHBOUR_DEG = 12.0
"""Of an unasked neighbour, whose place is a guess."""

COLUMN_SIZES = (0.08, 0.02)
"""Deviations of the logarithm of size: of a whole column, and of one vertebra from its column. Neighbours' sizes,
against those usual at their levels, differ by 1.8 per cent (39 links of five people with a CT, the models fitted to
their surfaces), so each is off by 1.3."""


def prior_of(
    nominal: Parameters, asked: Sequence[bool], covariances: Sequence[np.ndarray | None], options: FitSettings
) -> Prior:
    """Where the vertebrae may be, before the pictures were looked at.

    Args:
        nominal: one start.
        asked: of each vertebra, whether it was asked for.
        covariances: (7, 7) of each start's shift (RAS mm), turn (rad) and log scale; None where it does not know.
    """
    white, turns = [], []
    for known, covariance in zip(asked, covariances, strict=True):
        place = (CLICK_MM if known else NEIGHBOUR_MM) ** 2 * np.eye(3)
        turn = math.radians(CLICK_DEG if known else NEIGHBOUR_DEG) ** 2 * np.eye(3)
        if covariance is not None and options.start_inflation > 0:
            wider = _wider(covariance, options)
            place, turn = _both(place, wider[:3, :3]), _both(turn, wider[3:6, 3:6])
        white.append(np.linalg.inv(np.linalg.cholesky(place)))
        turns.append(math.sqrt(np.trace(turn) / 3))
    like = nominal.translation_mm
    return Prior(
        like[0], nominal.base_rotation[0], like.new_tensor(np.stack(white)), like.new_tensor(turns), COLUMN_SIZES
    )


def factors_of(
    nominal: Parameters, covariances: Sequence[np.ndarray | None], options: FitSettings
) -> Float[Tensor, "vertebrae 7 7"]:
    """For each vertebra, what makes standard normal numbers into shifts (mm) and turns (rad) along and about its own
    axes and changes of the log scale."""
    fixed = np.r_[options.start_translation_mm, np.deg2rad(options.start_rotation_deg), options.start_log_scale]
    rotations = nominal.base_rotation[0].double().cpu().numpy()
    factors = []
    for rotation, covariance in zip(rotations, covariances, strict=True):
        factor = np.diag(fixed)
        if covariance is not None and options.start_inflation > 0:
            own = np.eye(7)
            own[:3, :3] = rotation.T
            factor = np.linalg.cholesky(_both(factor**2, own @ _wider(covariance, options) @ own.T))
        factors.append(factor)
    return nominal.translation_mm.new_tensor(np.stack(factors))


def spread(nominal: Parameters, count: int, settings: Settings, factors: Tensor | None = None) -> Parameters:
    """The nominal start and ``count - 1`` others around it, independent for every vertebra, in opposite pairs.

    Args:
        factors: of ``factors_of``, for the first half of them; the others, and all when None, are spread as if nothing
            was known of the starts: one may be sure and wrong.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    vertebrae = nominal.log_scale.shape[1]
    plain = factors_of(nominal, [None] * vertebrae, settings.fit)
    draws = torch.randn(((count + 1) // 2, vertebrae, 7), generator=generator).to(nominal.log_scale)
    draws = torch.cat([torch.zeros_like(draws[:1]), torch.stack([draws, -draws], dim=1).flatten(0, 1)])[:count]
    near = (torch.arange(count, device=draws.device) <= count // 2)[:, None, None, None]
    moved = (torch.where(near, plain if factors is None else factors, plain) @ draws[..., None])[..., 0]
    base = nominal.base_rotation.expand(count, -1, -1, -1)
    return Parameters(
        base.clone(),
        (base @ moved[..., 3:6, None])[..., 0],
        nominal.translation_mm + (base @ moved[..., :3, None])[..., 0],
        nominal.log_scale + moved[..., 6],
        nominal.coefficients.repeat(count, 1, 1),
        nominal.presence.repeat(count, 1),
    ).rebased()


def _wider(covariance: np.ndarray, options: FitSettings) -> np.ndarray:
    """(7, 7) what a start says of itself, not taken at its word."""
    least = np.r_[np.full(3, LEAST_MM), np.deg2rad(np.full(3, LEAST_DEG)), LEAST_LOG_SCALE]
    return options.start_inflation**2 * covariance + np.diag(least**2)


def _both(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The covariance of what two independent sources say together."""
    return np.linalg.inv(np.linalg.inv(one) + np.linalg.inv(other))
