"""A short training: it learns, it goes on where it was, it keeps what the detector reads."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from SpineDARTLib.__main__ import main
from SpineDARTLib.detect.weights import load_detector
from SpineDARTLib.errors import InputError
from SpineDARTLib.train.detector import CHECKPOINT, Training, store_of
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


def test_what_is_kept(folder, tmp_path):
    settings = settings_of(folder, tmp_path / "a", 3)
    states = list(train(Training(settings, store_of(settings))))
    assert isinstance(states[-1], Validated)
    out = settings.out
    history = json.loads((out / "history.json").read_text(encoding="utf-8"))
    assert history[-1]["step"] == 3
    assert history[-1]["validation"]["pictures"] == 4
    assert {"curves.png", "examples_validation.png", CHECKPOINT} <= {path.name for path in out.iterdir()}
    card = load_detector(out).card
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
