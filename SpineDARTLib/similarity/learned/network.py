"""The network: real pieces of X-ray in once, renderings against them as often as wanted, across any number of views.

The X-ray's features meet the rendering's at every scale of the stem (as a factor and as a summand), because a tenth of
a millimetre is far less than a token, and at two scales under every small shift (``shifts``); then the tokens of all
views attend to each other, each knowing its own ray.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from ...types import LEVELS
from ..filters import blur, halve
from .architecture import Architecture
from .nouns import Encoded, Estimate
from .shifts import Shifts

DEPTH_SCALE = 4.0
"""Optical depth of a rendering is multiplied by this: a vertebra's own is about 0.3 where it shows."""

LOCAL_PX = 6.0
"""The neighbourhood by whose spread the real picture's second channel is divided."""

SHIFTS = (3, 2)
"""Largest shifts at a half and at a quarter of the pictures' scale, in pixels there: 9 and 12 mm."""

LOG_SIGMA = (-3.0, 1.5)
"""Least and most of the logarithm of the deviation that is said."""

START_LOG_MM = 1.0
"""What an untrained network says, about: the logarithm of 2.7 mm."""

FIRST_OF_REGION = ("T5", "T9", "L1")
"""Levels at which the next region's shape model begins."""


def prepare(
    images: Float[Tensor, "*batch height width"], valid: Float[Tensor, "*batch height width"]
) -> Float[Tensor, "*batch 3 height width"]:
    """Two channels that no affine change of the grey values alters (by the piece's spread, by the neighbourhood's), and
    ``valid``."""
    total = valid.sum((-1, -2), keepdim=True).clamp_min(1.0)
    middle = (images * valid).sum((-1, -2), keepdim=True) / total
    centred = (images - middle) * valid
    overall = centred / torch.sqrt(centred.square().sum((-1, -2), keepdim=True) / total + 1e-8)
    overall = overall.clamp(-3.0, 3.0)
    flat = overall.reshape(-1, *overall.shape[-2:])
    around = blur(flat, LOCAL_PX)
    spread = torch.sqrt(blur((flat - around).square(), LOCAL_PX) + 0.01)
    local = ((flat - around) / spread).clamp(-3.0, 3.0).view(overall.shape) * valid
    return torch.stack([overall, local, valid], dim=-3)


