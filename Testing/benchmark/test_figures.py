"""Figures, intervals, tables and sentences of results that are known."""

from __future__ import annotations

import csv
import json
from io import StringIO

import numpy as np
import pytest

from SpineDARTLib.benchmark.bootstrap import differences, interval, value_of
from SpineDARTLib.benchmark.figures import report
from SpineDARTLib.benchmark.headline import headline
from SpineDARTLib.benchmark.nouns import CaseResult
from SpineDARTLib.benchmark.tables import (
    cost_table,
    difference_table,
    paper_table,
    planned_table,
    summary_csv,
    table,
    vertebrae_csv,
)
from Testing.benchmark.rows import SETTINGS, cannulas, results, row, two_methods


def test_report_counts_failures_both_ways():
    found = report(two_methods(), SETTINGS)
    assert (found["cases"], found["people"], found["vertebrae"]) == (4, 4, 5)
    ours = found["methods"]["ours"]
    overall = ours["overall"]
    assert (overall["vertebrae"], overall["failures"]) == (5, 1)
    assert overall["all"]["dice"]["mean"] == pytest.approx((0.8 + 0.82 + 0.84 + 0.86) / 5)
    assert overall["reconstructed"]["dice"]["mean"] == pytest.approx(0.83)
    assert overall["reconstructed"]["hd95_mm"]["median"] == pytest.approx(1.7)
    assert ours["levels"].keys() == {"T9", "L3"} and ours["groups"].keys() == {
        "orthogonal lumbar",
        "orthogonal thoracic",
    }
    (failure,) = ours["failures"]
    assert (failure["case"], failure["trouble"], failure["reason"]) == ("a", "nothing", "T9 was not found.")
    assert found["methods"]["theirs"]["troubles"] == {"refused": 1}
    assert ours["success"]["methods"]["safest"]["11G"]["overall"]["no_breach"]["kept"] == 4
    assert ours["cost"] == {
        "seconds_a_case": 4.0,
        "slowest_case_seconds": 4.0,
        "seconds_a_vertebra": pytest.approx(16 / 5),
        "processor_seconds_a_vertebra": pytest.approx(6 / 5),
        "measuring_seconds_a_vertebra": pytest.approx(2 / 5),
        "memory_mb": 800.0,
    }
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_differences_are_of_the_same_vertebrae():
    ours, theirs = (
        [line for one in two_methods() if one.method == name for line in one.rows] for name in ("ours", "theirs")
    )
    by_metric = {one.metric: one for one in differences(ours, theirs, ("ours", "theirs"), 2000)}
    dice = by_metric["dice"]
    # T9 counts as 0 for ours and as 0.5 for theirs.
    assert (dice.vertebrae, dice.people, dice.unit) == (5, 4, "people")
    assert dice.mean == pytest.approx((4 * 0.1 - 0.5) / 5)
    assert dice.low < 0 < dice.high
    # A distance to nothing is none: the four that both have.
    distance = by_metric["hd95_mm"]
    assert distance.vertebrae == 4
    assert (distance.mean, distance.low, distance.high) == pytest.approx((-1.0, -1.0, -1.0))
    # 2 mm from the axis to the wall: a 5 mm needle breaches; 3 mm are enough.
    assert by_metric["planned 5 mm"].mean == pytest.approx(4 / 5)
    assert by_metric["planned 11G"].mean == pytest.approx(0.0)
    assert not differences(ours, [], ("ours", "theirs"), 10)


def test_interval_draws_people_not_vertebrae():
    generator = np.random.default_rng(3)
    people = np.repeat(np.arange(12), 20)
    values = generator.normal(0.0, 1.0, 12)[people] + generator.normal(0.0, 0.1, 240)
    low, high = interval(values, people, 4000, 1)
    # The mean of 12 people with a deviation of 1: known to 0.29, not to 0.06 as 240 vertebrae would have it.
    assert 0.7 < (high - low) / (2 * 1.96 * values.reshape(12, 20).mean(1).std(ddof=1) / np.sqrt(12)) < 1.15
    narrow = interval(values, np.arange(240), 4000, 1)
    assert narrow[1] - narrow[0] < 0.5 * (high - low)
    assert interval(values, people, 4000, 1) == (low, high)
    assert np.isnan(interval(values, np.zeros(240, dtype=int), 100, 1)).all()


