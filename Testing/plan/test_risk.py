"""Risk against what is known exactly: tubes that are moved, turned and thickened, and normal distributions of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import norm

from SpineDARTLib.plan.anatomy import anatomy_of
from SpineDARTLib.plan.corridor import clearances
from SpineDARTLib.plan.risk import RiskModel, risk
from SpineDARTLib.plan.surface import prepare
from SpineDARTLib.types import Cannula, Posterior, Vertebra
from Testing.plan.tube_model import HEIGHT, OFFSET, RADIUS, tube_model

PARAMETERS = 9
MODEL = tube_model()
TURN = Rotation.from_rotvec([0.3, -0.5, 0.9]).as_matrix()
SHIFT = np.array([12.0, -7.0, 30.0])
POSE = np.block([[TURN, SHIFT[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
FITTED = Vertebra("L3", POSE, 1.1, np.array([0.4, -0.3]))


def posterior(mean=(), deviations=(), wall_mm=0.0):
    """Independent parameters, each given as (which, how much)."""
    middle, variance = np.zeros(PARAMETERS), np.zeros(PARAMETERS)
    for place, value in mean:
        middle[place] = value
    for place, value in deviations:
        variance[place] = value**2
    return Posterior(middle, np.diag(variance), wall_mm)


def cannula(vertebra, side="left", diameter_mm=3.0, entry=(0.0, 0.0), target=(0.0, 0.0)):
    """Along a tube, from its middle line by so much to the right and up at either end, before it is placed."""
    centre = np.array([OFFSET[side], 0.0, HEIGHT[side]])
    ends = centre + [[entry[0], -33.0, entry[1]], [target[0], -9.0, target[1]]]
    entry_mm, target_mm = vertebra.place(ends)
    return Cannula(side, entry_mm, target_mm, diameter_mm)


def found_risk(path, vertebra, uncertain, seed=0):
    """The risk of a path that has one."""
    found = risk(path, vertebra, MODEL, uncertain, seed)
    assert found is not None
    return found


MEAN_SHAPE = replace(FITTED, scale=1.0, coefficients=np.zeros(2))


@pytest.mark.parametrize(("side", "place"), [("left", 0), ("right", 2)])
def test_a_shift_across_breaches_as_often_as_the_normal_distribution_says(side, place):
    deviation, radius = 1.5, RADIUS[side]
    found = found_risk(cannula(MEAN_SHAPE, side), MEAN_SHAPE, posterior(deviations=[(place, deviation)]))
    assert found.breach_probability == pytest.approx(2 * norm.sf((radius - 1.5) / deviation), abs=0.015)
    assert found.margin_probability == pytest.approx(1 - 2 * norm.sf((radius - 2.5) / deviation), abs=0.015)
    assert found.clearance_mm["50"] == pytest.approx(radius - 1.5 + norm.ppf(0.25) * deviation, abs=0.08)
    assert found.tube_mm == pytest.approx(max(radius - norm.ppf(0.975) * deviation, 0.0), abs=0.15)


def test_the_mean_moves_the_walls_the_right_way():
    # The true vertebra lies 2 mm to the right of the fit: a cannula 2 mm to the right is in the middle.
    shifted = posterior(mean=[(0, 2.0)])
    right = found_risk(cannula(MEAN_SHAPE, entry=(2.0, 0.0), target=(2.0, 0.0)), MEAN_SHAPE, shifted)
    left = found_risk(cannula(MEAN_SHAPE, entry=(-2.0, 0.0), target=(-2.0, 0.0)), MEAN_SHAPE, shifted)
    assert right.clearance_mm["50"] == pytest.approx(2.5, abs=0.1)
    # Where the axis is on the wall, and half of the cannula outside.
    assert left.clearance_mm["50"] == pytest.approx(-1.5, abs=0.1)
    assert (right.breach_probability, left.breach_probability) == (0.0, 1.0)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("seed", range(4))
def test_a_moved_wall_is_where_the_moved_vertebra_has_it(side, seed):
    """Every parameter at once, against the surface that is really built and measured."""
    values = np.random.default_rng(seed).normal(size=PARAMETERS) * [0.6, 0.6, 0.6, 0.03, 0.03, 0.03, 0.03, 0.7, 0.7]
    pose = POSE.copy()
    pose[:3, :3], pose[:3, 3] = TURN @ Rotation.from_rotvec(values[3:6]).as_matrix(), SHIFT + TURN @ values[:3]
    true = Vertebra("L3", pose, FITTED.scale * np.exp(values[6]), FITTED.coefficients + values[7:])
    path = cannula(FITTED, side, entry=(0.5, -0.4), target=(-0.6, 0.3))
    vertices = true.place(MODEL.instance("L3", true.coefficients))
    surface = prepare(vertices, MODEL.faces, anatomy_of(vertices, MODEL, true.pose))
    found = found_risk(path, FITTED, posterior(mean=list(enumerate(values))))
    assert found.clearance_mm["50"] == pytest.approx(clearances(path, [surface])[0], abs=0.2)


def test_what_no_parameter_moves_counts_too():
    path = cannula(MEAN_SHAPE, diameter_mm=6.0)
    sure, rough = (found_risk(path, MEAN_SHAPE, posterior(wall_mm=wall)) for wall in (0.0, 0.8))
    assert sure.breach_probability == 0.0
    # The worst of many places that hardly depend on each other: more than any one of them.
    assert rough.breach_probability > norm.sf(1.0 / 0.8)
    assert rough.clearance_mm["5"] < rough.clearance_mm["50"] < rough.clearance_mm["95"] < 1.0


def test_a_bent_path_is_measured_along_its_course():
    ends = cannula(MEAN_SHAPE)
    bend = MEAN_SHAPE.place(np.array([[OFFSET["left"] + 3.0, -21.0, HEIGHT["left"]]]))
    found = found_risk(replace(ends, via_mm=bend), MEAN_SHAPE, posterior())
    assert found.clearance_mm["50"] == pytest.approx(RADIUS["left"] - 3.0 - 1.5, abs=0.2)
    assert found.tube_mm.argmin() in range(len(found.tube_mm) // 3, 2 * len(found.tube_mm) // 3)


def test_the_same_seed_draws_the_same():
    uncertain = posterior(deviations=[(place, 0.1) for place in range(PARAMETERS)], wall_mm=0.5)
    path = cannula(FITTED, "right")
    one, again, other = (found_risk(path, FITTED, uncertain, seed) for seed in (0, 0, 1))
    assert one.clearance_mm == again.clearance_mm != other.clearance_mm
    assert one.clearance_mm["5"] == pytest.approx(other.clearance_mm["5"], abs=0.3)


def test_a_path_that_misses_the_pedicle_has_no_risk():
    model = RiskModel(FITTED, MODEL, posterior(wall_mm=0.5))
    path = cannula(FITTED)
    assert model.of(replace(path, target_mm=path.entry_mm)) is None
    assert model.of(replace(path, target_mm=np.full(3, np.nan))) is None
    behind = FITTED.place(np.array([[OFFSET["left"], -80.0, 3.0], [OFFSET["left"], -60.0, 3.0]]))
    assert model.of(replace(path, entry_mm=behind[0], target_mm=behind[1])) is None
    far = FITTED.place(np.array([[-90.0, -33.0, 3.0], [-90.0, -9.0, 3.0]]))
    assert model.of(replace(path, entry_mm=far[0], target_mm=far[1])) is None


def test_a_posterior_of_another_model_is_refused():
    with pytest.raises(ValueError, match="expected 9"):
        RiskModel(FITTED, MODEL, Posterior(np.zeros(32), np.eye(32), 0.5))
