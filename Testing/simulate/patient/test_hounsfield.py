"""Hounsfield units to shares: whatever the split, a voxel attenuates as the scan says."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.simulate.patient.hounsfield import BONE_PER_MM, SOFT_PER_MM, WATER_PER_MM, shares

ONE_MM = np.ones(3)


def test_soft_and_bone_attenuate_as_the_scan_says():
    values = np.random.default_rng(2).uniform(-1000.0, 1900.0, (12, 13, 14)).astype(np.float32)
    soft, bone = shares(values, ONE_MM)
    attenuation = soft * SOFT_PER_MM + bone * (BONE_PER_MM - SOFT_PER_MM)
    assert attenuation == pytest.approx(WATER_PER_MM * (1.0 + values / 1000.0), abs=2e-6)
    assert bone.max() > 0.5


@pytest.mark.parametrize(
    ("value", "soft", "bone"),
    [
        (-1000.0, 0.0, 0.0),
        (-1200.0, 0.0, 0.0),
        (-95.0, 0.86, 0.0),
        (0.0, 0.95, 0.0),
        (55.0, 1.0, 0.0),
        (300.0, 1.015, 0.12),
    ],
)
def test_tissues_have_their_usual_shares(value: float, soft: float, bone: float):
    found = shares(np.full((5, 5, 5), value, dtype=np.float32), ONE_MM)
    assert found[0][2, 2, 2] == pytest.approx(soft, abs=0.01)
    assert found[1][2, 2, 2] == pytest.approx(bone, abs=0.01)


def test_noise_in_muscle_is_no_bone():
    noisy = np.random.default_rng(4).normal(40.0, 60.0, (20, 20, 20)).astype(np.float32)
    assert shares(noisy, ONE_MM)[1].mean() < 0.001


def test_more_than_cortical_bone_is_not_more_than_bone():
    soft, bone = shares(np.full((5, 5, 5), 3500.0, dtype=np.float32), ONE_MM)
    assert bone.max() == pytest.approx(1.0)
    assert soft.max() <= 2.0
