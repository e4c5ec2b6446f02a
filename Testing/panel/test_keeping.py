"""Sessions, exports, and the state that a scene file carries."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import read_plan
from SpineDARTLib.panel.packing import packed, unpacked
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.steps import details, review_rows, steps
from SpineDARTLib.review.files import read_review, review_to_text

from .processes import Stage

LEFT, RIGHT = ("L3", "left"), ("L3", "right")


def settle(presenter: Presenter, stage: Stage) -> None:
    stage.until(lambda: not presenter._background.busy)


def test_a_review_goes_on_where_it_stopped(planned: Presenter, present: Callable[..., Presenter], stage: Stage):
    planned.set_rater("AB")
    planned.select(*LEFT)
    planned.drag("target", planned.state.options[LEFT].cannula.target_mm + [0.0, -2.0, 1.0])
    planned.release()
    planned.grade(2, "ü")
    planned.select(*RIGHT)
    planned.set_gauge(13)
    settle(planned, stage)
    document = json.dumps(planned.save())
    old = planned.state
    assert str(planned._fitting.work) not in document, "no path of this machine"
    again = present()
    again.restore(document, old.case.views)
    assert again.state.busy
    settle(again, stage)
    new = again.state
    assert review_to_text(new.review) == review_to_text(old.review)
    assert (new.selected, new.gauge, new.rater, new.level) == (RIGHT, 13, "AB", old.level)
    assert {level: seed.clicks_px for level, seed in new.seeds.items()} == {
        level: seed.clicks_px for level, seed in old.seeds.items()
    }
    np.testing.assert_array_equal(new.plans["L3"].vertices_mm, old.plans["L3"].vertices_mm)
    for key in (LEFT, RIGHT):
        assert new.options[key].safety == old.options[key].safety
        np.testing.assert_array_equal(new.options[key].cannula.path_mm, old.options[key].cannula.path_mm)
    assert review_rows(new)[0].cells[4].text == "2"
    assert [(one.name, one.mark, one.words) for one in steps(new) if one.name not in ("Case", "Fit")] == [
        (one.name, one.mark, one.words) for one in steps(old) if one.name not in ("Case", "Fit")
    ]
    again.undo()
    assert again.state.options[RIGHT].cannula.diameter_mm == pytest.approx(3.05)
    again.fit(["L2"])
    stage.until(lambda: len(again.state.fits) == 2)
    assert again.state.fits[1].number == 2, "numbers go on"


def test_a_scene_saved_while_it_is_read_loses_nothing(planned: Presenter, present: Callable, stage: Stage):
    document, again = planned.save(), present()
    again.restore(document, planned.state.case.views)
    assert again.save() == json.loads(json.dumps(document)) and not again.state.fits
    settle(again, stage)
    assert [fit["archive"] for fit in again.save()["fits"]] == [fit["archive"] for fit in document["fits"]]


def test_one_damaged_plan_does_not_cost_the_others(planned: Presenter, present: Callable, stage: Stage, tmp_path: Path):
    document, again = planned.save(), present()
    (tmp_path / "plan.json").write_text("{}")
    document["fits"].append({"number": 2, "settings": {}, "archive": packed(tmp_path)})
    again.restore(document, planned.state.case.views)
    settle(again, stage)
    assert "L3" in again.state.plans and again.state.attention and "fit again" in again.state.message


def test_a_damaged_archive_costs_neither_grades_nor_case(planned: Presenter, present: Callable, stage: Stage):
    planned.select(*LEFT)
    planned.grade(2, "fine")
    document, again = planned.save(), present()
    document["fits"][0]["archive"] = "AAAA"
    again.restore(document, planned.state.case.views)
    settle(again, stage)
    assert again.state.attention and "fit again" in again.state.message
    assert again.state.review.grade(*LEFT).value == 2 and not again.state.plans


def test_closing_while_a_scene_is_read_leaves_nothing(planned: Presenter, stage: Stage):
    planned.restore(planned.save(), planned.state.case.views)
    planned.close_case()
    settle(planned, stage)
    assert not planned.state.plans and not planned.state.fits and not planned.state.busy


def test_a_plan_made_elsewhere_is_reviewed(present: Callable[..., Presenter], plan_folder: Path, stage: Stage):
    presenter = present()
    presenter.open_plan(plan_folder)
    assert "Open the plan's case first" in presenter.state.message
    presenter.open_sample()
    presenter.open_plan(plan_folder)
    settle(presenter, stage)
    assert set(presenter.state.plans) == {"L3", "L4"} and presenter.state.selected == LEFT
    assert presenter.state.fits[0].folder == plan_folder
    presenter.open_plan(plan_folder / "none")
    settle(presenter, stage)
    assert presenter.state.attention and not presenter.state.busy and len(presenter.state.fits) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: "{",
        lambda document: "[1, 2]",
        lambda document: {"format": "other/1"},
        lambda document: {**document, "seeds": {"L9": {}}},
        lambda document: {**document, "review": {"format": "none"}},
    ],
)
def test_a_damaged_document_is_named_and_costs_nothing(planned: Presenter, damage: Callable):
    before = planned.state
    planned.restore(damage(planned.save()), before.case.views)
    assert planned.state.attention and planned.state.plans is before.plans
    planned.select(*LEFT)
    assert planned.drag("target", planned.state.options[LEFT].cannula.target_mm + [0.0, -1.0, 0.0]) is not None


def test_an_archive_keeps_the_residual_pictures(plan_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(plan_folder, tmp_path / "plan"))
    (folder / "inspect").mkdir()
    (folder / "inspect" / "residual_L3_AP.png").write_bytes(b"a picture")
    (folder / "overlay.png").write_bytes(b"a large one")
    unpacked(packed(folder), tmp_path / "again", Path("scene"))
    assert (tmp_path / "again" / "inspect" / "residual_L3_AP.png").read_bytes() == b"a picture"
    assert not (tmp_path / "again" / "overlay.png").exists()
    assert packed(tmp_path / "again") == packed(folder)


def test_an_archive_stays_in_its_folder(plan_folder: Path, tmp_path: Path):
    import base64
    import io
    import zipfile

    unpacked(packed(plan_folder), tmp_path / "again", Path("scene"))
    assert (tmp_path / "again" / "plan.json").read_bytes() == (plan_folder / "plan.json").read_bytes()
    for name in ("../evil.txt", "inspect/../../evil.txt", "/tmp/evil.txt", "inspect/inspect/evil.txt"):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(name, "x")
        with pytest.raises(ValueError, match="outside"):
            unpacked(base64.b64encode(stream.getvalue()).decode(), tmp_path / "bad", Path("scene"))
    assert not list(tmp_path.rglob("evil.txt"))


def test_the_reviewed_plan_is_exported(planned: Presenter, stage: Stage, tmp_path: Path):
    planned.select(*LEFT)
    planned.drag("target", planned.state.options[LEFT].cannula.target_mm + [0.0, -2.0, 0.0])
    planned.release()
    planned.grade(1)
    assert planned.export("plan", tmp_path / "plan") and planned.state.busy == "writing the plan folder"
    settle(planned, stage)
    assert not planned.state.busy and "Not for clinical use" in planned.state.message
    saved = read_plan(tmp_path / "plan")
    assert saved.plans[0].cannulas[0].name == "drawn" and len(saved.plans) == 2
    np.testing.assert_allclose(saved.plans[0].cannulas[0].path_mm, planned.state.options[LEFT].cannula.path_mm)
    names = [option.cannula.name for option in saved.plans[0].options if option.cannula.side == "left"]
    assert {"drawn", "transferred", "safest"} <= set(names)
    review = read_review((tmp_path / "plan" / "review.json").read_text(), tmp_path)
    assert len(review.events) == 2
    for kind in ("plan", "table", "meshes", "lines"):  # the plan may be written again
        assert planned.export(kind, tmp_path / kind)
        settle(planned, stage)
        assert not planned.state.attention, planned.state.message
        assert len(list((tmp_path / kind).iterdir())) > 1
    assert planned.export("grades", tmp_path / "grades.csv")
    settle(planned, stage)
    assert "L3,left,drawn,1" in (tmp_path / "grades.csv").read_text()


def test_exports_that_cannot_be(planned: Presenter, present: Callable, stage: Stage, tmp_path: Path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("x")
    assert planned.export("plan", tmp_path / "other")
    settle(planned, stage)
    assert (
        not planned.state.busy
        and "other files in it" in planned.state.message
        and "letter" not in planned.state.message
        and planned.state.attention
    )
    assert not planned.export("film", tmp_path / "film")
    assert not planned.export("grades", tmp_path / "grades.csv") and "Nothing is graded" in planned.state.message
    fresh = present()
    assert not fresh.export("plan", tmp_path / "none") and "Fit a vertebra first" in fresh.state.message


def test_what_is_written_is_what_was_asked_for(planned: Presenter, stage: Stage, tmp_path: Path):
    """Not what has become of it since: the case may even be closed while its plan is written."""
    planned.export("plan", tmp_path / "plan")
    planned.close_case()
    settle(planned, stage)
    assert len(read_plan(tmp_path / "plan").plans) == 2 and "was written" in planned.state.message


def test_a_full_disk_is_named_when_exporting(planned: Presenter, stage: Stage, tmp_path: Path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28), str(tmp_path / "plan" / "L3.stl"))

    before = planned.state.plans
    monkeypatch.setattr("SpineDARTLib.panel.exporting.write_plan", full)
    planned.export("plan", tmp_path / "plan")
    settle(planned, stage)
    assert "the disk is full" in planned.state.message and planned.state.attention and not planned.state.busy
    assert str(tmp_path) not in planned.state.message and planned.state.plans is before


def test_files_for_the_report(planned: Presenter, present: Callable[..., Presenter], stage: Stage):
    found: list[tuple[Path, Path, Path]] = []
    assert not present().files_for_report(lambda *files: found.append(files))
    assert planned.files_for_report(lambda *files: found.append(files))
    assert planned.files_for_report(lambda *files: found.append(files))
    settle(planned, stage)
    (plan, case, review), (second, *_) = found
    assert read_plan(plan).case_id == read_case(case).id and review.is_file()
    assert second != plan, "one is not written anew while it is read"


def test_a_grading_session_is_blind_and_timed(present: Callable, planned: Presenter, tmp_path: Path):
    now = [100.0]
    planned._now = lambda: now[0]
    planned.start_session()
    assert planned.state.session is None and "rater's name" in planned.state.message
    planned.start_session("AB", seed=3)
    state = planned.state
    assert state.session is not None and review_rows(state) == () and details(state) is None
    controls = {one.name: one.controls for one in steps(state)}
    assert not controls["Review"]["drag"].enabled and controls["Grade"]["grade"].enabled
    assert steps(state)[3].words == "hidden during the grading session"
    assert "▲" not in "".join(one.words for one in steps(state))
    cannulas, selected = state.options, state.selected
    for deed in (planned.safest, planned.transferred, planned.redo, lambda: planned.set_gauge(13),
                 lambda: planned.select_next(1), lambda: planned.select(*RIGHT),
                 lambda: planned.drag("entry", np.zeros(3))):  # fmt: skip
        deed()
        assert planned.state.attention and "mm" not in planned.state.message and "L3" not in planned.state.message
    assert planned.state.options is cannulas and planned.state.selected == selected and planned.state.dragged is None
    now[0] += 4.0
    planned.pause_session(True)
    planned.grade(1)
    assert "paused" in planned.state.message
    now[0] += 50.0
    planned.pause_session(False)
    now[0] += 2.0
    planned.grade(1, "hm")
    assert planned.state.session.answers[0].seconds == pytest.approx(6.0)
    planned.save_session(tmp_path / "session.json")
    now[0] += 3.0
    planned.grade(2)
    assert planned.state.session.finished and planned.state.session.answers[1].seconds == pytest.approx(3.0)
    planned.grade(2)
    assert planned.state.attention
    planned.undo()
    assert len(planned.state.session.answers) == 1
    planned.save_session(tmp_path / "session.csv")
    assert "AB" in (tmp_path / "session.csv").read_text()
    planned.end_session()
    assert planned.state.session is None and review_rows(planned.state)
    planned.open_session(tmp_path / "session.json")
    assert planned.state.session.place == 1
    planned.end_session()
    planned.open_session(tmp_path / "session.csv")
    assert planned.state.session is None and planned.state.attention


def test_a_session_over_saved_plans(present: Callable[..., Presenter], plan_folder: Path, tmp_path: Path):
    presenter = present()
    presenter.start_session("CD", [plan_folder], seed=1)
    assert presenter.state.session is not None and len(presenter.state.session.items) == 2
    presenter.end_session()
    presenter.start_session("CD", [tmp_path])
    assert presenter.state.session is None and presenter.state.attention
