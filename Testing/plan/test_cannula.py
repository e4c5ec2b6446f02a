"""Cannulas and curved paths carried over from a model: through the middle of this very pedicle, on their own side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.atlas import ShapeModel, available_levels, load_model
from SpineDARTLib.atlas.anchors import interior_anchor
from SpineDARTLib.atlas.annotate import annotate
from SpineDARTLib.atlas.mesh import Template
from SpineDARTLib.plan.anatomy import anatomy_of
from SpineDARTLib.plan.cannula import TARGET_MIDLINE_MM, curved_paths, largest_gauge, transfer
from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import prepare
from SpineDARTLib.types import SIDES
from Testing.plan.tubes import BACK, BODY_HALF_DEPTH, HEIGHT, OFFSET, rotation, tube_vertebra

TURN, SHIFT = rotation((0.3, -0.5, 0.8)), np.array([40.0, -25.0, 310.0])
GAUGE_11_MM = 3.05


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    """A model of one shape, the made-up vertebra, whose isthmus anchors lie beside and above the tubes' middles."""
    vertices, faces = tube_vertebra()
    regions, cannulas = {}, {}
    for side, sign in (("left", -1.0), ("right", 1.0)):
        near = np.abs(vertices[:, [0, 2]] - (OFFSET[side], HEIGHT[side])).max(axis=1) < 8.0
        regions[f"{side}_pedicle"] = np.flatnonzero(near & (np.abs(vertices[:, 1] + 24.0) < 5.0))
        points = {
            "entry": np.array([OFFSET[side], BACK + 0.5, HEIGHT[side] + 3.0]),
            "isthmus": np.array([OFFSET[side] + 1.3, -24.0, HEIGHT[side] + 1.0]),
            "target": np.array([sign * 6.0, 8.0, 0.5]),
        }
        cannulas[side] = {name: interior_anchor(vertices, point, 6.0) for name, point in points.items()}
    path = tuple(cannulas["left"][name] for name in ("entry", "isthmus", "target"))
    return ShapeModel(
        "made-up", ("L3",), {"L3": vertices}, np.zeros((0, *vertices.shape)), np.zeros(0), 0.05, faces, {}, cannulas,
        regions, paths={"kyphoplasty_left": path},
    )  # fmt: skip


@pytest.fixture
def placed(model: ShapeModel) -> np.ndarray:
    """The made-up vertebra somewhere in the world."""
    return model.means["L3"] @ TURN.T + SHIFT


def own(points: np.ndarray) -> np.ndarray:
    """World to the made-up vertebra's frame."""
    return (points - SHIFT) @ TURN


def test_the_line_runs_through_the_middle_of_each_pedicle(model: ShapeModel, placed: np.ndarray):
    for cannula in transfer(placed, model, 5.0):
        entry, target = own(cannula.entry_mm), own(cannula.target_mm)
        at_isthmus = entry + (-24.0 - entry[1]) / (target[1] - entry[1]) * (target - entry)
        # The anchors are 1.3 mm off; the tube is straight, the line converges: in the middle is where it crosses.
        assert at_isthmus[0] == pytest.approx(OFFSET[cannula.side], abs=0.35)
        assert at_isthmus[2] == pytest.approx(HEIGHT[cannula.side] + 1.0, abs=0.1)  # heights stay with the anchors


def test_targets_stay_on_their_side_and_entries_on_the_bone(model: ShapeModel, placed: np.ndarray):
    left, right = transfer(placed, model, GAUGE_11_MM)
    assert (left.side, right.side) == SIDES == ("left", "right")
    nearest, farthest = TARGET_MIDLINE_MM
    for cannula, sign in ((left, -1.0), (right, 1.0)):
        entry, target = own(cannula.entry_mm), own(cannula.target_mm)
        assert nearest - 0.01 <= sign * target[0] <= farthest + 0.01
        assert target[1:] == pytest.approx([8.0, 0.5], abs=0.05)  # a target moves sideways only
        assert BACK - 0.1 < entry[1] < BACK + 4.0  # near the tubes' hind ends, or through their flanks shortly before
        assert np.linalg.norm(placed - cannula.entry_mm, axis=1).min() < 0.8
        assert cannula.diameter_mm == GAUGE_11_MM


