"""What a benchmark runs on: cases as they are, scans as the published protocols' cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from SpineDARTLib.benchmark.inputs import Scans, find_cases, find_inputs, simulated
from SpineDARTLib.benchmark.measuring import know
from SpineDARTLib.benchmark.work import Workplace
from SpineDARTLib.errors import InputError
from SpineDARTLib.simulate.supply import Aimed, Supply
from Testing.benchmark.fakes import write_cases
from Testing.simulate import tiny
from Testing.simulate.patient.scans import write_pair


@pytest.fixture
def small(monkeypatch) -> list[tuple[str, int]]:
    """A tiny patient in every scan's place; who was asked for, with which number."""
    asked: list[tuple[str, int]] = []

    def patient(self: Supply, number: int) -> Aimed:
        asked.append((self.levels[0], number))
        return tiny.TinySupply(self.settings).patient(number)

    monkeypatch.setattr(Supply, "patient", patient)
    return asked


def test_cases_are_taken_as_they_are(tmp_path, views):
    cases = write_cases(tmp_path, views, 2)
    assert find_inputs(tmp_path, False, 512, 0) == tuple(cases) == find_cases(tmp_path)
    assert know(cases[1]).kind == "random" and know(cases[1]).wanted == ("L2", "L3")


def test_scans_become_cases_of_both_protocols_once(small, tmp_path):
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    write_pair(scans, ("L1", "L2"), "sub-verse700")
    (scans / "sub-verse701_ct.nii.gz").write_bytes(b"")
    (scans / "sub-verse701_seg-vert_msk.nii.gz").write_bytes(b"no mask")
    found = find_inputs(scans, False, 80, 3)
    assert isinstance(found, Scans) and found.settings.seed == 3
    made = list(simulated(found, out, Workplace()))
    cases = [case for several, _ in made for case in several]
    assert [case.name for case in cases] == ["sub-verse700-L1-L2_ort", "sub-verse700-L1-L2_random"]
    assert [know(case).kind for case in cases] == ["orthogonal", "random"]
    assert len({number for _, number in small}) == 2
    (problem,) = [problem for _, problems in made for problem in problems]
    assert "sub-verse701" in problem
    # Again: nothing is made; with another seed everything.
    before = [(case / "case.json").stat().st_mtime_ns for case in cases]
    small.clear()
    list(simulated(found, out, Workplace()))
    assert not small and [(case / "case.json").stat().st_mtime_ns for case in cases] == before
    first = json.loads((cases[0] / "case.json").read_text())
    list(simulated(find_inputs(scans, False, 80, 4), out, Workplace()))  # type: ignore[arg-type]
    assert len(small) == 2 and json.loads((cases[0] / "case.json").read_text()) != first


def test_neither_cases_nor_scans(tmp_path: Path):
    with pytest.raises(InputError, match=r"no case with a truth folder, no mask; expected cases .* or scans"):
        find_inputs(tmp_path, False, 512, 0)
