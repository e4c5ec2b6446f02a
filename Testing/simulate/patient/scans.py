"""A small CT with its mask: one or more vertebrae of the atlas's mean in muscle, fat in front, gas on the right."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from Testing.atlas.spines import SPACING_MM, voxels, write_volume

BONE_HU, MUSCLE_HU, FAT_HU = 450.0, 50.0, -100.0


def hounsfield(labels: np.ndarray) -> np.ndarray:
    """(x, y, z) int16: bone where there is a label, with noise as of a scanner."""
    noise = np.random.default_rng(5).normal(0.0, 8.0, labels.shape)
    values = np.where(labels > 0, BONE_HU, MUSCLE_HU) + noise
    values[:, -4:] = FAT_HU + noise[:, -4:]
    values[-3:, -8:-4, 5:15] = -950.0 + noise[-3:, -8:-4, 5:15]
    return np.round(values).astype(np.int16)


def write_pair(folder: Path, levels: tuple[str, ...] = ("L2",), person: str = "sub-verse700") -> tuple[Path, Path]:
    """The paths of a CT and its mask in VerSe's layout."""
    labels, origin = voxels(levels)
    ct = write_volume(folder / f"{person}_ct.nii.gz", hounsfield(labels), origin)
    return ct, write_volume(folder / f"{person}_seg-vert_msk.nii.gz", labels, origin)


def write_like(path: Path, values: np.ndarray, shift: float = 0.0) -> Path:
    """Other values on the same grid, which may be shifted to the right."""
    _, origin = voxels(("L2",))
    return write_volume(path, values, origin + [shift, 0.0, 0.0], SPACING_MM)
