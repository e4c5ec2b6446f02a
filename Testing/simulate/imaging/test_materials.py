"""Attenuation against NIST's figures, which the table was not made from."""

import numpy as np
import pytest

from SpineDARTLib.simulate.imaging.materials import attenuation_per_mm, excess_per_mm
from SpineDARTLib.simulate.nouns import MATERIALS

# NIST (Hubbell and Seltzer 2004), mass attenuation in cm2/g at keV, and density: linear attenuation is a tenth of it.
NIST = [
    ("bone", 60.0, 0.3148 * 1.92 / 10),
    ("bone", 30.0, 1.331 * 1.92 / 10),
    ("bone", 100.0, 0.1855 * 1.92 / 10),
    ("soft", 60.0, 0.2048 * 1.06 / 10),
    ("soft", 30.0, 0.3790 * 1.06 / 10),
    ("soft", 100.0, 0.1693 * 1.06 / 10),
    ("aluminium", 60.0, 0.2778 * 2.70 / 10),
    ("copper", 80.0, 0.7630 * 8.96 / 10),
    ("titanium", 60.0, 0.7661 * 4.43 / 10),  # pure titanium; the alloy's aluminium makes it a little less
    ("steel", 60.0, 1.205 * 7.99 / 10),  # pure iron
]


@pytest.mark.parametrize(("material", "energy", "expected"), NIST)
def test_attenuation_agrees_with_nist(material: str, energy: float, expected: float):
    tolerance = 0.08 if material in ("titanium", "steel") else 0.015
    assert attenuation_per_mm(material, np.array([energy]))[0] == pytest.approx(expected, rel=tolerance)


def test_excess_over_soft_tissue_at_60_kev():
    assert excess_per_mm("bone") == pytest.approx(0.0604 - 0.0217, rel=0.01)
    assert excess_per_mm("soft") == 0.0
    assert [excess_per_mm(material) for material in MATERIALS] == sorted(excess_per_mm(name) for name in MATERIALS)


def test_cement_jumps_at_the_edge_of_barium():
    below, above = attenuation_per_mm("cement", np.array([36.0, 38.0]))
    assert above > 3 * below


@pytest.mark.parametrize(
    ("material", "energy", "named"), [("lead", 60.0, "lead"), ("kev", 60.0, "kev"), ("soft", 200.0, "200")]
)
def test_misuse_names_value_and_what_is_allowed(material: str, energy: float, named: str):
    with pytest.raises(ValueError, match=rf"{named}.*allowed"):
        attenuation_per_mm(material, np.array([energy]))
