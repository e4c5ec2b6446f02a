"""The learned similarity in the fit: it sees what a region's own rendering shows, gradients flow, its word is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.config import RenderSettings, Settings
from SpineDARTLib.fit.judging import ALONE, mixture_of
from SpineDARTLib.fit.learned import LearnedTerm
from SpineDARTLib.fit.optimise import Run, fit
from SpineDARTLib.fit.pictures import crop_views
from SpineDARTLib.fit.scene import Scene, parameters_of
from SpineDARTLib.fit.search import spread
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.render import Detectors
from SpineDARTLib.similarity.learned.architecture import TINY
from SpineDARTLib.similarity.learned.network import Similarity
from SpineDARTLib.similarity.learned.nouns import Encoded, Estimate
from SpineDARTLib.similarity.learned.weights import learned_of
from SpineDARTLib.types import Crop, Seed
from Testing.train.people import LEVELS, make_person, models


@pytest.fixture(scope="module")
def person():
    return make_person(3)


class Recording:
    """A judge that keeps what it is shown."""

    architecture = TINY

    def encode(self, images, valid, rays, levels, present):
        return Encoded((), (), rays, rays[:, 0, 0], present)

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
    states = list(fit([person.view(0), person.view(1)], start, models(), settings, learned=learned))
    assert (states[0].losses["learned"] != 0.0) == (name == "learned")
    assert states[2].losses["learned"] != 0.0
    assert (states[2].losses["image"] == 0.0) == (name == "learned")
    assert np.isfinite(states[-1].evidence["L3"].learned_log_mm)


class Preferring(Recording):
    """A judge that likes the last start best."""

    def compare(self, encoded, drawn):
        said = super().compare(encoded, drawn)
        return replace(said, log_mm=-torch.arange(drawn.shape[1]).expand_as(said.log_mm).float())


def test_the_learned_similarity_chooses_among_the_starts_before_it_follows_them(person):
    learned = replace(learned_of(Similarity(TINY), {}), network=Preferring())
    views, start = [person.view(0), person.view(1)], {"L3": person.truths["L3"].vertebra}
    orders = {}
    for weight in (0.0, 100.0):
        settings = Settings(similarity="hybrid", renderer="torch")
        settings = replace(settings, fit=replace(settings.fit, learned_weight=weight))
        run = Run(views, start, ("L3",), models(), settings, (), "cpu", None, learned)
        coarse, shape = (replace(stage, splats=200) for stage in settings.fit.stages[:2])
        (step,) = run.steps(replace(coarse, steps=1), spread(run.nominal, 4, settings))
        assert step.estimate is None
        orders[weight] = run.ranked(step, shape)[:, 0].tolist()
        torch.testing.assert_close(run.ranked(step, coarse), step.scores.argsort(0))
    assert orders[0.0] == step.scores[:, 0].argsort().tolist() != orders[100.0] == [3, 2, 1, 0]


def seed_of(person, views) -> Seed:
    """What a detector says of L3: outline and projection as drawn, and two landmarks a little off."""
    truth = person.truths["L3"].vertebra
    scene = Scene(("L3",), models(), RenderSettings())
    scene.gather(300)
    with torch.no_grad():
        alone = scene.pictures(parameters_of([truth], models()["L3"].rank), Detectors.of(views), "torch")[0, 0].numpy()
    masks = {view.name: Crop(0.0, 0.0, (one > 0.02).astype(np.float32)) for view, one in zip(views, alone, strict=True)}
    projections = {view.name: Crop(0.0, 0.0, one) for view, one in zip(views, alone, strict=True)}
    model = models()["L3"]
    surface = truth.place(model.instance("L3", truth.coefficients))
    marks = {name: model.landmarks[name].on(surface) for name in list(model.landmarks)[:2]}
    seen = {
        view.name: {name: (*(float(one) for one in project(place[None], view)[0] + 3.0), 2.0)
                    for name, place in marks.items()}
        for view in views
    }  # fmt: skip
    return Seed("L3", landmarks_px=seen, masks=masks, projections=projections, scores=dict.fromkeys(masks, 0.9))


SWITCHES = {
    "learned": "learned_weight",
    "silhouette": "silhouette_weight",
    "decomposition": "decomposition_weight",
    "landmarks": "landmark_weight",
    "pose": "pose_weight",
    "column": "column_weight",
}


def test_every_term_of_the_hybrid_is_shown_and_can_be_switched_off(person):
    torch.manual_seed(0)
    learned, views = learned_of(Similarity(TINY), {}), [person.view(0), person.view(1)]
    shift = np.eye(4)
    shift[:3, 3] = [2.0, -1.0, 1.5]
    start = {"L3": replace(person.truths["L3"].vertebra, pose=shift @ person.truths["L3"].vertebra.pose)}
    stage = replace(Settings().fit.stages[1], steps=2, keep=2, splats=200)
    whole = Settings(similarity="hybrid", renderer="torch")
    whole = replace(whole, fit=replace(whole.fit, stages=(stage,)))

    def losses(settings) -> dict[str, float]:
        states = fit(views, start, models(), settings, seeds=[seed_of(person, views)], learned=learned)
        return dict(list(states)[1].losses_by_level["L3"])

    everything = losses(whole)
    assert {"image", "shape", "scale", *SWITCHES} == set(everything)
    assert all(everything[name] != 0.0 for name in ("image", *SWITCHES))
    off = losses(replace(whole, fit=replace(whole.fit, **dict.fromkeys(SWITCHES.values(), 0.0))))
    assert {name for name, value in off.items() if value == 0.0} >= set(SWITCHES)
    assert off["image"] > 0.0
    plain = losses(replace(whole, similarity="gradient-ncc"))
    assert set(plain) == set(everything) - {"learned"}


def test_what_a_name_stands_for():
    settings = Settings()
    coarse = settings.fit.stages[0]
    assert mixture_of(settings).learned == 0.0
    assert mixture_of(replace(settings, similarity="hybrid")).share(coarse) == 0.0
    assert mixture_of(replace(settings, similarity="learned")).share(coarse) == ALONE
    with pytest.raises(ValueError, match="no learned weights"):
        start = {"L3": make_person(3).truths["L3"].vertebra}
        list(fit([make_person(3).view(0)], start, models(), replace(settings, similarity="hybrid")))
