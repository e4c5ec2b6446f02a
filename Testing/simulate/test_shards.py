"""Shards keep pictures and everything true about them."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.attenuation import to_attenuation
from SpineDARTLib.simulate.nouns import HIDDEN, OUTSIDE, VISIBLE, Crop, Label, Picture
from SpineDARTLib.simulate.shards import made_by, read_shard, write_shard
from SpineDARTLib.types import View


@pytest.fixture
def picture() -> Picture:
    generator = np.random.default_rng(3)
    stored = generator.integers(0, 4096, (20, 30)).astype(np.uint16)
    camera = np.eye(4)
    camera[:3, 3] = [3.0, -7.0, 530.0]
    intrinsics = np.array([[1700.0, 0, 14], [0, 1700.0, 9], [0, 0, 1]])
    view = View("AP", to_attenuation(stored, "bone-dark"), intrinsics, camera, (0.6, 0.6), 1020.0, "bone-dark")
    stated = View("AP", view.image, intrinsics + np.eye(3)[0], camera, (0.6, 0.6), 1020.0, "bone-dark")
    mask = generator.random((7, 5)) > 0.4
    projection = (mask * generator.random((7, 5))).astype(np.float32)
    visibility = np.array([OUTSIDE, HIDDEN, VISIBLE] * 3 + [VISIBLE], dtype=np.int8)
    label = Label(
        "L2",
        np.array([-3.0, 2.0, 8.0, 9.0]),
        Crop(2, 0, mask),
        Crop(2, 0, projection),
        generator.normal(size=(10, 2)),
        visibility,
        {"left": np.array([[1.0, 2.0], [3.0, 4.5]]), "right": np.array([[5.0, 2.0], [3.5, 4.0]])},
        0.75,
    )
    field = np.ones((20, 30), dtype=bool)
    field[:, :4] = False
    return Picture(view, stored, 12, field, (label,), stated, {"kvp": 80.0, "polarity": "bone-dark"})


def test_what_goes_in_comes_out(tmp_path, picture):
    write_shard(tmp_path / "shard-0.npz", "somebody", [picture, picture], "settings 1")
    subject, pictures = read_shard(tmp_path / "shard-0.npz")
    assert subject == "somebody" and len(pictures) == 2 and made_by(tmp_path / "shard-0.npz") == "settings 1"
    for found in pictures:
        assert found.stored.dtype == np.uint16 and np.array_equal(found.stored, picture.stored)
        assert np.array_equal(found.exposed, picture.exposed) and found.bits == 12
        assert found.conditions == picture.conditions
        for name in ("view", "stated"):
            assert getattr(found, name).projection == pytest.approx(getattr(picture, name).projection)
        assert found.view.image == pytest.approx(picture.view.image)
        ours, theirs = picture.labels[0], found.labels[0]
        assert theirs.level == "L2" and theirs.share_seen == 0.75
        assert (theirs.mask.row, theirs.mask.column) == (2, 0)
        assert np.array_equal(theirs.mask.values, ours.mask.values)
        assert theirs.projection.values == pytest.approx(ours.projection.values, abs=1e-3)
        assert np.array_equal(theirs.visibility, ours.visibility) and theirs.box_px == pytest.approx(ours.box_px)
        assert theirs.landmarks_px == pytest.approx(ours.landmarks_px)
        assert theirs.cannulas_px["right"] == pytest.approx(ours.cannulas_px["right"])


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.95])
def test_a_truncated_shard_is_named(tmp_path, picture, kept):
    path = tmp_path / "shard-7.npz"
    write_shard(path, "somebody", [picture])
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match=r"shard-7\.npz.*whole shard"):
        read_shard(path)
    assert made_by(path) is None


def test_something_else_is_no_shard(tmp_path):
    np.savez(tmp_path / "else.npz", points=np.zeros(3))
    with pytest.raises(InputError, match=r"else\.npz"):
        read_shard(tmp_path / "else.npz")
    with pytest.raises(InputError, match=r"nothing\.npz"):
        read_shard(tmp_path / "nothing.npz")
