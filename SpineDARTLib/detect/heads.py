"""What stands on the features: where vertebrae are, what is in each one's box, and which level each is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import grid_sample
from torchvision.ops import roi_align

from ..types import LEVELS
from .architecture import Architecture

LANDMARKS = 10
STRIDE = 8
"""Of the maps that say where vertebrae are."""
UNIT_PX = 32.0
"""What boxes, offsets and links are measured in, so that they are about 1."""


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A convolution of 3 by 3, normalised within each picture: batches are small."""
    groups = max(outputs // 16, 1)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.GroupNorm(groups, outputs), nn.GELU())


@dataclass(frozen=True)
class Dense:
    """What each cell of 8 by 8 pixels says of the vertebra whose body's centre is nearest.

    Attributes:
        heat: (pictures, rows, columns) logit that the centre is here.
        box: (pictures, 4, rows, columns) distances to left, top, right, bottom, in ``UNIT_PX``.
        offset: (pictures, 2, rows, columns) to the body's centre.
        links: (pictures, 4, rows, columns) to the centre of the neighbour above and of the one below.
        level: (pictures, 17, rows, columns) logits.
    """

    heat: Tensor
    box: Tensor
    offset: Tensor
    links: Tensor
    level: Tensor


@dataclass(frozen=True)
class Crops:
    """What is seen in each vertebra's box, stretched to (side, side).

    Attributes:
        mask: (vertebrae, side, side) logit of the whole vertebra's silhouette.
        projection: (vertebrae, side, side) its own line integral.
        heat: (vertebrae, 10, side, side) logits of each landmark's place.
        mean: (vertebrae, 10, 2) place (x, y) in the box, 0 to 1.
        factor: (vertebrae, 10, 3) lower Cholesky factor xx, yx, yy of the place's covariance, in the box's units.
        visible: (vertebrae, 10) logit that the landmark can be seen.
        share: (vertebrae,) logit of how much of the vertebra is in the exposed field.
        summary: (vertebrae, channels) for ``LevelHead``.
        box: (vertebrae, 4) left, top, right, bottom of the vertebra in what was cut, 0 to 1.
    """

    mask: Tensor
    projection: Tensor
    heat: Tensor
    mean: Tensor
    factor: Tensor
    visible: Tensor
    share: Tensor
    summary: Tensor
    box: Tensor


class DenseHead(nn.Module):
    """Features at stride 8 to ``Dense``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(block(channels, channels), block(channels, channels))
        self.out = nn.Conv2d(channels, 1 + 4 + 2 + 4 + len(LEVELS), 1)
        nn.init.normal_(self.out.weight, std=0.01)
        bias = torch.zeros(1 + 4 + 2 + 4 + len(LEVELS))
        bias[0], bias[1:5] = -3.0, 1.5  # few cells hold a centre; boxes reach 1.5 units to each side
        self.out.bias = nn.Parameter(bias)

    def forward(self, features: Float[Tensor, "pictures channels rows columns"]) -> Dense:
        heat, box, offset, links, level = self.out(self.body(features)).float().split((1, 4, 2, 4, len(LEVELS)), 1)
        return Dense(heat[:, 0], box, offset, links, level)


class Hourglass(nn.Module):
    """A box's features at three sizes, so that each place in it knows of the whole box and where in it it lies.

    Args:
        channels: of what goes out; twice as many come in.
        least: side of the smallest size, a quarter of what comes in.
    """

    def __init__(self, channels: int, least: int) -> None:
        super().__init__()
        middle, wide = 3 * channels // 2, 2 * channels
        self.inward = block(2 * channels, channels)
        self.halve = block(channels, middle, 2)
        self.quarter = block(middle, wide, 2)
        self.place = nn.Parameter(0.1 * torch.randn(1, wide, least, least))
        self.whole = nn.Sequential(block(wide, wide), block(wide, wide))
        self.narrow = nn.ModuleList([nn.Conv2d(wide, middle, 1), nn.Conv2d(middle, channels, 1)])
        self.blend = nn.ModuleList([block(middle, middle), block(channels, channels)])
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, features: Float[Tensor, "boxes channels side side"]) -> tuple[Tensor, Tensor]:
        """(boxes, channels / 2, side, side) with all sizes blended, and the smallest size alone."""
        first = self.inward(features)
        second = self.halve(first)
        deep = least = self.whole(self.quarter(second) + self.place)
        for narrow, blend, beside in zip(self.narrow, self.blend, (second, first), strict=True):
            deep = blend(self.up(narrow(deep)) + beside)
        return deep, least


class CropHead(nn.Module):
    """A vertebra's box, cut from the features and from the picture itself, to ``Crops``."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels, self.side, self.patch = architecture.channels, architecture.crop_px, architecture.patch
        fine = max(channels // 4, 8)
        self.fine = block(2, fine, 2)
        self.coarse = block(fine, channels, 2)
        self.hourglass = Hourglass(channels, architecture.crop_px // 8)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.last = nn.Sequential(block(channels + fine, channels // 2), block(channels // 2, channels // 2))
        self.out = nn.Conv2d(channels // 2, 2 + LANDMARKS, 1)
        self.dense = nn.Conv2d(channels, 4 * LANDMARKS, 1)
        self.share = nn.Linear(2 * channels, 1)
        self.box = nn.Linear(2 * channels * (self.side // 8) ** 2, 4)
        nn.init.normal_(self.box.weight, std=0.001)
        self.box.bias = nn.Parameter(torch.tensor([0.1, 0.1, 0.9, 0.9]))

    def forward(
        self,
        features: Float[Tensor, "pictures channels rows columns"],
        prepared: Float[Tensor, "pictures 2 height width"],
        rois: Float[Tensor, "vertebrae 5"],
    ) -> Crops:
        """``rois``: number of the picture, then left, top, right, bottom in working pixels (edges, not centres)."""
        side = self.side
        fine = self.fine(roi_align(prepared.float(), rois, 2 * side, 1.0, 2, aligned=True))
        seen = roi_align(features.float(), rois, side // 2, 1 / self.patch, 2, aligned=True)
        middle, least = self.hourglass(torch.cat([seen.to(fine.dtype), self.coarse(fine)], 1))
        pictures = self.out(self.last(torch.cat([self.up(middle), fine], 1))).float()
        heat = pictures[:, 2:]
        chance = heat.flatten(2).softmax(-1)
        grid = (torch.arange(side, device=heat.device) + 0.5) / side
        flat = chance.unflatten(2, (side, side))
        mean = torch.stack([(flat.sum(2) * grid).sum(-1), (flat.sum(3) * grid).sum(-1)], -1)
        about = nn.functional.avg_pool2d(flat, 2) * 4
        said = (self.dense(middle).float().unflatten(1, (LANDMARKS, 4)) * about[:, :, None]).sum((-1, -2))
        wide, high = (said[..., place].clamp(-3.0, 2.5).exp() for place in (0, 2))
        factor = 0.05 * torch.stack([wide, said[..., 1].clamp(-8.0, 8.0), high], -1)
        summary = torch.cat([middle.mean((2, 3)), middle.amax((2, 3))], 1).float()
        share = self.share(summary)[:, 0].float()
        box = self.box(least.flatten(1)).float()
        return Crops(pictures[:, 0], pictures[:, 1], heat, mean, factor, said[..., 3], share, summary, box)


class LevelHead(nn.Module):
    """Which level each is: the vertebrae of a picture look at each other, at their order and at what is around."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.token
        self.inward = nn.Linear(3 * architecture.channels + len(LEVELS) + 6, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.among = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(width, len(LEVELS))

    def forward(
        self,
        crops: Crops,
        dense: Dense,
        wide: Float[Tensor, "pictures channels rows columns"],
        rois: Float[Tensor, "vertebrae 5"],
        size_px: int,
    ) -> Float[Tensor, "vertebrae 17"]:
        """Logits; ``wide`` are the coarsest features."""
        picture, boxes = rois[:, 0].long(), rois[:, 1:] / size_px
        middle, extent = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        local = sample_at(dense.level, picture, middle)
        around = sample_at(wide.float(), picture, middle)
        place = torch.cat([middle, extent, boxes[:, 1:2], boxes[:, 3:4]], 1)
        tokens = self.inward(torch.cat([crops.summary, around, local, 4.0 * place], 1))
        padded, where, absent = _pad(tokens, picture, len(dense.heat))
        return self.out(self.among(padded, src_key_padding_mask=absent)[picture, where]).float() + local


def sample_at(
    maps: Float[Tensor, "pictures channels rows columns"],
    picture: Int[Tensor, " points"],
    places: Float[Tensor, "points 2"],
) -> Float[Tensor, "points channels"]:
    """What maps hold at places (x, y), 0 to 1 across the picture."""
    found = []
    for number in range(len(maps)):
        grid = (2.0 * places[picture == number] - 1.0)[None, None]
        found.append(
            grid_sample(maps[number : number + 1], grid, padding_mode="border", align_corners=False)[0, :, 0].T
        )
    order = torch.argsort(picture, stable=True)
    return torch.cat(found)[torch.argsort(order)]


def _pad(tokens: Tensor, picture: Tensor, pictures: int) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens by picture (pictures, most, width), each token's place in its picture, and what is padding."""
    same = picture[:, None] == picture[None]
    where = torch.tril(same, -1).sum(1)
    most = int(where.max()) + 1 if len(where) else 1
    padded = tokens.new_zeros(pictures, most, tokens.shape[1])
    padded[picture, where] = tokens
    absent = torch.ones(pictures, most, dtype=torch.bool, device=tokens.device)
    absent[picture, where] = False
    absent[:, 0] = False  # a picture without vertebrae attends to one empty token: nothing to normalise is NaN
    return padded, where, absent
