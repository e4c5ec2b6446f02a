"""Variation of what the similarity learns from: what is varied, and what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.similarity.learned.regions import cut_region, token_rays
from SpineDARTLib.train.similarity.examples import choose_pictures, collate
from SpineDARTLib.train.similarity.gather import people_of
from SpineDARTLib.train.similarity.settings import tiny
from SpineDARTLib.train.similarity.training import Training
from SpineDARTLib.train.similarity.vary import mirrored, vary
from Testing.train.people import make_people, models

FLIP = np.diag([-1.0, 1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    folder = make_people(tmp_path_factory.mktemp("people"), 2)
    settings = tiny(folder, (folder,), 1)
    return Training(settings, people_of(settings), models())


def test_a_mirrored_patient_is_one_in_front_of_mirrored_machines(training):
    person = training.people.train[0]
    level = next(iter(person.truths))
    view, pose = person.view(0), person.truths[level].vertebra.pose
    there = replace(view, world_to_camera=FLIP @ view.world_to_camera @ FLIP)
    rays = [
        token_rays(cut_region(one, place, 96.0, 32), place, 8)
        for one, place in ((view, pose), (there, FLIP @ pose @ FLIP))
    ]
    example = replace(training.source.one(5, 1), rays=rays[0][None])
    turned = mirrored(collate([example, example]), torch.tensor([True, False]))
    np.testing.assert_allclose(turned.rays[0, 0], rays[1], atol=1e-4)
    np.testing.assert_array_equal(turned.rays[1, 0], rays[0])
    np.testing.assert_array_equal(turned.drawn[0], example.drawn[..., ::-1])
    np.testing.assert_array_equal(turned.images[0], example.images[..., ::-1])


def test_variation_leaves_what_is_known(training):
    batch = training.batch(0, 0)
    first, again, other = vary(batch, 1), vary(batch, 1), vary(batch, 2)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert torch.equal(first.distances_mm, batch.distances_mm)
    assert torch.isfinite(first.images).all()


def test_pictures_differ_in_direction(training):
    person = training.people.train[0]
    level, truth = next(iter(person.truths.items()))
    generator = np.random.default_rng(0)
    found = {choose_pictures(person, level, 2, generator) for _ in range(20)} - {None}
    assert len(found) > 1
    assert all(len(set(one)) == 2 for one in found)
    assert choose_pictures(person, level, len(truth.seen) + 1, generator) is None


def test_echoed_examples_are_learned_from_in_steps_that_follow(training):
    training.settings, usual = replace(training.settings, echo=2), training.settings
    first, second, third = (training.batch(step, 0) for step in (10, 11, 12))
    training.settings = usual
    assert second is first
    assert not torch.equal(third.images, first.images)
    assert not torch.equal(vary(first, 10).images, vary(second, 11).images)
