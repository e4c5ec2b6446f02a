"""The report: whole in one file, the headline first, failures with their pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from SpineDARTLib.benchmark.charts import confidence_plot, landmark_curves, level_boxes, planning_bars
from SpineDARTLib.benchmark.figures import report
from SpineDARTLib.benchmark.gallery import draw_failure
from SpineDARTLib.benchmark.page import document
from SpineDARTLib.types import Case, FittedVertebra, Plan, Seed, Status
from Testing.benchmark.fakes import LEVELS, SIZES
from Testing.benchmark.rows import SETTINGS, results, row, two_methods
from Testing.shapes import box


@pytest.fixture
def pictured(tmp_path: Path, views) -> Path:
    """A folder with the picture of the one failure."""
    file = tmp_path / "failures" / "ours" / "a-T9.jpg"
    file.parent.mkdir(parents=True)
    true = box(LEVELS["L2"], SIZES)
    case = Case("a", tuple(views), (Seed("L2", {"AP": (50.0, 40.0)}),))
    plan = Plan(FittedVertebra("L2", Status.CONVERGED, ""), true[0] + 4.0, true[1])
    draw_failure(case, true, plan, (true[0] + 9.0, true[1]), file)
    return tmp_path


def written(out: Path, **more) -> str:
    found = {**report(two_methods(), SETTINGS), **more}
    rows = {
        name: [line for one in two_methods() if one.method == name for line in one.rows] for name in found["methods"]
    }
    return document(found, rows, out, 40, "Run with seed 0.")


def test_one_file_with_everything_in_it(pictured):
    text = written(pictured)
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "<script" not in text and "http" not in text.replace("http-equiv", "")
    order = ["Best surfaces", "<nav", "Table 2. Orthogonal", 'id="differences"', 'id="wrong"', 'id="cost"', 'id="how"']
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "a T9, nothing. T9 was not found." in text
    assert text.count("data:image/jpeg") == 1
    assert text.count("data:image/png") >= 2
    assert "5 vertebrae in 4 cases of 4 people" in text


def test_what_users_wrote_is_no_html(pictured):
    text = written(pictured, unmade=["<b>scan</b>: no fat"], errors=[{"case": "<i>", "method": "m", "error": "&"}])
    assert "<b>scan" not in text and "&lt;b&gt;scan" in text and "&lt;i&gt; by m: &amp;" in text


def test_many_failures_are_shown_in_part(tmp_path):
    rows = [row(str(number), "L3", "ours", None) for number in range(30)]
    found = report(results("ours", rows), SETTINGS)
    text = document(found, {"ours": rows}, tmp_path, 10)
    assert "20 more, without pictures" in text and text.count("L3 was not found.") == 30


def test_graded_by_eye(pictured):
    grades = [{"method": "ours", "rater": "R", "vertebrae": 4, "both_optimal": 3, "neither_refused": 4}]
    text = written(pictured, grades=grades)
    assert "Graded by eye" in text and "both sides optimal in 3 and neither refused in 4 of 4" in text


def test_the_failures_picture_shows_both_outlines(pictured):
    import numpy as np

    picture = np.asarray(Image.open(pictured / "failures" / "ours" / "a-T9.jpg").convert("RGB")).astype(int)
    height, width, _ = picture.shape
    assert width > 1.8 * height
    red, _, blue = picture.transpose(2, 0, 1)
    assert (blue - red > 80).sum() > 100 and (red - blue > 80).sum() > 100


def test_nothing_to_draw():
    found = report(results("ours", [row("a", "L3", "ours", None)]), SETTINGS)
    assert landmark_curves(found) is None and planning_bars(found) is None
    assert confidence_plot([], "ours") is None
    assert level_boxes(report([], SETTINGS)) is None
    # All lost: an empty plot, not a crash.
    assert level_boxes(found).startswith(b"\x89PNG")  # type: ignore[union-attr]
