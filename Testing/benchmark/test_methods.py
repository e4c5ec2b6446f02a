"""Methods: what their names mean, 2D-GeoPlan from drawings, outside methods."""

from __future__ import annotations

import json

import numpy as np
import pytest

from SpineDARTLib.arguments.benchmark import split_methods
from SpineDARTLib.benchmark.geoplan import GeoPlan, drawn_lines
from SpineDARTLib.benchmark.nouns import Method
from SpineDARTLib.benchmark.outside import Meshes, Outside, outside_method
from SpineDARTLib.benchmark.running import run_all
from SpineDARTLib.benchmark.work import Workplace
from SpineDARTLib.config import BenchmarkSettings, PlanSettings
from SpineDARTLib.errors import InputError
from SpineDARTLib.evaluate.true_anatomy import true_anatomy
from SpineDARTLib.geometry.camera import project, project_with_depth
from SpineDARTLib.io.mesh import write_mesh
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.plan.cannula import transfer
from SpineDARTLib.types import Cannula, Status
from Testing.benchmark.fakes import write_cases
from Testing.shapes import box

EXACT = BenchmarkSettings(reader_mm=0.0)
CANNULA = Cannula("right", np.array([17.0, -20.0, 2.0]), np.array([9.0, 10.0, 1.0]), 3.05)


def test_a_reader_errs_more_along_the_needle(views):
    reader = BenchmarkSettings(reader_mm=1.0, reader_ends=3.0)
    generator = np.random.default_rng(1)
    for view in views:
        line, depths = project_with_depth(CANNULA.path_mm, view)
        along = (line[1] - line[0]) / np.linalg.norm(line[1] - line[0])
        across = np.array([-along[1], along[0]])
        moved = np.stack([drawn_lines(CANNULA, (view,), reader, generator)[view.name] - line for _ in range(3000)])
        mm = moved * depths[:, None] / view.intrinsics[0, 0]
        assert (mm @ across).std() == pytest.approx(1.0, rel=0.06)
        assert (mm @ along).std() == pytest.approx(3.0, rel=0.06)


def test_drawn_cannulas_are_triangulated(tmp_path, views):
    (case,) = write_cases(tmp_path, views, 1)
    ends = {view.name: project(CANNULA.path_mm, view).tolist() for view in views}
    drawn = {name: {"entry": entry, "target": target} for name, (entry, target) in ends.items()}
    one = {"level": "L2", "side": "right", "views": drawn}
    (case / "drawn.json").write_text(json.dumps({"format": "spinedart-drawn/1", "cannulas": [one]}))
    method = GeoPlan(PlanSettings(), EXACT, 0)
    assert isinstance(method, Method) and not method.surfaces
    (plan,) = method(case, ()).plans
    assert np.allclose(plan.cannulas[0].path_mm, CANNULA.path_mm, atol=0.05)
    # One side is no plan of a vertebra, and it says which is missing.
    assert (plan.fitted.status, plan.fitted.reason) == (Status.NOT_INITIALISED, "left: not drawn.")


def test_a_simulated_reader_who_never_errs_draws_the_templates_cannulas(sample):
    truth = read_truth(sample)
    for plan in GeoPlan(PlanSettings(), EXACT, 0)(sample, ()).plans:
        true = true_anatomy(plan.fitted.level, truth)
        assert true is not None
        for found, expected in zip(plan.cannulas, transfer(true.carried_mm, true.model, 3.05), strict=True):
            assert found.side == expected.side
            assert np.allclose(found.path_mm, expected.path_mm, atol=0.05)
    one, same, other = (GeoPlan(PlanSettings(), BenchmarkSettings(), seed)(sample, ()).plans for seed in (0, 0, 1))
    assert np.array_equal(one[0].cannulas[0].entry_mm, same[0].cannulas[0].entry_mm)
    assert 0.05 < np.linalg.norm(one[0].cannulas[0].entry_mm - other[0].cannulas[0].entry_mm) < 15.0


def test_outside_meshes_are_measured(tmp_path, views):
    cases = write_cases(tmp_path / "cases", views, 2)
    theirs = tmp_path / "theirs" / "case-0"
    theirs.mkdir(parents=True)
    vertices, faces = box((-9.5 + 5.0, -12.5, -7.5), (20.0, 26.0, 14.0))
    write_mesh(theirs / "L2.ply", vertices, faces[:, ::-1])
    method = outside_method(f"theirs={tmp_path / 'theirs'}")
    assert isinstance(method, Meshes) and isinstance(method, Method)
    found = {one.case: one for one in run_all(cases, [method], tmp_path / "out", BenchmarkSettings(), Workplace())}
    rows = {row["level"]: row for row in found["case-0"].rows}
    assert rows["L2"]["dice"] == pytest.approx(15 / 20)
    assert rows["L3"]["trouble"] == "nothing"
    assert [row["reconstructed"] for row in found["case-1"].rows] == [False, False]
    # Other meshes are another method.
    write_mesh(theirs / "L3.stl", *box((-8.5, -12.5, -41.5), (20.0, 26.0, 14.0)))
    assert outside_method(f"theirs={tmp_path / 'theirs'}") != method


def test_an_outside_function(tmp_path, views):
    (case,) = write_cases(tmp_path / "cases", views, 1)
    method = outside_method("boxes=Testing.benchmark.fakes:boxes")
    assert isinstance(method, Outside)
    (result,) = run_all([case], [method], tmp_path / "out", BenchmarkSettings(), Workplace())
    assert [row.get("dice") for row in result.rows] == [1.0, None]
    broken = Outside("no", "Testing.benchmark.fakes:number_of")
    (result,) = run_all([case], [broken], tmp_path / "out", BenchmarkSettings(), Workplace())
    assert "TypeError" in result.error and not result.rows[0]["reconstructed"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("=x", "a name that can be a folder's"),
        ("a/b=x", "a name that can be a folder's"),
        ("x={tmp}", "meshes (L3.stl) or a plan.json"),
        ("x=nowhere", "no such folder"),
        ("x=nowhere:f", "No module named 'nowhere'"),
        ("x=json:nothing", "no attribute 'nothing'"),
        ("x=json:__name__", "it cannot be called"),
    ],
)
def test_what_is_no_method_is_named(text, words, tmp_path):
    with pytest.raises(InputError, match="--methods") as error:
        outside_method(text.format(tmp=tmp_path))
    assert words in str(error.value)


def test_names_may_be_listed_either_way():
    assert split_methods(("ncc,start", "x=a,b", "ncc")) == ("ncc", "start", "x=a,b")
