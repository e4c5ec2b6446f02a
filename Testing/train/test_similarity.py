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
    batch = training.batch(0)
    totals = []
    for _ in range(30):
        totals.append(float(training.learn(batch)["total"]))
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
