"""The whole body: what it is made of, that it hangs on its generator alone, and what the settings switch on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from SpineDARTLib.simulate.nouns import Volume
from SpineDARTLib.simulate.patient.body import BodySettings, draw_body
from SpineDARTLib.simulate.patient.stamp import axes_of
from Testing.simulate.patient.toy_spine import COARSE, height_of, toy_spine, toy_vertebra


def drawn(
    level: str, settings: BodySettings = COARSE, seed: int = 1, half_length_mm: float = 60.0
) -> dict[str, Volume]:
    """Material to volume, around a level."""
    centre = toy_vertebra(level).vertebra.pose[:3, 3]
    volumes = draw_body(toy_spine(), settings, np.random.default_rng(seed), centre, half_length_mm)
    assert len({volume.material for volume in volumes}) == len(volumes)
    return {volume.material: volume for volume in volumes}


def test_a_chest_has_soft_tissue_and_ribs_within_the_stretch_asked_for() -> None:
    found = drawn("T7")
    assert set(found) == {"soft", "bone"}
    for name, volume in found.items():
        z = axes_of(volume)[2].ravel()
        assert volume.values.dtype == np.float32
        assert 0.0 <= volume.values.min() < volume.values.max() <= 1.35
        assert z[0] >= height_of("T7") - 60.1, name
        assert z[-1] <= height_of("T7") + 60.1 + volume.voxel_to_world[0, 0], name
        rim = [volume.values[2:-2].shape, *(volume.values.take([1, -2], axis).max() for axis in (0, 1))]
        assert all(value > 0 for value in rim[1:]), "cropped to what there is"
    assert found["soft"].values.max() > 1.0
    assert found["bone"].values.sum() * 2.4**3 > 20_000.0


def test_the_same_seed_gives_the_same_body_and_another_seed_another() -> None:
    first, again, other = drawn("L3"), drawn("L3"), drawn("L3", seed=2)
    np.testing.assert_array_equal(first["soft"].values, again["soft"].values)
    np.testing.assert_array_equal(first["bone"].values, again["bone"].values)
    assert (
        other["soft"].values.shape != first["soft"].values.shape or (other["soft"].values != first["soft"].values).any()
    )


def test_an_arm_beside_the_body_widens_it() -> None:
    bare, armed = drawn("L2"), drawn("L2", replace(COARSE, arm_chance=1.0))
    width = [axes_of(one["soft"])[0].ravel()[[0, -1]] for one in (bare, armed)]
    assert width[1][0] < width[0][0] - 50.0
    assert width[1][1] > width[0][1] + 50.0


def test_gas_in_a_disc_takes_tissue_away_there_only() -> None:
    settings = replace(COARSE, vacuum_chance=1.0)
    plain, vacuum = drawn("L3")["soft"], drawn("L3", settings)["soft"]
    gone = plain.values - vacuum.values
    where = toy_spine().discs[0].centre_mm
    middle = [float((gone * axis).sum() / gone.sum()) for axis in axes_of(plain)]
    assert (np.abs(middle - where) < [9.0, 7.0, 2.5]).all()
    assert 150.0 < float(gone.sum()) * 5.0**3 < 2500.0
