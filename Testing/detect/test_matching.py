"""One column from detections of several views: what belongs together, what is false, which level each one is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from SpineDARTLib.detect.clicks import with_clicks
from SpineDARTLib.detect.links import LINKS_MM, smooth, step
from SpineDARTLib.detect.matching import LEAST_EVIDENCE, match
from SpineDARTLib.detect.seeds import seeds_of
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.types import LEVELS, Seed
from Testing.conftest import make_view
from Testing.detect.synthetic import Noise, Truth, detect_in

CLEAN = Noise(0.3, 0.0, 0.0, 0.0, 0.4, (0.0, 0.0))
SHOWN = ("T11", "T12", "L1", "L2", "L3", "L4")


def make_column(levels=SHOWN, lean_mm=3.0):
    """A spine that leans to the right, around the point the views look at."""
    places = np.concatenate([np.zeros((1, 3)), np.cumsum(LINKS_MM, axis=0)])
    places[:, 0] += lean_mm * np.arange(len(places))
    numbers = [LEVELS.index(level) for level in levels]
    places = places - places[numbers].mean(0) + (0.0, 0.0, -10.0)
    box = np.array([[x, y, z] for x in (-22, 22) for y in (-45, 18) for z in (-15, 15)], dtype=float)
    return [Truth(LEVELS[n], places[n], {}, places[n] + box) for n in numbers]


@pytest.fixture(scope="module")
def pair():
    return make_view("AP", 3.0, 2.0, (128, 128)), make_view("LAT", 91.0, -4.0, (128, 128))


def detected(column, views, noise, seed=0):
    generator = np.random.default_rng(seed)
    seen = {view.name: detect_in(column, view, noise, generator) for view in views}
    return {name: one[0] for name, one in seen.items()}, {name: one[1] for name, one in seen.items()}


def shown(column, truth):
    """Level as labelled to the true levels of its detections."""
    return {one.level: {truth[view][index] for view, index in one.members.items()} for one in column.vertebrae}


def fine(noise):
    """Test pictures have large pixels: a detector's error there is a fifth of what it is in a real picture."""
    return replace(noise, factor=noise.factor / 5)


def test_the_same_vertebra_in_two_views_is_one(pair):
    column = make_column()
    detections, truth = detected(column, pair, fine(CLEAN))
    found = match(detections, pair)
    assert shown(found, truth) == {level: {level} for level in SHOWN}
    assert all(len(one.members) == 2 for one in found.vertebrae)
    assert found.shifts[0] > 0.7 and max(found.view_shifts.values()) < 0.5  # that is, not more than before looking
    for one, true in zip(found.vertebrae, column, strict=True):
        assert np.linalg.norm(one.centre_mm - true.origin) < 2.5
        assert one.level_probabilities.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(3))
def test_missed_and_false_detections_are_told_apart(pair, seed):
    column = make_column()
    detections, truth = detected(column, pair, replace(fine(Noise()), missed=0.15, false=0.2), seed)
    found = match(detections, pair)
    seen = {level for names in truth.values() for level in names if level}
    assert {level for level, names in shown(found, truth).items() if names == {level}} == seen
    started = {one.level for one in seeds_of(found, detections, pair).seeds}
    assert all("" not in names for level, names in shown(found, truth).items() if level in started)
    for name, unused in found.unused.items():
        assert all(truth[name][index] == "" for index in unused)


def test_levels_swapped_between_neighbours_do_not_bend_the_column(pair):
    detections, truth = detected(make_column(), pair, replace(fine(CLEAN), swapped=0.3), 4)
    assert shown(match(detections, pair), truth) == {level: {level} for level in SHOWN}


def test_a_view_that_was_miscounted_leaves_the_labels_in_doubt(pair):
    wrong = replace(fine(CLEAN), shifted={"LAT": 1})
    detections, truth = detected(make_column(), pair, wrong)
    found = match(detections, pair)
    assert all(len(names) == 1 for names in shown(found, truth).values())  # what meets is still matched
    assert max(found.shifts.values()) < 0.9
    assert sum(found.view_shifts.values()) > 0.6
    notes = seeds_of(found, detections, pair).notes
    assert notes and all("in doubt" in words for words in notes.values())


def test_three_views_outvote_one_that_was_miscounted(pair):
    views = (*pair, make_view("OBL", 45.0, 3.0, (128, 128)))
    detections, truth = detected(make_column(), views, replace(fine(CLEAN), shifted={"LAT": 1}))
    found = match(detections, views)
    assert shown(found, truth) == {level: {level} for level in SHOWN}
    assert found.view_shifts["LAT"] > 0.5 > 2 * found.view_shifts["AP"] and found.shifts[0] > 0.6


def test_a_click_that_names_the_level_settles_a_doubt(pair):
    column = make_column()
    detections, truth = detected(column, pair, replace(fine(CLEAN), shifted={"AP": -1, "LAT": -1}))
    assert shown(match(detections, pair), truth)["L1"] == {"L2"}
    click = Seed("L2", {"AP": tuple(project(column[3].origin[None], pair[0])[0])})
    found = match(with_clicks(detections, [click], pair), pair)
    assert shown(found, truth)["L2"] == {"L2"} and found.shifts[0] > 0.95


def test_a_click_takes_the_place_of_what_was_not_found(pair):
    column = make_column(("L2",))
    detections, _ = detected(column, pair[:1], fine(CLEAN))
    alone = match(detections, pair)
    words = seeds_of(alone, detections, pair).reasons["L2"]
    assert words == "L2 was found in AP only. Click its centre in LAT."
    asked = Seed("L2", {"LAT": tuple(project(column[0].origin[None], pair[1])[0])})
    both = with_clicks(detections, [asked], pair)
    proposal = seeds_of(match(both, pair), both, pair, [asked])
    assert not proposal.reasons
    assert np.linalg.norm(proposal.seeds[0].place.centre_mm - column[0].origin) < 5.0


