"""Geometry in the panel: forms, geometry files, which way round, one frame or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.geometry.words import angles_deg
from SpineDARTLib.io.detectors import panel_of
from SpineDARTLib.panel.lacking import sharing, what_case_lacks, what_fit_lacks
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.state import CArm
from SpineDARTLib.panel.steps import steps
from SpineDARTLib.types import View

from .processes import Stage
from .test_acquired import ALL_TAGS, write_dicom

Present = Callable[..., Presenter]

FORM = CArm(4.0, 3.0, 1020.0, 700.0, (3.0, 3.0), (0.0, 0.0, -10.0))
LATERAL = replace(FORM, primary_deg=88.0, secondary_deg=-5.0)


def grey(view: View) -> np.ndarray:
    return np.round(255 * view.image / view.image.max()).astype(np.uint8)


def picture(path: Path, view: View, mirrored: bool = False) -> Path:
    Image.fromarray(grey(view)[:, ::-1] if mirrored else grey(view)).save(path)
    return path


def camera(view: View) -> dict[str, Any]:
    """As a JSON geometry file has it."""
    return {"projection_matrix": view.projection.tolist(), "pixel_spacing_mm": [3.0, 3.0],
            "source_to_detector_mm": 1020.0}  # fmt: skip


def written(path: Path, document: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(document))
    return path


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def pair(presenter: Presenter, views: tuple[View, View], folder: Path, mirrored: bool = False) -> Presenter:
    """AP and LAT as pictures without any geometry."""
    for name, view in zip(("ap", "lat"), views, strict=True):
        presenter.add_view(picture(folder / f"{name}.png", view, mirrored))
    return presenter


def test_which_way_round_a_picture_is_stored_must_be_said(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = pair(present(), views, tmp_path, mirrored=True)
    for name, form in (("AP", FORM), ("LAT", LATERAL)):
        presenter.set_c_arm(name, form)
    presenter.vouch(True)
    presenter.click("AP", 20.0, 30.0, "L3")
    assert what_case_lacks(presenter.state) == "" and "way round AP and LAT is stored" in what_fit_lacks(
        presenter.state
    )
    fit = steps(presenter.state)[2]
    assert not fit.controls["fit_all"].enabled and "Stored as seen from" in fit.controls["fit_all"].why
    assert "a question of step 1 is open" in fit.words and steps(presenter.state)[0].mark == "attention"
    presenter.fit(["L3"])
    assert "Stored as seen from" in presenter.state.message and not presenter.state.jobs
    presenter.set_stored("AP", "image_flip_horizontal", 1.0)
    width = views[0].image.shape[1]
    assert presenter.state.seeds["L3"].clicks_px["AP"] == (width - 21.0, 30.0), "clicks turn with their picture"
    presenter.set_stored("LAT", "image_flip_horizontal", 1.0)
    assert what_fit_lacks(presenter.state) == "" and presenter.state.case is not None
    for found, true in zip(presenter.state.case.views, views, strict=True):
        assert alike(found.image, true.image) > 0.995 > alike(found.image, true.image[:, ::-1])
        np.testing.assert_allclose(found.projection, true.projection, atol=1e-6)
    presenter.mirror("AP")
    assert alike(presenter.state.xrays[0].image, views[0].image[:, ::-1]) > 0.995
    presenter.open_sample()
    presenter.set_stored("AP", "image_flip_horizontal", 1.0)
    assert "has answered that" in presenter.state.message


def test_a_turned_picture(present: Present, views: tuple[View, View], tmp_path: Path):
    """Turned by a quarter before it was stored: shape, spacing and clicks go with it."""
    presenter = present()
    Image.fromarray(np.ascontiguousarray(np.rot90(grey(views[0]), -1))).save(tmp_path / "ap.png")
    presenter.add_view(tmp_path / "ap.png")
    presenter.set_c_arm("AP", FORM)
    presenter.set_stored("AP", "image_flip_horizontal", 0.0)
    presenter.set_stored("AP", "image_rotation_deg", 90.0)
    assert presenter.state.case is not None
    (view,) = presenter.state.case.views
    assert view.image.shape == views[0].image.shape and alike(view.image, views[0].image) > 0.995
    np.testing.assert_allclose(view.projection, views[0].projection, atol=1e-6)
    presenter.set_stored("AP", "image_rotation_deg", 45.0)
    assert presenter.state.attention and "90" in presenter.state.message


def test_one_frame_is_vouched_for_by_the_user(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = pair(present(), views, tmp_path)
    for name, form in (("AP", FORM), ("LAT", LATERAL)):
        presenter.set_c_arm(name, form)
        presenter.set_stored(name, "image_flip_horizontal", 0.0)
    assert sharing(presenter.state)[0] is None and "neither patient nor C-arm moved" in what_fit_lacks(presenter.state)
    assert steps(presenter.state)[0].controls["same_frame"].enabled
    presenter.vouch(True)
    assert sharing(presenter.state)[0] is True and what_fit_lacks(presenter.state) == ""
    presenter.add_view(picture(tmp_path / "third.png", views[0]))
    assert not presenter.state.same_frame, "said of other X-rays"
    presenter.open_sample()
    assert sharing(presenter.state)[0] is True and not steps(presenter.state)[0].controls["same_frame"].enabled


def test_display_convention_and_position(present: Present, views: tuple[View, View], tmp_path: Path):
    presenter = present()
    presenter.add_view(picture(tmp_path / "ap.png", views[0]))
    presenter.set_display("AP", "RAO 30 / 12 CAU")
    assert presenter.state.case is not None
    np.testing.assert_allclose(angles_deg(presenter.state.case.views[0]), (-30.0, -12.0), atol=1e-9)
    presenter.set_display("AP", "thirty")
    assert presenter.state.attention and "LAO 30 CRA 10" in presenter.state.message
    presenter.set_c_arm("AP", replace(presenter.state.xrays[0].c_arm, convention="deepdrr"))
    np.testing.assert_allclose(angles_deg(presenter.state.case.views[0]), (30.0, 12.0), atol=1e-9)
    assert presenter.state.xrays[0].c_arm.primary_deg == pytest.approx(-30.0), "the form counts as it is told to"
    presenter.set_c_arm("AP", replace(presenter.state.xrays[0].c_arm, convention="table"))
    assert presenter.state.attention and "patient position" in presenter.state.message
    table = replace(presenter.state.xrays[0].c_arm, convention="table", patient_position="HFP")
    presenter.set_c_arm("AP", replace(table, primary_deg=10.0, secondary_deg=5.0))
    np.testing.assert_allclose(angles_deg(presenter.state.case.views[0]), (-170.0, 5.0), atol=1e-6)
    presenter.set_c_arm("AP", replace(presenter.state.xrays[0].c_arm, source_to_detector_mm=99999.0))
    assert presenter.state.attention and "5000" in presenter.state.message


def test_a_file_with_several_cameras_asks_what_it_leaves_open(
    present: Present, views: tuple[View, View], tmp_path: Path
):
    presenter = pair(present(), views, tmp_path)
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    cameras = {name: camera(view) | {"projection_matrix": (view.projection @ to_lps).tolist()}
               for name, view in zip(("front", "LAT"), views, strict=True)}  # fmt: skip
    file = written(tmp_path / "cameras.json", {"views": cameras})
    presenter.set_matrix("AP", file)
    asked = presenter.state.xrays[0].asked
    assert asked is not None and asked.cameras == ("front", "LAT") and asked.axes and not presenter.state.view_names
    presenter.set_matrix("AP", file, "front", "LPS")
    presenter.set_matrix("LAT", file)
    other = presenter.state.xrays[1].asked
    assert other is not None and not other.cameras and other.axes, "its name is in the file"
    presenter.set_matrix("LAT", file, "", "LPS")
    assert presenter.state.case is not None and presenter.state.xrays[1].asked is None
    for found, true in zip(presenter.state.case.views, views, strict=True):
        np.testing.assert_allclose(found.world_to_camera, true.world_to_camera, atol=1e-6)
    assert sharing(presenter.state) == (True, "Their cameras stand in one geometry file.")
    assert what_fit_lacks(presenter.state) == "" and str(tmp_path) not in json.dumps(presenter.save())
    presenter.set_matrix("AP", file, "back", "LPS")
    assert "has no camera back" in presenter.state.message
    presenter.set_c_arm("LAT", presenter.state.xrays[1].c_arm)
    assert sharing(presenter.state)[0] is None, "what is corrected by hand is from another place"


def test_a_matrix_belongs_to_the_stored_picture(present: Present, views: tuple[View, View], tmp_path: Path):
    """A DICOM picture is turned over when read; a matrix of its pixels, seen from the detector, must not mirror it."""
    presenter = present()
    presenter.add_view(write_dicom(tmp_path / "lat.dcm", views[1], **ALL_TAGS))
    presenter.click("LAT", 20.0, 30.0, "L3")
    width = views[1].image.shape[1]
    seen = panel_of((views[1].intrinsics, views[1].world_to_camera, (3.0, 3.0), 1020.0), views[1].image.shape)
    of_stored = seen | {"row_direction": [-number for number in seen["row_direction"]]}
    presenter.set_matrix("LAT", written(tmp_path / "stored.json", of_stored))
    assert presenter.state.case is not None
    (view,), (xray,) = presenter.state.case.views, presenter.state.xrays
    assert xray.source == "matrix" and alike(view.image, views[1].image) > 0.95
    np.testing.assert_allclose(view.world_to_camera, views[1].world_to_camera, atol=1e-6)
    assert presenter.state.seeds["L3"].clicks_px["LAT"] == pytest.approx((20.0, 30.0))
    presenter.set_matrix("LAT", written(tmp_path / "seen.json", seen))
    (view,) = presenter.state.case.views
    assert alike(view.image, views[1].image[:, ::-1]) > 0.95, "a proper camera of the pixels as they are stored"
    assert presenter.state.seeds["L3"].clicks_px["LAT"] == pytest.approx((width - 21.0, 30.0))


def test_a_picture_of_several_pages(present: Present, views: tuple[View, View], tmp_path: Path):
    pages = [Image.fromarray(np.roll(grey(views[0]), 7 * at, axis=0)) for at in range(3)]
    pages[0].save(tmp_path / "ap.tif", save_all=True, append_images=pages[1:])
    presenter = present()
    presenter.add_view(tmp_path / "ap.tif")
    assert (presenter.state.xrays[0].frames, presenter.state.xrays[0].known.frame) == (3, 1)
    presenter.set_c_arm("AP", FORM)
    presenter.set_stored("AP", "image_flip_horizontal", 1.0)
    presenter.set_frame("AP", 2)
    (xray,) = presenter.state.xrays
    assert xray.known.frame == 2 and not xray.unanswered and "picture 3 of 3" in presenter.state.message
    assert alike(xray.image, np.roll(views[0].image, 14, axis=0)[:, ::-1]) > 0.995
    np.testing.assert_allclose(presenter.state.case.views[0].projection, views[0].projection, atol=1e-6)


def test_a_scene_remembers_what_is_still_open(present: Present, views: tuple[View, View], stage: Stage, tmp_path: Path):
    presenter = pair(present(), views, tmp_path)
    for name, form in (("AP", FORM), ("LAT", LATERAL)):
        presenter.set_c_arm(name, form)
    presenter.set_stored("LAT", "image_flip_horizontal", 0.0)
    assert presenter.state.case is not None
    document, seen = presenter.save(), presenter.state.case.views
    again = present()
    again.restore(document, seen)
    assert [xray.unanswered for xray in again.state.xrays] == [True, False]
    assert sharing(again.state)[0] is None and "way round AP" in what_fit_lacks(again.state)
    again.set_stored("AP", "image_flip_horizontal", 0.0)
    np.testing.assert_allclose(again.state.case.views[0].projection, views[0].projection, atol=1e-6)
    again.vouch(True)
    stage.until(lambda: not again.state.busy)
    third = present()
    third.restore(again.save(), again.state.case.views)
    assert sharing(third.state)[0] is True and what_fit_lacks(third.state) == ""
