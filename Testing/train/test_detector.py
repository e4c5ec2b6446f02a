"""A short training: it learns, it goes on where it was, it keeps what the detector reads."""

from __future__ import annotations

import json
import resource
from dataclasses import replace

import pytest
import torch

from SpineDARTLib.__main__ import main
from SpineDARTLib.detect.weights import load_detector
from SpineDARTLib.errors import InputError
from SpineDARTLib.train.checkpoint import CHECKPOINT
from SpineDARTLib.train.detector import Training, store_of
from SpineDARTLib.train.keeping import Validated
from SpineDARTLib.train.running import train
from SpineDARTLib.train.settings import tiny
from Testing.train.shards import make_shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"), 3, 4)


def settings_of(folder, out, steps=20):
    out.mkdir(exist_ok=True)
    return replace(tiny(out, (folder,), steps), held_back=("tiny-2",))


def test_the_loss_falls(folder, tmp_path):
    settings = settings_of(folder, tmp_path / "a")
    totals = [state.losses["total"] for state in Training(settings, store_of(settings)).run()]
    assert len(totals) == 20
    assert sum(totals[-5:]) < 0.85 * sum(totals[:5])


def test_in_half_precision_the_loss_is_the_same_and_falls(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("SpineDARTLib.train.loop.halves", lambda device: True)
    settings = settings_of(folder, tmp_path / "a")
    store = store_of(settings)
    whole, half = (
        [state.losses["total"] for state in Training(replace(settings, half=one), store).run()] for one in (False, True)
    )
    assert whole != half
    assert half == pytest.approx(whole, rel=0.1)
    assert sum(half[-5:]) < 0.85 * sum(half[:5])


def test_going_on_gives_the_same_weights(folder, tmp_path):
    settings = settings_of(folder, tmp_path / "a", 6)
    store = store_of(settings)
    whole = Training(settings, store)
    for state in whole.run():
        if state.step == 3:
            whole.save()
    again = Training(settings, store)
    assert again.resume()
    assert again.progress.step == 3
    list(again.run())
    for name, value in whole.average.items():
        assert torch.equal(value, again.average[name]), name


def test_a_loss_that_is_no_number_changes_no_weight(folder, tmp_path, monkeypatch):
    settings = settings_of(folder, tmp_path / "a", 2)
    training = Training(settings, store_of(settings))
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    good = training.losses
    monkeypatch.setattr(training, "losses", lambda *given: {n: v * float("nan") for n, v in good(*given).items()})
    steps = training.run()
    assert next(steps).step == 1
    assert training.progress.skipped == 1
    for name, value in training.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    monkeypatch.setattr(training, "losses", good)
    assert next(steps).losses["total"] > 0
    assert training.progress.skipped == 1
    assert all(bool(torch.isfinite(value).all()) for value in training.average.values())
    assert not all(torch.equal(value, before[name]) for name, value in training.network.state_dict().items())


def test_a_full_disk_leaves_the_old_checkpoint(folder, tmp_path):
    settings = settings_of(folder, tmp_path / "a", 2)
    training = Training(settings, store_of(settings))
    training.save()
    old = (settings.out / CHECKPOINT).read_bytes()
    steps = training.run()
    next(steps)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, limits[1]))
    try:
        with pytest.raises(InputError, match=CHECKPOINT):
            training.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (settings.out / CHECKPOINT).read_bytes() == old
    assert not list(settings.out.glob("*.partial")) and not list(settings.out.glob(".*.partial"))


def test_nobody_held_back_is_ever_learned_from(folder, tmp_path):
    settings = settings_of(folder, tmp_path / "a", 1)
    store = store_of(settings)
    training = Training(settings, store)
    assert {one.subject for one in store.validation} == {"tiny-2"}
    own = {one.image.tobytes() for one in store.validation}
    for step in range(40):
        for image in training.batches(step)[0][1].images:
            assert image.numpy().tobytes() not in own


def test_what_is_kept(folder, tmp_path):
    settings = settings_of(folder, tmp_path / "a", 3)
    states = list(train(Training(settings, store_of(settings))))
    assert isinstance(states[-1], Validated)
    out = settings.out
    history = json.loads((out / "history.json").read_text(encoding="utf-8"))
    assert history[-1]["step"] == 3
    assert history[-1]["validation"]["pictures"] == 4
    kept = {"curves.png", "examples_validation.png", CHECKPOINT, "README.md"}
    assert kept <= {path.name for path in out.iterdir()}
    assert history[-1]["validation_scanned"] == history[-1]["validation"]
    card = load_detector(out).card
    assert card["metrics"]["validation"] == history[-1]["validation"]
    assert card["sha256"] in (out / "README.md").read_text(encoding="utf-8")
    assert card["subjects"] == ["tiny-0", "tiny-1"]
    assert card["held_back"] == ["tiny-2"]


def test_another_checkpoint_is_refused(folder, tmp_path):
    settings = settings_of(folder, tmp_path / "a", 1)
    store = store_of(settings)
    Training(settings, store).save()
    other = replace(settings, architecture=replace(settings.architecture, channels=32))
    with pytest.raises(InputError, match="architecture"):
        Training(other, store).resume()
    (settings.out / CHECKPOINT).write_bytes(b"nothing")
    with pytest.raises(InputError, match="checkpoint"):
        Training(settings, store).resume()


def test_the_command_names_what_is_wrong(tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["train", "detector", "--data", str(tmp_path / "none"), "--out", out, "--budget", "cpu"]) == 2
    assert "--data" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["train", "detector", "--data", str(tmp_path / "empty"), "--out", out, "--budget", "cpu"]) == 2
    assert "no pictures" in capsys.readouterr().err
    assert main(["train", "detector", "--data", str(tmp_path), "--out", out, "--minutes", "0"]) == 2
