"""Cannulas judged in the true vertebra, and what counts as success."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.evaluate.cannulas import RECOMMENDED, judge, success
from SpineDARTLib.evaluate.plots import draw_success
from SpineDARTLib.evaluate.success import group_table, success_table, success_words
from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import prepare
from SpineDARTLib.types import Cannula, FittedVertebra, Option, Plan, Status
from Testing.plan.tubes import HALF_WIDTH, HEIGHT, OFFSET, tube_anatomy, tube_vertebra


def cannula(
    side: str,
    room_mm: float | None,
    body_mm: float | None = 9.0,
    planned_mm: float = 3.0,
    name: str = "transferred",
    recommended: bool = True,
    status: str = "measured",
) -> dict[str, Any]:
    """A row as ``judge`` makes it; the medial wall is the nearest."""
    safety = {
        "status": status,
        "breach_direction": "",
        "clearance_by_direction_mm": {"lateral": 8.0, "medial": room_mm},
    }
    names = {"side": side, "name": name, "recommended": recommended, "diameter_mm": 3.0}
    return names | {"planned_mm": planned_mm, "room_mm": room_mm, "body_room_mm": body_mm, "safety": safety}


def vertebra(level: str, status: str, *cannulas: dict[str, Any]) -> dict[str, Any]:
    return {"level": level, "status": status, "cannulas": list(cannulas)}


ROWS = (
    vertebra("L1", "converged", cannula("left", 4.0), cannula("right", 2.6)),  # 5 mm: right 0.1 mm free
    vertebra("L1", "converged", cannula("left", 4.0), cannula("right", 1.2)),  # 5 mm: 1.3 mm through the medial wall
    vertebra("L4", "step_limit", cannula("left", 4.0, body_mm=-0.5), cannula("right", 4.0)),  # out through the body
    vertebra("T6", "low_confidence", cannula("left", 5.0), cannula("right", 5.0)),  # good, but refused
    vertebra("T6", "diverged", cannula("left", 5.0), cannula("right", 5.0)),
    vertebra("T6", "not_initialised"),
    vertebra("T9", "converged", cannula("left", 6.0), cannula("right", None)),  # passes the true vertebra by
    vertebra("T9", "converged", cannula("left", None, status="no_pedicle"), cannula("right", 4.0)),  # not judged
    {"level": "T9", "status": "converged"},  # nor this
)


def test_success_is_both_sides():
    found = success(ROWS)
    assert found["not_judged"] == 2
    thick = found["methods"]["transferred"]["5 mm"]["overall"]
    assert (thick["vertebrae"], thick["usable"], thick["offered"]) == (7, 4, 4)
    assert thick["no_breach"] == {"kept": 2, "regardless": 3}
    assert thick["margin"] == {"kept": 1, "regardless": 2}
    assert thick["in_body"] == {"kept": 1, "regardless": 2}
    assert thick["unmarked"] == 2
    assert thick["grades"] == {"-": 1, "A": 10, "B": 1}
    assert thick["directions"] == {"medial": 1}
    thin = found["methods"]["transferred"]["13G"]["overall"]
    assert thin["no_breach"] == {"kept": 2, "regardless": 3}
    assert thin["grades"] == {"-": 1, "A": 10, "B": 1}
    assert thin["margin"]["kept"] == 2
    by_level = found["methods"]["transferred"]["5 mm"]["by_level"]
    assert list(by_level) == ["T6", "T9", "L1", "L4"]
    assert [one["vertebrae"] for one in by_level.values()] == [3, 1, 2, 1]
    assert by_level["L1"]["no_breach"]["kept"] == 1
    by_region = found["methods"]["transferred"]["5 mm"]["by_region"]
    assert {region: one["vertebrae"] for region, one in by_region.items()} == {"T5-T8": 3, "T9-T12": 1, "L1-L5": 3}
    assert found["methods"][RECOMMENDED]["5 mm"] == found["methods"]["transferred"]["5 mm"]


def test_a_breach_that_was_planned_is_not_unmarked():
    marked = vertebra("L2", "converged", cannula("left", 1.0, planned_mm=1.4), cannula("right", 4.0))
    one = success([marked])["methods"]["transferred"]["11G"]["overall"]
    assert (one["offered"], one["unmarked"], one["no_breach"]["kept"]) == (0, 0, 0)


def test_kinds_are_counted_apart_and_the_recommended_may_mix_them():
    moved = [cannula("left", 2.0, name="safest"), cannula("right", 0.5, name="safest", recommended=False)]
    kept = [cannula("left", 1.0, recommended=False), cannula("right", 1.6)]
    methods = success([vertebra("L3", "converged", *kept, *moved)])["methods"]
    passed = {name: needles["11G"]["overall"]["no_breach"]["kept"] for name, needles in methods.items()}
    assert passed == {"transferred": 0, "safest": 0, RECOMMENDED: 1}


def test_each_needles_own_plans():
    rows = [
        vertebra("L3", "converged", cannula("left", 2.0), cannula("right", 2.0)) | {"needle": "11G"},
        vertebra("L3", "converged", cannula("left", 3.0), cannula("right", 3.0)) | {"needle": "5 mm"},
    ]
    needles = success(rows)["methods"]["transferred"]
    assert set(needles) == {"11G", "5 mm"}
    assert all(one["overall"]["no_breach"]["kept"] == 1 for one in needles.values())


def test_tables_and_picture(tmp_path):
    found = success(ROWS)
    table = success_table(found)
    thick = next(row for row in table if row[:2] == ("transferred", "5 mm"))
    assert thick[2:] == (
        *("7", "29 %", "14 %", "14 %", "| 4", "50 %", "25 %", "| 4", "50 %"),
        *("| 43 %", "| 83/8/0/0/0", "medial 1"),
    )
    assert len(thick) == len(table[0])
    rows = group_table(found, RECOMMENDED)
    assert [row[0] for row in rows] == [RECOMMENDED, "T6", "T9", "L1", "L4"]
    assert rows[3][1:] == ("2", "50 %", "50 %", "50 %", "50 %", "50 %", "0 %")
    words = success_words(found)
    assert "Spine-DART 82 %, 2D-GeoPlan 66 %" in words
    assert "2 vertebrae" in words
    assert success_words(success([])).startswith("No cannula")
    draw_success(found, tmp_path / "success.png", "test")
    draw_success(success([]), tmp_path / "empty.png", "test")
    assert min(path.stat().st_size for path in tmp_path.glob("*.png")) > 5000


def test_judge():
    """Planned in the middle of the pedicle; the true vertebra lies 2 mm farther right."""
    vertices, faces = tube_vertebra()
    anatomy = tube_anatomy(np.eye(3), np.zeros(3))
    centre = np.array([OFFSET["right"], -25.0, HEIGHT["right"]])
    one = Cannula("right", centre + [0, -15, 0], centre + [0, 20, 0], 3.0)
    other = replace(one, name="safest", entry_mm=one.entry_mm + [2, 0, 0], target_mm=one.target_mm + [2, 0, 0])
    options = tuple(Option(path, assess(path, prepare(vertices, faces, anatomy))) for path in (one, other))
    fitted = FittedVertebra("L3", Status.CONVERGED, "")
    plan = Plan(fitted, vertices, faces, cannulas=(other,), safety=(options[1].safety,), options=options)
    shift = np.array([2.0, 0.0, 0.0])
    rows = judge(plan, (vertices + shift, faces), tube_anatomy(np.eye(3), shift))
    assert [(row["name"], row["recommended"]) for row in rows] == [("transferred", False), ("safest", True)]
    assert rows[0]["planned_mm"] == pytest.approx(HALF_WIDTH["right"], abs=0.2)
    assert rows[0]["room_mm"] == pytest.approx(HALF_WIDTH["right"] - 2.0, abs=0.2)
    assert rows[1]["planned_mm"] == pytest.approx(HALF_WIDTH["right"] - 2.0, abs=0.2)
    assert rows[1]["room_mm"] == pytest.approx(HALF_WIDTH["right"], abs=0.2)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    before_options = judge(replace(plan, options=()), (vertices + shift, faces), tube_anatomy(np.eye(3), shift))
    assert before_options == rows[1:]


def test_a_path_beside_the_true_vertebra_has_no_room():
    vertices, faces = tube_vertebra()
    anatomy = tube_anatomy(np.eye(3), np.zeros(3))
    path = Cannula("left", np.array([-14.0, -40.0, 3.0]), np.array([-12.0, -5.0, 3.0]), 3.0)
    safety = assess(path, prepare(vertices, faces, anatomy))
    plan = Plan(FittedVertebra("L3", Status.CONVERGED, ""), vertices, faces, cannulas=(path,), safety=(safety,))
    away = np.array([0.0, 0.0, 300.0])
    (row,) = judge(plan, (vertices + away, faces), tube_anatomy(np.eye(3), away))
    assert (row["room_mm"], row["safety"]["status"]) == (None, "outside_bone")
    assert row["planned_mm"] > 0
