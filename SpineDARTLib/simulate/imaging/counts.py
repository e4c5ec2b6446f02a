"""Physics of one exposure in torch: from millimetres of material to noisy counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..draw import stream
from .filters import Tensor, blur, shifted
from .materials import attenuation_per_mm
from .technique import Exposure

QUANTA_PER_NGY_MM2 = 20.0
"""That count: 30 photons reach a mm2 for each nGy at 70 kV behind 21 mm of aluminium (IEC 62220-1, RQA5), and a CsI
detector's quantum efficiency is about 0.65."""
REFERENCE_MM = 200.0
"""Of soft tissue, behind which scatter is what the exposure says."""
NARROW_SHARE, NARROW = 0.3, 0.3
"""Of the scatter, that has come from near, and its width relative to the rest (two widths: Boone and Cooper 2000)."""
VEIL_MM = 60.0
BONE_EXCESS = 1.5
"""What a mm of cortical bone adds to the mm of soft tissue in whose place it is, at 70 keV (NIST: 0.50, 0.20 /cm)."""
CHUNK_PIXELS = 1 << 15
"""At a time, so that all energies of a chunk stay in the processor's cache."""


def transmission(paths: Mapping[str, Tensor], energies_kev: np.ndarray, weights: np.ndarray) -> Tensor:
    """What the detector sees of the direct beam, 1 in open air.

    Args:
        paths: material to (height, width) mm; "soft" as it comes, the others take its place.
        energies_kev, weights: (n,) from ``spectrum``.
    """
    import torch

    soft = paths["soft"] - sum(path for name, path in paths.items() if name != "soft")
    materials = [soft.clamp(min=0.0), *(path for name, path in paths.items() if name != "soft")]
    names = ["soft", *(name for name in paths if name != "soft")]
    flat = torch.stack([path.reshape(-1).float() for path in materials], dim=1)
    table = np.array([-attenuation_per_mm(name, energies_kev) for name in names], dtype=np.float32)
    by_energy, shares = torch.from_numpy(table).to(flat), torch.from_numpy(weights.astype(np.float32)).to(flat)
    chunks = [(part @ by_energy).exp_() @ shares for part in flat.split(CHUNK_PIXELS)]
    return torch.cat(chunks).reshape(soft.shape)


def scatter(primary: Tensor, soft_mm: Tensor, exposure: Exposure, pixel_spacing_mm: float) -> Tensor:
    """Scattered radiation, in units of the open beam: arises where the beam meets tissue, and spreads.

    Only what is exposed scatters, so beyond the picture's border there is none.
    """
    ratio = exposure.scatter_to_primary / REFERENCE_MM * soft_mm
    # Where metal takes the direct beam, the tissue around still scatters: the source is smooth anyway.
    source = primary * ratio
    broad = blur(source, exposure.scatter_mm / pixel_spacing_mm, edge="constant")
    narrow = blur(source, NARROW * exposure.scatter_mm / pixel_spacing_mm, edge="constant")
    return (1.0 - NARROW_SHARE) * broad + NARROW_SHARE * narrow


def focal_spot_px(exposure: Exposure, magnification: float, pixel_spacing_mm: float) -> float:
    """Deviation of the focal spot's image and the pixel's own width, both taken as boxes."""
    spot_mm = (magnification - 1.0) * exposure.focal_spot_mm
    return float(np.hypot(spot_mm / pixel_spacing_mm, 1.0) / np.sqrt(12.0))


def thickness_mm(paths: Mapping[str, Tensor], measured: np.ndarray) -> float:
    """Of soft tissue that would be as dense as what lies before the measuring field, (height, width) bool."""
    import torch

    path = paths["soft"] + BONE_EXCESS * paths["bone"] if "bone" in paths else paths["soft"]
    return float(path[torch.from_numpy(measured).to(path.device)].median())


def automatic_exposure(signal: Tensor, measured: np.ndarray, exposure: Exposure) -> float:
    """Dose in nGy that open air would get; the median of the measuring field is aimed at, the tube has its limit."""
    import torch

    level = float(signal[torch.from_numpy(measured).to(signal.device)].median().clamp(min=1e-6))
    return min(1.0 / level, exposure.dose_reach) * exposure.dose_ngy


def noisy(signal: Tensor, quanta: float, exposure: Exposure, pixel_spacing_mm: float, seed: int) -> Tensor:
    """Counts of a frame with the lag of an earlier one, blurred by the scintillator, in units of quanta.

    Quantum noise comes from normal fields that are drawn before anything is known of the picture (Anscombe's
    transform), so what is drawn never hangs on values, and the same seed gives the same grain on every device.

    Args:
        signal: (height, width) share of the open beam.
        quanta: of the open beam in a pixel.
    """
    now = _quanta(quanta * signal, seed, "now")
    if exposure.lag:
        now = (1.0 - exposure.lag) * now + exposure.lag * _quanta(
            quanta * shifted(signal, *exposure.motion_px), seed, "lag"
        )
    now = blur(now, exposure.scintillator_mm / pixel_spacing_mm)
    electronic = exposure.electronic_noise_ngy * QUANTA_PER_NGY_MM2 * pixel_spacing_mm**2
    return now + float(np.sqrt(electronic)) * _normal(now, seed, "electronic")


def _quanta(mean: Tensor, seed: int, name: str) -> Tensor:
    """Poisson numbers of a mean, nearly: (sqrt(m + 3/8) + z/2)^2 has their spread; 5/8 puts the mean right."""
    return ((mean + 0.375).sqrt() + 0.5 * _normal(mean, seed, name)).square() - 0.625


def _normal(like: Tensor, seed: int, name: str) -> Tensor:
    import torch

    shape = (like.shape[0], like.shape[1])
    return torch.from_numpy(stream(seed, name).standard_normal(shape, dtype=np.float32)).to(like)


def gain(shape: tuple[int, int], exposure: Exposure, seed: int) -> np.ndarray:
    """(height, width) float32: what flat-fielding leaves, and how an image intensifier darkens to its edge."""
    height, width = shape
    generator = stream(seed, "gain")
    columns, rows = generator.standard_normal(width), generator.standard_normal(height)
    slow = generator.standard_normal(5)
    x, y = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    waves = slow[0] * x + slow[1] * y + slow[2] * x * y + slow[3] * (x**2 - 1 / 3) + slow[4] * (y**2 - 1 / 3)
    lines = exposure.line_noise * (columns[None] + rows[:, None])
    factor = (1.0 + lines + exposure.uneven_gain * waves) * (1.0 - exposure.vignetting * (x**2 + y**2) / 2)
    # Dead pixels hold nothing or are stuck near what their neighbours had at calibration.
    at_row, at_column = generator.integers(0, height, 64), generator.integers(0, width, 64)
    factor[at_row[: exposure.dead_pixels], at_column[: exposure.dead_pixels]] = generator.choice([0.0, 1.6])
    return np.maximum(factor, 0.0).astype(np.float32)


def veiled(signal: Tensor, veil: float, pixel_spacing_mm: float) -> Tensor:
    """Light that went astray lies over all of the picture."""
    return signal if veil == 0 else (1.0 - veil) * signal + veil * blur(signal, VEIL_MM / pixel_spacing_mm)
