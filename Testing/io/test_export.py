"""What leaves for robots, printers and Slicer, read back by independent readers."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.export import COLUMNS, tube, write_export
from SpineDARTLib.io.mesh import enclosed_volume, open_edges
from SpineDARTLib.io.plan import SavedPlan
from SpineDARTLib.types import Cannula, FittedVertebra, Plan, Status
from Testing.io.test_options import planned_well
from Testing.io.test_plan import failed_plan, strict_json

GAUGES_MM = {11: 3.05, 13: 2.41}


def saved(*plans: Plan) -> SavedPlan:
    return SavedPlan("case-1", "0.1.0", {}, plans, Path())


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "cannulas.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def numbers(row: dict[str, str], what: str, unit: str = "_mm") -> np.ndarray:
    return np.array([float(row[f"{what}_{axis}{unit}"]) for axis in "xyz"])


def read_stl(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """By VTK's reader itself: vertices merged, faces."""
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    reader = vtk.vtkSTLReader()
    reader.SetFileName(str(path))
    reader.Update()
    data = reader.GetOutput()
    faces = vtk_to_numpy(data.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    return vtk_to_numpy(data.GetPoints().GetData()).astype(np.float64), faces


def test_the_table_says_it_in_both_spaces(tmp_path: Path):
    plan, _ = planned_well()
    left = replace(plan.cannulas[0], diameter_mm=3.05)
    plan = replace(
        plan, cannulas=(left, plan.cannulas[1]), options=(replace(plan.options[0], cannula=left), *plan.options[1:])
    )
    write_export(tmp_path / "out", saved(plan), GAUGES_MM, ("csv",))
    first, second, worse, curved, drawn = rows_of(tmp_path / "out")
    assert tuple(first) == COLUMNS
    assert (first["notice"], first["case"], first["level"]) == ("not for clinical use", "case-1", "L3")
    assert (first["side"], first["name"], first["recommended"], first["why_not"]) == ("left", "transferred", "yes", "")
    assert (first["gauge"], first["diameter_mm"], second["gauge"]) == ("11", "3.0500", "")
    np.testing.assert_allclose(numbers(first, "entry_ras"), [-20, -40, 9])
    np.testing.assert_allclose(numbers(first, "entry_lps"), [20, 40, 9])
    np.testing.assert_allclose(numbers(first, "target_lps"), [10, 10, 5])
    direction, length = numbers(first, "direction_ras", ""), float(first["length_mm"])
    np.testing.assert_allclose(np.linalg.norm(direction), 1.0, atol=1e-7)
    np.testing.assert_allclose(
        numbers(first, "entry_ras") + length * direction, numbers(first, "target_ras"), atol=2e-4
    )
    np.testing.assert_allclose(numbers(first, "direction_lps", ""), direction * (-1, -1, 1))
    assert (first["clearance_mm"], first["grade"], first["breach_probability"]) == ("1.2000", "A", "0.0800")
    assert (second["recommended"], second["breach_probability"]) == ("yes", "")
    assert (worse["recommended"], worse["why_not"]) == ("no", "lateral breach of 0.2 mm")
    assert worse["checks_failed"] == "" and worse["grade"] == "B"
    assert (drawn["recommended"], drawn["safety_status"], drawn["clearance_mm"]) == ("no", "no_surface", "")
    assert "not measured" in drawn["why_not"]
    assert (curved["recommended"], curved["straight"], first["straight"]) == ("no", "no", "yes")
    path = [[float(number) for number in point.split()] for point in curved["path_ras_mm"].split(";")]
    np.testing.assert_allclose(path, plan.options[3].cannula.path_mm)


@pytest.mark.parametrize("status", [Status.LOW_CONFIDENCE, Status.DIVERGED])
def test_vertebrae_that_are_not_usable_recommend_nothing(tmp_path: Path, status: Status):
    plan, _ = planned_well()
    plan = replace(plan, fitted=replace(plan.fitted, status=status, reason="look again"))
    names = write_export(tmp_path / "out", saved(plan, failed_plan()), GAUGES_MM)
    *rows, last = rows_of(tmp_path / "out")
    assert {row["recommended"] for row in rows} == {"no"}
    assert rows[0]["why_not"] == f"fit {status.value}: look again" and rows[0]["vertebra_status"] == status.value
    assert (last["level"], last["side"], last["recommended"]) == ("L4", "", "no")
    assert last["why_not"] == "no cannula: only one click" and last["vertebra_status"] == "not_initialised"
    assert {f"L3_{status.value}.stl", "L3_left_NOT_RECOMMENDED.stl"} <= set(names)
    contents = strict_json(tmp_path / "out" / "export.json")
    assert contents["vertebrae"]["L4"] == {"status": "not_initialised", "status_reason": "only one click"}


def test_solids_are_closed_and_outward_in_ras(tmp_path: Path):
    plan, _ = planned_well()
    write_export(tmp_path / "out", saved(plan), GAUGES_MM, ("stl",))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "export.json", "L3.stl", "L3_left.stl", "L3_right.stl", "L3_right_safest_NOT_RECOMMENDED.stl",
        "L3_left_curved.stl", "L3_left_drawn_NOT_RECOMMENDED.stl",
    }  # fmt: skip
    for name, volume in (("L3.stl", 6 * 9 * 14), ("L3_left.stl", None), ("L3_left_curved.stl", None)):
        vertices, faces = read_stl(tmp_path / "out" / name)
        assert open_edges(faces) == 0
        assert enclosed_volume(vertices, faces) > 0
        assert volume is None or enclosed_volume(vertices, faces) == pytest.approx(volume, rel=1e-4)
    vertices, _ = read_stl(tmp_path / "out" / "L3_left.stl")
    cannula = plan.cannulas[0]
    assert np.linalg.norm(vertices - cannula.entry_mm, axis=1).min() < cannula.diameter_mm / 2 + 1e-3


