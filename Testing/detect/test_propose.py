"""Detections, clicks and a person's shift of the labels, together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.detect.nouns import Mark
from SpineDARTLib.detect.propose import propose
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.types import Seed
from Testing.detect.synthetic import Noise, Truth, detect_in
from Testing.detect.test_matching import CLEAN, detected, fine, make_column
from Testing.detect.test_matching import pair as pair


def test_clicks_alone_stay_what_they_were(pair):
    column = make_column(("L2", "L3"))
    asked = [Seed(one.level, {view.name: tuple(project(one.origin[None], view)[0]) for view in pair}) for one in column]
    _, proposal = propose({}, pair, asked)
    assert not proposal.reasons
    assert [seed.clicks_px for seed in proposal.seeds] == [seed.clicks_px for seed in asked]


def test_landmarks_travel_with_their_covariance(pair):
    column = [replace(one, landmarks={"body_superior": one.origin + (0, 0, 14.0)}) for one in make_column()]
    detections, _ = detected(column, pair, fine(CLEAN))
    _, proposal = propose(detections, pair)
    for seed, true in zip(proposal.seeds, column, strict=True):
        assert set(seed.landmarks_px) == {"AP", "LAT"}
        u, v, sigma = seed.landmarks_px["LAT"]["body_superior"]
        place = project(true.landmarks["body_superior"][None], pair[1])[0]
        assert np.linalg.norm(place - (u, v)) < 2.0
        assert seed.covariance_px2("LAT", "body_superior", sigma)[0, 0] == pytest.approx(sigma**2)


def test_labels_move_as_one(pair):
    detections, _ = detected(make_column(), pair, fine(CLEAN))
    _, proposal = propose(detections, pair, shift=-1)
    assert [seed.level for seed in proposal.seeds] == ["T10", "T11", "T12", "L1", "L2", "L3"]


def test_what_is_no_number_is_left_out(pair):
    detections, _ = detected(make_column(), pair, fine(CLEAN))
    first, second, *rest = detections["AP"]
    nowhere = replace(first, centre_px=np.array([np.nan, 3.0]))
    flat = replace(second, landmarks={"body_superior": Mark(np.zeros(2), np.zeros((2, 2)))})
    _, proposal = propose({**detections, "AP": (nowhere, flat, *rest)}, pair)
    assert len(proposal.seeds) == 6  # the other view and the neighbours still tell where it is
    assert not any("body_superior" in marks for seed in proposal.seeds for marks in seed.landmarks_px.values())


def test_false_alarms_alone_are_no_spine(pair):
    generator = np.random.default_rng(3)
    noise = replace(fine(Noise()), missed=0.0)
    column = [Truth(one.level, generator.uniform(-60, 60, 3), {}, one.corners) for one in make_column()]
    detections = {
        view.name: tuple(
            replace(one, score=0.3, level_probabilities=np.full(17, 1 / 17))
            for one in detect_in([generator.choice(np.array(column, dtype=object))], view, noise, generator)[0]
        )
        for view in pair
    }
    for asked in ((), (Seed("L2"),)):
        _, proposal = propose(detections, pair, asked)
        assert not proposal.seeds
        assert set(proposal.reasons) >= {seed.level for seed in asked}
