"""Writing case folders: what is written is read, and a crash leaves the old folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.io.case import read_case, write_case
from SpineDARTLib.types import Case, Seed
from Testing.conftest import BODIES_MM, make_view


def test_write_and_read_again(tmp_path: Path, views):
    frontal, lateral = views[0], replace(views[1], polarity="bone-dark", name="Lat/1")
    oblique = replace(make_view("OBL", 40.0), name="lat 1")
    seeds = (Seed("L3", {view.name: tuple(project(BODIES_MM["L3"][None], view)[0]) for view in (frontal, lateral)}),)
    case = Case("written", (frontal, lateral, oblique), (*seeds, Seed("L1")))
    stored = {"AP": np.round(255 * frontal.image / frontal.image.max()).astype(np.uint8)}
    write_case(tmp_path / "new" / "case", case, stored)
    back = read_case(tmp_path / "new" / "case")
    assert [view.name for view in back.views] == ["AP", "Lat/1", "lat 1"]
    assert len({path.name for path in (tmp_path / "new" / "case").iterdir()}) == 4
    for view, true in zip(back.views, case.views, strict=True):
        np.testing.assert_allclose(view.projection, true.projection, atol=1e-7)
        assert view.polarity == true.polarity
        assert np.corrcoef(view.image.ravel(), true.image.ravel())[0, 1] > 0.999
    for name, click in seeds[0].clicks_px.items():
        assert back.seeds[0].clicks_px[name] == pytest.approx(click)
    assert back.seeds[1] == Seed("L1")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "case" / "ap.png")), stored["AP"])


def test_a_crash_while_writing_leaves_the_old_case(case_folder: Path, views, monkeypatch):
    before = {path.name: path.read_bytes() for path in case_folder.iterdir()}
    monkeypatch.setattr("SpineDARTLib.io.case.json.dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_case(case_folder, Case("other", views))
    assert {path.name: path.read_bytes() for path in case_folder.iterdir()} == before
    assert [path.name for path in case_folder.parent.iterdir()] == ["case"]
