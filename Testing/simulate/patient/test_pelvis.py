"""The iliac wings stand where they belong beside the lowest vertebrae."""

from __future__ import annotations

import numpy as np

from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.pelvis import add_pelvis
from SpineDARTLib.simulate.patient.stamp import axes_of
from SpineDARTLib.simulate.patient.trunk import BodySettings, draw_trunk
from Testing.simulate.patient.toy_spine import height_of, toy_spine, toy_vertebra


def test_two_wings_that_reach_up_to_the_disc_of_l4_and_are_no_twins() -> None:
    trunk = draw_trunk(toy_spine().vertebrae, BodySettings(), np.random.default_rng(2))
    bottom = height_of("L5") - 90.0
    bone = empty_volume(np.array([-170.0, -140.0, bottom]), np.array([170.0, 160.0, height_of("L2")]), 2.0, "bone")
    add_pelvis(bone, trunk, BodySettings(), np.random.default_rng(6))
    x, _, z = axes_of(bone)
    middle = toy_vertebra("L5").vertebra.pose[0, 3]
    sides = [bone.values * (sign * (x - middle) > 0) for sign in (1.0, -1.0)]
    for wing in sides:
        filled = np.flatnonzero(wing.max(axis=(0, 1)) > 0.05)
        top = float(z.ravel()[filled[-1]])
        assert height_of("L5") - 12.0 < top < height_of("L3") - 5.0
        assert filled[0] == 0, "cut off by the end of the volume"
        columns = np.abs(x.ravel()[np.flatnonzero(wing.max(axis=(1, 2)) > 0.05)] - middle)
        assert 20.0 < columns.min() < 50.0
        assert 110.0 < columns.max() < 160.0
    assert abs(float(sides[0].sum()) - float(sides[1].sum())) > 1.0
    assert 0.3 < float(bone.values.max()) <= 4.0
