"""``spinedart simulate``: what it writes, and what it says of bad arguments."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.__main__ import main
from SpineDARTLib.io.case import read_case
from SpineDARTLib.simulate.shards import read_shard
from SpineDARTLib.simulate.supply import Supply
from Testing.simulate import tiny


@pytest.fixture
def small(monkeypatch):
    """Tiny patients in the real ones' place; number 2 has none."""

    def patient(self: Supply, number: int):
        return tiny.TinySupply(self.settings, missing=2).patient(number)

    monkeypatch.setattr(Supply, "patient", patient)


def test_cases_can_be_planned_and_misstated(small, tmp_path, capsys):
    arguments = ["simulate", "cases", str(tmp_path), "--number", "2", "--kind", "random-pair", "--size-px", "80"]
    assert main([*arguments, "--rotation-error-deg", "2"]) == 0
    assert "2 cases with 4 pictures of" in capsys.readouterr().out
    folders = sorted(path for path in tmp_path.iterdir())
    assert [path.name for path in folders] == ["0000-random-pair", "0001-random-pair"]
    import json

    for folder in folders:
        case = read_case(folder)
        true = json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))["true_projections"]
        for view in case.views:
            stated, real = view.projection, np.array(true[view.name])
            moved = [each @ [12.0, -20.0, 70.0, 1.0] for each in (stated, real)]
            apart = np.linalg.norm(moved[0][:2] / moved[0][2] - moved[1][:2] / moved[1][2])
            assert 0.01 < apart < 20.0


def test_shards_go_on_and_say_what_could_not_be_made(small, tmp_path, capsys):
    arguments = ["simulate", "shards", str(tmp_path), "--patients", "3", "--pictures", "2", "--size-px", "80"]
    assert main(arguments) == 1
    said = capsys.readouterr().out
    assert "not made: scan.nii.gz" in said and "2 shards with 4 pictures" in said
    assert main(arguments) == 1
    assert "2 were there already" in capsys.readouterr().out
    subject, pictures = read_shard(tmp_path / "shard-000001.npz")
    assert subject == "tiny-1" and [one.stored.shape for one in pictures] == [(80, 80)] * 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["shards", "OUT", "--patients", "0"], "--patients: got 0"),
        (["shards", "OUT", "--size-px", "9"], "--size-px: got 9"),
        (["shards", "OUT", "--ct", "OUT/nowhere"], "nowhere: got no such folder"),
        (["shards", "OUT", "--ct", "OUT"], "got no mask"),
        (["shards", "OUT", "--ct-share", "2"], "--ct-share: got 2"),
        (["shards", "OUT", "--seed", "-1"], "--seed: got -1"),
        (["cases", "OUT", "--levels", "L7"], "--levels: got L7"),
        (["cases", "OUT", "--kind", "training"], "training"),
        (["cases", "OUT", "--workers", "0"], "--workers: got 0"),
        (["grading", "OUT/nothing", "--out", "OUT"], "nothing"),
    ],
)
def test_bad_arguments_are_named_on_one_line(arguments, named, tmp_path, capsys):
    assert main(["simulate", *(text.replace("OUT", str(tmp_path)) for text in arguments)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and named in said
    assert not list(tmp_path.iterdir())
