"""One X-ray: from millimetres of material to what a file stores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..nouns import MATERIALS
from .collimation import collimate
from .counts import (
    QUANTA_PER_NGY_MM2,
    automatic_exposure,
    focal_spot_px,
    gain,
    noisy,
    scatter,
    transmission,
    veiled,
)
from .display import show, store
from .filters import Tensor, blur
from .markers import burn, lead
from .spectrum import spectrum
from .technique import Exposure, draw_exposure

__all__ = ["Exposure", "detect", "draw_exposure", "expose"]


def expose(
    paths: Mapping[str, Tensor], pixel_spacing_mm: float, magnification: float, exposure: Exposure, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Take an X-ray, on the device of the paths.

    Args:
        paths: material to (height, width) mm; "soft" must be there, as it comes: the others displace it.
        pixel_spacing_mm: on the detector.
        magnification: of what is looked at (source to detector over source to object).
        exposure: how it is taken.
        seed: of noise and gain; the same seed gives the same picture everywhere, to within a grey value.

    Returns:
        (height, width) uint8 or uint16 as a file stores it, and bool: what the collimator leaves open.

    Raises:
        ValueError: unknown material or no "soft", or a spacing or magnification that cannot be.
    """
    import torch

    _check(paths, pixel_spacing_mm, magnification)
    with torch.no_grad():
        counts, field = detect(paths, pixel_spacing_mm, magnification, exposure, seed)
        opened = torch.from_numpy(field).to(counts.device)
        grey = show(counts, opened, exposure.display, pixel_spacing_mm).cpu().numpy()
    return store(burn(grey, exposure.marks), exposure.display), field


def detect(
    paths: Mapping[str, Tensor], pixel_spacing_mm: float, magnification: float, exposure: Exposure, seed: int
) -> tuple[Tensor, np.ndarray]:
    """What the detector holds, 1 where automatic exposure aims at, and the open field; arguments as in ``expose``."""
    import torch

    soft = paths["soft"]
    shape = (soft.shape[0], soft.shape[1])
    opening, field = collimate(exposure.collimation, shape, pixel_spacing_mm)
    energies, weights = spectrum(exposure.kvp, exposure.aluminium_mm, exposure.copper_mm)
    primary = transmission(paths, energies, weights) * torch.from_numpy(opening).to(soft)
    primary = blur(primary, focal_spot_px(exposure, magnification, pixel_spacing_mm))
    signal = primary + scatter(primary, soft, exposure, pixel_spacing_mm)
    signal = veiled(signal * torch.from_numpy(lead(exposure.marks, shape)).to(soft), exposure.veil, pixel_spacing_mm)
    if exposure.detector == "image intensifier":
        signal = signal * torch.from_numpy(opening).to(soft)
    dose_ngy, _ = automatic_exposure(signal, exposure)
    per_ngy = QUANTA_PER_NGY_MM2 * pixel_spacing_mm**2
    quanta = noisy(signal, dose_ngy * per_ngy, exposure, pixel_spacing_mm, seed)
    counts = quanta / (exposure.dose_ngy * per_ngy) * torch.from_numpy(gain(shape, exposure, seed)).to(soft)
    return counts.clamp(0.0, exposure.saturation), field


def _check(paths: Mapping[str, Tensor], pixel_spacing_mm: float, magnification: float) -> None:
    """Misuse, named."""
    unknown = sorted(set(paths) - set(MATERIALS))
    if unknown or "soft" not in paths:
        raise ValueError(f"materials {sorted(paths)}: allowed are {', '.join(MATERIALS)}, and soft must be there")
    if pixel_spacing_mm <= 0 or magnification < 1:
        raise ValueError(f"spacing {pixel_spacing_mm:g} mm, magnification {magnification:g}: allowed > 0 and >= 1")