class Similarity(nn.Module):
    """Says the distance of renderings from what X-rays show (module docstring).

    Args:
        architecture: sizes.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        architecture.check()
        self.architecture = architecture
        width = architecture.width
        self.real_stem = nn.ModuleList(_halvings(3, architecture.stem))
        self.meet = nn.ModuleList([nn.Conv2d(channels, 2 * channels, 1) for channels in architecture.stem])
        self.real_out = nn.Conv2d(architecture.stem[-1], width, 1)
        self.drawn_stem = nn.ModuleList(_halvings(2, architecture.stem))
        self.drawn_out = nn.Conv2d(architecture.stem[-1], width, 1)
        side = architecture.region_px // architecture.patch
        scales = zip(architecture.stem, SHIFTS, strict=False)
        shifts = [Shifts(channels, reach, side) for channels, reach in scales]
        self.shifts = nn.ModuleList(shifts)
        self.shifts_out = nn.Linear(sum(one.features for one in shifts), width)
        self.place = nn.Parameter(0.02 * torch.randn(architecture.tokens, width))
        self.ray = nn.Sequential(nn.Linear(9, width), nn.GELU(), nn.Linear(width, width))
        self.level, self.region = nn.Embedding(len(LEVELS), width), nn.Embedding(1 + len(FIRST_OF_REGION), width)
        self.real_blocks = nn.ModuleList(_blocks(architecture, architecture.real_depth))
        self.blocks = nn.ModuleList(_blocks(architecture, architecture.depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, 0.0)

    def encode(
        self,
        images: Float[Tensor, "vertebrae views height width"],
        valid: Float[Tensor, "vertebrae views height width"],
        rays: Float[Tensor, "vertebrae views tokens 9"],
        levels: Int[Tensor, " vertebrae"],
        present: Bool[Tensor, "vertebrae views"],
    ) -> Encoded:
        """Take in the real pieces.

        Args:
            images: log-attenuation up to an affine change, bone bright. valid: 1 on the X-ray.
            rays: of the tokens (``regions.token_rays``).
            levels: index in ``LEVELS``.
            present: False where a vertebra has fewer views than others; its numbers are then not looked at.
        """
        vertebrae, views = present.shape
        with _in_full(images.device):
            features = prepare(images, valid).flatten(0, 1)
        maps, shifted, plain = [], [], features[:, 1:]
        for number, (halving, meet) in enumerate(zip(self.real_stem, self.meet, strict=True)):
            features, plain = halving(features), halve(plain)
            maps.append(meet(features).unflatten(0, (vertebrae, views)))
            if (shifts := self._at(number)) is not None:
                shifted.append(shifts.shifted(plain[:, 0], plain[:, 1], features))
        tokens = self.real_out(features).flatten(2).transpose(1, 2) + self.place
        tokens = tokens.unflatten(0, (vertebrae, views)) + self.ray(rays)
        starts = torch.tensor([LEVELS.index(level) for level in FIRST_OF_REGION], device=levels.device)
        query = self.level(levels) + self.region((levels[:, None] >= starts).sum(1))
        for block in self.real_blocks:
            tokens = _attend(block, tokens.flatten(1, 2), present, tokens.shape[2]).view(tokens.shape)
        return Encoded(tuple(maps), tuple(shifted), tokens, query, present)

    def compare(self, encoded: Encoded, drawn: Float[Tensor, "vertebrae states views 2 height width"]) -> Estimate:
        """The distance of each state.

        Args:
            drawn: optical depth of the vertebra on its own, and of all others that show there.
        """
        vertebrae, states, views = drawn.shape[:3]
        features = plain = DEPTH_SCALE * drawn.flatten(0, 2)
        alike = []
        for number, (halving, real) in enumerate(zip(self.drawn_stem, encoded.maps, strict=True)):
            features, plain = halving(features), halve(plain)
            if (shifts := self._at(number)) is not None:
                by_view = [one.unflatten(0, (vertebrae, states, views)).transpose(1, 2) for one in (plain, features)]
                alike.append(shifts(encoded.shifted[number], *(one.flatten(0, 1) for one in by_view)))
            factor, summand = _repeated(real, states).chunk(2, dim=1)
            features = features * (1.0 + factor) + summand
        tokens = self.drawn_out(features).flatten(2).transpose(1, 2).view(vertebrae, states, views, -1, self._width)
        told = self.shifts_out(torch.cat(alike, -1)).unflatten(0, (vertebrae, views)).transpose(1, 2)
        tokens = (tokens + told + encoded.tokens[:, None]).flatten(0, 1)
        query = encoded.query.repeat_interleave(states, 0)[:, None]
        present = encoded.present.repeat_interleave(states, 0)
        # Absent views leave the tokens: nothing of them reaches the answer.
        sequence = torch.cat([query, tokens.flatten(1, 2)], dim=1)
        for block in self.blocks:
            sequence = _attend(block, sequence, present, tokens.shape[2])
        with _in_full(drawn.device):
            said = self.head(self.norm(sequence[:, 0].float()))
        mean, spread = said.view(vertebrae, states, 2).unbind(-1)
        low, high = LOG_SIGMA
        return Estimate(START_LOG_MM + mean, low + (high - low) * torch.sigmoid(spread))

    def forward(self, images: Tensor, valid: Tensor, rays: Tensor, levels: Tensor, present: Tensor, drawn: Tensor):
        """Both at once; what a training calls."""
        return self.compare(self.encode(images, valid, rays, levels, present), drawn)

    def _at(self, scale: int) -> Shifts | None:
        """What looks at shifts at a scale of the stem."""
        return cast(Shifts, self.shifts[scale]) if scale < len(self.shifts) else None

    @property
    def _width(self) -> int:
        return self.architecture.width


def _in_full(device: torch.device) -> torch.autocast:
    """In float32 also where a training multiplies in bfloat16: differences of a hundredth must not be rounded away."""
    return torch.autocast(device.type, enabled=False)


def _halvings(inputs: int, channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for outputs in channels:
        layers.append(nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.GroupNorm(1, outputs), nn.GELU()))
        inputs = outputs
    return layers


def _blocks(architecture: Architecture, depth: int) -> list[nn.Module]:
    return [
        Block(architecture.width, architecture.heads, architecture.mlp, qkv_bias=True, init_values=0.1)
        for _ in range(depth)
    ]


def _repeated(real: Tensor, states: int) -> Tensor:
    """(vertebrae, views, ...) to (vertebrae x states x views, ...)."""
    return real[:, None].expand(-1, states, *real.shape[1:]).flatten(0, 2)


def _attend(block: nn.Module, sequence: Tensor, present: Tensor, tokens: int) -> Tensor:
    """One block over (rows, [1 +] views x tokens, width); tokens of absent views are not attended to."""
    if bool(present.all()):
        return block(sequence)
    seen = present.repeat_interleave(tokens, 1)
    seen = torch.cat([seen.new_ones(len(seen), sequence.shape[1] - seen.shape[1]), seen], dim=1)
    return block(sequence, attn_mask=seen[:, None, None, :])
