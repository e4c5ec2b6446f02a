"""How spines curve: what is learned of keypoints, and what is drawn of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.simulate.patient.curves import (
    PARTS,
    WIDTH,
    CurveStatistics,
    gaussian_of,
    learn,
    load_curves,
    person_row,
    save_curves,
    without_outliers,
)
from SpineDARTLib.types import LEVELS


def _points(lean: float, side: float, turn: float) -> dict[tuple[str, str], np.ndarray]:
    """A straight spine of 30 mm a level, tilted as a whole; pedicles 26 mm apart, 20 mm behind the bodies."""
    up = np.array([np.tan(side), -np.tan(lean), 1.0])
    across, back = np.array([np.cos(turn), np.sin(turn), 0.0]), np.array([np.sin(turn), -np.cos(turn), 0.0])
    points = {}
    for number, level in enumerate(LEVELS):
        body = np.array([40.0, -7.0, 900.0]) - 30.0 * number * up / np.linalg.norm(up)
        points[level, "body"] = body
        points[level, "right"], points[level, "left"] = body + 20 * back + 13 * across, body + 20 * back - 13 * across
    return points


def test_a_tilted_spine_is_read_with_its_signs():
    row = person_row(_points(lean=0.2, side=-0.1, turn=0.15))
    assert row.shape == (WIDTH,)
    np.testing.assert_allclose(np.exp(row[PARTS["spacing"]]), 30.0)
    np.testing.assert_allclose(row[PARTS["lean"]], 0.2, atol=1e-9)  # the top leans back
    np.testing.assert_allclose(row[PARTS["side"]], -0.1, atol=1e-9)  # and to the left
    np.testing.assert_allclose(row[PARTS["turn"]], 0.15, atol=1e-9)  # its right side turned to the front
    np.testing.assert_allclose(np.exp(row[PARTS["interpedicular"]]), 26.0)


def test_a_missing_level_leaves_gaps_only_around_it():
    points = {key: point for key, point in _points(0.1, 0.0, 0.0).items() if key[0] != "T7"}
    row = person_row(points)
    place = LEVELS.index("T7")
    assert np.isnan(row[PARTS["turn"]]).nonzero()[0].tolist() == [place]
    # Which way T7 goes, its neighbours say.
    assert np.isnan(row[PARTS["lean"]]).nonzero()[0].tolist() == [place - 1, place + 1]
    assert np.isnan(row[PARTS["spacing"]]).nonzero()[0].tolist() == [place - 1, place]


def test_mislabelled_levels_are_taken_out():
    generator = np.random.default_rng(3)
    rows = 3.4 + 0.07 * generator.standard_normal((200, 2))
    rows[17, 1] = 3.4 + np.log(2.0)  # a level skipped: twice the spacing
    clean = without_outliers(rows)
    assert np.isnan(clean[17, 1])
    assert np.isfinite(clean).sum() == 399


def test_the_gaussian_behind_incomplete_rows_is_found():
    generator = np.random.default_rng(4)
    true_mean = np.array([3.0, -1.0, 0.5])
    factor = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.6, 0.4]])
    rows = true_mean + generator.standard_normal((4000, 3)) @ factor.T
    # Who has a high first value is seldom seen below: leaving such rows out, or means of what is there, would be wrong.
    rows[rows[:, 0] > 3.0, 2] = np.nan
    rows[::3, 1] = np.nan
    mean, covariance = gaussian_of(rows, rounds=80)
    naive = np.nanmean(rows, axis=0)
    assert abs(mean[2] - true_mean[2]) < 0.15 < abs(naive[2] - true_mean[2])
    np.testing.assert_allclose(covariance, factor @ factor.T, atol=0.1)


def test_drawn_people_have_the_statistics_and_zero_variation_is_the_mean():
    curves = load_curves()
    generator = np.random.default_rng(5)
    drawn = [curves.draw(generator) for _ in range(400)]
    lean = np.array([curve.lean_rad for curve in drawn])
    np.testing.assert_allclose(lean.mean(0), curves.mean[PARTS["lean"]], atol=0.025)
    assert np.abs(lean.std(0) / curves.deviation[PARTS["lean"]] - 1).max() < 0.15
    still = curves.draw(generator, variation=0.0)
    np.testing.assert_allclose(still.spacing_mm, np.exp(curves.mean[PARTS["spacing"]]))


def test_the_shipped_mean_is_a_person():
    mean = load_curves().draw(np.random.default_rng(0), variation=0.0)
    lean = dict(zip(LEVELS, np.rad2deg(mean.lean_rad), strict=True))
    assert 20 < lean["L1"] - lean["L5"] < 40  # supine lordosis
    assert 25 < lean["T12"] - lean["T4"] < 45  # kyphosis
    assert 20 < mean.spacing_mm[0] < 22 < 35 < mean.spacing_mm[-1] < 38
    assert np.abs(np.rad2deg(mean.turn_rad)).max() < 5


def test_what_is_saved_is_loaded(tmp_path: Path):
    generator = np.random.default_rng(6)
    statistics = CurveStatistics(generator.normal(size=WIDTH), generator.normal(size=(WIDTH, 3)), np.arange(WIDTH))
    save_curves(statistics, tmp_path / "curves.npz")
    loaded = load_curves(tmp_path / "curves.npz")
    np.testing.assert_allclose(loaded.factors, statistics.factors, rtol=1e-6)
    np.testing.assert_allclose(loaded.mean, statistics.mean, rtol=1e-6)


def test_other_files_are_refused_by_name(tmp_path: Path):
    path = tmp_path / "curves.npz"
    with pytest.raises(InputError, match="curves"):
        load_curves(path)
    np.savez(path, mean=np.zeros(3), factors=np.zeros((3, 1)), scans=np.zeros(3))
    with pytest.raises(InputError, match=r"\(84,\)"):
        load_curves(path)
    table = tmp_path / "points.csv.gz"
    with gzip.open(table, "wt") as stream:
        stream.write("scan_id,level\n1,L1\n")
    with pytest.raises(InputError, match="scan_id,level,keypoint"):
        learn(table)


def test_the_shipped_statistics_are_those_of_the_keypoints(shared_folder: Path):
    table = shared_folder / "data" / "vid-keypoints" / "keypoints.csv.gz"
    if not table.is_file():
        pytest.skip("the VID keypoints are not here")
    again, shipped = learn(table), load_curves()
    np.testing.assert_allclose(again.mean, shipped.mean, atol=1e-4)
    np.testing.assert_allclose(again.factors @ again.factors.T, shipped.factors @ shipped.factors.T, atol=1e-4)
