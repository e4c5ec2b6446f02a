"""What the network should have said of a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from ..detect.heads import UNIT_PX
from ..detect.network import widened
from .batch import Batch

COUNTS = 0.3
"""Least share seen of a vertebra that must be found; one seen less may be."""
LOOKED_AT = 0.12
"""Least share seen of one whose box is looked into."""


@dataclass(frozen=True)
class DenseTargets:
    """As ``detect.heads.Dense``; cells without weight are not asked.

    Attributes:
        heat: (pictures, rows, columns) 0 to 1, exactly 1 in the cell of a centre.
        heat_weight: (pictures, rows, columns): 0 around vertebrae that may be found or not.
        weight: (pictures, rows, columns) of everything but the heat.
        box, offset, links, link_known: (pictures, rows, columns, 4 | 2 | 4 | 2).
        level: (pictures, rows, columns).
    """

    heat: Tensor
    heat_weight: Tensor
    weight: Tensor
    box: Tensor
    offset: Tensor
    links: Tensor
    link_known: Tensor
    level: Tensor


def dense_targets(batch: Batch, at: Float[Tensor, "rows columns 2"]) -> DenseTargets:
    """Targets in the cells whose middles are ``at``, working pixels."""
    parts = [_of_picture(_only(batch, number), at) for number in range(len(batch.images))]
    return DenseTargets(*(torch.stack([part[i] for part in parts]) for i in range(8)))


def _only(batch: Batch, number: int) -> Batch:
    """The vertebrae of one picture."""
    own = batch.picture == number
    names = ("boxes", "landmarks", "levels", "shares")
    return replace(batch, **{name: getattr(batch, name)[own] for name in names})


def _of_picture(one: Batch, at: Tensor) -> tuple[Tensor, ...]:
    rows, columns, device = *at.shape[:2], at.device
    if not len(one.levels):
        zero = torch.zeros(rows, columns, device=device)
        return (
            zero,
            zero + 1,
            zero,
            *(torch.zeros(rows, columns, n, device=device) for n in (4, 2, 4, 2)),
            zero.long(),
        )
    centres = one.centres()
    sides = (one.boxes[:, 2:] - one.boxes[:, :2]).clamp(min=1.0).prod(1).sqrt()
    sigma = (0.09 * sides).clamp(4.0, 16.0)
    squared = (at[None] - centres[:, None, None]).square().sum(-1)
    bell = torch.exp(-0.5 * squared / sigma[:, None, None].square())
    nearest = squared.flatten(1).argmin(1)
    size_px = at[-1, -1].max() + at[0, 0].min()
    within = ((centres > -4.0) & (centres < size_px + 4.0)).all(1)
    bell.view(len(bell), -1)[torch.arange(len(bell), device=device), nearest] = 1.0
    wanted = (one.shares >= COUNTS) & within
    heat = torch.where(wanted[:, None, None], bell, 0.0).amax(0)
    unsure = torch.where(wanted[:, None, None], 0.0, bell).amax(0)
    owner = torch.where(within[:, None, None], bell, 0.0).argmax(0)
    own = torch.where(within[:, None, None], bell, 0.0).amax(0)
    box = torch.cat([at - one.boxes[owner, :2], one.boxes[owner, 2:] - at], -1) / UNIT_PX
    neighbours, known = _neighbours(one)
    links = (neighbours[owner] - at[:, :, None]) / UNIT_PX
    return (
        heat,
        1.0 - (unsure > 0.3).float() * (heat < 1.0),
        own * (own > 0.3),
        box,
        (centres[owner] - at) / UNIT_PX,
        links.flatten(-2),
        known[owner].float(),
        one.levels[owner],
    )


def _neighbours(one: Batch) -> tuple[Tensor, Tensor]:
    """(n, 2, 2) centres of the vertebrae above and below, and (n, 2) whether they are known."""
    centres = one.centres()
    found, known = [], []
    for step in (-1, 1):
        same = one.levels[:, None] + step == one.levels[None]
        found.append(centres[same.float().argmax(1)])
        known.append(same.any(1))
    return torch.stack(found, 1), torch.stack(known, 1)


@dataclass(frozen=True)
class CropTargets:
    """What is true in boxes as they are cut.

    Attributes:
        rois: (vertebrae, 5) picture, then left, top, right, bottom in edges, for the network.
        index: (vertebrae,) in the batch.
        mask, projection, known: (vertebrae, side, side); known is 0 where the kept picture ended.
        places: (vertebrae, 10, 2) landmarks in the box, 0 to 1.
        located: (vertebrae, 10) whether a landmark is in the exposed field and in the box.
        boxes: (vertebrae, 4) of the vertebrae, in what was cut, 0 to 1.
    """

    rois: Tensor
    index: Tensor
    mask: Tensor
    projection: Tensor
    known: Tensor
    places: Tensor
    located: Tensor
    boxes: Tensor


def crop_targets(batch: Batch, side: int, jitter: Float[Tensor, "vertebrae 4"]) -> CropTargets:
    """Boxes moved by ``jitter`` (shares of their sides), widened and cut as the network will cut them."""
    index = torch.where(batch.shares >= LOOKED_AT)[0]
    boxes, picture = batch.boxes[index], batch.picture[index]
    extent = (boxes[:, 2:] - boxes[:, :2]).clamp(min=4.0)
    cut = widened(boxes + jitter[index] * extent.repeat(1, 2))
    cut = torch.cat([cut[:, :2], torch.maximum(cut[:, 2:], cut[:, :2] + 4.0)], 1)
    line = (torch.arange(side, device=boxes.device) + 0.5) / side
    cell = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    span = cut[:, None, None, 2:] - cut[:, None, None, :2]
    # Boxes are spanned by pixel coordinates, integer at centres; so are the places of the cells.
    pixels = cut[:, None, None, :2] + cell * span
    kept = (
        pixels @ batch.to_kept[picture][:, None, :, :2].transpose(-1, -2) + batch.to_kept[picture][:, None, None, :, 2]
    )
    own = batch.kept_boxes[index][:, None, None]
    grid = 2.0 * (kept - own[..., :2]) / (own[..., 2:] - own[..., :2]) - 1.0
    found = grid_sample(batch.crops[index], grid, align_corners=False)
    field = batch.fields[picture][:, None, None]
    known = ((kept > field[..., :2]) & (kept < field[..., 2:])).all(-1)
    places = (batch.landmarks[index] - cut[:, None, :2]) / span[:, 0]
    located = (batch.visibility[index] > 0) & (places > 0.0).all(-1) & (places < 1.0).all(-1)
    rois = torch.cat([picture[:, None].float(), cut + 0.5], 1)
    true = ((boxes.unflatten(1, (2, 2)) - cut[:, None, :2]) / span[:, 0]).flatten(1)
    return CropTargets(rois, index, found[:, 0], found[:, 1], known.float(), places, located.float(), true)