def test_a_tube_is_a_cylinder(tmp_path: Path):
    path = np.array([[3.0, -40.0, 12.0], [-9.0, 8.0, 4.0]])
    vertices, faces = tube(path, 3.05)
    length = np.linalg.norm(path[1] - path[0])
    along = (path[1] - path[0]) / length
    assert open_edges(faces) == 0
    assert enclosed_volume(vertices, faces) == pytest.approx(np.pi * 3.05**2 / 4 * length, rel=4e-3)
    heights = (vertices - path[0]) @ along
    radii = np.linalg.norm(vertices - path[0] - np.outer(heights, along), axis=1)
    assert (heights.min(), heights.max()) == pytest.approx((0.0, length), abs=1e-4)
    assert radii.max() == pytest.approx(3.05 / 2, abs=1e-4)
    bent, bent_faces = tube(np.array([[0.0, 0, 0], [0, 20, 0], [3, 23, 0], [8, 25, 1]]), 3.0)
    assert open_edges(bent_faces) == 0 and enclosed_volume(bent, bent_faces) > 0


def test_a_new_export_replaces_the_old_and_nothing_else(tmp_path: Path):
    plan, _ = planned_well()
    out = tmp_path / "out"
    everything = write_export(out, saved(plan), GAUGES_MM)
    assert {"cannulas.csv", "L3.stl", "L3_left.mrk.json"} <= set(everything)
    assert json.loads((out / "L3_left.mrk.json").read_text())["markups"][0]["coordinateSystem"] == "RAS"
    assert write_export(out, saved(plan), GAUGES_MM, ("mrk",)) == tuple(
        sorted(name for name in everything if name.endswith(".mrk.json"))
    )
    assert not (out / "cannulas.csv").exists() and (out / "export.json").exists()
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="other files"):
        write_export(tmp_path, saved(plan), GAUGES_MM)
    with pytest.raises(ValueError, match="got obj"):
        write_export(out, saved(plan), GAUGES_MM, ("obj",))


def test_a_crash_leaves_the_old_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan, _ = planned_well()
    write_export(tmp_path / "out", saved(plan), GAUGES_MM)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def crash(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("SpineDARTLib.io.export.write_mesh", crash)
    with pytest.raises(MemoryError):
        write_export(tmp_path / "out", saved(plan, plan), GAUGES_MM)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_path_without_length_has_no_direction_and_no_solid(tmp_path: Path):
    plan, _ = planned_well()
    point = np.array([1.0, 2.0, 3.0])
    nowhere = Cannula("left", point, point, 3.05, "drawn")
    option = replace(plan.options[-1], cannula=nowhere)
    fitted = FittedVertebra("L5", Status.CONVERGED, "")
    names = write_export(tmp_path / "out", saved(Plan(fitted, options=(option,))), GAUGES_MM)
    (row,) = rows_of(tmp_path / "out")
    assert (row["direction_ras_x"], row["length_mm"], row["recommended"]) == ("", "0.0000", "no")
    assert names == ("L5_left_drawn.mrk.json", "cannulas.csv")
