"""The trunk's tables fit the spine that they were made around."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.simulate.patient.trunk import BodySettings, draw_trunk
from SpineDARTLib.types import LEVELS
from Testing.simulate.patient.toy_spine import height_of, toy_spine, toy_vertebra


@pytest.mark.parametrize("seed", range(6))
def test_the_wall_holds_the_spine(seed: int) -> None:
    trunk = draw_trunk(toy_spine().vertebrae, BodySettings(), np.random.default_rng(seed))
    for level in LEVELS:
        one = toy_vertebra(level)
        tip = one.landmarks["spinous_process"]
        skin = float(trunk.at("back_mm", tip[2])) - trunk.back_fat_mm
        assert 8.0 <= tip[1] - skin <= 80.0, level
        assert float(trunk.at("front_mm", tip[2])) - one.vertebra.pose[1, 3] > 40.0, level
        assert float(trunk.at("cage_half_width_mm", tip[2])) < float(trunk.at("half_width_mm", tip[2])), level
    z = height_of("L3")
    depth = float(trunk.at("front_mm", z) - trunk.at("back_mm", z)) + trunk.front_fat_mm + trunk.back_fat_mm
    assert 170.0 < depth < 330.0
    width = 2.0 * (float(trunk.at("half_width_mm", z)) + trunk.side_fat_mm)
    assert 230.0 < width < 480.0


def test_levels_and_heights_are_each_others_inverse_and_go_on_beyond_the_spine() -> None:
    trunk = draw_trunk(toy_spine().vertebrae, BodySettings(), np.random.default_rng(1))
    for number, level in enumerate(LEVELS):
        assert float(trunk.height(float(number))) == pytest.approx(height_of(level), abs=1.0)
    assert float(trunk.height(-1.0)) == pytest.approx(height_of("T1") + 22.0, abs=1.0)
    assert float(trunk.height(17.5)) == pytest.approx(height_of("L5") - 1.5 * 36.0, abs=1.0)
    right, front, z = trunk.place(7.0, -3.0, 14.0)
    centre = toy_vertebra("L3").vertebra.pose[:3, 3]
    np.testing.assert_allclose([right, front, z], centre + [7.0, -3.0, 0.0], atol=2.0)


def test_obese_people_are_wider_and_have_more_fat() -> None:
    slim, obese = (
        draw_trunk(toy_spine().vertebrae, BodySettings(depth_mm=limits), np.random.default_rng(4))
        for limits in ((180.0, 180.1), (299.0, 320.0))
    )
    z = height_of("L3")
    assert float(obese.at("front_mm", z)) > float(slim.at("front_mm", z)) + 40.0
    assert float(obese.at("half_width_mm", z)) > float(slim.at("half_width_mm", z)) + 20.0


def test_no_vertebra_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one vertebra; got none"):
        draw_trunk({}, BodySettings(), np.random.default_rng(0))