def test_one_view_is_enough_between_neighbours_that_both_show(pair):
    column = make_column()
    detections, truth = detected(column, pair, fine(CLEAN))
    lost = truth["LAT"].index("L1")
    fewer = {**detections, "LAT": tuple(one for index, one in enumerate(detections["LAT"]) if index != lost)}
    proposal = seeds_of(match(fewer, pair), fewer, pair)
    assert not proposal.reasons
    place = next(seed.place for seed in proposal.seeds if seed.level == "L1")
    assert np.linalg.norm(place.centre_mm - column[2].origin) < 5.0


def test_what_is_not_started_says_why(pair):
    column = make_column()
    detections, truth = detected(column, pair, fine(CLEAN))
    without = {
        name: tuple(one for one, level in zip(detections[name], truth[name], strict=True) if level != "L2")
        for name in detections
    }
    found = match(without, pair)
    assert seeds_of(found, without, pair).reasons == {
        "L2": "L2 was found in none of the views. Click its centre in AP and LAT."
    }
    asked = [Seed("L2"), Seed("T2")]
    reasons = seeds_of(found, without, pair, asked).reasons
    assert "seem to show T11 to L4" in reasons["T2"] and list(reasons) == ["T2", "L2"]
    nothing = seeds_of(match({}, pair), {}, pair, [Seed("L2")])
    assert nothing.reasons["L2"] == "No vertebra was found in AP and LAT. Click the centre of L2 in each view."


def half_levels(column):
    """False vertebrae between the true ones, as a network sees them in discs, in every view alike."""
    return [replace(one, origin=(one.origin + other.origin) / 2) for one, other in pairwise(column)]


def with_neighbours(detections, column, view):
    """Detections that say where their neighbours are: those of discs, too, a whole step away."""
    places = {one.level: project(one.origin[None], view)[0] for one in column}
    step = np.mean([places[b.level] - places[a.level] for a, b in pairwise(column)], axis=0)
    return tuple(
        replace(one, neighbours_px=np.stack([one.centre_px - step, one.centre_px + step])) for one in detections
    )


def test_discs_that_both_views_take_for_vertebrae_are_left_out(pair):
    column = make_column()
    detections, truth = detected(column, pair, fine(CLEAN))
    false, _ = detected(half_levels(column), pair, fine(CLEAN))
    unsure = np.full(len(LEVELS), 1.0 / len(LEVELS))  # a detector that cannot count must not let them in
    every = {
        view.name: with_neighbours(
            (
                *(replace(one, level_probabilities=unsure, score=0.6) for one in detections[view.name]),
                *(replace(one, level_probabilities=unsure, score=0.45) for one in false[view.name]),
            ),
            column,
            view,
        )
        for view in pair
    }
    names = {view.name: (*truth[view.name], *[""] * len(false[view.name])) for view in pair}
    assert list(shown(match(every, pair), names).values()) == [{level} for level in SHOWN]


def test_a_weak_column_is_refused_unless_a_person_clicked(pair):
    column = make_column(("L2", "L3"))
    detections, _ = detected(column, pair, fine(CLEAN))
    weak = {name: tuple(replace(one, score=0.2) for one in each) for name, each in detections.items()}
    found = match(weak, pair)
    assert not found.vertebrae and found.unused == {"AP": (0, 1), "LAT": (0, 1)}
    assert found.evidence < LEAST_EVIDENCE < match(detections, pair).evidence
    click = Seed("L2", {view.name: tuple(project(column[0].origin[None], view)[0]) for view in pair})
    assert [one.level for one in match(with_clicks(weak, [click], pair), pair).vertebrae] == ["L2", "L3"]


def test_a_click_keeps_the_detectors_own_score(pair):
    column = make_column(("L2", "L3"))
    detections, _ = detected(column, pair, fine(CLEAN))
    faint = {name: tuple(replace(one, score=0.31) for one in each) for name, each in detections.items()}
    click = Seed("L2", {view.name: tuple(project(column[0].origin[None], view)[0]) for view in pair})
    joined = with_clicks(faint, [click], pair)
    assert {one.score for each in joined.values() for one in each} == {0.31}
    assert "L2" in {seed.level for seed in seeds_of(match(joined, pair), joined, pair, [click, Seed("L3")]).seeds}


def test_labels_can_be_shifted_as_a_whole(pair):
    detections, _ = detected(make_column(), pair, fine(CLEAN))
    found = match(detections, pair)
    moved = found.shifted(1)
    assert [one.level for one in moved.vertebrae] == ["T12", "L1", "L2", "L3", "L4", "L5"]
    assert len(moved.shifted(1).vertebrae) == 5  # what would be below L5 is dropped
    assert moved.shifts[-1] == found.shifts[0]
    assert next(seed.level for seed in seeds_of(moved, detections, pair).seeds) == "T12"


def test_a_smooth_column_bridges_a_gap():
    truth = {one.level: one.origin for one in make_column()}
    seen = {LEVELS.index(level): (truth[level], np.eye(3)) for level in ("T11", "T12", "L2", "L3", "L4")}
    number = LEVELS.index("L1")
    mean, covariance = smooth(seen, number - 2, number + 3)[number]
    assert np.linalg.norm(mean - truth["L1"]) < 3.0
    assert 1.0 < np.sqrt(np.linalg.eigvalsh(covariance)[-1]) < 4.0
    assert step(0, 16)[0][2] < -380.0
