"""Files and folders dropped on the panel."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from SpineDARTLib.panel.dropping import MOST_IMAGES, sorted_out
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.resources import resource_folder

from .processes import Stage

Present = Callable[..., Presenter]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resource_folder("sample"), tmp_path / "case"))


def images(case: Path) -> list[Path]:
    return sorted(path for path in case.iterdir() if path.suffix == ".png")


def test_each_is_told_apart(case: Path, plan_folder: Path, tmp_path: Path):
    (tmp_path / "letter.txt").write_text("x")
    (tmp_path / "other.json").write_text("[1]")
    (tmp_path / "scene.mrb").write_bytes(b"x")
    (tmp_path / "NOENDING").write_bytes(b"\0" * 128 + b"DICM")
    paths = [case / "case.json", plan_folder, *images(case), tmp_path / "letter.txt", tmp_path / "other.json"]
    found = sorted_out([*paths, tmp_path / "scene.mrb", tmp_path / "none.dcm", tmp_path / "NOENDING", plan_folder])
    assert found.cases == (case / "case.json",) and found.plans == (plan_folder,)
    assert found.images == (*images(case), tmp_path / "NOENDING")
    named = [words.split(":")[0] for words in found.remarks]
    assert named == ["letter.txt", "other.json", "scene.mrb", "none.dcm"]
    assert "Needed: X-rays" in found.remarks[0] and "Slicer's own window" in found.remarks[2]
    assert not any(str(tmp_path) in words for words in found.remarks)


def test_a_folder_of_x_rays_is_taken_and_one_of_a_ct_is_not(case: Path, tmp_path: Path):
    (case / "case.json").unlink()
    assert sorted_out([case]).images == tuple(images(case))
    for at in range(MOST_IMAGES + 1):
        Image.new("L", (4, 4)).save(tmp_path / f"slice{at:03}.png")
    found = sorted_out([tmp_path])
    assert found.images == () and f"{MOST_IMAGES + 1} pictures" in found.remarks[0]
    (tmp_path / "empty").mkdir()
    assert "no X-ray in this folder" in sorted_out([tmp_path / "empty"]).remarks[0]


def test_a_case_and_its_plan_are_opened_together(present: Present, stage: Stage, case: Path, plan_folder: Path):
    presenter = present()
    presenter.drop([plan_folder, case])
    stage.until(lambda: "L3" in presenter.state.plans)
    assert presenter.state.case is not None and presenter.state.case_folder == case
    assert not presenter.state.attention


def test_x_rays_are_added_and_what_is_none_is_named(present: Present, case: Path, tmp_path: Path):
    presenter = present()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG but no more")
    (tmp_path / "letter.txt").write_text("x")
    presenter.drop([*images(case), tmp_path / "broken.png", tmp_path / "letter.txt"])
    state = presenter.state
    assert [xray.file for xray in state.xrays] == [path.name for path in images(case)]
    assert state.attention and "broken.png" in state.message and "letter.txt" in state.message
    presenter.drop([])
    assert len(presenter.state.xrays) == len(state.xrays) and "Only files of this computer" in presenter.state.message


def test_two_cases_at_once_and_drops_in_mid_fit_are_refused(present: Present, stage: Stage, case: Path, tmp_path: Path):
    presenter = present("slow")
    other = shutil.copytree(case, tmp_path / "other")
    presenter.drop([case, other])
    assert presenter.state.case is None and "2 cases at once" in presenter.state.message
    presenter.drop([case])
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L3"].state == "running")
    before = presenter.state.xrays
    presenter.drop(images(case))
    assert presenter.state.xrays is before and "Cancel it first" in presenter.state.message


def test_nothing_is_opened_during_a_grading_session(planned: Presenter, case: Path):
    planned.start_session("AB")
    planned.drop([case])
    assert planned.state.session is not None and planned.state.attention
    assert planned.state.plans and "grading session" in planned.state.message
