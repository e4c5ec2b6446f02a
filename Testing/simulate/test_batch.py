"""Cases and shards: what is in them, that a run goes on where it stopped, that one bad patient costs no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.simulate.batch import make_cases, make_shards, take_all
from SpineDARTLib.simulate.case import asked_levels, read_labels
from SpineDARTLib.simulate.shards import read_shard
from SpineDARTLib.simulate.truths import read_truths, truth_path
from Testing.simulate import tiny


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    out = tmp_path_factory.mktemp("cases")
    return list(make_cases(out, tiny.supply(), "ap-lat", 2))


def test_a_case_reads_back_with_its_truth(cases):
    assert [one.problem for one in cases] == ["", ""] and all(one.pictures == 2 for one in cases)
    for one in cases:
        case, truth = read_case(one.path), read_truth(one.path)
        assert truth.subject.startswith("tiny-") and {view.name for view in case.views} == {"AP", "LAT"}
        assert {seed.level for seed in case.seeds} == set(truth.surfaces)
        for seed in case.seeds:
            centre = truth.poses[seed.level][:3, 3]
            for view in case.views:
                assert np.linalg.norm(project(centre[None], view)[0] - seed.clicks_px[view.name]) < 20.0


def test_labels_read_back_and_lie_on_the_truth(cases):
    for one in cases:
        case, truth, labels = read_case(one.path), read_truth(one.path), read_labels(one.path)
        for view in case.views:
            for label in labels[view.name]:
                if label.level not in truth.surfaces:
                    continue
                places = project(truth.surfaces[label.level][0], view)
                expected = np.concatenate([places.min(0), places.max(0)])
                assert label.box_px == pytest.approx(expected, abs=0.01)
                assert label.mask.values.shape == label.projection.values.shape
                inside = label.projection.values[label.mask.values]
                assert inside.mean() > 3 * label.projection.values[~label.mask.values].mean()


def test_a_run_goes_on_and_the_same_seed_gives_the_same(tmp_path):
    first = list(make_shards(tmp_path / "a", tiny.supply(), 3, 2))
    assert [one.pictures for one in first] == [2, 2, 2]
    kept = (tmp_path / "a" / "shard-000000.npz").read_bytes()
    (tmp_path / "a" / "shard-000001.npz").write_bytes(kept[: len(kept) // 2])
    again = list(make_shards(tmp_path / "a", tiny.supply(), 3, 2))
    assert sorted(one.path.name for one in again if one.pictures) == ["shard-000001.npz"]
    list(make_shards(tmp_path / "b", tiny.supply(), 1, 2))
    for ours, theirs in zip(
        read_shard(tmp_path / "a" / "shard-000000.npz")[1],
        read_shard(tmp_path / "b" / "shard-000000.npz")[1],
        strict=True,
    ):
        assert np.array_equal(ours.stored, theirs.stored) and ours.conditions == theirs.conditions
    other = list(make_shards(tmp_path / "a", tiny.supply(seed=5), 1, 2))
    assert other[0].pictures == 2  # other settings: nothing is kept


def test_one_bad_patient_costs_no_other(tmp_path):
    made = list(make_shards(tmp_path, tiny.supply(missing=1), 3, 1))
    assert [bool(one.problem) for one in made] == [False, True, False]
    assert "scan.nii.gz" in made[1].problem and not made[1].path.exists()


def test_workers_make_the_same(tmp_path):
    alone = list(make_shards(tmp_path / "one", tiny.supply(), 2, 1))
    two = list(make_shards(tmp_path / "two", tiny.supply(), 2, 1, workers=2))
    assert [one.path.name for one in two] == [one.path.name for one in alone]
    for one, other in zip(alone, two, strict=True):
        ours, theirs = read_shard(one.path)[1][0], read_shard(other.path)[1][0]
        assert np.abs(ours.stored.astype(int) - theirs.stored.astype(int)).max() <= 1


def test_of_a_scanned_patient_the_drawn_vertebrae_are_not_asked_for():
    supply = tiny.supply()
    aimed = supply.patient(0)
    assert asked_levels(aimed.patient, pictures := take_all(supply, aimed, 0, "ap-lat", None)) == ("L2", "L3")
    mixed = {**aimed.patient.vertebrae, "L3": replace(aimed.patient.vertebrae["L3"], origin="ct")}
    assert asked_levels(replace(aimed.patient, vertebrae=mixed), pictures) == ("L3",)


def test_a_view_that_misses_the_patient_is_named(tmp_path):
    far = replace(tiny.supply().settings, views=replace(tiny.supply().settings.views, off_centre_px=1e5))
    made = list(make_cases(tmp_path, replace(tiny.supply(), settings=far), "ap-lat", 1))
    assert "tiny-0" in made[0].problem and "AP" in made[0].problem and "96 x 96" in made[0].problem
    assert not made[0].path.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file"):
        list(make_shards(tmp_path / "file", tiny.supply(), 1, 1))


def test_labels_that_are_not_there_are_named(tmp_path, cases):
    with pytest.raises(InputError, match="no labels"):
        read_labels(tmp_path)
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "labels.json").write_text((cases[0].path / "truth" / "labels.json").read_text())
    with pytest.raises(InputError, match=r"labels\.npz"):
        read_labels(tmp_path)


def test_a_shard_has_its_truth_beside_it(tmp_path):
    list(make_shards(tmp_path, tiny.supply(), 1, 2))
    subject, truths = read_truths(truth_path(tmp_path / "shard-000000.npz"))
    assert (subject, list(truths)) == ("tiny-0", ["L2", "L3"])
    true = tiny.patient().vertebrae["L3"]
    np.testing.assert_allclose(truths["L3"].vertices, true.vertices, atol=1e-4)
    np.testing.assert_allclose(truths["L3"].vertebra.pose, true.vertebra.pose)
    truth_path(tmp_path / "shard-000000.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="whole truths"):
        read_truths(truth_path(tmp_path / "shard-000000.npz"))
