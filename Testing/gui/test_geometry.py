"""Geometry through the widgets: the form, geometry files, one frame, points, cameras refined with the fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.types import View


@pytest.fixture
def pictures(session: Any, views: tuple[View, View], tmp_path: Path) -> Any:
    """AP and LAT of the synthetic patient, as pictures without any geometry."""
    for name, view in zip(("ap", "lat"), views, strict=True):
        Image.fromarray(np.round(255 * view.image / view.image.max()).astype(np.uint8)).save(tmp_path / f"{name}.png")
        session.presenter.add_view(tmp_path / f"{name}.png")
    session.process(0.1)
    return session


def rows(session: Any) -> list[Any]:
    return session.panel.sections["Case"]._rows


def choose(session: Any, box: Any, at: int) -> None:
    """As a hand does: Qt tells of it by ``activated``."""
    box._real.setCurrentIndex(at)
    box._real.activated.emit(at)
    session.process(0.1)


def write(session: Any, field: Any, text: str) -> None:
    field._real.selectAll()
    field._real.insert(text)
    field._real.editingFinished.emit()
    session.process(0.1)


def test_a_picture_is_placed_by_its_form(pictures: Any) -> None:
    session, presenter = pictures, pictures.presenter
    frontal, lateral = (row.form for row in rows(session))
    write(session, frontal._display, "LAO 4 CRA 3")
    frontal._isocentre.value = 700
    frontal._spacing.value = 3.0
    write(session, lateral._display, "LAO 88 CAU 5")
    session.wait(lambda: frontal._primary.value == 4.0 and lateral._secondary.value == -5.0, 10.0)
    assert (
        frontal._words.text == "LAO 4 CRA 3: beam from behind, detector 4° to the patient's left, 3° towards the head."
    )
    assert "beam from" in rows(session)[0]._angles.toolTip
    write(session, frontal._display, "straight")
    assert "read like LAO 30 CRA 10" in session.panel._message.text
    assert "Not now: It is not said which way round" in session.control("Fit", "fit_all").toolTip
    choose(session, frontal._side, 2)
    assert presenter.state.xrays[0].known.quantities["image_flip_horizontal"].value == (1.0,)
    choose(session, lateral._side, 1)
    relation = session.panel.sections["Case"]._relation
    assert relation._vouch.visible and relation._sharing.text.startswith("⚠")
    assert "neither patient nor C-arm moved" in session.control("Fit", "fit_all").toolTip
    relation._vouch.click()
    session.process(0.1)
    assert presenter.state.same_frame and relation._sharing.text == "● The X-rays share one frame."
    choose(session, frontal._counting, 1)
    assert presenter.state.xrays[0].c_arm.convention == "deepdrr" and frontal._words.text.startswith("RAO 4 CAU 3")
    choose(session, frontal._turn, 1)
    assert presenter.state.xrays[0].image.shape == presenter.state.xrays[1].image.shape[::-1]


def test_what_a_case_has_answered_is_not_asked(located: Any) -> None:
    form = rows(located)[0].form
    assert not form._side.enabled and "has answered this" in form._side.toolTip
    assert form._side.currentText == "as its file says"
    relation = located.panel.sections["Case"]._relation
    assert relation._sharing.text.startswith("●") and not relation._vouch.visible
    located.wait(lambda: located.presenter.state.judged is not None, 20.0)
    located.process(0.1)
    assert "AP and LAT 89° apart" in relation._advice.text and "further view" in relation._advice.toolTip
    assert relation._consistency.text.startswith("● The pictures fit")
    located.presenter.mirror("AP")
    located.wait(lambda: "contradict" in located.panel.sections["Case"]._state.text.replace("\u00a0", " "), 20.0)
    assert relation._consistency.text.startswith("⚠") and "Mirror" in relation._consistency.text
    assert "contradict" in located.panel.sections["Fit"]._state.text.replace("\u00a0", " ")


def test_a_geometry_file_asks_in_the_row(
    pictures: Any, views: tuple[View, View], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = {"pixel_spacing_mm": [3.0, 3.0], "source_to_detector_mm": 1020.0}
    cameras = {"front": {"projection_matrix": views[0].projection.tolist(), **detector},
               "side": {"projection_matrix": views[1].projection.tolist(), **detector}}  # fmt: skip
    (tmp_path / "cameras.json").write_text(json.dumps({"views": cameras}))
    monkeypatch.setattr("SpineDARTPanel.ask.file", lambda *_: str(tmp_path / "cameras.json"))
    row = rows(pictures)[1]
    assert not row._question.whole.visible
    row.controls["matrix"].click()
    pictures.process(0.1)
    assert row._question.whole.visible and row._question.camera.count == 3 and row._question.axes.visible
    choose(pictures, row._question.camera, 2)
    assert not pictures.presenter.state.view_names, "the axes are still open"
    choose(pictures, row._question.axes, 1)
    assert pictures.presenter.state.view_names == ("LAT",) and not row._question.whole.visible
    np.testing.assert_allclose(pictures.presenter.state.case.views[0].projection, views[1].projection, atol=1e-6)
    assert row._angles.text == "LAO 88 CAU 5"


def test_points_are_clicked_shown_and_taken_back(located: Any) -> None:
    from SpineDARTLib.scene.clicks import read_clicks

    presenter, relation = located.presenter, located.panel.sections["Case"]._relation
    seeds = presenter.state.seeds
    relation.fold.open(True)
    located.press("Case", "mark")
    located.process(0.1)
    assert presenter.state.clicking and relation._mark.text == "Click point 1"
    assert not located.control("Locate", "click").checked
    presenter.click("AP", 200.0, 300.0)
    presenter.hover("AP", 210.0, 300.0)
    assert not presenter.state.epipolar_px, "the line would mislead"
    presenter.click("LAT", 220.0, 310.0)
    located.process(0.3)
    view = presenter.state.case.views[0]
    assert read_clicks(located.scene, view)["1"] == pytest.approx((200.0, 300.0), abs=0.01)
    assert relation._mark.text == "Click point 2" and not located.control("Case", "recover").enabled
    located.widget.logic.link._clicked("AP", "1", 205.0, 300.0)
    assert presenter.state.marking.points["1"]["AP"] == (205.0, 300.0), "dragged in the view"
    for _ in range(3):
        located.press("Case", "undo_mark")
        located.process(0.1)
    located.process(0.2)
    assert not presenter.state.marking.points and "1" not in read_clicks(located.scene, view)
    located.press("Case", "mark")
    assert not presenter.state.clicking and presenter.state.seeds is seeds


def test_refining_the_geometry_is_a_setting_of_the_fit(fitted: Any) -> None:
    section = fitted.panel.sections["Fit"]
    section.settings._refine.click()
    fitted.process(0.1)
    assert fitted.presenter.state.settings == {"refinement": {"on": True}} and section.settings._refine.checked
    from SpineDARTPanel.inspecting import settings_words

    assert settings_words({"plan": {"gauge": 11}, "refinement": {"on": True}}) == "gauge 11, geometry refined"
    section.settings._refine.click()
    fitted.process(0.1)
    assert not fitted.presenter.state.settings


def test_a_plan_is_drawn_with_the_cameras_it_was_made_with(fitted: Any) -> None:
    from dataclasses import replace

    from SpineDARTLib.types import Refinement

    presenter, link = fitted.presenter, fitted.widget.logic.link
    moved = presenter.state.case.views[1].world_to_camera.copy()
    moved[0, 3] += 2.0
    words = Refinement(True, "AP stays; LAT moved by 2.0 mm.", "AP", {"LAT": tuple(map(tuple, moved.tolist()))})
    plans = {level: replace(plan, refinement=words) for level, plan in presenter.state.plans.items()}
    presenter._become(replace(presenter.state, plans=plans))
    link.flush()
    assert link._views[1].world_to_camera[0, 3] == pytest.approx(moved[0, 3])
    assert presenter.state.case.views[1].world_to_camera[0, 3] == pytest.approx(moved[0, 3] - 2.0), "the case's stay"
    shown = link._shown.case
    presenter.select("L4", "left")
    link.flush()
    assert link._shown.case is shown, "not drawn anew for another vertebra"
    fitted.process(0.2)
    assert "Cameras: AP stays; LAT moved by 2.0 mm." in fitted.panel.inspect._diagnosis.text
