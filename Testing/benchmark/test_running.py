"""A run: results kept one a case, gone on from, and whole whatever breaks and whoever does the work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from SpineDARTLib.benchmark.nouns import CaseResult, Method, result_file
from SpineDARTLib.benchmark.running import run_all
from SpineDARTLib.benchmark.work import Lost, Task, Workplace
from SpineDARTLib.config import BenchmarkSettings
from Testing.benchmark.fakes import Shifted, compared, which_gpu, write_cases

SETTINGS = BenchmarkSettings()


@pytest.fixture
def cases(tmp_path: Path, views) -> list[Path]:
    return write_cases(tmp_path / "cases", views, 4)


def run(cases, out: Path, *methods, place: Workplace | None = None) -> dict[tuple[str, str], CaseResult]:
    results = list(run_all(cases, methods or (Shifted(),), out, SETTINGS, place or Workplace()))
    assert len(results) == len(cases) * max(len(methods), 1)
    return {(one.method, one.case): one for one in results}


def test_rows_of_a_case(cases, tmp_path):
    assert isinstance(Shifted(), Method)
    found = run(cases, tmp_path / "out")["shifted", "case-1"]
    assert (found.error, [row["level"] for row in found.rows]) == ("", ["L2", "L3"])
    row = found.rows[0]
    # Moved by 3 of 20 mm.
    assert row["dice"] == pytest.approx(17 / 20)
    assert (row["kind"], row["subject"], row["seen"], row["trouble"]) == ("random", "person-1", False, "")
    assert 0.3 < row["dice_before"] < row["dice"]
    assert found.seconds >= 0 and found.memory_mb > 10
    kept = json.loads(result_file(tmp_path / "out", cases[1], "shifted").read_text(encoding="utf-8"))
    assert kept["rows"] == [dict(row) for row in found.rows]


def test_what_goes_wrong_is_a_row_with_a_word_and_a_picture(cases, tmp_path):
    (cases[0] / "nothing").touch()
    (cases[1] / "refuse").touch()
    (cases[2] / "break").touch()
    found = run(cases, tmp_path / "out")
    nothing = found["shifted", "case-0"].rows
    assert [row["trouble"] for row in nothing] == ["", "nothing"]
    assert "gave nothing for L3" in nothing[1]["status_reason"]
    assert [row["trouble"] for row in found["shifted", "case-1"].rows] == ["refused"] * 2
    broken = found["shifted", "case-2"]
    assert "ZeroDivisionError: of no use" in broken.error
    assert [row["reconstructed"] for row in broken.rows] == [False, False]
    # 7 of 20 mm off: Dice 0.65.
    assert [row["trouble"] for row in found["shifted", "case-3"].rows] == ["poor"] * 2
    pictures = [row["picture"] for one in found.values() for row in one.rows if row["trouble"]]
    assert len(pictures) == 7
    assert min((tmp_path / "out" / picture).stat().st_size for picture in pictures) > 3000


def test_a_poisoned_case_costs_no_other(cases, tmp_path):
    next(cases[1].glob("*.png")).write_bytes(b"no picture")
    (cases[2] / "refuse-input").touch()
    (cases[3] / "truth" / "truth.json").write_text("{")
    found = run(cases, tmp_path / "out")
    errors = [found["shifted", case.name].error for case in cases]
    assert errors[0] == "" and all(errors[1:])
    assert "got 1; expected 2 or more" in errors[2] and "truth.json" in errors[3]
    # What is wrong with a case is no method's failure.
    assert [len(found["shifted", case.name].rows) for case in cases] == [2, 0, 0, 0]


def test_goes_on_where_it_stopped(cases, tmp_path):
    out = tmp_path / "out"
    (cases[1] / "break").touch()
    run(cases, out)
    files = {case.name: result_file(out, case, "shifted") for case in cases}
    result_file(out, cases[2], "shifted").write_text("{", encoding="utf-8")
    before = {name: file.stat().st_mtime_ns for name, file in files.items()}
    (cases[1] / "break").unlink()
    again = run(cases, out)
    changed = {name for name, file in files.items() if file.stat().st_mtime_ns != before[name]}
    assert changed == {"case-1", "case-2"}
    assert not any(one.error for one in again.values())
    # Other settings, or another truth, measure anew.
    assert run(cases, out, Shifted(by_mm=2.0))["shifted", "case-0"].rows[0]["dice"] == pytest.approx(18 / 20)
    truth = cases[0] / "truth" / "truth.json"
    truth.write_text(truth.read_text().replace("person-0", "person-9"))
    assert run(cases, out, Shifted(by_mm=2.0))["shifted", "case-0"].rows[0]["subject"] == "person-9"


def test_processes_that_die_lose_nothing(cases, tmp_path):
    """Killed half-way: the same table as a serial run; what kills its worker every time is given up, alone."""
    methods = (Shifted(), Shifted("other", 2.0, accelerated=False))
    serial = run(cases, tmp_path / "serial", *methods)
    (cases[1] / "kill-once").touch()
    parallel = run(cases, tmp_path / "parallel", *methods, place=Workplace(workers=2))
    assert not (cases[1] / "kill-once").exists()
    assert compared(parallel.values()) == compared(serial.values())
    (cases[2] / "kill").touch()
    (case,) = run(cases[2:3], tmp_path / "killed", place=Workplace(workers=2)).values()
    assert (case.error, case.rows) == ("its worker died 3 times", ())


def test_a_worker_with_a_gpu_takes_the_fits_alone():
    tasks = [Task(which_gpu, (number,), accelerated=number % 2 == 0) for number in range(6)]
    found = dict(Workplace(workers=2, gpus=1).do(tasks))
    assert {number: seen for number, (_, seen) in found.items()} == {
        number: "01" if number % 2 == 0 else "-1" for number in range(6)
    }
    # One worker, and it has the GPU: what needs none comes last, not never.
    assert len(dict(Workplace(workers=2, gpus=2).do(tasks[1:]))) == 5
    assert list(Workplace().do([])) == []
    assert Lost("gone").reason == "gone"
