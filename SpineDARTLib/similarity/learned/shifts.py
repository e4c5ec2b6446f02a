"""How alike X-ray and rendering are under every small shift: a cost volume, as networks for optical flow have it
(Dosovitskiy et al. 2015; Teed and Deng 2020).

A network that sees two pictures has to find out by itself that displacements are what tells their difference; this says
it from the first step. For each token and shift: the normalised correlation of gradients (of all that is drawn, and of
the vertebra on its own) and of learned features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, unfold

from ..filters import gradient

LEARNED = 6
"""Channels of learned features."""
GROUPS = (2, 2, LEARNED)
"""Channels of: gradients of all that is drawn, of the vertebra on its own, learned features."""
LEAST_ENERGY = 1e-3
"""Added to sums of squares over a token, so that where nothing is drawn nothing is alike; an edge has about 0.1."""
LOG_SCALE = 4.0
"""Logarithms of sums of squares are divided by this: about as large as the correlations then."""


@dataclass(frozen=True)
class Shifted:
    """The X-ray under every shift, for each group of channels.

    Attributes:
        windows: (pictures x tokens, channels x cells, shifts). energies: (pictures x tokens, shifts).
    """

    windows: tuple[Tensor, ...]
    energies: tuple[Tensor, ...]


class Shifts(nn.Module):
    """One scale.

    Args:
        channels: of the stem's features there. reach: largest shift, cells. side: tokens along an edge.
    """

    def __init__(self, channels: int, reach: int, side: int) -> None:
        super().__init__()
        self.reach, self.side = reach, side
        self.real, self.drawn = (nn.Conv2d(channels, LEARNED, 1) for _ in range(2))
        self.features = 2 * len(GROUPS) * (2 * reach + 1) ** 2 + len(GROUPS)

    def shifted(
        self,
        picture: Float[Tensor, "pictures height width"],
        valid: Float[Tensor, "pictures height width"],
        features: Float[Tensor, "pictures channels height width"],
    ) -> Shifted:
        """Of the X-rays, once a fit. ``picture`` and ``valid`` are at the features' scale."""
        edges = gradient(picture) * (avg_pool2d(valid, 3, 1, 1) > 0.99)[:, None]
        windows, energies = [], []
        for one in torch.cat([edges, edges, self.real(features)], 1).split(GROUPS, dim=1):
            count = (2 * self.reach + 1) ** 2
            columns = unfold(one, 2 * self.reach + 1, padding=self.reach)
            columns = columns.view(len(one), -1, count, *one.shape[-2:])
            window = self._by_token(columns.transpose(1, 2).flatten(1, 2), one.shape[1], count)
            windows.append(window)
            energies.append(window.square().sum(1))
        return Shifted(tuple(windows), tuple(energies))

    def forward(
        self,
        real: Shifted,
        drawn: Float[Tensor, "pictures states 2 height width"],
        features: Float[Tensor, "pictures states channels height width"],
    ) -> Float[Tensor, "pictures states tokens features"]:
        """Correlations of each state, for each token and together with the tokens around it; and how much is drawn."""
        pictures, states = drawn.shape[:2]
        edges = gradient(torch.stack([drawn.sum(2), drawn[:, :, 0]], 2)).flatten(2, 3)
        learned = self.drawn(features.flatten(0, 1)).unflatten(0, (pictures, states))
        found = []
        groups = torch.cat([edges, learned], 2).split(GROUPS, dim=2)
        for one, window, energy in zip(groups, real.windows, real.energies, strict=True):
            cells = self._by_token(one.flatten(1, 2), one.shape[2], states).transpose(1, 2)
            own = cells.square().sum(2, keepdim=True)
            maps = torch.cat([cells @ window, energy[:, None].expand(-1, states, -1), own], 2)
            maps = maps.view(pictures, self.side, self.side, -1).movedim(-1, 1)
            for sums in (maps, avg_pool2d(maps, 3, 1, 1)):
                inner, real_energy, energy_drawn = self._parts(sums, states)
                norm = torch.sqrt((real_energy + LEAST_ENERGY) * (energy_drawn + LEAST_ENERGY))
                found.append(inner / norm)
            found.append(torch.log(self._parts(maps, states)[2] + LEAST_ENERGY) / LOG_SCALE)
        return torch.cat(found, 2).flatten(3).transpose(2, 3)

    def _parts(self, maps: Tensor, states: int) -> tuple[Tensor, Tensor, Tensor]:
        """(pictures, states, shifts or 1, side, side): inner products and both energies."""
        count = (2 * self.reach + 1) ** 2
        inner, real, own = maps.unflatten(1, (states, -1)).split((count, count, 1), dim=2)
        return inner, real, own

    def _by_token(self, planes: Tensor, channels: int, others: int) -> Tensor:
        """(pictures, others x channels, height, width) to (pictures x tokens, channels x cells, others)."""
        cells = planes.shape[-1] // self.side
        parted = planes.view(-1, others, channels, self.side, cells, self.side, cells)
        return parted.permute(0, 3, 5, 2, 4, 6, 1).flatten(3, 5).flatten(0, 2)
