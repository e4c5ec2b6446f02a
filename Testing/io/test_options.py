"""Cannulas in plan folders: every option comes back with all that is known of it, and Slicer shows what is doubtful."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.cannulas import recommended, unmeasured
from SpineDARTLib.io.plan import read_plan, write_plan
from SpineDARTLib.types import Option, Plan, Risk, Safety, Status
from Testing.io.test_plan import CASE, good_plan, strict_json


def planned_well() -> tuple[Plan, Option]:
    """Recommended: transferred, both safe; also a safest that breaches, a curved one and an unmeasured drawn one."""
    plan = good_plan()
    left, right = plan.cannulas
    safe = Safety(1.2, {"medial": 1.2}, 0.4, "A", "", {"within_pedicle": True}, {"largest_gauge": "11G"})
    stations = np.array([0.0, 1.0, 2.5])
    risk = Risk(0.08, 0.6, {"5": -0.1, "50": 1.1, "95": math.nan}, stations, stations / 2)
    bad = Option(replace(right, name="safest", target_mm=right.target_mm + 1.0), plan.safety[0], risk, "worse")
    curved = replace(left, name="curved", via_mm=np.array([[-16.0, -30.0, 9.0], [-13.0, -20.0, 8.0]]))
    drawn = Option(replace(left, name="drawn"), unmeasured("no_surface"))
    options = (Option(left, safe, risk, "as the atlas has it"), Option(right, safe), bad, Option(curved, safe), drawn)
    return replace(plan, safety=(safe, safe), options=options), bad


def markup(folder: Path, stem: str) -> dict[str, Any]:
    (found,) = strict_json(folder / f"{stem}.mrk.json")["markups"]
    return found


def test_slicer_shows_what_is_not_to_be_worked_from(tmp_path: Path):
    good, bad = planned_well()
    doubtful = replace(good, fitted=replace(good.fitted, level="L1", status=Status.LOW_CONFIDENCE))
    write_plan(tmp_path, CASE, (good, doubtful))
    left, right = markup(tmp_path, "L3_left"), markup(tmp_path, "L3_right_safest")
    assert (left["name"], right["name"]) == ("L3 left", "L3 right safest BREACH")
    assert left["display"]["color"][1] > 0.4 > right["display"]["color"][1]  # red alone means a breach
    assert left["display"]["color"] != markup(tmp_path, "L3_right")["display"]["color"]
    assert markup(tmp_path, "L3_left_drawn")["name"] == "L3 left drawn not measured"
    assert markup(tmp_path, "L1_left")["name"] == "L1 left low confidence"
    assert bad.cannula.name == "safest"


def test_options_come_back(tmp_path: Path):
    plan, _ = planned_well()
    write_plan(tmp_path, CASE, (plan,))
    (back,) = read_plan(tmp_path).plans
    assert [(one.cannula.side, one.cannula.name, one.words) for one in back.options] == [
        ("left", "transferred", "as the atlas has it"), ("right", "transferred", ""), ("right", "safest", "worse"),
        ("left", "curved", ""), ("left", "drawn", ""),
    ]  # fmt: skip
    first, _, bad, curved, drawn = back.options
    assert first.safety == plan.options[0].safety
    assert curved.cannula.via_mm is not None and bad.cannula.via_mm is None
    np.testing.assert_array_equal(curved.cannula.path_mm, plan.options[3].cannula.path_mm)
    assert first.risk is not None and curved.risk is None
    assert (first.risk.breach_probability, first.risk.margin_probability) == (0.08, 0.6)
    assert first.risk.clearance_mm["5"] == -0.1 and math.isnan(first.risk.clearance_mm["95"])
    np.testing.assert_array_equal(first.risk.tube_mm, [0.0, 0.5, 1.25])
    assert (drawn.safety.status, drawn.safety.grade, drawn.safety.checks) == ("no_surface", "", {})
    assert math.isnan(drawn.safety.clearance_mm) and "no surface" in drawn.safety.reason
    # The recommended know all that the options know of them.
    assert [one.words for one in recommended(back)] == ["as the atlas has it", ""]


def test_the_contract_has_names_risks_and_options(tmp_path: Path):
    plan, _ = planned_well()
    write_plan(tmp_path, CASE, (plan,))
    (entry,) = strict_json(tmp_path / "plan.json")["vertebrae"]
    assert [one["name"] for one in entry["cannulas"]] == ["transferred", "transferred"]
    assert entry["cannulas"][0]["risk"]["breach_probability"] == 0.08
    assert entry["options"][4]["safety"]["clearance_mm"] is None
    stems = {"L3_left", "L3_right", "L3_right_safest", "L3_left_curved", "L3_left_drawn"}
    assert {path.name for path in tmp_path.glob("*.mrk.json")} == {f"{stem}.mrk.json" for stem in stems}
    curve = markup(tmp_path, "L3_left_curved")
    assert (curve["type"], len(curve["controlPoints"])) == ("Curve", 4)
    assert [point["label"] for point in curve["controlPoints"]] == ["entry", "", "", "target"]
    path = plan.options[3].cannula.path_mm
    assert curve["measurements"][0]["value"] == pytest.approx(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def test_plans_from_before_there_were_options_still_read(tmp_path: Path):
    write_plan(tmp_path, CASE, (good_plan(),))
    document = strict_json(tmp_path / "plan.json")
    (entry,) = document["vertebrae"]
    del entry["options"]
    for cannula in entry["cannulas"]:
        for name in ("name", "via_mm", "risk", "words"):
            del cannula[name]
        del cannula["safety"]["status"], cannula["safety"]["reason"]
    (tmp_path / "plan.json").write_text(json.dumps(document))
    (back,) = read_plan(tmp_path).plans
    assert [(one.side, one.name) for one in back.cannulas] == [("left", "transferred"), ("right", "transferred")]
    assert [found.status for found in back.safety] == ["measured", "measured"]
    assert back.options == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": "middle"}, "options[0].side: got middle"),
        ({"via_mm": [[1, 2]]}, "options[0].via_mm: got"),
        ({"name": 7}, "options[0].name: got 7"),
        (
            {"safety": {"status": "fine", "checks": {}, "numbers": {}, "clearance_by_direction_mm": {}}},
            "status: got fine",
        ),
        ({"risk": {"stations_mm": [1.0], "tube_mm": [1.0, 2.0], "clearance_mm": {}}}, "risk.tube_mm: got"),
    ],
)
def test_options_that_are_wrong(tmp_path: Path, change: dict[str, Any], message: str):
    write_plan(tmp_path, CASE, (planned_well()[0],))
    document = strict_json(tmp_path / "plan.json")
    document["vertebrae"][0]["options"][0] |= change
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as raised:
        read_plan(tmp_path)
    assert message in str(raised.value)


def test_two_options_of_one_name_keep_their_files_apart(tmp_path: Path):
    plan, bad = planned_well()
    again = replace(bad, cannula=replace(bad.cannula, entry_mm=bad.cannula.entry_mm + 2.0))
    write_plan(tmp_path, CASE, (replace(plan, options=(*plan.options, again)),))
    assert markup(tmp_path, "L3_right_safest") != markup(tmp_path, "L3_right_safest_2")
