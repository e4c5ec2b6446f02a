"""Lungs lie beside the spine above the diaphragm, hold air, and spare heart and spine."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.lungs import draw_lungs
from SpineDARTLib.simulate.patient.stamp import axes_of
from SpineDARTLib.simulate.patient.trunk import draw_trunk
from Testing.simulate.patient.toy_spine import COARSE, height_of, share_where, toy_spine, toy_vertebra


@pytest.mark.parametrize("seed", [1, 2])
def test_lungs_are_where_they_should_be(seed: int) -> None:
    trunk = draw_trunk(toy_spine().vertebrae, COARSE, np.random.default_rng(2))
    grid = empty_volume(
        np.array([-160.0, -110.0, height_of("L3")]), np.array([160.0, 170.0, height_of("T1") + 30]), 5.0
    )
    lungs = draw_lungs(grid, trunk, COARSE, np.random.default_rng(seed))
    x, y, z = axes_of(grid)
    centre = toy_vertebra("T6").vertebra.pose[:3, 3]
    slab, level = np.abs(z - centre[2]) < 12.0, np.abs(y - centre[1]) < 15.0
    for sign in (1.0, -1.0):
        assert share_where(lungs.inside, slab & level & (np.abs(sign * (x - centre[0]) - 75.0) < 15.0)) > 0.9
    assert share_where(lungs.inside, slab & level & (np.abs(x - centre[0]) < 12.0)) == 0.0
    assert share_where(lungs.inside, np.broadcast_to(z < height_of("L2"), grid.values.shape)) == 0.0
    # The heart lies to the left: less lung there in front at T9.
    front = (np.abs(z - height_of("T8")) < 20.0) & (y > centre[1] + 30.0)
    assert share_where(lungs.inside, front & (x > 15.0)) > share_where(lungs.inside, front & (x < -15.0))
    assert 0.1 < float(np.median(lungs.tissue[lungs.inside > 0.9])) < 0.45
    trachea = lungs.airway * (np.abs(z - height_of("T2")) < 12.0)
    assert trachea.max() > 0.9
    assert 15.0 < float((trachea * y).sum() / trachea.sum()) - toy_vertebra("T2").vertebra.pose[1, 3] < 50.0
