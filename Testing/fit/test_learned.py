"""The learned similarity in the fit: it sees what a region's own rendering shows, gradients flow, its word is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.config import RenderSettings, Settings
from SpineDARTLib.fit.judging import mixture_of
from SpineDARTLib.fit.learned import LearnedTerm
from SpineDARTLib.fit.optimise import fit
from SpineDARTLib.fit.pictures import crop_views
from SpineDARTLib.fit.scene import Scene, parameters_of
from SpineDARTLib.render import Detectors
from SpineDARTLib.similarity.learned.architecture import TINY
from SpineDARTLib.similarity.learned.network import Similarity
from SpineDARTLib.similarity.learned.nouns import Encoded, Estimate
from SpineDARTLib.similarity.learned.weights import learned_of
from Testing.train.people import LEVELS, make_person, models


@pytest.fixture(scope="module")
def person():
    return make_person(3)


class Recording:
    """A judge that keeps what it is shown."""

    architecture = TINY

    def encode(self, images, valid, rays, levels, present):
        return Encoded((), rays, rays[:, 0, 0], present)

    def compare(self, encoded, drawn):
        self.drawn = drawn
        said = drawn.flatten(2).mean(-1)
        return Estimate(said, said)


def test_what_is_judged_is_what_a_region_would_show(person):
    views = [person.view(0), person.view(1)]
    vertebrae = [person.truths[level].vertebra for level in LEVELS]
    learned = learned_of(Similarity(TINY), {})
    term = LearnedTerm(replace(learned, network=Recording()), views, vertebrae[:2], (0, 1))
    points = np.concatenate([person.truths[level].cloud.points for level in LEVELS] + [term.corners_mm])
    pictures = crop_views(views, points, 1.5, "cpu")
    scene = Scene(LEVELS, models(), RenderSettings())
    scene.gather(300)
    parameters = parameters_of(vertebrae, models()["L3"].rank)
    parameters.translation_mm.requires_grad_(True)
    drawn = scene.pictures(parameters, pictures.detectors, "torch")
    estimate = term(drawn, term.sampling(pictures))
    assert estimate.log_mm.shape == (2, 1)
    seen = term.network.drawn
    detectors = Detectors.of([region.view for region in term.regions[1]])
    wanted = scene.pictures(parameters, detectors, "torch")[0].detach()
    others = wanted.sum(0) - wanted[1]
    for found, true in ((seen[1, 0, :, 0], wanted[1]), (seen[1, 0, :, 1], others)):
        assert float((found.detach() - true).abs().mean()) < 0.04 * float(true.max())
        assert float(torch.corrcoef(torch.stack([found.detach().flatten(), true.flatten()]))[0, 1]) > 0.98
    estimate.log_mm.sum().backward()
    assert parameters.translation_mm.grad is not None
    assert float(parameters.translation_mm.grad.abs().sum()) > 0


@pytest.mark.parametrize("name", ["hybrid", "learned"])
def test_a_fit_says_how_far_off_it_is_expected(person, name):
    torch.manual_seed(0)
    learned = learned_of(Similarity(TINY), {})
    settings = replace(Settings(similarity=name, renderer="torch"))
    stages = tuple(replace(stage, steps=2, keep=2, splats=200) for stage in settings.fit.stages[:2])
    settings = replace(settings, fit=replace(settings.fit, stages=stages))
    start = {"L3": person.truths["L3"].vertebra}
    states = list(fit([person.view(0), person.view(1)], start, models(), settings, "cpu", (), learned))
    assert ("learned" in states[0].losses) == (name == "learned")
    assert "learned" in states[2].losses
    assert np.isfinite(states[-1].evidence["L3"].learned_log_mm)


def test_what_a_name_stands_for():
    settings = Settings()
    coarse = settings.fit.stages[0]
    assert mixture_of(settings).learned == 0.0
    assert mixture_of(replace(settings, similarity="hybrid")).share(coarse) == 0.0
    assert mixture_of(replace(settings, similarity="learned")).share(coarse) == 1.0
    with pytest.raises(ValueError, match="no learned weights"):
        start = {"L3": make_person(3).truths["L3"].vertebra}
        list(fit([make_person(3).view(0)], start, models(), replace(settings, similarity="hybrid")))
