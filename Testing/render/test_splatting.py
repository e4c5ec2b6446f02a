"""The sum of two-dimensional Gaussians: values, gradients, borders, and what is not to be drawn."""

from __future__ import annotations

import pytest
import torch

from SpineDARTLib.render.splatting import FOOTPRINTS, conics_and_radii, splat_sum
from Testing.render.scenes import brute_force

HEIGHT, WIDTH = 30, 38


def random_splats(count: int, seed: int, pictures: int = 1, largest: float = 2.5) -> tuple[torch.Tensor, ...]:
    """Centres in and around the picture, covariances of any direction and elongation, peaks; float64."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*sizes: int) -> torch.Tensor:
        return torch.rand(pictures, count, *sizes, generator=generator, dtype=torch.float64)

    centres = draw(2) * torch.tensor([WIDTH + 8.0, HEIGHT + 8.0]) - 4.0
    angles, sigmas = torch.pi * draw(), 0.5 + largest * draw(2)
    cos, sin, (major, minor) = angles.cos(), angles.sin(), sigmas.square().unbind(-1)
    covariances = torch.stack(
        [major * cos**2 + minor * sin**2, (major - minor) * cos * sin, major * sin**2 + minor * cos**2], dim=-1
    )
    return centres, covariances, 0.1 + draw()


def add_up(centres: torch.Tensor, covariances: torch.Tensor, peaks: torch.Tensor) -> torch.Tensor:
    conics, radii = conics_and_radii(covariances)
    return splat_sum(centres, conics, peaks, radii, HEIGHT, WIDTH)


def test_equals_a_sum_over_all_pixels():
    centres, covariances, peaks = random_splats(60, seed=1, pictures=3)
    drawn = add_up(centres, covariances, peaks)
    conics, _ = conics_and_radii(covariances)
    for picture in range(3):
        expected = brute_force(centres[picture], conics[picture], peaks[picture], HEIGHT, WIDTH)
        # Outside its footprint each splat may miss up to exp(-4.5) = 1.1 % of its peak; several rims may meet.
        assert (expected - drawn[picture]).min() > -1e-12
        assert (expected - drawn[picture]).max() < 0.012 * peaks.max()
        torch.testing.assert_close(drawn[picture].sum(), expected.sum(), rtol=2e-3, atol=0)


def test_one_splat_is_exact_within_three_standard_deviations():
    centres, covariances, peaks = torch.tensor([[[17.3, 13.8]]]), torch.tensor([[[6.0, 2.0, 3.0]]]), torch.ones(1, 1)
    centres, covariances, peaks = centres.double(), covariances.double(), peaks.double()
    drawn = add_up(centres, covariances, peaks)[0]
    conics, radii = conics_and_radii(covariances)
    expected = brute_force(centres[0], conics[0], peaks[0], HEIGHT, WIDTH)
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    near = ((columns - 17.3).abs() < radii.item()) & ((rows - 13.8).abs() < radii.item())
    torch.testing.assert_close(drawn[near], expected[near], rtol=1e-12, atol=1e-14)
    assert drawn[13, 18] != drawn[14, 17]  # rows and columns are not swapped


def test_gradients_by_finite_differences():
    # The footprint jumps by a pixel where a centre passes half a pixel, and where a radius reaches the next size.
    # Between jumps the sum over fixed footprints is smooth and its derivative exact: steps of 1e-6 px meet none here.
    centres, covariances, peaks = random_splats(12, seed=2, pictures=2, largest=1.5)
    conics, radii = conics_and_radii(covariances)
    inputs = [tensor.clone().requires_grad_() for tensor in (centres, conics, peaks)]
    weights = torch.randn(2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda *tensors: (weights * splat_sum(*tensors, radii, HEIGHT, WIDTH)).sum((1, 2)), inputs
    )


def test_gradient_is_that_of_the_uncut_sum():
    """What the cut-off costs, against autograd through the sum over all pixels."""
    centres, covariances, peaks = random_splats(40, seed=4)
    conics, radii = conics_and_radii(covariances)
    weights = torch.sin(torch.arange(HEIGHT * WIDTH, dtype=torch.float64) / 40.0).view(HEIGHT, WIDTH)
    gradients = []
    for cut in (True, False):
        inputs = [tensor.clone().requires_grad_() for tensor in (centres, conics, peaks)]
        flat = [tensor[0] for tensor in inputs]
        picture = splat_sum(*inputs, radii, HEIGHT, WIDTH)[0] if cut else brute_force(*flat, HEIGHT, WIDTH)
        (weights * picture).sum().backward()
        gradients.append([tensor.grad for tensor in inputs])
    for ours, exact in zip(*gradients, strict=True):
        assert (ours - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize("place", [(-3.0, 12.0), (WIDTH + 2.0, 12.0), (15.0, -3.0), (15.0, HEIGHT + 2.0), (-1.5, -1.5)])
def test_over_the_border(place: tuple[float, float]):
    centres = torch.tensor([[place]], dtype=torch.float64)
    covariances = torch.tensor([[[4.0, 1.0, 5.0]]], dtype=torch.float64)
    peaks = torch.ones(1, 1, dtype=torch.float64)
    drawn = add_up(centres, covariances, peaks)[0]
    expected = brute_force(centres[0], conics_and_radii(covariances)[0][0], peaks[0], HEIGHT, WIDTH)
    assert expected.max() > 0.1
    torch.testing.assert_close(drawn, expected, rtol=0, atol=0.012)


def test_far_outside_nothing_is_drawn_and_nothing_pulls():
    centres = torch.tensor([[[-500.0, 10.0], [10.0, 1e7], [1e30, -1e30]]], requires_grad=True)
    covariances = torch.tensor([[[4.0, 0.0, 4.0]] * 3])
    drawn = add_up(centres, covariances, torch.ones(1, 3))
    drawn.sum().backward()
    assert drawn.abs().max() == 0
    assert centres.grad is not None and centres.grad.abs().max() == 0


def test_a_huge_splat_is_cut_at_the_largest_footprint():
    centres = torch.tensor([[[19.0, 15.0]]], dtype=torch.float64)
    covariances = torch.tensor([[[1e6, 0.0, 1e6]]], dtype=torch.float64)
    drawn = add_up(centres, covariances, torch.full((1, 1), 0.3, dtype=torch.float64))
    assert FOOTPRINTS[-1] > max(HEIGHT, WIDTH)
    torch.testing.assert_close(drawn, torch.full_like(drawn, 0.3), rtol=1e-3, atol=0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_left_out(bad: float):
    centres, covariances, peaks = random_splats(5, seed=6)
    expected = add_up(centres[:, 3:], covariances[:, 3:], peaks[:, 3:])
    centres[0, 0, 0], covariances[0, 1, 0], peaks[0, 2] = bad, bad, bad
    torch.testing.assert_close(add_up(centres, covariances, peaks), expected)


def test_no_splat_gives_an_empty_picture():
    peaks = torch.zeros(2, 0, requires_grad=True)
    drawn = splat_sum(torch.zeros(2, 0, 2), torch.zeros(2, 0, 3), peaks, torch.zeros(2, 0), HEIGHT, WIDTH)
    drawn.sum().backward()
    assert drawn.shape == (2, HEIGHT, WIDTH) and drawn.abs().max() == 0


def test_pictures_of_a_batch_do_not_mix():
    centres, covariances, peaks = random_splats(40, seed=7, pictures=4)
    together = add_up(centres, covariances, peaks)
    for picture in range(4):
        alone = add_up(*(tensor[picture : picture + 1] for tensor in (centres, covariances, peaks)))
        torch.testing.assert_close(together[picture], alone[0], rtol=1e-12, atol=1e-14)


def test_blocks_do_not_change_the_sum(monkeypatch: pytest.MonkeyPatch):
    splats = random_splats(40, seed=8)
    whole = add_up(*splats)
    monkeypatch.setattr("SpineDARTLib.render.splatting.BLOCK", 300)
    torch.testing.assert_close(add_up(*splats), whole, rtol=1e-12, atol=1e-14)


def test_single_precision_keeps_five_digits():
    """Elongated splats between the pixels' directions are the hardest: large terms cancel in their exponents."""
    centres, covariances, peaks = random_splats(60, seed=9, largest=6.0)
    exact = add_up(centres, covariances, peaks)
    single = add_up(centres.float(), covariances.float(), peaks.float())
    assert (single - exact).abs().max() < 2e-5 * exact.max()
