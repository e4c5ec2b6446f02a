"""Shoulder blades lie behind the upper ribs, outside the lungs, one on each side."""

from __future__ import annotations

import numpy as np

from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.shoulder import add_shoulders
from SpineDARTLib.simulate.patient.stamp import axes_of
from SpineDARTLib.simulate.patient.trunk import BodySettings, draw_trunk
from Testing.simulate.patient.toy_spine import height_of, share_where, toy_spine, toy_vertebra


def test_two_blades_behind_the_second_to_eighth_rib() -> None:
    trunk = draw_trunk(toy_spine().vertebrae, BodySettings(), np.random.default_rng(2))
    bone = empty_volume(np.array([-190.0, -120.0, -40.0]), np.array([190.0, 120.0, 300.0]), 2.4, "bone")
    add_shoulders(bone, trunk, BodySettings(), np.random.default_rng(6))
    x, y, z = axes_of(bone)
    total = float(bone.values.sum())
    for sign in (1.0, -1.0):
        side = bone.values * (sign * x > 40.0)
        assert 0.4 * total < float(side.sum()) < 0.6 * total
    assert height_of("T8") - 25.0 < float((bone.values * z).sum()) / total < height_of("T2")
    assert float((bone.values * y).sum()) / total < toy_vertebra("T4").vertebra.pose[1, 3]
    assert share_where(bone.values, z < height_of("T10")) == 0.0
