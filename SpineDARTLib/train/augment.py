"""Variation of a batch, on the device that computes: geometry first, then what may lie over it, then grey values.

Pictures are held with the patient's right on the left (``detect.canonical``). A mirrored picture is therefore one of a
mirrored patient: what was left is then called right, and it still lies on the same side of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate

from .batch import Batch

MIRRORED = (0, 1, 2, 3, 5, 4, 7, 6, 8, 9)
"""Order of the landmarks in a mirrored patient: left and right pedicle, left and right transverse process."""


@dataclass(frozen=True)
class Augmentation:
    """How far pictures are varied; shares are of the pictures.

    Attributes:
        turn_deg: standard deviation of a turn; ``far_share`` are turned by up to ``far_deg`` either way.
        log_scale: standard deviation of the size.
        shift: half the range of a shift, share of the side.
        mirrored: share of mirrored patients.
        gamma: standard deviation of the logarithm of a power on the grey values.
        inverted: share whose polarity is wrong.
        noise: most noise's standard deviation, of the picture's spread.
        blurred, collimated, covered, shaded: share that is blurred, cut by blades, covered by a bar of one grey value,
            brightened to one side.
        emptied: share that is noise and clouds in place of a patient: nothing is to be found there.
    """

    turn_deg: float = 6.0
    far_share: float = 0.1
    far_deg: float = 45.0
    log_scale: float = 0.14
    shift: float = 0.1
    mirrored: float = 0.5
    gamma: float = 0.3
    inverted: float = 0.1
    noise: float = 0.06
    blurred: float = 0.2
    collimated: float = 0.25
    covered: float = 0.2
    shaded: float = 0.4
    emptied: float = 0.03


class Draw:
    """Random numbers of one batch: the same on every device, because they are drawn on the CPU."""

    def __init__(self, seed: int, device: str) -> None:
        self._generator, self._device = torch.Generator().manual_seed(seed), device

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return (low + (high - low) * torch.rand(shape, generator=self._generator)).to(self._device)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator).to(self._device)

    def chance(self, count: int, share: float) -> Tensor:
        """(count,) bool."""
        return self.uniform(count) < share


def augment(batch: Batch, settings: Augmentation, seed: int) -> Batch:
    """A varied batch; the same seed gives the same one."""
    draw = Draw(seed, str(batch.images.device))
    moved = _move(batch, settings, draw)
    spread = (moved.images.flatten(1).std(1) + 1e-6)[:, None, None]
    middle = moved.images.flatten(1).mean(1)[:, None, None]
    images, shares = _cover(moved, (moved.images - middle) / spread, settings, draw)
    empty = draw.chance(len(images), settings.emptied)
    images = torch.where(empty[:, None, None], _clouds(images, draw), images)
    return replace(moved, images=vary_grey(images, settings, draw), shares=shares * ~empty[moved.picture])


def _clouds(images: Tensor, draw: Draw) -> Float[Tensor, "pictures height width"]:
    """Pictures of nothing, coarse and fine."""
    found = torch.zeros_like(images)
    for cells in (4, 16, 64):
        coarse = draw.normal(len(images), 1, cells, cells) * draw.uniform(len(images), 1, 1, 1)
        found = found + interpolate(coarse, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    return found


def _move(batch: Batch, settings: Augmentation, draw: Draw) -> Batch:
    """Turned, scaled, shifted, mirrored."""
    pictures, size = len(batch.images), batch.images.shape[-1]
    angle = torch.deg2rad(
        torch.where(
            draw.chance(pictures, settings.far_share),
            draw.uniform(pictures, low=-settings.far_deg, high=settings.far_deg),
            settings.turn_deg * draw.normal(pictures),
        )
    )
    scale = torch.exp(settings.log_scale * draw.normal(pictures))
    shift = draw.uniform(pictures, 2, low=-settings.shift * size, high=settings.shift * size)
    mirror = torch.where(draw.chance(pictures, settings.mirrored), -1.0, 1.0)
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    linear = torch.stack([torch.stack([mirror * cosine, -mirror * sine], 1), torch.stack([sine, cosine], 1)], 1)
    middle = (size - 1) / 2
    offset = middle + shift - (linear @ torch.full((2, 1), middle, device=linear.device))[..., 0]
    return moved_by(batch, torch.cat([linear, offset[..., None]], 2))


def moved_by(batch: Batch, to_kept: Float[Tensor, "pictures 2 3"]) -> Batch:
    """The batch resampled through the maps from new pixels to the kept ones."""
    size = batch.images.shape[-1]
    line = torch.arange(size, device=to_kept.device, dtype=torch.float32)
    pixels = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    source = pixels @ to_kept[:, None, :, :2].transpose(-1, -2) + to_kept[:, None, None, :, 2]
    grid = (2.0 * source + 1.0) / size - 1.0
    images = grid_sample(batch.images[:, None], grid, padding_mode="border", align_corners=False)[:, 0]
    back = torch.linalg.inv(to_kept[:, :, :2])
    own, start = back[batch.picture], to_kept[batch.picture, :, 2]
    landmarks = (batch.landmarks - start[:, None]) @ own.transpose(-1, -2)
    swapped = (torch.linalg.det(to_kept[:, :, :2]) < 0)[batch.picture]
    order = torch.tensor(MIRRORED, device=landmarks.device)
    return replace(
        batch,
        images=images,
        landmarks=torch.where(swapped[:, None, None], landmarks[:, order], landmarks),
        visibility=torch.where(swapped[:, None], batch.visibility[:, order], batch.visibility),
        boxes=_tight(batch, own, start),
        to_kept=to_kept,
    )


def _tight(batch: Batch, back: Tensor, start: Tensor) -> Float[Tensor, "vertebrae 4"]:
    """Boxes around the moved silhouettes; around the moved boxes where the kept picture cut the silhouette."""
    inside = avg_pool2d(batch.crops[:, :1], 4)[:, 0].flatten(1) > 0.2
    side = batch.crops.shape[-1] // 4
    line = (torch.arange(side, device=back.device) + 0.5) / side
    cell = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).flatten(0, 1)
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], device=back.device)
    extent = (batch.boxes[:, 2:] - batch.boxes[:, :2])[:, None]

    def carried(shares: Tensor) -> Tensor:
        return (batch.boxes[:, None, :2] + shares * extent - start[:, None]) @ back.transpose(-1, -2)

    points = carried(cell.expand(len(back), -1, 2))
    low = torch.where(inside[..., None], points, torch.inf).amin(1) - 0.4 * extent[:, 0] / side
    high = torch.where(inside[..., None], points, -torch.inf).amax(1) + 0.4 * extent[:, 0] / side
    tight, loose = torch.cat([low, high], 1), carried(corners.expand(len(back), 4, 2))
    loose = torch.cat([loose.amin(1), loose.amax(1)], 1)
    field = batch.fields[batch.picture]
    cut = (batch.boxes[:, :2] < field[:, :2]).any(1) | (batch.boxes[:, 2:] > field[:, 2:]).any(1) | ~inside.any(1)
    return torch.where(cut[:, None], loose, tight)


def _cover(batch: Batch, images: Tensor, settings: Augmentation, draw: Draw) -> tuple[Tensor, Tensor]:
    """Blades and bars over the pictures, and what share of each vertebra is then still seen."""
    pictures, size = len(images), images.shape[-1]
    line = torch.arange(size, device=images.device) / size
    x, y = line[None, None, :], line[None, :, None]

    def column(low: float, high: float) -> Tensor:
        return draw.uniform(pictures, 1, 1, low=low, high=high)

    left, top, right, bottom = column(-0.2, 0.3), column(-0.2, 0.25), column(0.7, 1.2), column(0.75, 1.2)
    open_field = (x > left) & (x < right) & (y > top) & (y < bottom)
    open_field |= ~draw.chance(pictures, settings.collimated)[:, None, None]
    images = torch.where(open_field, images, column(-2.5, 2.5) + 0.05 * draw.normal(pictures, 1, 1))
    turn = column(0.0, torch.pi)
    across = (x - column(0.1, 0.9)) * torch.cos(turn) + (y - column(0.1, 0.9)) * torch.sin(turn)
    bar = (across.abs() < column(0.005, 0.03)) & draw.chance(pictures, settings.covered)[:, None, None]
    images = torch.where(bar, 0.3 * images + column(0.5, 3.0), images)
    return images, batch.shares * _still_open(batch, open_field)


def _still_open(batch: Batch, open_field: Tensor) -> Float[Tensor, " vertebrae"]:
    """The share of each vertebra's box, weighted by its silhouette's, that blades and border leave."""
    size, side = open_field.shape[-1], 12
    line = (torch.arange(side, device=open_field.device) + 0.5) / side
    cell = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).flatten(0, 1)
    extent = (batch.boxes[:, 2:] - batch.boxes[:, :2])[:, None]
    u, v = (batch.boxes[:, None, :2] + cell * extent).round().long().unbind(-1)
    inside = (u >= 0) & (u < size) & (v >= 0) & (v < size)
    seen = open_field[batch.picture[:, None], v.clamp(0, size - 1), u.clamp(0, size - 1)] & inside
    before = batch.shares.clamp(min=0.05)
    return (seen.float().mean(1) / before).clamp(max=1.0)


def vary_grey(images: Tensor, settings: Augmentation, draw: Draw) -> Tensor:
    """Tone, shading, blur, noise and polarity; images are about 0 with spread 1."""
    pictures, size = len(images), images.shape[-1]
    power = torch.exp(settings.gamma * draw.normal(pictures))[:, None, None]
    low, high = images.amin((1, 2), keepdim=True), images.amax((1, 2), keepdim=True)
    unit = (images - low) / (high - low).clamp(min=1e-6)
    images = unit.pow(power) * (high - low)
    shade = interpolate(draw.normal(pictures, 1, 3, 3), (size, size), mode="bilinear", align_corners=True)[:, 0]
    images = images + 0.5 * shade * draw.chance(pictures, settings.shaded)[:, None, None]
    soft = avg_pool2d(images[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
    images = torch.where(draw.chance(pictures, settings.blurred)[:, None, None], soft, images)
    noise = draw.uniform(pictures, 1, 1, high=settings.noise)
    # One field of noise, shifted from picture to picture: drawing one for each costs more than the network's forward.
    field = draw.normal(size, size)
    rolled = torch.stack([torch.roll(field, (37 * i, 91 * i), (0, 1)) for i in range(pictures)])
    images = images + noise * rolled
    sign = torch.where(draw.chance(pictures, settings.inverted), -1.0, 1.0)[:, None, None]
    return sign * images
