"""What the worker finds: a pixel for every view of every vertebra, clicks and a person's shift taken in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from SpineDARTLib.worker_jobs import do_job
from Testing.detect.test_matching import SHOWN, make_column
from Testing.found import detections_of, fake_detect, found_case, tiny_weights, write_whole
from Testing.test_worker import Talk


@pytest.fixture
def finder(monkeypatch, tmp_path: Path) -> Iterator[tuple[Talk, Path]]:
    """A worker whose detector finds what stands in the synthetic case, and that case."""
    case = found_case(tmp_path)
    monkeypatch.setattr("SpineDARTLib.detector_in_use.shipped_weights", lambda: tiny_weights(tmp_path / "weights"))
    monkeypatch.setattr("SpineDARTLib.detect.find.detect", fake_detect(detections_of(make_column(), case.views)))
    talk = Talk(do_job)
    yield talk, write_whole(tmp_path / "case", case)
    talk.hang_up()


def test_what_is_found_is_told_with_a_pixel_for_every_view(finder):
    talk, folder = finder
    talk.say(id=5, do="find", case=str(folder))
    assert talk.hear("state")["stage"] == "AP"
    done = talk.hear("done")
    assert [one["level"] for one in done["vertebrae"]] == list(SHOWN)
    assert "Found 6 vertebrae, T11 to L4" in done["words"] and done["shifts"]["0"] > 0.7
    for one in done["vertebrae"]:
        assert set(one["seeds"]) == set(one["outlines"]) == {"AP", "LAT"}
        assert (one["in_both"], one["start"]) == (True, "detected")
        assert one["note"].startswith(
            f"The label {one['level']} is in doubt (7"
        )  # a network's own count never settles it
        assert one["label_probability"] == pytest.approx(one["levels"][one["level"]])


def test_finding_takes_a_shift_and_lone_clicks(finder):
    talk, folder = finder
    talk.say(id=5, do="find", case=str(folder), settings={"detector": {"shift": -1}})
    done = talk.hear("done")
    assert [one["level"] for one in done["vertebrae"]] == ["T10", "T11", "T12", "L1", "L2", "L3"]
    assert max(done["shifts"], key=lambda by: done["shifts"][by]) == "1"
    seen = {one["level"]: one["seeds"]["AP"] for one in done["vertebrae"]}
    talk.say(id=6, do="find", case=str(folder), clicks={"L3": {"AP": seen["L1"]}})
    done = talk.hear("done")  # what the detector calls L2 is L3: a person said so
    by_level = {one["level"]: one for one in done["vertebrae"]}
    assert (by_level["L3"]["start"], by_level["L3"]["seeds"]["AP"]) == ("clicks and detected", seen["L1"])
    assert list(by_level) == ["T12", "L1", "L2", "L3", "L4", "L5"]
    talk.say(id=7, do="find", case=str(folder), clicks={"L3": {"OBL": [1, 2]}})
    assert "clicks.L3.OBL" in talk.hear("failed")["message"]


def test_without_weights_nothing_is_found_and_the_way_out_is_said(finder, monkeypatch, tmp_path: Path):
    talk, folder = finder
    monkeypatch.setattr("SpineDARTLib.detector_in_use.shipped_weights", lambda: tmp_path / "nowhere")
    talk.say(id=5, do="find", case=str(folder))
    failed = talk.hear("failed")
    assert failed["kind"] == "input" and "click each vertebral body's centre" in failed["message"]


def test_it_says_whether_it_can_find_vertebrae(finder, monkeypatch, tmp_path: Path):
    talk, _ = finder
    monkeypatch.setattr("SpineDARTLib.detector_in_use.shipped_weights", lambda: tmp_path)
    talk.say(id=1, do="hello")
    assert talk.hear("hello")["detector"].startswith(f"There are no weights of a detector in {tmp_path}.")
    tiny_weights(tmp_path)
    talk.say(id=2, do="hello")
    assert talk.hear("hello")["detector"] == ""
