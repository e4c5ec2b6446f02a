"""The similarities: one for equal pictures, blind to soft tissue, signed, local, differentiable, peaked right."""

from __future__ import annotations

import pytest
import torch

from SpineDARTLib.config import SimilaritySettings
from SpineDARTLib.similarity import NCC, GradientNCC, similarity_by_name
from SpineDARTLib.similarity.filters import blur, gradient, halve

HEIGHT, WIDTH = 64, 72
SETTINGS = SimilaritySettings()
NAMES = ["ncc", "gradient-ncc"]


def bone(shift: tuple[float, float] = (0.0, 0.0), brightness: float = 1.0) -> torch.Tensor:
    """A picture of a body with endplates, two pedicles' rings and, above and below, its neighbours; no symmetry."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT).double(), torch.arange(WIDTH).double(), indexing="ij")
    u, v = columns - 36.0 - shift[0], rows - 32.0 - shift[1]
    picture = torch.zeros(HEIGHT, WIDTH, dtype=torch.float64)
    for offset, weight in ((-26.0, 0.8), (0.0, 1.0), (26.0, 1.1)):
        y = v - offset
        body = torch.sigmoid(14.0 - u.abs()) * torch.sigmoid(10.0 - y.abs())
        rims = torch.exp(-0.5 * (y.abs() - 9.0) ** 2) * torch.sigmoid(14.0 - u.abs())
        rings = sum(
            torch.exp(-0.5 * (((u - x) ** 2 + (y + 2.0) ** 2).sqrt() - radius) ** 2) for x, radius in ((-8, 3), (9, 4))
        )
        picture = picture + weight * (0.4 * body + 0.5 * rims + 0.6 * rings)
    return brightness * picture


def soft_tissue() -> torch.Tensor:
    """A smooth background that varies more than the bone does."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT).double(), torch.arange(WIDTH).double(), indexing="ij")
    return 3.0 * torch.sin(columns / 40.0 + 0.3) + 2.0 * torch.cos(rows / 35.0) + 0.02 * columns


def region() -> torch.Tensor:
    """Weights around the middle vertebra, (starts, regions, views, height, width)."""
    weights = torch.zeros(1, 1, 1, HEIGHT, WIDTH, dtype=torch.float64)
    weights[..., 18:46, 18:55] = 1.0
    return weights


