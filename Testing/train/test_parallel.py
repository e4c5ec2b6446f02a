"""Two processes train as one does with twice the pictures, and go on where it was."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from SpineDARTLib.errors import InputError
from SpineDARTLib.train import parallel
from SpineDARTLib.train.detector import Training, store_of
from SpineDARTLib.train.parallel import Team, team
from Testing.train.member import settings_of, take_part
from Testing.train.shards import make_shards

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"), 3, 4)


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells a process."""
    told = {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
    return told | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.slow  # about 7 s of processor time: another process loads torch, too
def test_two_processes_are_one_with_twice_the_pictures(folder, tmp_path, monkeypatch):
    """One process, two parts a step, keeps a checkpoint at step 2 and goes on; two processes go on from it, too."""
    out = tmp_path / "out"
    out.mkdir()
    settings = replace(settings_of(folder, out), parts=2)
    alone = Training(settings, store_of(settings))
    for state in alone.run():
        if state.step == 2:
            alone.save()
    port, kept = free_port(), [tmp_path / f"{rank}.pt" for rank in (0, 1)]
    command = [sys.executable, "-m", "Testing.train.member", str(folder), str(out), str(kept[1])]
    monkeypatch.setattr(parallel, "LONGEST_WAIT", timedelta(minutes=2))  # for the other one, should it fail
    for name, value in environment(0, port).items():
        monkeypatch.setenv(name, value)
    with subprocess.Popen(command, env=os.environ | environment(1, port), cwd=ROOT, stdout=subprocess.PIPE) as second:
        try:
            assert take_part(folder, out, kept[0]) == 0
            assert second.communicate(timeout=120) == (b"", None)  # only the first one speaks
        finally:
            second.kill()
    one, other = (torch.load(path, weights_only=True) for path in kept)
    assert one["step"] == other["step"] == 4
    for name, value in alone.network.state_dict().items():
        assert torch.equal(one["network"][name], other["network"][name]), name
        assert torch.allclose(one["network"][name], value, atol=1e-5), name


def test_parts_are_different_pictures(folder, tmp_path):
    settings = replace(settings_of(folder, tmp_path), parts=2)
    training = Training(settings, store_of(settings))
    (first, one), (second, other) = training.batches(0)
    assert (first, second) == (0, 1)
    assert not torch.equal(one.images, other.images)
    training.team = Team(1, 2)
    assert [part for part, _ in training.batches(0)] == [1]
    assert torch.equal(training.batches(0)[0][1].images, other.images)


def test_alone_nothing_is_asked_of_others(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    weight = torch.nn.Parameter(torch.ones(2))
    with team("cpu") as own:
        own.sum_gradients([weight])
        own.wait()
        assert own.agreed(0.3) == 0.3
        assert own.leads
    assert weight.grad is None


def test_each_process_needs_a_part(folder, tmp_path):
    settings = settings_of(folder, tmp_path)
    with pytest.raises(ValueError, match="2 processes"):
        Training(settings, store_of(settings), Team(0, 2))


@pytest.mark.parametrize(("device", "told"), [
    ("cpu", {"WORLD_SIZE": "2"}),
    ("cpu", {"WORLD_SIZE": "many"}),
    ("cuda", {"WORLD_SIZE": "99", "RANK": "98", "LOCAL_RANK": "98"}),
    ("mps", {"WORLD_SIZE": "2", "RANK": "0"}),
])  # fmt: skip
def test_a_team_that_cannot_be(device, told, monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError), team(device):
        pass
