"""Curved cannulas: straight through the pedicle, an arc to the tip."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.atlas import ShapeModel, available_levels, load_model
from SpineDARTLib.plan.cannula import transfer
from SpineDARTLib.plan.curved import SPACING_MM, arc, curved_cannulas
from SpineDARTLib.types import SIDES
from Testing.plan.tubes import rotation


def test_an_arc_is_a_circle_that_leaves_along_its_direction():
    start, direction, radius, turn = np.array([3.0, -5.0, 7.0]), np.array([0.0, 0.8, 0.6]), 30.0, 0.9
    aside = np.array([1.0, 0.0, 0.0])
    tip = start + radius * (np.sin(turn) * direction + (1 - np.cos(turn)) * aside)
    points = arc(start, direction, tip)
    np.testing.assert_allclose(points[-1], tip, atol=1e-9)
    centre = start + radius * aside
    np.testing.assert_allclose(np.linalg.norm(points - centre, axis=1), radius)
    steps = np.linalg.norm(np.diff(np.vstack([start, points]), axis=0), axis=1)
    assert np.ptp(steps) < 1e-9 and 0.7 * SPACING_MM < steps[0] <= SPACING_MM
    np.testing.assert_allclose((points[0] - start) / steps[0] @ direction, np.cos(turn / len(points) / 2), rtol=1e-6)


def test_an_arc_without_a_bend_is_a_line():
    points = arc(np.zeros(3), np.array([0.0, 1.0, 0.0]), np.array([0.0, 10.0, 0.0]))
    np.testing.assert_allclose(points, np.outer([2.5, 5.0, 7.5, 10.0], (0.0, 1.0, 0.0)), atol=1e-12)


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    if "L3" not in available_levels():
        pytest.skip("no atlas of the lumbar spine")
    return load_model("L3")


def angles_deg(path: np.ndarray) -> np.ndarray:
    steps = np.diff(path, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    return np.rad2deg(np.arccos(np.clip((steps[1:] * steps[:-1]).sum(1), -1, 1)))


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_real_shapes_get_a_straight_start_and_one_gentle_bend(model: ShapeModel, seed: int | None):
    vertices = model.means["L3"] if seed is None else model.sample("L3", np.random.default_rng(seed))
    found = curved_cannulas(vertices, model, 3.05)
    assert [(one.side, one.name, one.diameter_mm) for one in found] == [(side, "curved", 3.05) for side in SIDES]
    for one, straight in zip(found, transfer(vertices, model, 3.05), strict=True):
        assert one.via_mm is not None
        np.testing.assert_array_equal(one.entry_mm, straight.entry_mm)
        # The first piece lies on the transferred line and crosses the pedicle; then it only ever turns one way.
        direction = (straight.target_mm - straight.entry_mm) / np.linalg.norm(straight.target_mm - straight.entry_mm)
        pedicle = (vertices[model.regions[f"{one.side}_pedicle"]] - one.entry_mm) @ direction
        assert (one.via_mm[0] - one.entry_mm) @ direction == pytest.approx(pedicle.max())
        bends = angles_deg(one.path_mm)
        assert bends.max() < 10.0 and 10.0 < bends.sum() < 60.0
        whole = one.path_mm[-1] - one.path_mm[-2]
        assert angles_deg(np.vstack([np.zeros(3), direction, direction + whole])).max() == pytest.approx(
            bends.sum(), abs=0.01
        )
        # Beyond the midline, and as far forward as the straight target: in the anterior third.
        outwards = -1.0 if one.side == "left" else 1.0
        assert outwards * one.target_mm[0] < 1.5
        assert one.target_mm[1] == pytest.approx(straight.target_mm[1], abs=4.0)


def test_curves_move_with_the_vertebra(model: ShapeModel):
    turn, shift = rotation((0.2, -0.4, 0.7)), np.array([30.0, -200.0, 90.0])
    vertices = model.means["L3"]
    for one, moved in zip(
        curved_cannulas(vertices, model, 3.4), curved_cannulas(vertices @ turn.T + shift, model, 3.4), strict=True
    ):
        np.testing.assert_allclose(moved.path_mm, one.path_mm @ turn.T + shift, atol=1e-3)


def test_what_cannot_be(model: ShapeModel):
    from dataclasses import replace

    with pytest.raises(ValueError, match="diameter of -1 mm"):
        curved_cannulas(model.means["L3"], model, -1.0)
    assert curved_cannulas(model.means["L3"], replace(model, paths={}), 3.0) == ()
