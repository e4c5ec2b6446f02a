"""The figures of a validation, of answers that are known to be right, and wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.detect.architecture import TINY
from SpineDARTLib.detect.decode import Found
from SpineDARTLib.detect.heads import Crops
from SpineDARTLib.detect.network import Network, widened
from SpineDARTLib.train import validate as module
from SpineDARTLib.train.batch import collate, on_device
from SpineDARTLib.train.samples import pack_shard, read_pack
from SpineDARTLib.train.targets import crop_targets
from Testing.train.shards import make_shards


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = make_shards(tmp_path_factory.mktemp("shards"), 1, 2)
    found = read_pack(pack_shard(folder / "shard-000000.npz", tmp_path_factory.mktemp("cache"), 64))
    return [replace(one, shares=np.ones_like(one.shares), visibility=np.full_like(one.visibility, 2)) for one in found]


def perfect(samples, number, turn=0):
    """What a detector without fault would find in a picture, its levels ``turn`` off."""
    batch = on_device(collate([samples[number]]), "cpu")
    truth = crop_targets(batch, 16, torch.zeros(len(batch.levels), 4))
    count = len(batch.levels)
    zero = torch.zeros(count)
    factor = torch.tensor([0.05, 0.0, 0.05]).expand(count, 10, 3)
    crops = Crops(20 * truth.mask - 10, truth.projection, zero, truth.places, factor, zero, zero, zero, truth.boxes)
    levels = torch.nn.functional.one_hot(batch.levels + turn, 17).float()
    return Found(zero + 0.9, batch.boxes, batch.centres(), zero, levels, widened(batch.boxes) + 0.5, crops)


def figures(samples, monkeypatch, answers):
    coming = iter(answers)
    monkeypatch.setattr(module, "find_vertebrae", lambda *_: [next(coming)])
    return module.validate(Network(TINY), samples, "cpu", at_once=1)


def test_a_faultless_detector(samples, monkeypatch):
    found = figures(samples, monkeypatch, [perfect(samples, number) for number in range(2)])
    assert found["found"] == found["level"] == found["inside_95"] == 1.0
    assert found["false"] == 0.0
    assert found["iou"] > 0.97
    assert found["projection"] > 0.99
    assert found["landmark_px"] < 1e-3


def test_levels_one_off(samples, monkeypatch):
    found = figures(samples, monkeypatch, [perfect(samples, number, 1) for number in range(2)])
    assert found["level"] == 0.0
    assert found["level_one"] == 1.0


def test_somewhere_else(samples, monkeypatch):
    answers = [perfect(samples, number) for number in range(2)]
    found = figures(samples, monkeypatch, [replace(one, centres=one.centres + 200.0) for one in answers])
    assert found["found"] == 0.0
    assert found["false"] > 0
    assert np.isnan(found["iou"])
