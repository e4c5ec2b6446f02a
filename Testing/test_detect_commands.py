"""``spinedart detect`` and ``spinedart plan`` without a click: folders, picture, table, exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.__main__ import main
from SpineDARTLib.found_picture import _ellipse, draw_found
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.io.case import read_case
from SpineDARTLib.locating import located_from
from SpineDARTLib.types import Seed
from Testing.detect.test_matching import SHOWN, make_column
from Testing.found import detections_of, fake_detect, found_case, tiny_weights, write_whole


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tiny_weights(tmp_path / "weights")


@pytest.fixture
def detections():
    return detections_of(make_column(), found_case().views)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_whole(tmp_path / "case", found_case())


def test_what_is_found_is_written_drawn_and_shown(folder, weights, detections, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("SpineDARTLib.detect.find.detect", fake_detect(detections))
    out, corrected = tmp_path / "out", tmp_path / "corrected"
    arguments = ["detect", str(folder), "--out", str(out), "--weights", str(weights), "--write-case", str(corrected)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "T11" in said and "Found 6 vertebrae, T11 to L4" in said and "Not for clinical use" in said
    found = json.loads((out / "detections.json").read_text(encoding="utf-8"))
    assert [one["level"] for one in found["vertebrae"]] == list(SHOWN)
    assert found["weights"]["folder"] == str(weights)
    assert (out / "found.png").stat().st_size > 50000
    case = read_case(corrected)
    assert [seed.level for seed in case.seeds] == list(SHOWN)
    for seed, true in zip(case.seeds, make_column(), strict=True):
        point = triangulate(np.array([seed.clicks_px["AP"], seed.clicks_px["LAT"]]), case.views)[0]
        assert np.linalg.norm(point - true.origin) < 6.0
    monkeypatch.setattr("SpineDARTLib.detect_commands.draw_found", lambda *_: None)
    assert main([*arguments, "--shift-levels", "1"]) == 0  # over the folders of the run before
    said = capsys.readouterr().out
    assert "moved by +1 by hand" in said and "too near the feet" in said
    assert [seed.level for seed in read_case(corrected).seeds] == ["T12", "L1", "L2", "L3", "L4", "L5"]


def test_nothing_found_is_exit_1_and_no_plan(folder, weights, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("SpineDARTLib.detect.find.detect", fake_detect({"AP": (), "LAT": ()}))
    assert main(["detect", str(folder), "--out", str(tmp_path / "out"), "--weights", str(weights)]) == 1
    assert "No vertebra was found in AP and LAT." in capsys.readouterr().out
    arguments = ["plan", str(folder), "--out", str(tmp_path / "plan"), "--weights", str(weights)]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "No vertebra was found in AP and LAT." in said.out and "nothing was written" in said.out
    assert said.err == "" and not (tmp_path / "plan").exists()


def test_a_case_without_clicks_or_weights_says_what_to_do(folder, tmp_path, capsys):
    nowhere = ["--weights", str(tmp_path / "nowhere")]
    assert main(["plan", str(folder), "--out", str(tmp_path / "plan"), *nowhere]) == 2
    said = capsys.readouterr().err
    assert "case.json: vertebrae: got nothing" in said and "no weights of a detector" in said
    assert main(["plan", str(folder), "--out", str(tmp_path / "plan"), *nowhere, "--levels", "L2"]) == 2
    assert "--levels: got L2; expected levels of the case (it names none)" in capsys.readouterr().err


def test_the_picture_shows_outlines_where_they_are_and_says_when_there_are_none(detections, tmp_path):
    case = found_case()
    empty, full = tmp_path / "empty.png", tmp_path / "full.png"
    draw_found(case, located_from(case, {"AP": (), "LAT": ()}), empty)
    found = located_from(replace(case, seeds=(Seed("L2"),)), detections)
    draw_found(case, found, full)
    pictures = []
    for path in (empty, full):
        with Image.open(path) as picture:
            pictures.append(np.asarray(picture.convert("RGB")).astype(int))
    assert pictures[0].shape == pictures[1].shape
    yellow = [((one[..., 0] > 200) & (one[..., 1] > 190) & (one[..., 2] < 140)).sum() for one in pictures]
    assert yellow[0] == 0 and yellow[1] > 300  # of one vertebra alone: the others are grey
    assert np.abs(pictures[0] - pictures[1]).max() > 100


def test_an_ellipse_is_long_where_the_covariance_is():
    turned = np.deg2rad(30.0)
    rotation = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    found = _ellipse(np.array([5.0, 6.0]), rotation @ np.diag([16.0, 4.0]) @ rotation.T)
    assert (found["width"], found["height"]) == pytest.approx((4.0, 8.0))
    assert (found["angle"] + 90.0) % 180.0 == pytest.approx(30.0)  # of its height