def test_a_line_with_room_enough_stays_as_the_model_has_it(model: ShapeModel):
    vertices = model.means["L3"]
    wide = {"right": dict(model.cannulas["right"]), "left": dict(model.cannulas["left"])}
    # In the middle of the right tube, 10 mm wide, and ahead: 5 mm to either wall, more than is asked for.
    for name, y in (("isthmus", -24.0), ("target", 8.0)):
        wide["right"][name] = interior_anchor(vertices, np.array([15.0 if y < 0 else 8.0, y, 1.0]), 6.0)
    wide["left"]["target"] = interior_anchor(vertices, np.array([-8.0, 8.0, 1.0]), 6.0)
    right = transfer(vertices, replace(model, cannulas=wide), 5.0)[1]
    assert right.target_mm == pytest.approx([8.0, 8.0, 1.0], abs=0.02)


def test_a_tip_is_drawn_back_from_the_anterior_wall(model: ShapeModel):
    vertices = model.means["L3"]
    deep = {side: dict(model.cannulas[side]) for side in SIDES}
    for side, sign in (("left", -1.0), ("right", 1.0)):
        deep[side]["target"] = interior_anchor(vertices, np.array([sign * 6.0, BODY_HALF_DEPTH - 0.8, 0.0]), 6.0)
    for cannula in transfer(vertices, replace(model, cannulas=deep), 5.0):
        edge = BODY_HALF_DEPTH * np.sqrt(1 - (cannula.target_mm[0] / 22.0) ** 2)
        assert 1.4 < edge - cannula.target_mm[1] < 2.6


@pytest.mark.parametrize("diameter", [0.0, -1.0, float("nan")])
def test_a_cannula_has_a_thickness(model: ShapeModel, placed: np.ndarray, diameter: float):
    with pytest.raises(ValueError, match="expected more than 0"):
        transfer(placed, model, diameter)


def test_curved_paths_ride_on_the_shape(model: ShapeModel, placed: np.ndarray):
    paths = curved_paths(placed, model)
    assert set(paths) == {"left"}
    assert own(paths["left"])[-1] == pytest.approx([-6.0, 8.0, 0.5], abs=1e-6)
    assert curved_paths(placed, replace(model, paths={})) == {}


def test_the_thickest_needle_that_fits():
    assert largest_gauge(1.525 + 1.0, 1.0) == 11
    assert largest_gauge(1.524 + 1.0, 1.0) == 13
    assert largest_gauge(9.0, 1.0) == 8
    assert largest_gauge(0.5, 1.0) is None


@pytest.fixture(scope="module")
def regions() -> list[ShapeModel]:
    """The shipped models, annotated by the present rules."""
    found: list[ShapeModel] = []
    for level in available_levels():
        if not any(level in model.levels for model in found):
            model = load_model(level)
            mean = np.mean([model.means[own_level] for own_level in model.levels], axis=0)
            notes = annotate(Template(mean, model.faces, model.partner))
            found.append(replace(model, cannulas=notes.cannulas, regions=notes.regions, landmarks=notes.landmarks))
    return found


def test_transferred_cannulas_stay_inside_wide_enough_pedicles(regions: list[ShapeModel]):
    for model in regions:
        generator = np.random.default_rng(11)
        rooms = []
        for level in np.repeat(model.levels, 6):
            vertices = model.instance(level, np.clip(generator.standard_normal(model.rank), -2.0, 2.0))
            surface = prepare(vertices, model.faces, anatomy_of(vertices, model, np.eye(4)))
            for cannula in transfer(vertices, model, GAUGE_11_MM):
                found = assess(cannula, surface)
                rooms.append((found.numbers["isthmus_width_mm"], 2 * found.clearance_mm + GAUGE_11_MM))
        for diameter, wanted in ((GAUGE_11_MM, 0.95), (5.0, 0.9)):
            inside = [thickest >= diameter for width, thickest in rooms if width > diameter]
            assert np.mean(inside) >= wanted, (model.region, diameter)
