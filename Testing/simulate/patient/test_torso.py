"""Skin, fat, muscle, gas and table, each in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.simulate.nouns import Volume
from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.stamp import axes_of
from SpineDARTLib.simulate.patient.torso import draw_torso
from SpineDARTLib.simulate.patient.trunk import BodySettings, Trunk, draw_trunk
from SpineDARTLib.simulate.patient.vessels import draw_vessels
from Testing.simulate.patient.toy_spine import COARSE, height_of, share_where, toy_spine, toy_vertebra

BOX = np.array([-250.0, -190.0, height_of("L5") - 30.0]), np.array([250.0, 320.0, height_of("T12")])


def drawn(settings: BodySettings, seed: int) -> tuple[Volume, Trunk]:
    """A lumbar torso on a coarse grid."""
    trunk = draw_trunk(toy_spine().vertebrae, settings, np.random.default_rng(2))
    vessels = draw_vessels(trunk, settings, np.random.default_rng(3))
    return draw_torso(empty_volume(*BOX, 5.0), trunk, vessels, settings, np.random.default_rng(seed)), trunk


@pytest.mark.parametrize("seed", [1, 2])
def test_fat_lies_outside_muscle_inside_and_air_around(seed: int) -> None:
    settings = replace(COARSE, table_chance=0.0, depth_mm=(290.0, 300.0))
    torso, trunk = drawn(settings, seed)
    x, y, z = axes_of(torso)
    centre = toy_vertebra("L3").vertebra.pose[:3, 3]
    slab = np.abs(z - centre[2]) < 8.0
    behind = float(trunk.at("back_mm", centre[2]))
    fat = slab & (np.abs(x - centre[0]) < 60.0) & (np.abs(y - behind + 0.5 * trunk.back_fat_mm - 3.0) < 3.0)
    assert 0.83 < share_where(torso.values, fat) < 0.95
    body = slab & (np.abs(x - centre[0]) < 10.0) & (np.abs(y - centre[1]) < 10.0)
    assert 0.97 < share_where(torso.values, body) < 1.06
    assert not torso.values[0].any()
    assert not torso.values[:, 0].any()
    assert 0.0 <= torso.values.min() < torso.values.max() < 1.3


def test_gas_comes_with_its_setting_and_stays_inside() -> None:
    few = replace(COARSE, table_chance=0.0, colon_gas=(0.0, 0.0), small_bowel_gas=(0.0, 0.0), stomach_gas_chance=0.0)
    many = replace(few, colon_gas=(0.6, 0.6))
    without, with_gas = drawn(few, 1)[0].values, drawn(many, 1)[0].values
    gone = without - with_gas
    assert gone[gone > 0.5].size * 5.0**3 > 50_000.0, "a few hundred millilitres of it"
    assert (without[gone > 0.5] > 0.5).all()
    x, _, _ = axes_of(drawn(few, 1)[0])
    assert share_where(gone, np.broadcast_to(np.abs(x) > 215.0, gone.shape)) == 0.0


@pytest.mark.parametrize(("supine", "sign"), [(0.0, 1.0), (1.0, -1.0)])
def test_the_table_is_under_the_belly_or_under_the_back(supine: float, sign: float) -> None:
    # Gas in the bowel rises in either case.
    bare = drawn(replace(COARSE, table_chance=0.0, supine_chance=supine), 4)[0]
    added = drawn(replace(COARSE, table_chance=1.0, supine_chance=supine), 4)[0].values - bare.values
    _, y, _ = axes_of(bare)
    assert added.sum() > 50.0
    assert sign * float((added * (y - toy_vertebra("L3").vertebra.pose[1, 3])).sum() / added.sum()) > 60.0
    # Outside the body alone.
    np.testing.assert_allclose(added[bare.values > 0.8], 0.0, atol=1e-6)
