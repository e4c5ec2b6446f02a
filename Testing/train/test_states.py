"""States, distances and gradients of the similarity's training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineDARTLib.evaluate.metrics import compare_surfaces
from SpineDARTLib.render import Detectors
from SpineDARTLib.similarity.learned.architecture import TINY
from SpineDARTLib.similarity.learned.network import Similarity
from SpineDARTLib.similarity.learned.nouns import Estimate
from SpineDARTLib.train.similarity.drawing import Drawer
from SpineDARTLib.train.similarity.examples import Maker
from SpineDARTLib.train.similarity.gradient import descent, encode
from SpineDARTLib.train.similarity.losses import losses, true_log_mm
from SpineDARTLib.train.similarity.settings import Perturbation
from SpineDARTLib.train.similarity.states import HARD, between, hard_negative, moved, perturbed
from Testing.train.people import make_person, models


@pytest.fixture(scope="module")
def person():
    return make_person(0)


@pytest.fixture(scope="module")
def maker():
    return Maker(Drawer(models(), 100), TINY, Perturbation(hard=0.0))


def chain_of(person):
    return {level: truth.vertebra for level, truth in person.truths.items()}


def test_there_and_back(person):
    first = chain_of(person)["L3"]
    second = perturbed({"L3": first}, np.random.default_rng(3), Perturbation(still=0.0))["L3"]
    again = moved(first, between(first, second))
    np.testing.assert_allclose(again.pose, second.pose, atol=1e-9)
    np.testing.assert_allclose(again.coefficients, second.coefficients, atol=1e-9)
    assert again.scale == pytest.approx(second.scale)
    nothing = between(first, first)
    np.testing.assert_allclose(moved(first, nothing.times(0.5)).pose, first.pose, atol=1e-9)


def test_the_distance_is_what_voxels_say(person, maker):
    truth = person.truths["L3"]
    true = maker.drawer.surface(truth.vertebra)
    assert truth.surface.distance_mm(*true) < 0.25
    state = perturbed({"L3": truth.vertebra}, np.random.default_rng(5), Perturbation(still=0.0, sizes=(0.5, 0.6)))["L3"]
    drawn = maker.drawer.surface(state)
    voxels = compare_surfaces(drawn, true).assd_mm
    assert truth.surface.distance_mm(*drawn) == pytest.approx(voxels, rel=0.15)


def test_hard_negatives_are_far_off_and_look_alike(person, maker):
    chain, generator = chain_of(person), np.random.default_rng(0)
    distances = {}
    for kind in HARD:
        wrong = hard_negative(kind, chain, "L3", models(), generator)
        assert wrong is not None, kind
        distances[kind] = person.truths["L3"].surface.distance_mm(*maker.drawer.surface(wrong["L3"]))
    assert min(distances[kind] for kind in ("above", "below", "neighbour")) > 8.0
    assert distances["mirrored"] > 0.2
    assert hard_negative("above", chain, "L2", models(), generator) is None
    turned = hard_negative("mirrored", chain, "L3", models(), generator)
    assert turned is not None
    assert np.linalg.det(turned["L3"].pose[:3, :3]) == pytest.approx(1.0)


def test_losses_ask_for_sign_and_size():
    distances = torch.tensor([[4.0, 2.0, 5.0], [1.0, 0.5, 1.2]])
    right = Estimate(true_log_mm(distances), torch.full((2, 3), -2.0))
    wrong = Estimate(true_log_mm(distances).flip(1), torch.full((2, 3), -2.0))
    found, bad = losses(right, distances), losses(wrong, distances)
    assert found["difference"] == 0.0
    assert all(found[name] < bad[name] for name in found)


def test_the_slope_is_the_networks_own(person, maker):
    torch.manual_seed(0)
    network = Similarity(TINY).eval().requires_grad_(False)
    network.head.weight.normal_(0.0, 1.0)
    setup = maker.setup(person, 2, np.random.default_rng(2))
    assert setup is not None
    found = descent(maker, network, setup)
    assert found is not None
    regions = maker.regions(setup)
    assert regions is not None

    def said(share: float) -> float:
        detectors = Detectors.of([region.view for region in regions])
        with torch.no_grad():
            own = maker.drawer.draw([moved(setup.state, setup.aim().times(share))], detectors)
            rest = sum((maker.drawer.draw([one], detectors) for one in setup.others), torch.zeros_like(own))
            encoded = encode(network, regions, setup.start, setup.state.level)
            return float(network.compare(encoded, torch.stack([own, rest], dim=2)[None]).log_mm)

    step = 0.02
    # Footprints end at three deviations: a rendering is not smooth to the last digit.
    assert found.said == pytest.approx((said(step) - said(-step)) / (2 * step), rel=0.15, abs=5e-3)
