"""``spinedart train detector`` from what is typed to what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from SpineDARTLib.__main__ import main
from SpineDARTLib.arguments.train import Train
from SpineDARTLib.detect.architecture import CPU, GPU
from SpineDARTLib.errors import InputError
from SpineDARTLib.similarity.learned.architecture import LARGE, SMALL
from SpineDARTLib.train import keeping, running
from SpineDARTLib.train import settings as module
from SpineDARTLib.train.cases import case_samples
from SpineDARTLib.train.settings import tiny
from Testing.train.shards import make_shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"), 3, 2)


@pytest.fixture
def small(monkeypatch):
    """A budget for tests behind the word "cpu"; nothing is drawn (``test_detector`` looks at that)."""
    monkeypatch.setattr(keeping, "draw_curves", lambda *_: None)
    monkeypatch.setattr(running, "draw_examples", lambda *_: None)
    monkeypatch.setattr(module, "cpu_budget", lambda out, data, cases, minutes: tiny(out, data, 1))


def typed(folder, out, *more: str) -> list[str]:
    own = ["train", "detector", "--data", str(folder), "--out", str(out), "--budget", "cpu", "--device", "cpu"]
    return [*own, "--held-back", "tiny-2", *more]


def test_the_same_command_gives_the_same_weights(small, folder, tmp_path):
    for name in ("a", "b"):
        assert main(typed(folder, tmp_path / name, "--steps", "2", "--seed", "5")) == 0
    cards = [json.loads((tmp_path / name / "detector.json").read_text(encoding="utf-8")) for name in ("a", "b")]
    assert cards[0]["sha256"] == cards[1]["sha256"]
    assert cards[0]["command"].endswith("--steps 2 --held-back tiny-2 --seed 5")
    assert cards[0]["sha256"] in (tmp_path / "a" / "README.md").read_text(encoding="utf-8")


def test_a_training_is_not_overwritten_but_resumed(small, folder, tmp_path, capsys):
    assert main(typed(folder, tmp_path, "--steps", "1")) == 0
    capsys.readouterr()
    assert main(typed(folder, tmp_path, "--steps", "1")) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(typed(folder, tmp_path, "--steps", "2", "--resume")) == 0
    assert "going on from step 1" in capsys.readouterr().out
    history = json.loads((tmp_path / "history.json").read_text(encoding="utf-8"))
    assert [one["step"] for one in history] == [1, 2]


def test_a_pack_has_all_that_a_training_reads(small, folder, tmp_path, capsys):
    assert main(typed(folder, tmp_path / "out", "--pack", str(tmp_path / "packs"))) == 0
    assert "6 pictures" in capsys.readouterr().out
    samples = list(case_samples(tmp_path / "packs" / "data", 64))
    assert {one.subject for one in samples} == {"tiny-0", "tiny-1", "tiny-2"}
    assert main(typed(tmp_path / "packs" / "data", tmp_path / "out", "--steps", "1")) == 0
    card = json.loads((tmp_path / "out" / "detector.json").read_text(encoding="utf-8"))
    assert card["subjects"] == ["tiny-0", "tiny-1"]


def settings_of(**typed_in):
    return Train(network="detector", data=Path("data"), out=Path("out"), device="cpu", **typed_in)._settings()


def test_what_is_typed_is_what_is_set():
    assert settings_of().architecture == CPU
    large = settings_of(budget="gpu")
    assert (large.architecture, large.minutes, large.device) == (GPU, 25.0, "cpu")
    assert settings_of(budget="cpu").minutes == 120.0
    assert settings_of(minutes=7.0, seed=4).minutes == 7.0
    assert settings_of(seed=4).seed == 4
    counted = settings_of(steps=9)
    assert counted.steps == 9
    assert counted.minutes > 10_000
    assert counted.grow_seconds == 0.0 < settings_of().grow_seconds
    assert settings_of(held_back=" a, b,", sources="lidc").held_back == ("a", "b")
    assert settings_of(sources="lidc").sources == ("lidc",)


def test_what_is_typed_for_the_similarity_is_what_is_set():
    given = Train(network="similarity", data=Path("data"), out=Path("out"), device="cpu", rounds=2, sources="lidc")
    settings = replace(given, steps=9, seed=4)._similarity_settings()
    assert (settings.architecture, settings.rounds, settings.steps, settings.seed) == (SMALL, 2, 9, 4)
    assert settings.sources == ("lidc",) and settings.minutes > 10_000 and settings.grow_seconds == 0.0
    large = replace(given, budget="gpu", minutes=7.0)._similarity_settings()
    assert (large.architecture, large.minutes, large.device) == (LARGE, 7.0, "cpu")


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"parts": 0}, {"rounds": -1}, {"seed": -1}, {"minutes": -1.0}, {"ct_share": 2.0}]
)
def test_numbers_that_mean_nothing(wrong):
    with pytest.raises(InputError, match=f"--{next(iter(wrong)).replace('_', '-')}"):
        Train(network="detector", data=Path("data"), out=Path("out"), **wrong).run()


def test_the_help_says_how_to_use_several_gpus(capsys):
    assert main(["train", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "torchrun --nproc-per-node" in shown
