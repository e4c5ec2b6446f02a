"""Tube spectra against half-value layers and mean energies of the literature."""

import numpy as np
import pytest

from SpineDARTLib.simulate.imaging.materials import attenuation_per_mm
from SpineDARTLib.simulate.imaging.spectrum import spectrum, tube_photons

# NIST, dry air: mass energy-absorption in cm2/g; kerma is photons x energy x this.
AIR = {
    15: 1.334,
    20: 0.5389,
    30: 0.1537,
    40: 0.06833,
    50: 0.04098,
    60: 0.03041,
    80: 0.02407,
    100: 0.02325,
    150: 0.02496,
}


def half_value_layer(kvp: float, aluminium_mm: float) -> float:
    """mm of aluminium that halve the air kerma."""
    energies, photons = tube_photons(kvp, aluminium_mm)
    air = np.exp(np.interp(np.log(energies), np.log(list(AIR)), np.log(list(AIR.values()))))
    filters = attenuation_per_mm("aluminium", energies)

    layers = np.linspace(0.0, 20.0, 2001)
    kerma = np.exp(-layers[:, None] * filters) @ (photons * energies * air)
    return float(np.interp(0.5, kerma[::-1] / kerma[0], layers[::-1]))


@pytest.mark.parametrize(
    ("kvp", "aluminium_mm", "low", "high"),
    # 2.5 mm in all: 80 kV 2.7-3.0; 60 kV about 2.0, 120 kV about 4.2 (NCRP 102; IPEM report 78).
    [(80.0, 2.5, 2.7, 3.0), (60.0, 2.5, 1.9, 2.3), (120.0, 2.5, 3.9, 4.6)],
)
def test_half_value_layer(kvp: float, aluminium_mm: float, low: float, high: float):
    assert low < half_value_layer(kvp, aluminium_mm) < high


def test_voltages_between_the_tables_lie_between_them():
    layers = [half_value_layer(kvp, 3.0) for kvp in (80.0, 82.5, 85.0)]
    assert layers[0] < layers[1] < layers[2]
    assert tube_photons(82.5, 3.0)[1][-30:].sum() > 0


def test_copper_hardens_and_weights_add_up():
    energies, weights = spectrum(90.0, 3.0)
    harder, less = spectrum(90.0, 3.0, 0.3)
    assert weights.sum() == pytest.approx(1.0)
    assert less.sum() == pytest.approx(1.0)
    assert (harder * less).sum() > (energies * weights).sum() + 3.0
    assert energies.max() <= 91.0


@pytest.mark.parametrize("arguments", [(40.0, 3.0), (130.0, 3.0), (80.0, -1.0)])
def test_misuse_is_named(arguments: tuple[float, float]):
    with pytest.raises(ValueError, match="allowed"):
        spectrum(*arguments)
