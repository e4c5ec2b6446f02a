"""Shards are found wherever they lie, and where there are none the message says what was looked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.train.detector import Training, store_of
from SpineDARTLib.train.samples import Store
from SpineDARTLib.train.shard_files import data_files, patterns
from Testing.train.member import settings_of
from Testing.train.shards import make_shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"), 2, 2)


def test_links_are_followed(shards, tmp_path):
    data = tmp_path / "data"
    (data / "own").mkdir(parents=True)
    (data / "linked").symlink_to(shards, target_is_directory=True)
    (data / "own" / "up").symlink_to(data, target_is_directory=True)  # a circle
    (data / "own" / "shard-000007.npz").symlink_to(shards / "shard-000000.npz")
    (data / "own" / "notes.npz").write_bytes(b"")
    found = [str(path.relative_to(data)) for path in data_files(data, patterns(64), tmp_path / "packs")]
    assert found == ["linked/shard-000000.npz", "linked/shard-000001.npz", "own/shard-000007.npz"]
    whole = Store([tmp_path / "data"], tmp_path / "packs", 64, [])
    assert whole.grow() == 6
    assert not whole.broken


def test_its_own_packs_are_not_data(shards, tmp_path):
    (tmp_path / "shard-000000.npz").symlink_to(shards / "shard-000000.npz")
    store = Store([tmp_path], tmp_path / "packs", 64, [])
    assert store.grow() == 2
    assert list((tmp_path / "packs").iterdir())
    assert store.grow() == 0


def test_a_link_to_nothing_says_so(tmp_path):
    (tmp_path / "shard-000000.npz").symlink_to(tmp_path / "gone.npz")
    store = Store([tmp_path], tmp_path / "packs", 64, [])
    assert store.grow() == 0
    assert "shard-000000.npz" in store.broken[0] and "No such file" in store.broken[0]
    assert store.grow() == 0
    assert len(store.broken) == 1


def words_of(data, out, **changes):
    settings = replace(settings_of(data, out), **changes)
    with pytest.raises(InputError) as raised:
        next(Training(settings, store_of(settings)).run())
    return str(raised.value)


def test_nothing_to_learn_from(shards, tmp_path):
    (tmp_path / "empty").mkdir()
    words = words_of(tmp_path / "empty", tmp_path)
    assert "shard-*.npz or pack-*-64.npz" in words and str(tmp_path / "empty") in words
    assert "4 pictures" in words_of(shards, tmp_path, held_back=("tiny-0", "tiny-1"))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "shard-000000.npz").write_bytes(b"no shard")
    assert "none of which can be read" in words_of(tmp_path / "bad", tmp_path)
