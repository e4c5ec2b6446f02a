"""How much each material weakens X-rays, by photon energy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from ...resources import resource_folder

REFERENCE_KEV = 60.0
"""Where one number must stand for a spectrum: about the mean energy behind a torso at 80 kV."""


def attenuation_per_mm(material: str, energies_kev: np.ndarray) -> np.ndarray:
    """Linear attenuation of a pure material, coherent scattering included.

    Args:
        material: one of ``nouns.MATERIALS``, or "aluminium", "copper", "caesium-iodide".
        energies_kev: (n,) 16 to 130; linear in the logarithm between the table's 2 keV (absorption edges get so wide).

    Returns:
        (n,) per mm. Source: ``Resources/simulate/attenuation.csv``, whose head names the mixtures and densities.

    Raises:
        ValueError: unknown material, or an energy outside the table.
    """
    table = read_table("attenuation")
    if material == "kev" or material not in table:
        raise ValueError(f"material {material!r}: allowed are {', '.join(name for name in table if name != 'kev')}")
    energies, known = np.asarray(energies_kev, dtype=np.float64), table["kev"]
    if energies.size and (energies.min() < known[0] or energies.max() > known[-1]):
        raise ValueError(f"energies {energies.min():g} to {energies.max():g} keV: allowed are 16 to 130")
    return np.exp(np.interp(energies, known, np.log(table[material])))


def excess_per_mm(material: str) -> float:
    """What a material adds to the soft tissue whose place it takes, per mm at 60 keV."""
    energy = np.array([REFERENCE_KEV])
    return float((attenuation_per_mm(material, energy) - attenuation_per_mm("soft", energy))[0])


def read_table(name: str) -> dict[str, np.ndarray]:
    """Columns of ``Resources/simulate/<name>.csv`` by their names, which stand in the last commented line."""
    return _read_columns(resource_folder("simulate") / f"{name}.csv")


@cache
def _read_columns(file: Path) -> dict[str, np.ndarray]:
    with file.open(encoding="utf-8") as stream:
        head = [line for line in stream if line.startswith("#")]
    names = head[-1].removeprefix("#").strip().split(",")
    return dict(zip(names, np.loadtxt(file, delimiter=",", unpack=True), strict=True))