def test_a_method_without_surfaces_counts_where_it_plans():
    planned = [
        row(case, "L3", "lines", None, surfaces=False, status="converged", cannulas=cannulas(2.0)) for case in "abc"
    ]
    planned.append(row("d", "L3", "lines", None, surfaces=False, note="drawn by nobody."))
    found = report([*two_methods(), *results("lines", planned)], SETTINGS)
    lines = found["methods"]["lines"]
    assert (lines["overall"], lines["groups"], lines["troubles"]) == (None, {}, {"nothing": 1})
    metrics = {one["metric"] for one in found["differences"] if one["second"] == "lines"}
    assert metrics == {"planned 11G", "planned 13G", "planned 5 mm"}
    assert value_of(planned[0], "planned 11G") == 1.0 and value_of(planned[3], "planned 11G") == 0.0
    assert value_of(planned[0], "dice") is None
    assert planned_table(found)[-1] == ("lines", "5 mm", "4", "0 %", "0 %", "0 %", "3", "100 %")
    assert headline(found)[-1] == "Note: of lines, drawn by nobody."
    # A method that plans nothing has no success, nor a lack of it.
    assert value_of(row("a", "L3", "meshes", 0.8, cannulas=[]), "planned 11G") is None


def test_tables():
    found = report(two_methods(), SETTINGS)
    assert table(found)[1][:6] == ("ours", "orthogonal lumbar", "4", "0", "0.700", "0.830")
    paper = paper_table(found, "orthogonal")
    assert paper[1][:4] == ("ours", "5", "1", "0.664 ± 0.333 (0.820)")
    assert paper[1][7] == "1.70 ± 0.22 (1.70)"
    assert [line[0] for line in paper[3:]] == [
        "published: ReVerteR (VerSe-small)",
        "published: Spine-DART",
        "published: NCC-driven",
    ]
    verdicts = {(line[1], line[-1]) for line in difference_table(found)[1:]}
    # Lower is better of a distance.
    assert {("HD95 mm", "ours better"), ("Dice", "no difference shown")} <= verdicts
    assert cost_table(found)[1] == ("ours", "4.0", "4.0", "3.2", "1.2", "0.4", "800")
    rows = [line for one in two_methods() for line in one.rows]
    lines = list(csv.DictReader(StringIO(vertebrae_csv(rows))))
    assert len(lines) == 10
    assert (lines[0]["dice"], lines[0]["planned_5_mm"], lines[0]["landmark_mean_mm"]) == ("0.8", "1.0", "")
    lost = next(line for line in lines if line["trouble"] == "nothing")
    assert (lost["dice"], lost["planned_11G"]) == ("", "0.0")
    summary = list(csv.DictReader(StringIO(summary_csv(found))))
    means = {(line["method"], line["over"], line["metric"]): float(line["mean"]) for line in summary}
    assert means["ours", "all", "dice"] == pytest.approx(0.664)


def test_landmarks_of_lost_vertebrae_are_never_reached():
    near = [row("a", "L3", "ours", 0.8, landmarks_mm={"spinous": 1.0, "left pedicle": 2.1})]
    found = report(results("ours", [*near, row("b", "L3", "ours", None)]), SETTINGS)["methods"]["ours"]["landmarks"]
    share = dict(zip(found["at_mm"], found["share"], strict=True))
    assert (share[0.75], share[1.0], share[2.0], share[2.25], share[15.0]) == (0.0, 0.25, 0.25, 0.5, 0.5)
    assert (found["vertebrae"], found["lost"], found["p95_mm"]) == (1, 1, None)


def test_the_headline_says_what_matters():
    found = report(two_methods(), SETTINGS, ["scan.nii.gz: no fat in it"])
    said = headline(found)
    assert said[0] == "Best surfaces: ours, median Dice 0.820, HD95 1.7 mm (1 of 5 vertebrae without a surface)."
    words = "\n".join(said)
    assert "HD95 mm -1.00 (95 % -1.00 to -1.00), ours better;" in words
    assert (
        "Planned on both sides without breach, 11G, in the true bone: ours 80 % (4 of 5), theirs 80 % (4 of 5)."
        in words
    )
    assert "What went wrong with ours: 1 nothing, of 5." in words
    assert "Could not be simulated: 1" in words
    assert "Caution" not in words
    alone = report([*two_methods()[:1], CaseResult("z", "ours", error="no such file")], SETTINGS)
    assert "Could not be run: 1 case," in "\n".join(headline(alone))
    assert "Caution: 1 person only" in headline(alone)[-1]
