"""The code and the JSON that README and Docs/ show: it runs, and it is what the readers of files take."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.io.case import read_case
from Testing.docs import ROOT, blocks

RUN = ("extending.md",)
"""Pages whose Python blocks follow from each other; those of other pages are sketches of a signature."""


@pytest.mark.parametrize("page", RUN)
def test_code_runs_from_the_first_block_to_the_last(page: str):
    names: dict[str, object] = {"__name__": "shown"}
    found = [block for block in blocks() if block.page == page and block.language == "python"]
    assert found
    for block in found:
        # Empty lines before it, so that a traceback names the page's own line.
        exec(compile("\n" * block.line + block.text, page, "exec"), names)


def test_python_elsewhere_is_python():
    for block in blocks():
        if block.language == "python":
            compile(block.text, f"{block.page}:{block.line}", "exec")


def test_json_is_of_a_format_that_there_is():
    known = set()
    for path in (ROOT / "SpineDARTLib").rglob("*.py"):
        known |= set(re.findall(r'"(spinedart-\w+/\d)"', path.read_text(encoding="utf-8")))
    shown = [json.loads(block.text) for block in blocks() if block.language == "json"]
    assert {one["format"] for one in shown} >= {"spinedart-case/1", "spinedart-truth/1", "spinedart-drawn/1"}
    assert {one["format"] for one in shown} <= known
    page = (ROOT / "Docs" / "formats.md").read_text(encoding="utf-8")
    assert set(re.findall(r"spinedart-\w+/\d", page)) <= known | {"spinedart-performance/1"}


def test_the_case_that_is_shown_is_read(tmp_path: Path):
    text = next(block.text for block in blocks() if block.page == "formats.md" and "spinedart-case/1" in block.text)
    (tmp_path / "case.json").write_text(text, encoding="utf-8")
    picture = Image.fromarray(np.random.default_rng(0).integers(20000, 60000, (452, 452), dtype=np.uint16))
    for name in ("ap.png", "lat.png"):
        picture.save(tmp_path / name)
    case = read_case(tmp_path)
    assert [view.name for view in case.views] == ["AP", "LAT"] and case.seeds[0].level == "L3"
    # The head is up in both.
    for view in case.views:
        below, above = (view.projection @ [0.0, 0.0, z, 1.0] for z in (-20.0, 20.0))
        assert above[1] / above[2] < below[1] / below[2]
