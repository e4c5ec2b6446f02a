"""Clicks on vertebrae, the lines on which they lie in the other views, and levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.io.case import read_case
from SpineDARTLib.panel import locating
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.steps import Step, steps
from SpineDARTLib.types import View

Present = Callable[..., Presenter]


def step(presenter: Presenter, name: str) -> Step:
    return next(one for one in steps(presenter.state) if one.name == name)


def test_an_epipolar_line_runs_through_the_point(present: Present, views: tuple[View, View], case_folder: Path):
    presenter = present()
    presenter.open_case(case_folder)
    case = read_case(case_folder)
    point = np.array([[3.0, 0.0, -35.0]])
    (u, v), other = project(point, case.views[0])[0], project(point, case.views[1])[0]
    presenter.start_clicking("L3")
    presenter.hover("AP", float(u), float(v))
    (name, line), *_ = presenter.state.epipolar_px.items()
    along = line[1] - line[0]
    off = abs(along[0] * (other - line[0])[1] - along[1] * (other - line[0])[0]) / np.linalg.norm(along)
    assert name == "LAT" and off < 1e-6
    height, width = case.views[1].image.shape
    assert (line >= -1e-6).all() and (line <= [width - 1 + 1e-6, height - 1 + 1e-6]).all()
    presenter.stop_clicking()
    presenter.hover("AP", 0.0, 0.0)
    assert presenter.state.epipolar_px == {}


def test_clicks(present: Present, case_folder: Path):
    presenter = present()
    presenter.open_case(case_folder)
    presenter.remove_level("L2")
    presenter.remove_level("L3")
    assert presenter.state.seeds == {} and not step(presenter, "Fit").controls["fit_all"].enabled
    case = read_case(case_folder)
    clicks = case.seeds[1].clicks_px
    presenter.start_clicking("L3")
    presenter.click("AP", *clicks["AP"])
    assert presenter.state.message == "L3 is clicked in AP only. Click its centre in LAT."
    assert set(presenter.state.epipolar_px) == {"LAT"}
    assert not step(presenter, "Fit").controls["fit_selected"].enabled
    presenter.click("LAT", *clicks["LAT"])
    assert step(presenter, "Fit").controls["fit_selected"].enabled
    assert presenter.state.message == "L3 is clicked in AP and LAT. Next: L4, or choose another level."
    assert presenter.state.level == "L4" and not presenter.state.attention
    presenter.choose_level("L3")
    presenter.click("LAT", clicks["LAT"][0], clicks["LAT"][1] - 12.0)
    assert "pass each other by" in presenter.state.message and presenter.state.attention
    presenter.click("AP", clicks["AP"][0], 90.0)
    presenter.click("LAT", clicks["LAT"][0], 0.0)
    assert "do not meet: they are" in presenter.state.message
    assert "do not meet" in step(presenter, "Fit").controls["fit_selected"].why
    for bad in (("LAT", -30.0, 5.0), ("top", 1.0, 1.0)):
        presenter.click(*bad)
        assert presenter.state.attention
    presenter.choose_level("C3")
    assert "no level C3" in presenter.state.message


def test_clicks_are_taken_back(present: Present):
    presenter = present()
    presenter.open_sample()
    before = presenter.state.seeds
    assert not step(presenter, "Locate").controls["undo_click"].enabled
    presenter.start_clicking("L5")
    presenter.click("AP", 250.0, 400.0)
    presenter.remove_level("L2")
    presenter.undo()
    assert set(presenter.state.seeds) == {"L2", "L3", "L4", "L5"}
    presenter.undo()
    assert presenter.state.seeds is before and presenter.state.level == "L5"
    presenter.undo()
    assert presenter.state.attention and "nothing to undo" in presenter.state.message
    presenter.undo_click()
    assert "no click to take back" in presenter.state.message


def test_clicks_that_the_fit_refuses_are_refused_here(present: Present, case_folder: Path):
    """The panel's quick measure against the fit's own."""
    presenter = present()
    presenter.open_case(case_folder)
    views = presenter.state.case.views
    for level, by in (("L2", 3.0), ("L3", 25.0)):
        clicks = dict(presenter.state.seeds[level].clicks_px)
        clicks["LAT"] = (clicks["LAT"][0], clicks["LAT"][1] + by)
        presenter.click("LAT", *clicks["LAT"], level)
        pixels = np.array([clicks[view.name] for view in views])
        true = triangulate(pixels, views)[2].max()
        assert locating.passing(presenter.state, level)[1] == pytest.approx(true, rel=0.1)


def test_levels_shift_together(present: Present):
    presenter = present()
    presenter.open_sample()
    before = presenter.state.seeds
    presenter.shift_levels(1)
    assert set(presenter.state.seeds) == {"L3", "L4", "L5"}
    assert presenter.state.seeds["L4"].clicks_px == before["L3"].clicks_px and presenter.state.seeds["L4"].level == "L4"
    presenter.shift_levels(1)
    assert presenter.state.attention and set(presenter.state.seeds) == {"L3", "L4", "L5"}


def test_shifting_back_brings_back_what_was_fitted(planned: Presenter):
    before = planned.state
    planned.shift_levels(-1)
    assert planned.state.plans == {} and planned.state.review is None
    planned.shift_levels(1)
    assert planned.state.plans is before.plans and planned.state.review is before.review
    planned.select("L3", "right")
    assert planned.drag("target", planned.state.options["L3", "right"].cannula.target_mm) is not None
