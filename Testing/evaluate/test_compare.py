"""A plan folder against a truth folder: figures a level, failures counted both ways."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.evaluate.compare import as_text, evaluate_plan, evaluate_plans, level_table, summarise, summary_table
from SpineDARTLib.io.plan import plain, write_plan
from SpineDARTLib.io.truth import Truth, write_truth
from SpineDARTLib.types import Cannula, Case, FittedVertebra, Plan, Status, Vertebra
from Testing.plan.tubes import HALF_WIDTH, HEIGHT, OFFSET, tube_anatomy, tube_vertebra
from Testing.shapes import box

SIZES = (20.0, 26.0, 14.0)
TRUE_POSE = np.eye(4)


def planned(level: str, status: Status, shift_mm: float | None) -> Plan:
    """A box that is that far to the right of the truth; none where there is no shift."""
    pose = TRUE_POSE.copy()
    if shift_mm is None:
        return Plan(FittedVertebra(level, status, "no click"))
    pose[0, 3] = shift_mm
    fitted = FittedVertebra(level, status, "", Vertebra(level, pose, 1.0, np.zeros(1)))
    return Plan(fitted, *box((0.5 + shift_mm, 0.5, 0.5), SIZES))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """L1 exact, L2 off by 5 of 20 mm, L3 not initialised, L4 diverged with a mesh; T12 has no truth, L5 no plan."""
    truth = {level: box((0.5, 0.5, 0.5), SIZES) for level in ("L1", "L2", "L3", "L4", "L5")}
    write_truth(tmp_path / "truth", Truth("person-1", truth, {"L2": TRUE_POSE}))
    plans = (
        planned("L1", Status.CONVERGED, 0.0),
        planned("L2", Status.LOW_CONFIDENCE, 5.0),
        planned("L3", Status.NOT_INITIALISED, None),
        planned("L4", Status.DIVERGED, 1.0),
        planned("T12", Status.CONVERGED, 0.0),
    )
    write_plan(tmp_path / "plan", Case("c", ()), plans)
    return tmp_path / "plan", tmp_path / "truth"


def test_levels_and_summary(folders: tuple[Path, Path]):
    result = evaluate_plan(*folders)
    assert (result["case_id"], result["subject"]) == ("c", "person-1")
    assert (result["without_truth"], result["not_planned"]) == (["T12"], ["L5"])
    levels = result["levels"]
    assert list(levels) == ["L1", "L2", "L3", "L4"]
    assert [levels[level]["reconstructed"] for level in levels] == [True, True, False, False]
    assert (levels["L1"]["dice"], levels["L1"]["hd95_mm"]) == (1.0, 0.0)
    assert levels["L2"]["dice"] == pytest.approx(15 / 20)
    assert (levels["L2"]["pose_rotation_deg"], levels["L2"]["pose_translation_mm"]) == (0.0, 5.0)
    assert "pose_rotation_deg" not in levels["L1"]
    assert "dice" not in levels["L3"]
    summary = result["summary"]
    assert (summary["vertebrae"], summary["failures"]) == (4, 2)
    assert summary["all"]["dice"]["mean"] == pytest.approx(1.75 / 4)
    assert summary["all"]["dice"]["median"] == pytest.approx(0.375)
    assert summary["reconstructed"]["dice"]["median"] == pytest.approx(0.875)
    assert summary["reconstructed"]["assd_mm"]["mean"] == pytest.approx(levels["L2"]["assd_mm"] / 2)
    assert json.loads(json.dumps(plain(result), allow_nan=False)) == result


def test_cannulas_in_the_true_vertebra():
    """A path down the middle of the planned pedicle is a breach where the true pedicle lies beside it."""
    vertices, faces = tube_vertebra()
    centre, radius_mm = np.array([OFFSET["right"], -25.0, HEIGHT["right"]]), 1.5
    cannula = Cannula("right", centre + [0, -15, 0], centre + [0, 20, 0], 2 * radius_mm)
    plan = Plan(FittedVertebra("L3", Status.CONVERGED, ""), vertices, faces, cannulas=(cannula,))
    for shift_mm, expected in ((0.0, "A"), (5.0, "B")):
        truth = Truth("p", {"L3": (vertices + [shift_mm, 0, 0], faces)})
        level = evaluate_plans("c", (plan,), truth, lambda *_: tube_anatomy(np.eye(3), np.zeros(3)))["levels"]["L3"]
        (row,) = level["cannulas"]
        safety = row["safety"]
        assert safety["grade"] == expected
        assert safety["clearance_mm"] == pytest.approx(HALF_WIDTH["right"] - radius_mm - shift_mm, abs=0.3)
    # The pedicle has moved to the right, outwards: the cannula leaves it through its medial wall.
    assert safety["breach_direction"] == "medial"
    assert "cannulas" not in evaluate_plans("c", (plan,), truth)["levels"]["L3"]


def test_success_over_a_plan(folders: tuple[Path, Path]):
    """Nothing planned is no success; where nobody knows the true pedicles, nobody judges."""
    found = evaluate_plan(*folders, lambda *_: None)
    assert [level["cannulas"] for level in found["levels"].values()] == [[]] * 4
    assert found["success"] == {"not_judged": 0, "methods": {}}
    vertices, faces = tube_vertebra()
    cannula = Cannula("right", np.array([17.0, -40.0, 2.0]), np.array([9.0, 10.0, 2.0]), 3.0)
    plan = Plan(FittedVertebra("L3", Status.CONVERGED, ""), vertices, faces, cannulas=(cannula,))
    unknown = evaluate_plans("c", (plan,), Truth("p", {"L3": (vertices, faces)}), lambda *_: None)
    assert "cannulas" not in unknown["levels"]["L3"]
    assert unknown["success"] == {"not_judged": 1, "methods": {}}


def test_mirrored_plan_fails(folders: tuple[Path, Path], tmp_path: Path):
    vertices, faces = box((0.5, 0.5, 0.5), SIZES)
    mirrored = Plan(FittedVertebra("L1", Status.CONVERGED, ""), vertices * (-1, 1, 1), faces)
    write_plan(tmp_path / "mirror", Case("c", ()), (mirrored,))
    assert evaluate_plan(tmp_path / "mirror", folders[1])["levels"]["L1"]["dice"] < 0.01


def test_nothing_in_common(folders: tuple[Path, Path], tmp_path: Path):
    write_truth(tmp_path / "other", Truth("p", {"T4": box((0.0, 0.0, 0.0), SIZES)}))
    with pytest.raises(InputError, match="got L1, L2, L3, L4, T12; expected a level of the truth: T4"):
        evaluate_plan(folders[0], tmp_path / "other")


def test_an_empty_surface_is_a_failure(folders: tuple[Path, Path], tmp_path: Path):
    speck = Plan(FittedVertebra("L1", Status.CONVERGED, ""), *box((0.1, 0.1, 0.1), (0.1, 0.1, 0.1)))
    write_plan(tmp_path / "speck", Case("c", ()), (speck,))
    level = evaluate_plan(tmp_path / "speck", folders[1])["levels"]["L1"]
    assert not level["reconstructed"]
    assert "encloses no voxel" in level["status_reason"]


def test_summary_of_nothing_reconstructed():
    summary = summarise([{"reconstructed": False}])
    assert summary["all"]["dice"] == {"mean": 0.0, "sd": 0.0, "median": 0.0}
    assert summary["reconstructed"]["dice"] is None


def test_tables(folders: tuple[Path, Path]):
    result = evaluate_plan(*folders)
    levels = level_table(result)
    assert levels[0][:3] == ("level", "status", "Dice")
    assert [row[0] for row in levels[1:]] == ["L1", "L2", "L3", "L4"]
    assert levels[3][2:] == ("-",) * 5
    table = summary_table({"ours": result["summary"], "ncc": summarise([{"reconstructed": False}])})
    assert table[1] == ("ours", "all", "4", "0.375", *table[1][4:6], "-", "-")
    assert table[2][:4] == ("ours", "reconstructed", "2", "0.875")
    assert table[4][3:] == ("-",) * 5
    text = as_text(table).splitlines()
    assert len(text) == 5
    assert text[0].index("Dice") == text[1].index("0.375")
