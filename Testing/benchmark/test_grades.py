"""Success by eye."""

from __future__ import annotations

from pathlib import Path

import pytest

from SpineDARTLib.benchmark.grades import graded
from SpineDARTLib.errors import InputError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two raters; the first graded three vertebrae of these cases, one of them on one side only."""
    lines = ["case,level,side,cannula,grade,rater"]
    lines += [f"case-0,L3,{side},safest,2,Ada" for side in ("left", "right")]
    lines += ["case-1,L3,left,safest,2,Ada", "case-1,L3,right,safest,1,Ada", "case-1,L4,left,safest,2,Ada"]
    lines += [f"case-1,L3,{side},safest,0,Bo" for side in ("left", "right")]
    lines += [f"elsewhere,L3,{side},safest,2,Bo" for side in ("left", "right")]
    file = tmp_path / "grades.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_both_sides_count(table):
    found = graded([f"ours={table}"], ["ours", "start"], {"case-0", "case-1"})
    counts = {one["rater"]: (one["vertebrae"], one["both_optimal"], one["neither_refused"]) for one in found}
    assert counts == {"Ada": (2, 1, 2), "Bo": (1, 0, 0)}
    assert {one["method"] for one in found} == {"ours"}
    assert graded([str(table)], ["ours"], {"case-0"}) == [found[0] | {"vertebrae": 1, "neither_refused": 1}]
    assert graded([], ["ours"], set()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{file}", "METHOD=FILE with one of ours, start"),
        ("theirs={file}", "METHOD=FILE with one of ours, start"),
        ("ours={file}", "got case-0, case-1, elsewhere; expected grades of both sides in plans called as this run's"),
        ("ours={file}.none", "a file that can be read"),
    ],
)
def test_what_is_wrong_is_named(table, text, words):
    with pytest.raises(InputError) as error:
        graded([text.format(file=table)], ["ours", "start"], {"other"})
    assert words in str(error.value)
