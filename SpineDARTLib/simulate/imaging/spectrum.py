"""Which photon energies leave the tube, and which the detector answers to."""

from __future__ import annotations

import numpy as np

from .materials import attenuation_per_mm, read_table

SCINTILLATOR_MM = 0.45
"""Of solid caesium iodide: 600 um of needles that fill three quarters (e.g. Antonuk 2000)."""


def tube_photons(
    kvp: float, filter_mm_aluminium: float, filter_mm_copper: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Photons by energy that leave the filters of a tungsten tube.

    Args:
        kvp: tube voltage, 50 to 120; between the table's 5 kV the neighbours are blended.
        filter_mm_aluminium: all that is in the beam, the tube's own window included.
        filter_mm_copper: further filter.

    Returns:
        (n,) energies in keV, (n,) share of the photons that leave the anode (``Resources/simulate/spectra.csv``).

    Raises:
        ValueError: a voltage outside the table, or a negative filter.
    """
    table = read_table("spectra")
    voltages = np.array([float(name) for name in table if name != "kev"])
    if not voltages[0] <= kvp <= voltages[-1]:
        raise ValueError(f"tube voltage {kvp:g} kV: allowed are {voltages[0]:g} to {voltages[-1]:g}")
    if min(filter_mm_aluminium, filter_mm_copper) < 0:
        raise ValueError(f"filters of {filter_mm_aluminium:g} and {filter_mm_copper:g} mm: allowed are 0 and more")
    lower = min(int(np.searchsorted(voltages, kvp, side="right")) - 1, len(voltages) - 2)
    share = (kvp - voltages[lower]) / (voltages[lower + 1] - voltages[lower])
    below, above = (table[f"{voltages[place]:g}"] for place in (lower, lower + 1))
    energies = table["kev"]
    filters = filter_mm_aluminium * attenuation_per_mm("aluminium", energies)
    filters = filters + filter_mm_copper * attenuation_per_mm("copper", energies)
    return energies, ((1 - share) * below + share * above) * np.exp(-filters)


def spectrum(kvp: float, filter_mm_aluminium: float, filter_mm_copper: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """What the detector's signal in open air is made of.

    Args:
        kvp, filter_mm_aluminium, filter_mm_copper: as in ``tube_photons``.

    Returns:
        (n,) energies in keV, (n,) weights that add up to 1: photons times the energy that the scintillator absorbs
        (all that interacts stays; fluorescence that escapes is left out). Empty bins are not there.
    """
    energies, photons = tube_photons(kvp, filter_mm_aluminium, filter_mm_copper)
    absorbed = 1.0 - np.exp(-SCINTILLATOR_MM * attenuation_per_mm("caesium-iodide", energies))
    weights = photons * energies * absorbed
    kept = weights > 1e-4 * weights.max()
    return energies[kept], weights[kept] / weights[kept].sum()
