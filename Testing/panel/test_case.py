"""The case put together: folders, single pictures, DICOM, the C-arm form, polarity, mirrored views."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.geometry.words import angles_deg, display
from SpineDARTLib.panel.posing import c_arm_of_view
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.state import CArm
from SpineDARTLib.panel.steps import Step, steps
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import View

Present = Callable[..., Presenter]


def step(presenter: Presenter, name: str) -> Step:
    return next(one for one in steps(presenter.state) if one.name == name)


def picture(path: Path, view: View) -> Path:
    Image.fromarray(np.round(255 * view.image / view.image.max()).astype(np.uint8)).save(path)
    return path


def test_at_first_only_a_case_can_be_opened(present: Present):
    presenter = present()
    case, *others = steps(presenter.state)
    assert case.mark == "waiting" and case.controls["open"].enabled and case.controls["sample"].enabled
    assert not case.controls["polarity"].enabled and "Open a case" in case.controls["polarity"].why
    for one in others:
        assert one.mark == "waiting", one
        first = next(iter(one.controls.values()))
        assert not first.enabled and first.why
    assert all(
        control.enabled != bool(control.why) for one in steps(presenter.state) for control in one.controls.values()
    )


def test_the_sample_case(present: Present):
    presenter = present()
    presenter.open_sample()
    state = presenter.state
    assert [xray.name for xray in state.xrays] == ["AP", "LAT"] and set(state.seeds) == {"L2", "L3", "L4"}
    assert state.case_folder == resource_folder("sample")
    assert step(presenter, "Case").mark == "done" and "apart, geometry: case file" in step(presenter, "Case").words
    assert step(presenter, "Locate").words == "L2 L3 L4 located"
    assert (
        step(presenter, "Fit").words == "ready to fit L2 L3 L4" and step(presenter, "Fit").controls["fit_all"].enabled
    )
    assert step(presenter, "Locate").controls["find"].enabled
    presenter.close_case()
    assert presenter.state.case is None and step(presenter, "Locate").mark == "waiting"


def test_a_folder_without_a_case_says_so_and_leaves_what_there_was(present: Present, tmp_path: Path):
    presenter = present()
    presenter.open_sample()
    presenter.open_case(tmp_path)
    assert presenter.state.attention and "no such file" in presenter.state.message
    assert str(tmp_path.parent) not in presenter.state.message
    assert presenter.state.case is not None
    presenter.select("L9")
    presenter.choose_level("L4")
    assert not presenter.state.attention and presenter.state.message == "", "an old complaint goes"


def test_two_pictures_and_the_form(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = present()
    for name, view in zip(("ap", "somebody_private"), views, strict=True):
        presenter.add_view(picture(tmp_path / f"{name}.png", view))
    assert [xray.name for xray in presenter.state.xrays] == ["AP", "view A"], "a file's name may be a patient's"
    assert "geometry of AP and view A is not known" in step(presenter, "Case").words
    form = CArm(4.0, 3.0, 1020.0, 700.0, (3.0, 3.0), (0.0, 0.0, -10.0))
    presenter.set_c_arm("AP", form)
    assert presenter.state.view_names == ("AP",) and step(presenter, "Case").mark == "attention"
    presenter.set_c_arm("view A", replace(form, primary_deg=10.0))
    assert "only" in step(presenter, "Case").words and not step(presenter, "Locate").controls["click"].enabled
    presenter.set_c_arm("view A", replace(form, primary_deg=88.0, secondary_deg=-5.0))
    assert step(presenter, "Locate").controls["click"].enabled
    case = presenter.state.case
    assert case is not None
    for found, true in zip(case.views, views, strict=True):
        np.testing.assert_allclose(found.projection, true.projection, atol=1e-6)
        np.testing.assert_allclose(angles_deg(found), angles_deg(true), atol=1e-6)
        again = c_arm_of_view(found)
        assert (again.primary_deg, again.secondary_deg) == pytest.approx(angles_deg(true))
    assert display(case.views[1]) == "LAO 88 CAU 5"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (CArm(source_to_isocentre_mm=2000.0), "source_to_isocentre_mm"),
        (CArm(pixel_spacing_mm=(0.0, 0.2)), "pixel_spacing_mm"),
    ],
)
def test_a_form_that_no_c_arm_has(present: Present, views: tuple[View, View], tmp_path: Path, form: CArm, words: str):
    presenter = present()
    presenter.add_view(picture(tmp_path / "ap.png", views[0]))
    presenter.set_c_arm("AP", form)
    assert presenter.state.attention and words in presenter.state.message and not presenter.state.view_names


def test_a_matrix_from_a_file(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = present()
    presenter.add_view(picture(tmp_path / "ap.png", views[0]))
    matrix = {"projection_matrix": views[0].projection.tolist(), "coordinate_system": "RAS"}
    (tmp_path / "ap.json").write_text(json.dumps(matrix))
    presenter.set_matrix("AP", tmp_path / "ap.json")
    assert "source_to_detector_mm" in presenter.state.message and presenter.state.attention
    (tmp_path / "ap.json").write_text(json.dumps({**matrix, "source_to_detector_mm": 1020.0}))
    presenter.set_matrix("AP", tmp_path / "ap.json")
    (xray,) = presenter.state.xrays
    assert xray.source == "matrix" and presenter.state.view_names == ("AP",) and not xray.unanswered


def test_polarity_and_mirror(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = present()
    presenter.open_sample()
    before = presenter.state
    assert before.case is not None
    image, (u, v) = before.xrays[0].image, before.seeds["L3"].clicks_px["AP"]
    presenter.mirror("AP")
    assert presenter.state.seeds["L3"].clicks_px["AP"] == (image.shape[1] - 1 - u, v)
    np.testing.assert_array_equal(presenter.state.case.views[0].image, image[:, ::-1])
    assert presenter.state.xrays[0].mirrored and presenter.state.case_folder is None
    presenter.mirror("AP")
    np.testing.assert_array_equal(presenter.state.xrays[0].image, image)
    presenter.set_polarity("AP", "bone-bright")
    turned = presenter.state.case.views[0]
    assert turned.polarity == "bone-bright" and np.corrcoef(turned.image.ravel(), image.ravel())[0, 1] < -0.7
    presenter.set_polarity("AP", "bone-dark")
    assert np.corrcoef(presenter.state.xrays[0].image.ravel(), image.ravel())[0, 1] > 0.95
    presenter.set_polarity("AP", "purple")
    assert presenter.state.attention


def test_a_view_can_be_taken_out_again(present: Present):
    presenter = present()
    presenter.open_sample()
    presenter.remove_view("LAT")
    assert presenter.state.view_names == ("AP",) and set(presenter.state.seeds["L3"].clicks_px) == {"AP"}
    assert "One X-ray has no depth" in step(presenter, "Fit").controls["fit_all"].why
    presenter.remove_view("LAT")
    assert "There is no view LAT" in presenter.state.message
