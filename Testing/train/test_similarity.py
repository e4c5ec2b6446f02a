"""A short training of the similarity: it learns, it goes on where it was, it keeps what a fit reads."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.__main__ import main
from SpineDARTLib.errors import InputError
from SpineDARTLib.similarity.learned.weights import load_similarity
from SpineDARTLib.train.keeping import Validated
from SpineDARTLib.train.loop import TrainingState
from SpineDARTLib.train.parallel import Team
from SpineDARTLib.train.similarity.gather import gather, people_of
from SpineDARTLib.train.similarity.harvest import courses_of, read_courses, write_courses
from SpineDARTLib.train.similarity.running import train
from SpineDARTLib.train.similarity.settings import tiny
from SpineDARTLib.train.similarity.training import Training
from Testing.train.people import make_people, models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_people(tmp_path_factory.mktemp("people"), 3)


def training_of(folder, out, steps):
    out.mkdir(exist_ok=True)
    settings = replace(tiny(out, (folder,), steps), held_back=("tiny-2",))
    return Training(settings, people_of(settings), models())


def test_the_loss_falls_on_what_it_has_seen(folder, tmp_path):
    training = training_of(folder, tmp_path / "a", 40)
    batches = training.batches(0)
    totals = []
    for _ in range(30):
        totals.append(float(training.learn(batches)["total"]))
        training.progress.step += 1
    assert sum(totals[-5:]) < 0.85 * sum(totals[:5])


def test_going_on_gives_the_same_weights(folder, tmp_path):
    whole = training_of(folder, tmp_path / "a", 4)
    for state in whole.run():
        if state.step == 2:
            whole.save()
    again = training_of(folder, tmp_path / "a", 4)
    assert again.resume()
    list(again.run())
    for name, value in whole.average.items():
        assert torch.equal(value, again.average[name]), name


def test_parts_are_different_examples_and_together_a_larger_step(folder, tmp_path):
    settings = replace(training_of(folder, tmp_path / "a", 2).settings, parts=2)
    training = Training(settings, people_of(settings), models())
    (first, one), (second, other) = training.batches(0)
    assert (first, second) == (0, 1)
    assert not torch.equal(one.distances_mm, other.distances_mm)
    assert one.present.shape[1] == other.present.shape[1]
    training.team = Team(1, 2)
    ((part, again),) = training.batches(0)
    assert part == 1 and torch.equal(again.drawn, other.drawn)
    with pytest.raises(ValueError, match="2 processes"):
        Training(replace(settings, parts=1), training.people, models(), Team(0, 2))


def test_in_half_precision_the_loss_is_nearly_the_same(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("SpineDARTLib.train.loop.halves", lambda device: True)
    training = training_of(folder, tmp_path / "a", 2)
    _, batch = training.batches(0)[0]
    whole = training.total(training.losses_of(batch, 0))
    training.settings = replace(training.settings, half=True)
    half = training.total(training.losses_of(batch, 0))
    assert half.dtype == torch.float32
    assert float(half.detach()) != float(whole.detach())
    assert float(half.detach()) == pytest.approx(float(whole.detach()), rel=0.05)


def test_rounds_end_with_the_training_and_a_longer_one_goes_on(folder, tmp_path, monkeypatch):
    harvested = []

    def no_fits(people, settings, number, weights):
        harvested.append((number, weights is not None))
        yield from ()

    monkeypatch.setattr("SpineDARTLib.train.similarity.running.harvest", no_fits)
    monkeypatch.setattr("SpineDARTLib.train.keeping.draw_curves", lambda *_: None)
    training = training_of(folder, tmp_path / "a", 4)
    settings = replace(training.settings, rounds=2)
    steps = [one.step for one in train(Training(settings, training.people, models())) if isinstance(one, TrainingState)]
    assert steps == [1, 2, 3, 4]
    assert harvested == [(0, False), (1, True)]
    longer = Training(replace(settings, steps=5), training.people, models())
    assert longer.resume()
    assert [one.step for one in train(longer) if isinstance(one, TrainingState)] == [5]
    history = json.loads((tmp_path / "a" / "history.json").read_text(encoding="utf-8"))
    assert [(one["step"], one["round"]) for one in history] == [(2, 0), (4, 1), (5, 1)]
    card = json.loads((tmp_path / "a" / "similarity.json").read_text(encoding="utf-8"))
    assert card["rounds"] == 2
    assert card["command"].endswith("--budget cpu --rounds 2 --steps 5 --held-back tiny-2 --seed 0")


def test_only_the_first_of_a_team_fits_validates_and_keeps(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("SpineDARTLib.train.similarity.running.harvest", None)
    settings = replace(training_of(folder, tmp_path / "a", 2).settings, parts=2, rounds=2)
    training = Training(settings, people_of(settings), models())
    training.team = Team(rank=1)  # the other one is not waited for
    assert [one.step for one in train(training) if isinstance(one, TrainingState)] == [1, 2]
    assert list((tmp_path / "a").iterdir()) == []


def test_what_is_kept_can_drive_a_fit_and_its_states_be_learned_from(folder, tmp_path):
    training = training_of(folder, tmp_path / "a", 2)
    states = list(train(training))
    assert isinstance(states[-1], Validated)
    history = json.loads((tmp_path / "a" / "history.json").read_text(encoding="utf-8"))
    assert history[-1]["validation"]["examples"] == 2
    learned = load_similarity(tmp_path / "a")
    assert learned.card["held_back"] == ["tiny-2"]
    person = training.people.train[0]
    courses = courses_of(person, models(), 3, "hybrid", np.random.default_rng(0), learned)
    assert courses
    write_courses(tmp_path / "a" / "courses" / "round-00" / "fit-0000.npz", person, courses)
    kept = read_courses(tmp_path / "a" / "courses")
    assert [one.course.level for one in kept] == [one.level for one in courses]
    np.testing.assert_array_equal(kept[0].course.target[-1].pose, courses[0].target[-1].pose)
    training.take_courses()
    assert {one.level for _, one in training.source.courses} == {one.level for one in courses}
    example = training.maker.harvested(*training.source.courses[0], np.random.default_rng(1))
    assert example is not None
    assert example.harvested


def test_other_processes_make_the_same_examples(folder, tmp_path):
    training = training_of(folder, tmp_path / "a", 1)
    (here,), (there,) = ([training.source.one(5, 2)], gather(training.settings, [5], 2, 0))
    assert here is not None
    np.testing.assert_allclose(here.drawn, there.drawn, atol=1e-6)
    np.testing.assert_allclose(here.distances_mm, there.distances_mm, atol=1e-6)


def test_a_fit_that_lacks_what_it_needs_is_refused(folder):
    person = people_of(replace(tiny(folder, (folder,), 1))).train[0]
    with pytest.raises(ValueError, match="no learned weights"):
        courses_of(person, models(), 3, "learned", np.random.default_rng(0), None)


def test_the_command_names_what_is_wrong(tmp_path, capsys):
    out = str(tmp_path / "out")
    given = ["train", "similarity", "--data", str(tmp_path / "none"), "--out", out, "--budget", "cpu"]
    assert main(given) == 2
    assert "--data" in capsys.readouterr().err
    given[3] = str(tmp_path)
    assert main([*given, "--simulate", "2"]) == 2
    assert "--simulate" in capsys.readouterr().err
    with pytest.raises(InputError, match="nobody"):
        settings = tiny(tmp_path, (tmp_path,), 1)
        training = Training(settings, people_of(settings), models())
        training.check_data()