def score(name: str, real: torch.Tensor, drawn: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    weights = region() if weights is None else weights
    return similarity_by_name(name, real[None], SETTINGS)(drawn[None, None], weights).squeeze()


@pytest.mark.parametrize("name", NAMES)
def test_equal_pictures_have_nearly_one(name: str):
    # Gradient NCC divides only the real picture's gradients by their local strength, so that 1 is not quite reached.
    assert score(name, bone(), bone()) > (0.999 if name == "ncc" else 0.9)
    assert score(name, bone(), bone()) <= 1.0 + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_gain_and_offset_do_not_count(name: str):
    expected = score(name, bone(), bone((1.0, -1.0)))
    # The offset is allowed for by both; the strength's floor is relative, so that gain is too.
    torch.testing.assert_close(score(name, 0.2 * bone() + 5.0, bone((1.0, -1.0))), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(score(name, bone(), 7.0 * bone((1.0, -1.0)) - 3.0), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_inverted_polarity_is_negative(name: str):
    torch.testing.assert_close(score(name, -bone(), bone()), -score(name, bone(), bone()))
    assert score(name, -bone(), bone()) < -0.9


def test_soft_tissue_and_an_edge_outside_hurt_less_than_with_ncc():
    real = bone() + 0.5 * soft_tissue()
    real[:, :10] += 3.0  # a collimator, outside of the region: three times the bone's contrast
    losses = {name: (score(name, bone(), bone()) - score(name, real, bone())).item() for name in NAMES}
    assert losses["gradient-ncc"] < 0.2
    assert losses["gradient-ncc"] < 0.6 * losses["ncc"]


def test_a_strong_edge_inside_does_not_outvote_the_bone():
    """Gas or an instrument over the vertebra: local normalisation keeps the rest."""
    real = bone() + soft_tissue()
    real[30:34, 20:52] += 6.0
    truth, wrong = (score("gradient-ncc", real, bone(shift)) for shift in ((0.0, 0.0), (4.0, 5.0)))
    assert truth > 0.3 and truth > wrong + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_only_the_region_counts(name: str):
    disturbed = bone()
    disturbed[:8] = torch.rand(8, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    inside, everywhere = region(), torch.ones_like(region())
    # Blurs and the pyramid reach some pixels over the region's border, not ten.
    torch.testing.assert_close(
        score(name, bone(), disturbed, inside), score(name, bone(), bone(), inside), rtol=0, atol=0.02
    )
    assert score(name, bone(), disturbed, everywhere) < score(name, bone(), bone(), everywhere) - 0.02


def test_an_empty_region_is_zero_with_a_finite_gradient():
    for name in NAMES:
        drawn = bone().requires_grad_()
        value = score(name, bone(), drawn, torch.zeros_like(region()))
        value.backward()
        assert value == 0.0
        assert drawn.grad is not None and torch.isfinite(drawn.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_starts_regions_and_views_do_not_mix(name: str):
    real = torch.stack([bone(), bone((3.0, 1.0)) + soft_tissue()])
    drawn = torch.stack([torch.stack([bone(), bone((3.0, 1.0))]), torch.stack([bone((2.0, 0.0)), bone((-4.0, 3.0))])])
    weights = torch.stack([region()[0, 0], torch.ones_like(region()[0, 0])]).expand(2, 2, 2, HEIGHT, WIDTH)
    measure = similarity_by_name(name, real, SETTINGS)
    together = measure(drawn, weights)
    assert together.shape == (2, 2, 2)
    for start in range(2):
        for area in range(2):
            for view in range(2):
                alone = score(name, real[view], drawn[start, view], weights[:1, area : area + 1, :1])
                torch.testing.assert_close(together[start, area, view], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_by_finite_differences(name: str):
    generator = torch.Generator().manual_seed(4)
    settings = SimilaritySettings(scales=2)
    real, drawn = (torch.rand(1, 12, 14, generator=generator, dtype=torch.float64) for _ in range(2))
    weights = torch.rand(2, 1, 1, 12, 14, generator=generator, dtype=torch.float64)
    measure = similarity_by_name(name, real, settings)
    drawn = drawn.expand(2, 1, 12, 14).clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda pictures: measure(pictures, weights), (drawn,))


def test_coarse_scales_pull_from_further_away():
    """At a distance at which the finest edges no longer meet, the pyramid still knows the direction."""
    drawn = bone((5.0, 0.0)).requires_grad_()
    step = 1e-3
    many = SimilaritySettings(scales=3)
    measure = GradientNCC(bone()[None], many)
    nearer = measure(bone((5.0 - step, 0.0))[None, None], region()) - measure(drawn[None, None], region())
    assert nearer.item() > 0


def test_the_learned_similarity_is_refused_in_words():
    with pytest.raises(ValueError, match='got similarity "learned"'):
        similarity_by_name("learned", bone()[None], SETTINGS)
    assert isinstance(similarity_by_name("ncc", bone()[None], SETTINGS), NCC)


def test_filters():
    ramp = torch.arange(20.0).repeat(16, 1)
    torch.testing.assert_close(blur(ramp, 1.5)[:, 5:-5], ramp[:, 5:-5])
    torch.testing.assert_close(blur(torch.ones(2, 9, 9), 2.0), torch.ones(2, 9, 9))
    right, down = gradient(ramp)
    assert (right[:, 1:-1] == 1.0).all() and (right[:, [0, -1]] == 0.0).all() and (down == 0.0).all()
    halved = halve(torch.arange(30.0).view(5, 6))
    assert halved.shape == (2, 3)
    torch.testing.assert_close(halved[0], torch.tensor([3.5, 5.5, 7.5]))


@pytest.mark.parametrize("sigma", [0.4, 1.0, 8.0])
def test_blur_is_a_convolution_whose_border_continues(sigma):
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(2, 3, 31, 20, dtype=torch.float64, generator=generator)
    reach = max(1, round(2.5 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).double() / sigma) ** 2)
    across = (kernel / kernel.sum()).view(1, 1, 1, -1)
    padded = torch.nn.functional.pad(picture.view(6, 1, 31, 20), (reach, reach, reach, reach), mode="replicate")
    expected = torch.nn.functional.conv2d(torch.nn.functional.conv2d(padded, across), across.mT).view_as(picture)
    torch.testing.assert_close(blur(picture, sigma), expected)
