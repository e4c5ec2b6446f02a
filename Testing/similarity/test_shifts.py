"""The cost volume says by how much, and which way, a rendering is off."""

from __future__ import annotations

import pytest
import torch

from SpineDARTLib.similarity.filters import blur
from SpineDARTLib.similarity.learned.shifts import GROUPS, Shifts

REACH, SIDE, CELLS = 3, 4, 4


def best_shift(off: tuple[int, int]) -> tuple[int, int]:
    """Where gradients of all that is drawn are most alike, in the middle tokens: right and down."""
    torch.manual_seed(0)
    picture = blur(torch.randn(1, SIDE * CELLS, SIDE * CELLS), 1.5)
    drawn = (
        torch.roll(picture, off, (2, 1))[:, None, None].expand(-1, 2, 2, -1, -1)
        * torch.tensor([0.5, 0.5])[:, None, None]
    )
    network, features = Shifts(5, REACH, SIDE), torch.zeros(1, 5, SIDE * CELLS, SIDE * CELLS)
    real = network.shifted(picture, torch.ones_like(picture), features)
    found = network(real, drawn, features[:, None].expand(-1, 2, -1, -1, -1))
    assert found.shape == (1, 2, SIDE**2, network.features)
    across = 2 * REACH + 1
    alike = found[0, 0].view(SIDE, SIDE, -1)[1:3, 1:3, : across**2].mean((0, 1))
    down, right = divmod(int(alike.argmax()), across)
    return right - REACH, down - REACH


@pytest.mark.parametrize("off", [(0, 0), (2, 0), (0, -2), (-1, 1)])
def test_the_shift_that_undoes_an_error_is_the_most_alike(off):
    assert best_shift(off) == (-off[0], -off[1])


def test_what_does_not_show_is_like_nothing():
    network, features = Shifts(5, REACH, SIDE), torch.zeros(1, 5, SIDE * CELLS, SIDE * CELLS)
    picture = torch.randn(1, SIDE * CELLS, SIDE * CELLS)
    real = network.shifted(picture, torch.zeros_like(picture), features)
    drawn = torch.randn(1, 1, 2, SIDE * CELLS, SIDE * CELLS)
    found = network(real, drawn, features[:, None])
    count = (2 * REACH + 1) ** 2
    assert network.features == len(GROUPS) * (2 * count + 1)
    assert found[..., :count].abs().max() == 0
    assert torch.isfinite(found).all()
