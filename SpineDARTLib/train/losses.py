"""How far the network's words are from the targets."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    smooth_l1_loss,
)

from ..detect.heads import Crops, Dense
from .batch import Batch
from .targets import CropTargets, DenseTargets

WEIGHTS = {
    "heat": 1.0, "box": 0.6, "offset": 1.0, "links": 0.2, "level_dense": 0.2,
    "mask": 1.0, "projection": 4.0, "place": 6.0, "heatmap": 0.25, "spread": 0.1, "visible": 0.2, "share": 0.2,
    "level": 0.6, "refined": 4.0,
}  # fmt: skip
POSTERIOR = slice(4, 10)
POSTERIOR_WEIGHT = 1.5
"""Yu et al.: pedicles and processes tell the pose better than the body does, and are harder to see."""
HEATMAP_SIGMA = 0.03
"""Of the box's side."""


def dense_losses(said: Dense, wanted: DenseTargets) -> dict[str, Tensor]:
    """Where vertebrae are. The heat's is the penalty-reduced focal loss of Zhou, Objects as Points, 2019."""
    total = wanted.weight.sum().clamp(min=1.0)

    def mean(error: Tensor, weight: Tensor = wanted.weight) -> Tensor:
        return (error * weight).sum() / weight.sum().clamp(min=1.0)

    def l1(value: Tensor, target: Tensor) -> Tensor:
        return smooth_l1_loss(value.permute(0, 2, 3, 1), target, reduction="none", beta=0.1)

    linked = l1(said.links, wanted.links).unflatten(-1, (2, 2)).mean(-1)
    logits = said.level.permute(0, 2, 3, 1).flatten(0, 2)
    level = cross_entropy(logits, wanted.level.flatten(), reduction="none")
    return {
        "heat": focal(said.heat, wanted.heat, wanted.heat_weight),
        "box": mean(l1(said.box, wanted.box).mean(-1)),
        "offset": mean(l1(said.offset, wanted.offset).mean(-1)),
        "links": mean(linked, wanted.weight[..., None] * wanted.link_known),
        "level_dense": (level * wanted.weight.flatten()).sum() / total,
    }


def focal(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Summed over the cells, divided by the number of vertebrae."""
    chance = logits.sigmoid().clamp(1e-5, 1 - 1e-5)
    there = target >= 1.0
    hit = torch.where(there, (1 - chance).square() * chance.log(), 0.0)
    miss = torch.where(there, 0.0, (1 - target).pow(4) * chance.square() * (1 - chance).log())
    return -((hit + miss) * weight).sum() / there.sum().clamp(min=1)


def crop_losses(said: Crops, level: Tensor, wanted: CropTargets, batch: Batch) -> dict[str, Tensor]:
    """What is in the boxes."""
    known, index = wanted.known, wanted.index
    area = known.sum((1, 2)).clamp(min=1.0)
    cross = (binary_cross_entropy_with_logits(said.mask, wanted.mask, reduction="none") * known).sum((1, 2)) / area
    chance = said.mask.sigmoid() * known
    both, either = (chance * wanted.mask).sum((1, 2)), (chance + wanted.mask * known).sum((1, 2))
    dice = 1 - (2 * both + 1) / (either + 1)
    steps = sum((_step(said.projection, axis) - _step(wanted.projection, axis)).abs().mean((1, 2)) for axis in (1, 2))
    projection = ((said.projection - wanted.projection).abs() * known).sum((1, 2)) / area + steps
    visibility = (batch.visibility[index] == 2).float()
    return {
        "mask": (cross + dice).mean(),
        "projection": projection.mean(),
        **_landmark_losses(said, wanted),
        "visible": binary_cross_entropy_with_logits(said.visible, visibility),
        "share": binary_cross_entropy_with_logits(said.share, batch.shares[index]),
        "level": cross_entropy(level, batch.levels[index]),
        "refined": smooth_l1_loss(said.box, wanted.boxes, beta=0.02),
    }


def _step(values: Tensor, axis: int) -> Tensor:
    """Differences between neighbouring pixels, of one shape for both axes."""
    return values.diff(dim=axis)[:, : values.shape[1] - 1, : values.shape[2] - 1]


def _landmark_losses(said: Crops, wanted: CropTargets) -> dict[str, Tensor]:
    """Of the mean place, of the heatmap that it is the mean of, and of the covariance.

    The covariance answers for the mean as it is (no gradient goes back to the mean: a place that is hard to find would
    otherwise be given up), by the normal distribution's likelihood, whose square is cut off where a landmark was
    mistaken for another.
    """
    weight = wanted.located.clone()
    weight[:, POSTERIOR] *= POSTERIOR_WEIGHT
    total = weight.sum().clamp(min=1.0)
    place = smooth_l1_loss(said.mean, wanted.places, reduction="none", beta=0.02).sum(-1)
    side = said.heat.shape[-1]
    line = (torch.arange(side, device=weight.device) + 0.5) / side
    x = torch.exp(-0.5 * ((line - wanted.places[..., :1]) / HEATMAP_SIGMA).square())
    y = torch.exp(-0.5 * ((line - wanted.places[..., 1:]) / HEATMAP_SIGMA).square())
    bell = (y[..., :, None] * x[..., None, :]).flatten(2)
    bell = bell / bell.sum(-1, keepdim=True).clamp(min=1e-6)
    heatmap = -(bell * said.heat.flatten(2).log_softmax(-1)).sum(-1)
    off = wanted.places - said.mean.detach()
    xx, yx, yy = said.factor.unbind(-1)
    first = off[..., 0] / xx
    second = (off[..., 1] - yx * first) / yy
    spread = 0.5 * (first.square() + second.square()).clamp(max=18.0) + xx.log() + yy.log()
    errors = {"place": place, "heatmap": heatmap, "spread": spread}
    return {name: (error * weight).sum() / total for name, error in errors.items()}


def total_loss(parts: dict[str, Tensor]) -> Tensor:
    """The weighted sum."""
    return torch.stack([WEIGHTS[name] * value for name, value in parts.items()]).sum()
