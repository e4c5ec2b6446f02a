"""Files of drawn cannulas: everything is read, and every fault is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.drawn import read_drawn
from SpineDARTLib.types import Case, View

AP = View("AP", np.zeros((60, 80), dtype=np.float32), np.eye(3), np.eye(4), (0.5, 0.5), 1000.0)
LAT = View("LAT", np.zeros((50, 40), dtype=np.float32), np.eye(3), np.eye(4), (0.5, 0.5), 1000.0)
CASE = Case("case-7", (AP, LAT))


def points(entry: Any = (10, 20.5), target: Any = (30, 25)) -> dict[str, Any]:
    return {"entry": list(entry), "target": list(target)}


def one(**changes: Any) -> dict[str, Any]:
    views = {"AP": points(), "LAT": points((5, 6), (35, 40))}
    return {"level": "L3", "side": "left", "diameter_mm": 3.05, "views": views} | changes


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*cannulas: Any, **changes: Any) -> Path:
        path = tmp_path / "drawn.json"
        path.write_text(json.dumps({"format": "spinedart-drawn/1", "cannulas": list(cannulas)} | changes))
        return path

    return write


def test_points_and_masks_are_read(write: Callable[..., Path], tmp_path: Path):
    mask = np.zeros((50, 40), dtype=np.uint8)
    mask[20:23, 4:30] = 255
    Image.fromarray(mask).save(tmp_path / "lat.png")
    hidden = {"through": [1, 2], "target": [3, 4]}
    file = write(
        one(), one(level="T12", side="right", diameter_mm=None, views={"AP": hidden, "LAT": {"mask": "lat.png"}})
    )
    first, second = read_drawn(file, CASE)
    assert (first.level, first.side, first.diameter_mm) == ("L3", "left", 3.05)
    np.testing.assert_array_equal(first.points_px["AP"], [[10, 20.5], [30, 25]])
    assert first.ends == {"AP": (True, True), "LAT": (True, True)} and not first.masks
    assert (second.level, second.side, second.diameter_mm) == ("T12", "right", None)
    np.testing.assert_array_equal(second.points_px["AP"], [[1, 2], [3, 4]])
    assert second.ends == {"AP": (False, True)}
    np.testing.assert_array_equal(second.masks["LAT"], mask > 0)


@pytest.mark.parametrize(
    ("cannula", "message"),
    [
        (one(level="S1"), 'cannulas[0].level: got S1; expected one of "T1"'),
        (one(side="middle"), "cannulas[0].side: got middle"),
        (one(diameter_mm=-1), "cannulas[0].diameter_mm: got -1; expected a number above 0"),
        (one(diameter_mm=30), "expected an outer diameter of at most 10 mm"),
        (one(views={"AP": points()}), "cannulas[0].views: got AP; expected the cannula in two or more views"),
        (one(views={"AP": points(), "PA": points()}), 'got a line in "PA"; expected a view of this case: AP, LAT'),
        (one(views={"AP": points(), "LAT": points((5, 70))}), "LAT.entry: got [5, 70]; expected a pixel"),
        (one(views={"AP": points(), "LAT": points((5, 7, 9))}), "LAT.entry: got [5, 7, 9]; expected 2 finite numbers"),
        (one(views={"AP": points(), "LAT": {"entry": [1, 2]}}), 'got entry; expected "entry" and "target"'),
        (one(views={"AP": points(), "LAT": {"through": [1, 2]}}), "got through; expected"),
        (one(views={"AP": points(), "LAT": points() | {"through": [1, 2]}}), "got entry, target, through; expected"),
        (one(views={"AP": points(), "LAT": {"mask": "none.png"}}), "LAT.mask: got none.png; expected an image file"),
        (
            one(views={"AP": points(), "LAT": {"mask": "ap.png"}}),
            "got 80 x 60 pixels; expected the 40 x 50",
        ),
    ],
)
def test_faults_are_named(write: Callable[..., Path], tmp_path: Path, cannula: dict[str, Any], message: str):
    Image.fromarray(np.eye(60, 80, dtype=np.uint8)).save(tmp_path / "ap.png")
    with pytest.raises(InputError) as raised:
        read_drawn(write(cannula), CASE)
    assert message in str(raised.value) and "drawn.json" in str(raised.value)


def test_files_that_are_not_of_this_case(write: Callable[..., Path]):
    for file, message in (
        ({"case_id": "case-8"}, 'case_id: got case-8; expected "case-7"'),
        ({"format": "spinedart-drawn/2"}, "format: got spinedart-drawn/2"),
        ({"cannulas": []}, "cannulas: got none; expected one or more"),
        ({"cannulas": [one(), one()]}, "cannulas[1]: got L3 left again; expected each level and side once"),
    ):
        with pytest.raises(InputError) as raised:
            read_drawn(write(one(), **file), CASE)
        assert message in str(raised.value)


def test_an_unknown_field_is_said(write: Callable[..., Path], caplog: pytest.LogCaptureFixture):
    read_drawn(write(one(diametre_mm=3.0), case_id="case-7"), CASE)
    assert "cannulas[0].diametre_mm: no such field" in caplog.text
