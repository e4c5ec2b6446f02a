"""A simulation beside the training, and case folders, give samples like those of shards."""

from __future__ import annotations

import os

import numpy as np
import pytest

from SpineDARTLib.simulate.batch import take_all
from SpineDARTLib.simulate.case import LABELS_NAME, write_simulated
from SpineDARTLib.train import produce as module
from SpineDARTLib.train.cases import case_samples
from SpineDARTLib.train.samples import Store, read_pack
from Testing.simulate.tiny import supply


class StopsAtOnce:
    """In an event's place."""

    def __init__(self, pictures: int) -> None:
        self.left = pictures

    def is_set(self) -> bool:
        self.left -= 1
        return self.left <= 0


@pytest.fixture
def small_packs(monkeypatch):
    monkeypatch.setattr(module, "PICTURES", 2)
    monkeypatch.setattr(module, "PATIENTS", 2)
    monkeypatch.setattr(module, "PICTURES_EACH", 2)


def test_packs_come_until_it_is_told_to_stop(small_packs, tmp_path):
    module.produce(supply(size_px=48), tmp_path, 64, "cpu", 1, StopsAtOnce(5), os.getppid())
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["pack-000000-64.npz", "pack-000001-64.npz"]
    store = Store([tmp_path], tmp_path / "cache", 64, [])
    assert store.grow() == 4
    assert store.train[0].image.shape == (64, 64)
    # A later one goes on with other patients.
    module.produce(supply(size_px=48), tmp_path, 64, "cpu", 1, StopsAtOnce(2), os.getppid())
    first, last = (read_pack(tmp_path / f"pack-00000{number}-64.npz") for number in (0, 2))
    assert not np.array_equal(first[0].image, last[0].image)


def test_it_ends_when_nobody_is_there(small_packs, tmp_path):
    module.produce(supply(size_px=48), tmp_path, 64, "cpu", 1, StopsAtOnce(100), parent=-1)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def case_folder(tmp_path):
    source = supply(size_px=96)
    aimed = source.patient(0)
    taken = take_all(source, aimed, 0, "ap-lat", None)
    write_simulated(tmp_path / "one", "one", aimed.patient, taken, ["L2", "L3"], np.random.default_rng(0), click_px=0.0)
    return tmp_path


def test_cases_with_meshes_alone_are_like_those_with_labels(case_folder):
    with_labels = list(case_samples(case_folder, 64))
    (case_folder / "one" / "truth" / LABELS_NAME).unlink()
    from_meshes = list(case_samples(case_folder, 64))
    assert len(with_labels) == len(from_meshes) == 2
    for one, other in zip(with_labels, from_meshes, strict=True):
        assert one.levels.tolist() == other.levels.tolist()
        assert np.allclose(one.boxes, other.boxes, atol=0.1)
        assert np.abs(one.crops[:, 0].astype(float) - other.crops[:, 0]).mean() < 3.0
        assert one.pixel_mm == pytest.approx(other.pixel_mm, rel=0.05)
        assert other.visibility.max() == 0
