"""Clicks and detections joined: clicks stay, what is missing is found, and what cannot be started says why."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.config import DetectorSettings, Settings
from SpineDARTLib.detector_in_use import lacking, load_kept
from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.locating import CLICKED, locate, located_from, renamed, require_something, start_of
from SpineDARTLib.types import LEVELS, Seed
from Testing.detect.test_matching import SHOWN, make_column
from Testing.found import clicks_on, detections_of, fake_detect, found_case, tiny_weights


@pytest.fixture(scope="module")
def column():
    return make_column()


@pytest.fixture(scope="module")
def case():
    return found_case()


@pytest.fixture(scope="module")
def detections(column, case):
    return detections_of(column, case.views)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tiny_weights(tmp_path / "weights")


def asked(weights: Path, use="auto", shift=0) -> Settings:
    return Settings(device="cpu", detector=DetectorSettings(use, str(weights), shift))


def clicked(case, column, levels=("L1", "L2")):
    return replace(case, seeds=clicks_on(column, case.views, levels))


def half_clicked(case, column):
    """L1 in both views, L2 in one."""
    first, second = clicked(case, column).seeds
    return replace(case, seeds=(first, replace(second, clicks_px={"AP": second.clicks_px["AP"]})))


def test_what_was_clicked_in_two_views_needs_no_detector(case, column, weights, monkeypatch):
    monkeypatch.setattr("SpineDARTLib.detect.find.detect", fake_detect({}))
    whole, half = clicked(case, column), half_clicked(case, column)
    found = locate(whole, asked(weights))
    assert found.seeds == whole.seeds and not found.looked and found.words == CLICKED
    assert locate(whole, asked(weights, "on")).looked
    assert locate(whole, asked(weights), ["L1", "L3"]).looked
    assert locate(whole, asked(weights), everything=True).looked
    assert locate(half, asked(weights)).looked and not locate(half, asked(weights), ["L1"]).looked


def test_without_weights_the_clicks_are_all_there_is(case, column, tmp_path):
    whole = half_clicked(case, column)
    found = locate(whole, asked(tmp_path))
    assert found.seeds == whole.seeds and not found.looked and not found.reasons
    assert "no weights of a detector" in found.words and "clicks" in found.words
    assert [seed.level for seed in locate(whole, asked(tmp_path), ["L2"]).seeds] == ["L2"]
    with pytest.raises(InputError, match=r"--levels: got L4; expected levels of the case \(L1, L2\)"):
        locate(whole, asked(tmp_path), ["L4"])
    nothing = locate(case, asked(tmp_path))
    assert nothing.seeds == ()
    with pytest.raises(InputError, match=r"vertebrae: got nothing; expected a level with a click.*no weights"):
        require_something(case, nothing)


def test_on_asks_for_weights_and_off_for_none(case, column, tmp_path, weights):
    with pytest.raises(InputError, match=r"no weights of a detector.*click each vertebral body's centre"):
        locate(clicked(case, column), asked(tmp_path, "on"))
    off = locate(clicked(case, column), asked(weights, "off"))
    assert off.seeds == clicked(case, column).seeds and off.words.startswith("The detector is off")
    with pytest.raises(InputError, match="shift: got 17"):
        locate(case, asked(weights, shift=17))


def test_broken_weights_cost_no_clicks(case, column, weights, caplog):
    assert lacking(DetectorSettings(weights=str(weights))) == ""
    file = weights / "detector.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    found = locate(half_clicked(case, column), asked(weights))
    assert found.seeds == half_clicked(case, column).seeds
    assert "The detector cannot be used" in found.words and "sha256" in found.words
    assert "cannot be used" in caplog.text
    with pytest.raises(InputError, match="sha256"):
        locate(case, asked(weights, "on"))
    file.write_bytes(file.read_bytes()[:-7])
    assert "has" in lacking(DetectorSettings(weights=str(weights)))


def test_a_detector_is_loaded_once_and_again_when_its_file_changes(weights):
    settings = DetectorSettings(weights=str(weights))
    first = load_kept(settings)
    assert load_kept(settings) is first
    tiny_weights(weights, {"minutes": 3})
    assert load_kept(settings).card["minutes"] == 3


def test_a_network_that_knows_nothing_starts_no_wrong_certainty(case, weights):
    found = locate(case, asked(weights, "on"))
    assert found.looked and set(found.detections) == {"AP", "LAT"}
    assert found.weights["folder"] == str(weights) and len(found.weights["sha256"]) == 64
    for seed in found.seeds:
        assert seed.level in LEVELS and start_of(seed) == "detected"


def test_whatever_is_found_is_started_where_nobody_asks(case, detections, column):
    found = located_from(case, detections)
    assert [seed.level for seed in found.seeds] == list(SHOWN)
    assert all(start_of(seed) == "detected" for seed in found.seeds)
    assert found.words == "Found 6 vertebrae, T11 to L4; 6 of 6 in two views or more."
    for seed, true in zip(found.seeds, column, strict=True):
        assert np.linalg.norm(seed.place.centre_mm - true.origin) < 2.5


def test_clicks_stay_and_gain_landmarks_and_the_rest_is_found(case, detections, column):
    whole = replace(case, seeds=(*clicks_on(column, case.views, ["L1"]), Seed("L3"), Seed("T3")))
    found = located_from(whole, detections)
    assert [(seed.level, start_of(seed)) for seed in found.seeds] == [
        ("L1", "clicks and detected"), ("L3", "detected")
    ]  # fmt: skip
    assert found.seeds[0].clicks_px == whole.seeds[0].clicks_px and found.seeds[0].landmarks_px
    assert list(found.reasons) == ["T3"] and "shift the labels" in found.reasons["T3"]
    everything = located_from(whole, detections, everything=True)
    assert [seed.level for seed in everything.seeds] == list(SHOWN)
    only = located_from(whole, detections, levels=["L4"])
    assert [seed.level for seed in only.seeds] == ["L4"] and not only.reasons


def test_a_seed_that_nothing_was_found_for_is_as_it_was_clicked(case, detections, column):
    whole = clicked(case, column)
    nothing = dict.fromkeys(detections, ())
    found = located_from(whole, nothing)
    assert found.seeds == whole.seeds and [start_of(seed) for seed in found.seeds] == ["clicks", "clicks"]


def test_a_lone_click_is_completed_by_the_other_view(case, detections, column):
    click = clicks_on(column, case.views, ["L2"])[0].clicks_px["AP"]
    nearest = min(detections["AP"], key=lambda one: np.linalg.norm(one.centre_px - click))
    missing = {**detections, "AP": tuple(one for one in detections["AP"] if one is not nearest)}
    lone = replace(case, seeds=(Seed("L2", {"AP": click}),))
    (seed,) = located_from(lone, missing).seeds
    assert start_of(seed) == "clicks and detected" and seed.clicks_px == {"AP": click}
    true = next(one for one in column if one.level == "L2")
    assert np.linalg.norm(seed.place.centre_mm - true.origin) < 6.0
    alone = located_from(lone, dict.fromkeys(detections, ()))
    assert not alone.seeds and alone.reasons["L2"].startswith("L2 was found in AP only")


def test_a_person_moves_labels_but_never_a_clicked_one(case, detections, column):
    moved = located_from(case, detections, -1)
    assert [seed.level for seed in moved.seeds] == ["T10", "T11", "T12", "L1", "L2", "L3"]
    assert moved.column.shifts[1] > 0.7 and "1 level too near the head" in moved.words
    whole = replace(case, seeds=tuple(replace(seed, level="L1") for seed in clicks_on(column, case.views, ["L2"])))
    joined = located_from(whole, detections, -1, everything=True)
    assert [seed.level for seed in joined.seeds] == ["T10", "T11", "T12", "L1", "L2", "L3"]
    assert joined.seeds[3].clicks_px == whole.seeds[0].clicks_px and not joined.notes


def test_labels_that_leave_the_spine_end_at_its_end(case, detections):
    for found in renamed(detections, 4).values():
        for one in found:
            assert one.level_probabilities.sum() == pytest.approx(1.0)
            assert one.level_probabilities[:4].sum() == 0.0
    last = max(detections["AP"], key=lambda one: one.level_probabilities @ np.arange(17))
    assert renamed({"AP": (last,)}, 9)["AP"][0].level_probabilities[-1] == pytest.approx(1.0, abs=1e-4)


def test_a_view_that_the_detector_fails_on_costs_nothing_else(case, detections, column, weights, monkeypatch, caplog):
    good = fake_detect(detections)

    def detect(views, detector):
        if views[0].name == "LAT":
            raise RuntimeError("out of memory")
        return good(views, detector)

    monkeypatch.setattr("SpineDARTLib.detect.find.detect", detect)
    found = locate(clicked(case, column), asked(weights, "on"))
    assert [seed.clicks_px for seed in found.seeds] == [seed.clicks_px for seed in clicked(case, column).seeds]
    assert all(set(seed.landmarks_px) == {"AP"} for seed in found.seeds)
    assert found.words.endswith("The detector failed on LAT.") and "out of memory" in caplog.text
    bare = locate(case, asked(weights))
    assert set(bare.reasons) >= {"L2"} and not bare.seeds


def test_what_cannot_be_joined_leaves_the_clicks(case, detections, column, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr("SpineDARTLib.locating.propose", broken)
    found = located_from(clicked(case, column), detections)
    assert found.seeds == clicked(case, column).seeds and "clicks alone" in found.words
    assert "singular" in caplog.text
    with pytest.raises(np.linalg.LinAlgError):
        located_from(case, detections)


def test_nobody_is_found_by_a_detector_that_learned_from_them(case, column, weights, detections, monkeypatch):
    monkeypatch.setattr("SpineDARTLib.detect.find.detect", fake_detect(detections))
    whole = half_clicked(case, column)
    assert "learned from verse005 and is not used" in locate(whole, asked(weights), without=("verse005",)).words
    assert locate(whole, asked(weights), without=("verse006",)).looked
    assert locate(whole, asked(weights, "on"), without=("verse005",)).looked


def test_nothing_found_is_said(case):
    found = located_from(case, {"AP": (), "LAT": ()})
    assert found.looked and not found.seeds
    assert found.words == "No vertebra was found in AP and LAT."
    require_something(case, found)  # looked for and not found is no mistake of the input


def test_locating_is_imported_without_torch():
    code = "import sys, SpineDARTLib.locating, SpineDARTLib.located_json; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_projected_truth_is_inside_the_pictures(case, column):
    """Or the tests above would test nothing."""
    for view in case.views:
        pixels = project(np.array([one.origin for one in column]), view)
        assert (pixels > 0).all() and (pixels < 127).all()
