"""Samples say the same of a picture as its shard, however they are varied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.detect.canonical import canonical_frame, move
from SpineDARTLib.detect.find import PROJECTION_FULL
from SpineDARTLib.simulate.shards import read_shard
from SpineDARTLib.train.augment import MIRRORED, Augmentation, augment, moved_by
from SpineDARTLib.train.batch import collate, on_device
from SpineDARTLib.train.samples import Store, held_back, pack_shard, read_pack
from SpineDARTLib.train.targets import COUNTS, crop_targets, dense_targets
from Testing.train.shards import make_shards

SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"), 2, 3)


@pytest.fixture(scope="module")
def samples(folder, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return [one for shard in sorted(folder.iterdir()) for one in read_pack(pack_shard(shard, cache, SIZE))]


@pytest.fixture(scope="module")
def batch(samples):
    return on_device(collate(samples), "cpu")


def test_labels_are_moved_with_the_picture(folder, samples):
    picture = read_shard(folder / "shard-000000.npz")[1][0]
    frame = canonical_frame(picture.view, SIZE)
    label, sample = picture.labels[0], samples[0]
    assert np.allclose(sample.landmarks[0], move(label.landmarks_px, frame.to_working), atol=1e-3)
    assert sample.image.shape == (SIZE, SIZE)
    mask, projection = sample.crops[0] / 255.0
    extent = sample.boxes[0, 2:] - sample.boxes[0, :2]
    scale = abs(np.linalg.det(frame.to_working[:, :2]))
    area = mask.mean() * extent.prod() / scale
    assert area == pytest.approx(label.mask.values.sum(), rel=0.03)
    whole = projection.mean() * extent.prod() / scale * PROJECTION_FULL
    assert whole == pytest.approx(np.clip(label.projection.values, 0, PROJECTION_FULL).sum(), rel=0.05)


def centroid(weights: torch.Tensor) -> torch.Tensor:
    rows, columns = weights.shape
    v, u = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    return torch.stack([(weights * u).sum(), (weights * v).sum()]) / weights.sum()


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_what_is_true_moves_together(batch, mirror):
    """A bright disc painted over a silhouette's centroid stays there, in the picture and in the box that is cut."""
    line = torch.arange(SIZE, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    place = batch.boxes[0, :2] + centroid(batch.crops[0, 0]) / 96 * (batch.boxes[0, 2:] - batch.boxes[0, :2])
    images = batch.images.clone()
    images[0] = torch.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 18.0)
    turn = torch.tensor([[mirror * 0.9, -mirror * 0.3], [0.3, 0.9]])
    offset = torch.full((2,), 32.0) - turn @ torch.full((2,), 32.0) + 2.0
    moved = moved_by(replace(batch, images=images), torch.cat([turn, offset[:, None]], 1).expand(len(images), 2, 3))
    there = centroid(moved.images[0]) - 0.5
    cut = crop_targets(replace(moved, shares=torch.ones_like(moved.shares)), 40, torch.zeros(len(moved.levels), 4))
    roi = cut.rois[0, 1:]
    again = roi[:2] - 0.5 + centroid(cut.mask[0]) / 40 * (roi[2:] - roi[:2])
    assert torch.allclose(there, again, atol=0.8)
    before = batch.landmarks[0][list(MIRRORED)] if mirror < 0 else batch.landmarks[0]
    assert torch.allclose(moved.landmarks[0] @ turn.T + offset, before, atol=1e-3)


def test_varied_pictures_are_the_same_for_the_same_seed(batch):
    one, same, other = (augment(batch, Augmentation(), seed) for seed in (1, 1, 2))
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)
    assert torch.isfinite(one.images).all()
    assert ((one.shares >= 0) & (one.shares <= 1)).all()


def test_targets_are_where_the_vertebrae_are(batch):
    seen = replace(batch, shares=torch.ones_like(batch.shares))
    line = torch.arange(SIZE // 8) * 8 + 3.5
    at = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    wanted = dense_targets(seen, at)
    centre = seen.centres()[0]
    inside = bool(((centre > 0) & (centre < SIZE)).all())
    row, column = (wanted.heat[0] == 1.0).nonzero()[0].tolist()
    assert inside
    owner = int((seen.centres()[seen.picture == 0] - at[row, column]).norm(dim=1).argmin())
    true = seen.centres()[owner]
    assert torch.allclose(at[row, column] + 32.0 * wanted.offset[0, row, column], true, atol=1e-3)
    hidden = dense_targets(replace(batch, shares=torch.full_like(batch.shares, COUNTS / 2)), at)
    assert hidden.heat.max() == 0
    assert hidden.heat_weight.min() == 0


def test_a_picture_without_vertebrae(samples):
    empty = replace(
        samples[0],
        **{
            name: getattr(samples[0], name)[:0]
            for name in ("boxes", "landmarks", "visibility", "levels", "shares", "crops")
        },
    )
    both = augment(on_device(collate([empty, samples[1]]), "cpu"), Augmentation(), 3)
    line = torch.arange(SIZE // 8) * 8 + 3.5
    at = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    assert dense_targets(both, at).heat[0].max() == 0


def test_a_store_grows_and_keeps_people_back(folder, tmp_path):
    store = Store([folder], tmp_path, SIZE, ["tiny-1"])
    assert store.grow() == 6
    assert {one.subject for one in store.validation} == {"tiny-1"}
    assert store.subjects == {"tiny-0"}
    assert store.grow() == 0
    (folder / "shard-000009.npz").write_bytes(b"no shard")
    assert store.grow() == 0
    assert "shard-000009" in store.broken[0]
    (folder / "shard-000009.npz").unlink()


def test_a_share_of_the_drawn_is_held_back():
    back = [held_back(f"synthetic-1-{number}", (), 8) for number in range(400)]
    assert 25 < sum(back) < 75
    assert not held_back("verse005", ("verse006",), 1)


def test_in_a_picture_of_nothing_nothing_is_to_be_found(batch):
    varied = augment(batch, Augmentation(emptied=1.0), 3)
    assert varied.shares.max() == 0
    assert torch.isfinite(varied.images).all()
    assert not len(crop_targets(varied, 16, torch.zeros(len(varied.levels), 4)).index)
