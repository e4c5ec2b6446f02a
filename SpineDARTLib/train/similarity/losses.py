"""What the network says against what is true: of each state, and of the differences between states.

A fit follows differences. Of the line from a state towards the truth, and of one aside, the predicted change must have
the true change's sign and size; that asks for the gradient's direction without a second derivative.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import huber_loss, softplus

from ...similarity.learned.nouns import Estimate
from .settings import LossWeights

LEAST_MM = 0.1
"""Nearer than this all states are alike: a rendering cannot tell."""
TELLING = 0.3
"""Difference of log mm from which on a wrong sign counts in full."""
STEEP = 8.0


def true_log_mm(distances_mm: Tensor) -> Tensor:
    """The logarithm of the distance, with a floor that is smooth."""
    return torch.log(torch.sqrt(distances_mm.square() + LEAST_MM**2))


def likelihood_loss(estimate: Estimate, distances_mm: Tensor) -> Tensor:
    """Mean negative logarithm of the normal density of the logarithm of the distance (less a constant)."""
    off = (true_log_mm(distances_mm) - estimate.log_mm) * torch.exp(-estimate.log_sigma)
    return (0.5 * off.square().clamp(max=50.0) + estimate.log_sigma).mean()


def difference_losses(estimate: Estimate, distances_mm: Tensor) -> tuple[Tensor, Tensor]:
    """Size and sign of the differences between the first state and all others.

    Returns:
        Huber loss of the difference of log mm relative to the true one's own size, and the logistic loss of its sign.
    """
    true = true_log_mm(distances_mm)
    wanted, said = true[:, 1:] - true[:, :1], estimate.log_mm[:, 1:] - estimate.log_mm[:, :1]
    scale = wanted.abs() + 0.1
    size = huber_loss(said / scale, wanted / scale, delta=1.0)
    weight = (wanted.abs() / TELLING).clamp(max=1.0)
    sign = softplus(-STEEP * said * wanted.sign()) * weight
    return size, sign.sum() / weight.sum().clamp_min(1e-6)


def losses(estimate: Estimate, distances_mm: Tensor) -> dict[str, Tensor]:
    """All of them, unweighted."""
    size, sign = difference_losses(estimate, distances_mm)
    return {"likelihood": likelihood_loss(estimate, distances_mm), "difference": size, "sign": sign}


def weighted(parts: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Their sum."""
    return torch.stack([getattr(weights, name) * value for name, value in parts.items()]).sum()
