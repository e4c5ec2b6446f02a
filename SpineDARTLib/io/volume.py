"""Images and label volumes through SimpleITK, which speaks LPS: here they become arrays and an affine to RAS mm."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from ..errors import InputError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Left-posterior-superior to right-anterior-superior, and back."""

NIFTI_FLOATS = {16: "f4", 64: "f8"}
"""NIfTI datatype codes of floating-point numbers."""


def read_itk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A NIfTI, MHA or NRRD file.

    Returns:
        The array in SimpleITK's order, ([planes,] rows, columns[, channels]), and the (4, 4) affine from voxel
        (column, row, plane) to RAS mm.

    Raises:
        InputError: unreadable.
    """
    import SimpleITK as sitk

    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(path, "", _last_line(error), "a readable NIfTI, MHA or NRRD file") from None
    _check_nifti(path)
    dimension = image.GetDimension()
    to_lps = np.eye(4)
    if dimension in (2, 3):
        direction = np.array(image.GetDirection()).reshape(dimension, dimension)
        to_lps[:dimension, :dimension] = direction * np.array(image.GetSpacing())
        to_lps[:dimension, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image), LPS_TO_RAS @ to_lps


def _check_nifti(path: Path) -> None:
    """Refuse NaN and infinities in a NIfTI file: its reader in ITK makes zeros of them without a word."""
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        return
    try:
        content = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        # ITK reads what there is of a cut file and makes up the rest.
        raise InputError(path, "", error, "a whole file") from None
    order = "<" if content[0] in (348 % 256, 540 % 256) else ">"
    old = np.frombuffer(content, order + "i4", 1)[0] == 348
    # Offsets of datatype, dim[1] and vox_offset in the headers of NIfTI-1 and NIfTI-2.
    kind = int(np.frombuffer(content, order + "i2", 1, 70 if old else 12)[0])
    columns = int(np.frombuffer(content, order + ("i2" if old else "i8"), 1, 42 if old else 24)[0])
    start = int(np.frombuffer(content, order + ("f4" if old else "i8"), 1, 108 if old else 168)[0])
    if kind not in NIFTI_FLOATS:
        return
    bad = np.flatnonzero(~np.isfinite(np.frombuffer(content, order + NIFTI_FLOATS[kind], -1, start)))
    if len(bad):
        place = f"pixel ({bad[0] % columns}, {bad[0] // columns})"
        raise InputError(path, place, f"NaN or infinity ({len(bad)} such pixels)", "finite grey values")


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1].strip() or "an unreadable file"
