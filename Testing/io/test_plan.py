"""Plan folders: everything comes back, nothing half-written stays, and Slicer opens the lines."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib import __version__
from SpineDARTLib.config import Settings
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.mesh import enclosed_volume, read_mesh
from SpineDARTLib.io.plan import check_writable, plain, read_plan, write_plan
from SpineDARTLib.types import Cannula, Case, FittedVertebra, Plan, Quality, Safety, Status, Vertebra
from Testing.shapes import box

POSE = np.array([[0.0, -1, 0, 12], [1, 0, 0, -34], [0, 0, 1, 56], [0, 0, 0, 1]])
CASE = Case("case-1", ())


def good_plan(level: str = "L3") -> Plan:
    vertebra = Vertebra(level, POSE, 1.04, np.array([0.5, -1.5, 0.25]))
    quality = Quality({"AP": 1.5, "LAT": math.nan}, {"AP": 0.9}, 1.2, 2.5, 120, 7.5, {"AP": 0.6})
    history = {"total": np.array([3.0, 2.0, 1.5]), "pose": np.stack([POSE] * 3)}
    fitted = FittedVertebra(level, Status.CONVERGED, "", vertebra, replace(vertebra, scale=1.0), quality, history)
    vertices, faces = box((10.0, -40.0, 5.0), (6.0, 9.0, 14.0))
    cannulas = tuple(
        Cannula(side, np.array([x, -40.0, 9.0]), np.array([x / 2, -10.0, 5.0]), 5.0)
        for side, x in (("left", -20.0), ("right", 22.0))
    )
    numbers = {"isthmus_width_mm": 8.5, "largest_gauge": "11G", "tip_height": math.nan}
    directions = {"medial": 0.5, "lateral": -0.25, "superior": math.inf, "inferior": 2.0}
    safety = Safety(-0.25, directions, 0.4, "B", "lateral", {"tip in the anterior third": True}, numbers)
    landmarks = {"body_centre": np.array([12.0, -34.0, 56.0])}
    rims = {"left": vertices[:4] + 0.5}
    return Plan(fitted, vertices, faces[:, ::-1], landmarks, cannulas, (safety, safety), rims)


def failed_plan(level: str = "L4") -> Plan:
    return Plan(FittedVertebra(level, Status.NOT_INITIALISED, "only one click"))


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} in JSON")


def strict_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)


def test_everything_comes_back(tmp_path: Path):
    plan = good_plan()
    write_plan(tmp_path / "out", CASE, (plan, failed_plan()), Settings(seed=7), extra={"device": "cpu"})
    saved = read_plan(tmp_path / "out")
    assert (saved.case_id, saved.version, saved.settings["seed"]) == ("case-1", __version__, 7)
    back, failed = saved.plans
    assert (back.fitted.level, back.fitted.status) == ("L3", Status.CONVERGED)
    np.testing.assert_array_equal(back.fitted.vertebra.pose, POSE)
    np.testing.assert_array_equal(back.fitted.vertebra.coefficients, [0.5, -1.5, 0.25])
    assert (back.fitted.vertebra.scale, back.fitted.start.scale) == (1.04, 1.0)
    quality = back.fitted.quality
    assert math.isnan(quality.reprojection_error_px["LAT"])
    assert math.isnan(quality.spread_mm)
    assert (quality.iterations, quality.seconds, quality.similarity) == (120, 7.5, {"AP": 0.6})
    np.testing.assert_array_equal(back.fitted.history["pose"], plan.fitted.history["pose"])
    np.testing.assert_array_equal(back.landmarks_mm["body_centre"], plan.landmarks_mm["body_centre"])
    np.testing.assert_array_equal(back.pedicle_rims_mm["left"], plan.pedicle_rims_mm["left"])
    assert enclosed_volume(back.vertices_mm, back.faces) == pytest.approx(6 * 9 * 14)
    for cannula, true in zip(back.cannulas, plan.cannulas, strict=True):
        assert (cannula.side, cannula.diameter_mm) == (true.side, 5.0)
        np.testing.assert_array_equal(cannula.entry_mm, true.entry_mm)
        np.testing.assert_array_equal(cannula.target_mm, true.target_mm)
    assert [found.grade for found in back.safety] == ["B", "B"]
    assert (back.safety[0].clearance_mm, back.safety[0].checks) == (-0.25, {"tip in the anterior third": True})
    assert math.isnan(back.safety[0].clearance_by_direction_mm["superior"])
    assert failed.fitted == FittedVertebra("L4", Status.NOT_INITIALISED, "only one click")
    assert (failed.vertices_mm, failed.cannulas) == (None, ())


def test_the_document_is_the_contract(tmp_path: Path):
    write_plan(tmp_path, CASE, (good_plan(), failed_plan()), Settings())
    document = strict_json(tmp_path / "plan.json")
    assert document["format"] == "spinedart-plan/1"
    first, second = document["vertebrae"]
    assert set(first) >= {"level", "status", "status_reason", "pose", "scale", "coefficients", "mesh", "landmarks"}
    assert (first["status"], first["mesh"], second["mesh"], second["pose"]) == ("converged", "L3.stl", None, None)
    assert first["quality"]["reprojection_error_px"] == {"AP": 1.5, "LAT": None}
    assert [cannula["side"] for cannula in first["cannulas"]] == ["left", "right"]
    assert first["cannulas"][0]["safety"]["numbers"]["tip_height"] is None
    names = {"plan.json", "L3.stl", "L3_left.mrk.json", "L3_right.mrk.json", "history.npz"}
    assert {path.name for path in tmp_path.iterdir()} == set(document["files"]) == names
    # Normals point outwards even where the faces given did not.
    assert enclosed_volume(*read_mesh(tmp_path / "L3.stl")) > 0


def test_lines_for_slicer(tmp_path: Path):
    write_plan(tmp_path, CASE, (good_plan(),))
    document = strict_json(tmp_path / "L3_right.mrk.json")
    assert document["@schema"].endswith("markups-schema-v1.0.3.json#")
    (line,) = document["markups"]
    assert (line["type"], line["coordinateSystem"], line["coordinateUnits"]) == ("Line", "RAS", "mm")
    assert [point["position"] for point in line["controlPoints"]] == [[22.0, -40.0, 9.0], [11.0, -10.0, 5.0]]
    assert [point["label"] for point in line["controlPoints"]] == ["entry", "target"]
    assert line["measurements"][0]["value"] == pytest.approx(math.dist([22, -40, 9], [11, -10, 5]))
    assert line["controlPoints"][0]["description"] == "Not for clinical use."


@pytest.mark.parametrize("as_file", [True, False])
def test_overlay_comes_along(tmp_path: Path, as_file: bool):
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"png")
    overlay = picture if as_file else lambda path: path.write_bytes(b"png")
    write_plan(tmp_path / "out", CASE, (good_plan(),), overlay=overlay)
    assert (tmp_path / "out" / "overlay.png").read_bytes() == b"png"
    assert "overlay.png" in strict_json(tmp_path / "out" / "plan.json")["files"]


def test_a_crash_leaves_the_old_plan(tmp_path: Path):
    write_plan(tmp_path / "out", CASE, (good_plan(),))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def crash(_: Path) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        write_plan(tmp_path / "out", CASE, (good_plan("L1"),), overlay=crash)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_new_plan_replaces_the_old_and_keeps_the_review(tmp_path: Path):
    write_plan(tmp_path / "out", CASE, (good_plan("L1"), good_plan("L2")))
    (tmp_path / "out" / "review.json").write_text("{}")
    write_plan(tmp_path / "out", CASE, (good_plan("L2"),))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"plan.json", "L2.stl", "L2_left.mrk.json", "L2_right.mrk.json", "history.npz", "review.json"}


def test_folders_that_are_no_place_for_a_plan(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("x")
    for folder in (tmp_path, tmp_path / "thesis.tex", tmp_path / "thesis.tex" / "out"):
        with pytest.raises(InputError, match="expected a"):
            check_writable(folder)
        with pytest.raises(InputError, match="expected a"):
            write_plan(folder, CASE, (good_plan(),))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "spinedart-plan/9"}, 'plan.json: format: got spinedart-plan/9; expected "spinedart-plan/1"'),
        ({"vertebrae": [{"level": "X1"}]}, "vertebrae[0].level: got X1; expected one of"),
        ({"vertebrae": [{"level": "L1", "status": "fine"}]}, "vertebrae[0].status: got fine; expected one of"),
        ({"vertebrae": [{"level": "L1", "status": "diverged", "mesh": "L1.stl"}]}, "L1.stl: got no such file"),
    ],
)
def test_plans_that_are_wrong(tmp_path: Path, change: dict[str, Any], message: str):
    document = {"format": "spinedart-plan/1", "case_id": "c", "version": "1", "vertebrae": []} | change
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as raised:
        read_plan(tmp_path)
    assert message in str(raised.value)


def test_no_plan(tmp_path: Path):
    with pytest.raises(InputError, match=r"expected a plan folder with a plan\.json in it"):
        read_plan(tmp_path)
    (tmp_path / "plan.json").write_text('{"format": "spinedart-plan/1"}')
    (tmp_path / "history.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"history\.npz: .*expected a readable history"):
        read_plan(tmp_path)


def test_plain():
    value = {"a": np.float32(np.inf), Status.DIVERGED: (np.int64(3), Path("x")), "b": np.array([[1.0, np.nan]])}
    assert plain(value) == {"a": None, "diverged": [3, "x"], "b": [[1.0, None]]}
