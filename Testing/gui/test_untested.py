"""The list of what only desktop Slicer can show is true to the code."""

from __future__ import annotations

import re

from .inventory import ROOT

DOCUMENT = ROOT / "Docs" / "slicer_untested.md"

ROW = re.compile(r"^\| `(?P<file>SpineDART[^`]+)` \| `(?P<code>[^`]+)` \|", re.MULTILINE)
"""A row's beginning: a file, and a piece of one of its lines."""


def lines_with(file: str, code: str) -> int:
    """How many lines of a file show a piece of code."""
    return sum(code in line for line in (ROOT / file).read_text(encoding="utf-8").splitlines())


def test_the_code_of_every_row_stands_in_one_line_of_its_file() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = ROW.findall(text)
    assert len(rows) == text.count("| `SpineDART") > 30
    astray = [f"{file}: {code} stands in {lines_with(file, code)} lines" for file, code in rows]
    assert [line for line in astray if not line.endswith("stands in 1 lines")] == []


def test_code_that_is_gone_or_in_many_lines_is_noticed() -> None:
    assert lines_with("SpineDART/SpineDART.py", "no such code") == 0
    assert lines_with("SpineDART/SpineDART.py", "def ") > 10
