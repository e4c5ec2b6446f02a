"""``spinedart draw`` and ``spinedart export`` from end to end on the sample case, the true poses in place of a fit."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib import plan_commands
from SpineDARTLib.__main__ import main
from SpineDARTLib.atlas import ShapeModel, load_model
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import read_plan, write_plan
from SpineDARTLib.plan.anatomy import anatomy_of
from SpineDARTLib.plan.cannula import transfer
from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import prepare
from SpineDARTLib.types import Cannula, Case, FittedVertebra, Option, Plan, Status, Vertebra


@pytest.fixture(scope="module")
def case(sample: Path) -> Case:
    return read_case(sample)


@pytest.fixture(scope="module")
def model(sample: Path) -> ShapeModel:
    return load_model("L2")


@pytest.fixture(scope="module")
def plans(sample: Path, model: ShapeModel) -> tuple[Plan, ...]:
    """L2 and L3 at their true poses with the mean shape; nobody believes in L3."""
    poses = json.loads((sample / "truth" / "truth.json").read_text(encoding="utf-8"))["vertebrae"]
    found = []
    for level, status in (("L2", Status.CONVERGED), ("L3", Status.LOW_CONFIDENCE)):
        vertebra = Vertebra(level, np.array(poses[level]["pose"]), 1.0, np.zeros(model.rank))
        vertices = vertebra.place(model.means[level])
        surface = prepare(vertices, model.faces, anatomy_of(vertices, model, vertebra.pose))
        cannulas = transfer(vertices, model, 3.05)
        safety = tuple(assess(one, surface) for one in cannulas)
        options = tuple(Option(one, known) for one, known in zip(cannulas, safety, strict=True))
        fitted = FittedVertebra(level, status, "look again", vertebra)
        found.append(Plan(fitted, vertices, model.faces, {}, cannulas, safety, {}, options))
    return tuple(found)


@pytest.fixture
def plan_folder(tmp_path: Path, case: Case, plans: tuple[Plan, ...]) -> Path:
    write_plan(tmp_path / "plan", case, plans)
    return tmp_path / "plan"


def lines_of(cannula: Cannula, case: Case) -> dict[str, Any]:
    return {
        view.name: dict(zip(("entry", "target"), project(cannula.path_mm, view).tolist(), strict=True))
        for view in case.views
    }


def write_drawn(folder: Path, case: Case, *cannulas: dict[str, Any]) -> Path:
    path = folder / "drawn.json"
    path.write_text(json.dumps({"format": "spinedart-drawn/1", "case_id": case.id, "cannulas": cannulas}))
    return path


def test_what_was_drawn_is_assessed_in_the_plans_surface(
    sample, case, model, plans, plan_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(plan_commands, "load_model", lambda level: model)
    left, right = plans[0].cannulas
    away = Cannula("right", right.entry_mm + (0, 0, -14.0), right.target_mm + (0, 0, -14.0), 3.05)
    drawn = write_drawn(
        tmp_path, case, {"level": "L2", "side": "left", "views": lines_of(left, case)},
        {"level": "L2", "side": "right", "diameter_mm": 5.0, "views": lines_of(away, case)},
        {"level": "L3", "side": "left", "views": lines_of(plans[1].cannulas[0], case)},
    )  # fmt: skip
    out = tmp_path / "out"
    assert main(["draw", str(sample), str(drawn), "--out", str(out), "--plan", str(plan_folder)]) == 0
    said = capsys.readouterr().out
    assert "not for clinical use" in said and "breach" in said
    assert "L3: do not rely on the room" in said and "look again" in said
    back, other = read_plan(out).plans
    found = {one.cannula.side: one for one in back.options if one.cannula.name == "drawn"}
    np.testing.assert_allclose(found["left"].cannula.path_mm, left.path_mm, atol=1e-4)
    assert found["left"].safety.clearance_mm == pytest.approx(plans[0].safety[0].clearance_mm, abs=0.01)
    assert found["left"].cannula.diameter_mm == 3.05 and found["right"].cannula.diameter_mm == 5.0
    assert found["right"].safety.clearance_mm < 0 and found["right"].safety.status == "measured"
    # What the plan had stays: its recommendations, its other options and the other vertebra.
    assert [one.name for one in back.cannulas] == [one.name for one in plans[0].cannulas]
    assert (len(back.options), len(other.options)) == (len(plans[0].options) + 2, len(plans[1].options) + 1)
    assert (out / "overlay.png").stat().st_size > 20000
    document = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    assert max(document["drawn"][0]["residual_px"].values()) < 0.01
    # Drawn again, it replaces itself.
    monkeypatch.setattr(plan_commands, "draw_drawn", lambda case, found, plans, path: None)
    assert main(["draw", str(sample), str(drawn), "--out", str(out), "--plan", str(out)]) == 0
    assert len(read_plan(out).plans[0].options) == len(plans[0].options) + 2


def test_without_a_plan_nothing_is_said_of_safety(sample, case, plans, tmp_path, capsys):
    left, right = plans[0].cannulas
    swapped = lines_of(right, case)
    first = next(iter(swapped))
    swapped[first] = {"entry": swapped[first]["target"], "target": swapped[first]["entry"]}
    drawn = write_drawn(
        tmp_path, case, {"level": "L2", "side": "left", "views": lines_of(left, case)},
        {"level": "L2", "side": "right", "views": swapped},
    )  # fmt: skip
    assert main(["draw", str(sample), str(drawn), "--out", str(tmp_path / "out")]) in (0, 1)
    said = capsys.readouterr().out
    assert "no surface" in said and "mm free" not in said
    (back,) = read_plan(tmp_path / "out").plans
    assert (back.fitted.status, back.cannulas) == (Status.NOT_INITIALISED, ())
    assert {one.safety.status for one in back.options} == {"no_surface"}
    assert all(np.isnan(one.safety.clearance_mm) for one in back.options)


def test_lines_that_do_not_meet_are_exit_1_and_have_no_cannula(sample, case, plans, tmp_path, capsys):
    lines = lines_of(plans[0].cannulas[0], case)
    name = case.views[1].name
    lines[name] = {end: [u, v + 60.0] for end, (u, v) in lines[name].items()}
    drawn = write_drawn(tmp_path, case, {"level": "L2", "side": "left", "views": lines})
    assert main(["draw", str(sample), str(drawn), "--out", str(tmp_path / "out")]) == 1
    assert "do not show one cannula" in capsys.readouterr().out
    (back,) = read_plan(tmp_path / "out").plans
    assert back.options == ()


def test_masks_are_drawn_too(sample, case, plans, tmp_path, capsys):
    from PIL import ImageDraw

    cannula = plans[0].cannulas[1]
    for view in case.views:
        height, width = view.image.shape
        picture = Image.new("L", (width, height))
        line = [tuple(point) for point in project(cannula.path_mm, view)]
        ImageDraw.Draw(picture).line(line, fill=255, width=7)
        picture.save(tmp_path / f"{view.name}.png")
    views = {view.name: {"mask": f"{view.name}.png"} for view in case.views}
    drawn = write_drawn(tmp_path, case, {"level": "L2", "side": "right", "views": views})
    assert main(["draw", str(sample), str(drawn), "--out", str(tmp_path / "out")]) == 0
    (option,) = read_plan(tmp_path / "out").plans[0].options
    np.testing.assert_allclose(option.cannula.path_mm, cannula.path_mm, atol=2.0)


def test_export(plan_folder, plans, tmp_path, capsys):
    out = tmp_path / "export"
    assert main(["export", str(plan_folder), "--out", str(out)]) == 1  # L3 is not to be relied on
    said = capsys.readouterr().out
    assert "Not for clinical use" in said and "L3: look again; nothing is recommended" in said
    with (out / "cannulas.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["level"]: row["recommended"] for row in rows if row["level"] == "L3"} == {"L3": "no"}
    assert sum(row["recommended"] == "yes" for row in rows) == 2
    assert rows[0]["gauge"] == "11"
    assert main(["export", str(plan_folder), "--out", str(out), "--format", "csv"]) == 1
    assert {path.name for path in out.iterdir()} == {"cannulas.csv", "export.json"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["draw", "{sample}", "{tmp}/none.json", "--out", "{tmp}/x"], ["none.json", "no such file"]),
        (["draw", "{sample}", "{drawn}", "--out", "{tmp}/x", "--plan", "{tmp}/none"], ["none", "plan.json"]),
        (["draw", "{sample}", "{drawn}", "--out", "{tmp}/x", "--plan", "{other}"], ["case_id", "another", "sample"]),
        (["draw", "{sample}", "{drawn}", "--out", "{tmp}"], ["other files"]),
        (["export", "{tmp}/none", "--out", "{tmp}/x"], ["none", "plan.json"]),
        (["export", "{other}", "--out", "{tmp}"], ["other files"]),
        (["export", "{other}", "--out", "{tmp}/x", "--format", "obj"], ["obj", "--format"]),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(arguments, words, sample, case, plans, tmp_path, capsys):
    drawn = write_drawn(tmp_path, case, {"level": "L2", "side": "left", "views": lines_of(plans[0].cannulas[0], case)})
    write_plan(tmp_path / "other", Case("another", ()), (Plan(FittedVertebra("L1", Status.DIVERGED, "")),))
    before = sorted(path.name for path in tmp_path.iterdir())
    places = {"sample": sample, "tmp": tmp_path, "drawn": drawn, "other": tmp_path / "other"}
    assert main([argument.format(**places) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("spinedart: ") and said.count("\n") == 1, said
    assert all(word in said for word in words), said
    assert sorted(path.name for path in tmp_path.iterdir()) == before
