"""Makes Resources/simulate/{attenuation,spectra}.csv: ``python Testing/benchmarks/make_spectra.py Resources/simulate``.

Needs the packages xraydb and spekpy, which the project itself does not.
"""

import sys
from pathlib import Path

import numpy as np
import spekpy
import xraydb

# ICRU Report 44, shares by mass.
SOFT = "H10.2 C14.3 N3.4 O70.8 Na0.2 P0.3 S0.3 Cl0.2 K0.3"
CORTICAL = "H3.4 C15.5 N4.2 O43.5 Na0.1 Mg0.2 P10.3 S0.3 Ca22.5"
# PMMA (C5H8O2) with 30 % BaSO4 by mass, as vertebroplasty cements have it; density of the mixture.
CEMENT = "H5.637 C41.985 O30.603 Ba17.654 S4.121"
TITANIUM_6AL_4V = "Ti90 Al6 V4"
STEEL_316L = "Fe65.5 Cr17 Ni12 Mo2.5 Mn2 Si1"
MATERIALS = {  # name: (shares, g/cm3)
    "soft": (SOFT, 1.06),
    "bone": (CORTICAL, 1.92),
    "cement": (CEMENT, 1 / (0.7 / 1.19 + 0.3 / 4.5)),
    "titanium": (TITANIUM_6AL_4V, 4.43),
    "steel": (STEEL_316L, 7.99),
    "aluminium": ("Al100", 2.70),
    "copper": ("Cu100", 8.96),
    "caesium-iodide": ("Cs51.155 I48.845", 4.51),
}
ENERGIES_KEV = np.arange(16.0, 131.0, 2.0)
KVP = np.arange(50, 121, 5)


def attenuation_per_mm(shares: str, density: float) -> np.ndarray:
    """Linear attenuation of a mixture, coherent scattering included (as NIST's tables have it)."""
    total, mass = np.zeros(len(ENERGIES_KEV)), 0.0
    for part in shares.split():
        element = part.rstrip("0123456789.")
        share = float(part[len(element) :])
        total += share * xraydb.mu_elam(element, 1000.0 * ENERGIES_KEV)
        mass += share
    return total / mass * density / 10.0


def photons(kvp: float) -> np.ndarray:
    """Photons of a tungsten tube in each bin, anode at 12 degrees, no filter but the anode itself; sum 1."""
    energies, fluence = spekpy.Spek(kvp=float(kvp), th=12, dk=0.5).get_spectrum()
    edges = np.append(ENERGIES_KEV - 1.0, ENERGIES_KEV[-1] + 1.0)
    found = np.histogram(energies, edges, weights=fluence)[0]
    return found / found.sum()


def main(folder: Path) -> None:
    """Write both tables."""
    columns = [attenuation_per_mm(*mixture) for mixture in MATERIALS.values()]
    _write(
        folder / "attenuation.csv",
        "linear attenuation per mm, coherent scattering included; "
        f"xraydb {xraydb.__version__} (Elam, Ravel, Sieber 2002)\n"
        + "\n".join(
            f"{name}: {shares} % by mass, {density:.3f} g/cm3" for name, (shares, density) in MATERIALS.items()
        ),
        ["kev", *MATERIALS],
        [ENERGIES_KEV, *columns],
    )
    _write(
        folder / "spectra.csv",
        f"photons in bins of 2 keV of a tungsten tube, by kV; anode at 12 degrees, unfiltered, sum 1; spekpy "
        f"{spekpy.__version__} (Poludniowski et al. 2021), bins below 15 keV left out",
        ["kev", *map(str, KVP)],
        [ENERGIES_KEV, *map(photons, KVP)],
    )


def _write(file: Path, comment: str, names: list[str], columns: list[np.ndarray]) -> None:
    made = "\nmade by Testing/benchmarks/make_spectra.py"
    np.savetxt(file, np.transpose(columns), "%.5g", ",", header=f"{comment}{made}\n" + ",".join(names))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
