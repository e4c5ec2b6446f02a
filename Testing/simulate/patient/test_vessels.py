"""The aorta runs left of and before the spine; its calcium lies in its wall."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import KDTree

from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.stamp import axes_of
from SpineDARTLib.simulate.patient.trunk import BodySettings, draw_trunk
from SpineDARTLib.simulate.patient.vessels import add_calcium, draw_vessels
from Testing.simulate.patient.toy_spine import height_of, toy_spine, toy_vertebra

TRUNK = draw_trunk(toy_spine().vertebrae, BodySettings(), np.random.default_rng(2))


@pytest.mark.parametrize("seed", range(4))
def test_the_aorta_is_on_the_left_in_front_and_forks_at_l4(seed: int) -> None:
    aorta, right, left, cava = draw_vessels(TRUNK, BodySettings(), np.random.default_rng(seed))
    for level in ("T8", "L2"):
        centre = toy_vertebra(level).vertebra.pose[:3, 3]
        here = aorta.points[np.abs(aorta.points[:, 2] - centre[2]).argmin()]
        assert -35.0 < here[0] - centre[0] < 0.0, "RAS: x grows to the right"
        assert here[1] - centre[1] > 5.0
    assert aorta.points[-1, 2] == pytest.approx(height_of("L4"), abs=6.0)
    assert right.points[-1, 0] > 30.0
    assert left.points[-1, 0] < -30.0
    assert cava.points[:, 0].mean() > aorta.points[:, 0].mean() + 15.0


def test_plaques_lie_in_the_wall_and_some_people_have_none() -> None:
    arteries = draw_vessels(TRUNK, BodySettings(), np.random.default_rng(3))[:3]
    box = np.array([-90.0, -60.0, height_of("L5") - 60.0]), np.array([90.0, 110.0, height_of("T4")])
    heavy, none = empty_volume(*box, 1.5, "bone"), empty_volume(*box, 2.5, "bone")
    settings = BodySettings(calcium_chance=1.0, calcium_plaques=(40.0, 45.0))
    add_calcium(heavy, arteries, TRUNK, settings, np.random.default_rng(1))
    add_calcium(none, arteries, TRUNK, BodySettings(calcium_chance=0.0), np.random.default_rng(1))
    assert not none.values.any()
    assert float(heavy.values.sum()) * 1.5**3 > 300.0
    index = np.argwhere(heavy.values > 0.1)
    places = np.stack([axis.ravel()[index[:, k]] for k, axis in enumerate(axes_of(heavy))], axis=1)
    away = np.min([KDTree(one.points).query(places)[0] / one.radii.mean() for one in arteries], axis=0)
    assert 0.6 < float(np.median(away)) < 1.3
