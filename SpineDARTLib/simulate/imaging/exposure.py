"""One X-ray: from millimetres of material to what a file stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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
    thickness_mm,
    transmission,
    veiled,
)
from .display import show, store
from .filters import Tensor, blur
from .markers import burn, lead
from .spectrum import spectrum
from .technique import Aim, Exposure, draw_exposure

__all__ = ["Aim", "Exposure", "detect", "draw_exposure", "expose", "settle"]


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
    exposure = settle(exposure, paths)
    with torch.no_grad():
        counts, field = detect(paths, pixel_spacing_mm, magnification, exposure, seed)
        opened = torch.from_numpy(field).to(counts.device)
        grey = show(counts, opened, exposure.display, pixel_spacing_mm).cpu().numpy()
    return store(burn(grey, exposure.marks.at(exposure.kvp)), exposure.display), field


def settle(exposure: Exposure, paths: Mapping[str, Tensor]) -> Exposure:
    """The exposure with what automatic exposure makes of the patient: voltage and copper; as it is without one."""
    tube, soft = exposure.automatic, paths["soft"]
    if tube is None:
        return exposure
    _, field = collimate(exposure.collimation, (soft.shape[0], soft.shape[1]), 1.0)
    thickness = thickness_mm(paths, _measured(exposure, field))
    kvp = float(np.clip(tube.kv_at_180_mm + tube.kv_per_mm * (thickness - 180.0), *tube.kv))
    kept = float(np.interp(thickness, tube.copper_out_mm, (1.0, 0.0)))
    # A tube's output rises with the square of its voltage, at the same current.
    reach = exposure.dose_reach * (kvp / 80.0) ** 2
    return replace(exposure, kvp=kvp, copper_mm=kept * exposure.copper_mm, dose_reach=reach, automatic=None)


def _measured(exposure: Exposure, field: np.ndarray) -> np.ndarray:
    """(height, width) bool: the measuring field, as far as it is open; all of it where nothing of it is."""
    shape = (field.shape[0], field.shape[1])
    measured = next(part for part in (collimate(exposure.measured, shape, 1.0)[1], np.ones_like(field)) if part.any())
    return measured & field if (measured & field).any() else measured


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
    dose_ngy = automatic_exposure(signal, _measured(exposure, field), exposure)
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
