"""CT scans and their label masks on disk: which belong together, whether they fit, and whether they are what they say.

Layouts: VerSe (``sub-verse005_ct.nii.gz`` with ``sub-verse005_seg-vert_msk.nii.gz``, in one folder or under ``rawdata``
and ``derivatives``) and CTSpine1K (``liver_7.nii.gz`` with ``liver_7_seg.nii.gz``, in one folder or two).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from ...atlas.label_volumes import LabelVolume, read_labels
from ...errors import InputError
from ...io.volume import read_itk

log = logging.getLogger(__name__)

KINDS = (".nii.gz", ".nii", ".nrrd", ".mha")
MASK_ENDINGS = {"_seg-vert_msk": "_ct", "_seg": ""}
"""How masks end in VerSe and in CTSpine1K, and how the CT ends that bears the same name."""
ROUNDING_MM = 0.5
"""Headers of a CT and its mask may place a corner so far apart: rounding in the file, not another grid."""
FAT_HU = (-150.0, -30.0)
LEAST_FAT = 0.002
"""Every trunk has fat in it: of four scans, cropped to the spine, the least has 15 % of its voxels."""
BONE_HU = 300.0


@dataclass(frozen=True)
class CtPair:
    """A CT, its mask, and whose they are ("verse005")."""

    subject: str
    ct: Path
    mask: Path


@dataclass(frozen=True)
class LoneMask:
    """A mask without its CT, and whose it is."""

    subject: str
    mask: Path


@dataclass(frozen=True)
class Scan:
    """A CT as read.

    Attributes:
        hounsfield: (x, y, z) float32 along the first, second and third index.
        voxel_to_world: (4, 4) index to RAS mm of the voxel's centre.
        path: the file.
    """

    hounsfield: np.ndarray
    voxel_to_world: np.ndarray
    path: Path

    @property
    def spacing_mm(self) -> np.ndarray:
        """(3,) along each index."""
        return np.linalg.norm(self.voxel_to_world[:3, :3], axis=0)


def find_ct_pairs(folder: Path) -> tuple[CtPair, ...]:
    """The CTs with a mask in a folder and the folders below it, in the order of their masks' paths.

    Raises:
        InputError: no such folder, or no mask with its CT in it; names the masks that have none.
    """
    pairs, alone = _find(folder)
    names = ", ".join(one.mask.name for one in alone)
    if not pairs:
        raise _nothing_found(folder, f"masks without CT: {names}" if alone else "no mask")
    if alone:
        log.info("%s: masks without CT: %s", folder, names)
    return pairs


def find_masks(folder: Path) -> tuple[CtPair | LoneMask, ...]:
    """All masks in a folder and the folders below it: first those with their CT, then, of other people, those without.

    Raises:
        InputError: no such folder, or no mask in it.
    """
    pairs, alone = _find(folder)
    known = {pair.subject for pair in pairs}
    others = {one.subject: one for one in alone if one.subject not in known}
    if not pairs and not others:
        raise _nothing_found(folder, "no mask")
    return (*pairs, *others.values())


def _nothing_found(folder: Path, got: str) -> InputError:
    return InputError(folder, "", got, "X_ct.nii.gz with X_seg-vert_msk.nii.gz, or X.nii.gz with X_seg.nii.gz")


def _find(folder: Path) -> tuple[tuple[CtPair, ...], tuple[LoneMask, ...]]:
    """Masks with and without their CT, in the order of their paths."""
    if not folder.is_dir():
        raise InputError(folder, "", "no such folder", "a folder with CTs and masks (VerSe's or CTSpine1K's)")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name.lower().endswith(KINDS)]
    scans: dict[str, list[Path]] = {}
    for path in files:
        scans.setdefault(_stem(path), []).append(path)
    pairs, alone = [], []
    for mask in files:
        person, ending = _person(mask)
        if not person:
            continue
        near = sorted(scans.get(person + ending, ()), key=lambda path: (path.parent != mask.parent, path))
        if near:
            pairs.append(CtPair(_subject(person), near[0], mask))
        else:
            alone.append(LoneMask(_subject(person), mask))
    return tuple(pairs), tuple(alone)


def read_scan(path: Path) -> Scan:
    """Read a CT and check that its numbers are Hounsfield units.

    Raises:
        InputError: unreadable, not 3-D, or grey values that cannot be Hounsfield units.
    """
    array, to_ras = read_itk(path)
    if array.ndim != 3:
        raise InputError(path, "", f"an image of {array.ndim} dimensions", "a 3-D CT")
    fat = np.mean((array > FAT_HU[0]) & (array < FAT_HU[1]))
    if fat < LEAST_FAT or array.max() < BONE_HU:
        raise InputError(
            path,
            "grey values",
            f"{array.min():g} to {array.max():g}, {100 * fat:.2f} % of them like fat",
            "Hounsfield units: air -1000, fat -100, water 0, bone above 300 (not 0 to 255, no offset of 1000)",
        )
    return Scan(np.ascontiguousarray(array.transpose(2, 1, 0)).astype(np.float32), to_ras, path)


def read_pair(ct: Path, mask: Path) -> tuple[Scan, LabelVolume]:
    """Read a CT and its mask, which must lie on one grid.

    Raises:
        InputError: as ``read_scan`` and ``atlas.label_volumes.read_labels``; or the mask's shape or place differs.
    """
    for path, what in ((ct, "the CT of this mask"), (mask, "the mask of this CT")):
        if not path.is_file():
            raise InputError(path, "", "no such file", what)
    labels, scan = read_labels(mask), read_scan(ct)
    shape = labels.labels.shape[::-1]
    if shape != scan.hounsfield.shape:
        raise InputError(mask, "shape", " x ".join(map(str, shape)), f"that of {ct.name}: {_sizes(scan)}")
    corners = np.array([[i, j, k, 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * [*shape, 1.0]
    apart = np.linalg.norm((corners @ (labels.to_ras - scan.voxel_to_world).T)[:, :3], axis=1).max()
    if apart > ROUNDING_MM:
        raise InputError(mask, "place", f"{apart:.1f} mm away", f"the place of {ct.name}, within {ROUNDING_MM:g} mm")
    return scan, labels


def regridded(
    values: np.ndarray, voxel_to_world: np.ndarray, coarsest_mm: float, finest_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """A grid without thick slices and without more voxels than pictures need, axis by axis.

    Thick slices are interpolated by monotone cubics (PCHIP, Fritsch and Carlson 1980), which leave no steps where
    linear interpolation does and no dark seams beside bone where cubic splines do; fine ones are averaged in blocks.
    """
    affine = voxel_to_world.copy()
    for axis in range(3):
        step = float(np.linalg.norm(affine[:3, axis]))
        if step > coarsest_mm * 1.01 and values.shape[axis] > 1:
            parts = int(np.ceil(step / coarsest_mm - 0.01))
            places = np.arange((values.shape[axis] - 1) * parts + 1) / parts
            values = PchipInterpolator(np.arange(values.shape[axis]), values, axis=axis)(places).astype(np.float32)
            affine[:3, axis] /= parts
        elif step < finest_mm * 0.51:
            values, affine = blocks(values, affine, axis, int(finest_mm / step + 0.01))
    return values, affine


def blocks(values: np.ndarray, voxel_to_world: np.ndarray, axis: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean of every ``count`` voxels along an axis; the last block is filled up with the last voxel."""
    rest = -values.shape[axis] % count
    widths = [(0, rest if other == axis else 0) for other in range(3)]
    padded = np.moveaxis(np.pad(values, widths, mode="edge"), axis, 0)
    means = np.moveaxis(padded.reshape(-1, count, *padded.shape[1:]).mean(axis=1), 0, axis)
    affine = voxel_to_world.copy()
    affine[:3, 3] += affine[:3, axis] * (count - 1) / 2
    affine[:3, axis] *= count
    return np.ascontiguousarray(means, dtype=np.float32), affine


def _sizes(scan: Scan) -> str:
    return " x ".join(map(str, scan.hounsfield.shape))


def person_of(mask: Path) -> str:
    """Whose mask this is, as atlas and truth call people: "verse005"; "" for what is no mask by its name."""
    return _subject(_person(mask)[0])


def _stem(path: Path) -> str:
    return next(path.name[: -len(kind)] for kind in KINDS if path.name.lower().endswith(kind))


def _person(path: Path) -> tuple[str, str]:
    """What a mask's name starts with, and how its CT's ends; "" for what is no mask."""
    stem = _stem(path)
    for ending, scan in MASK_ENDINGS.items():
        if stem.endswith(ending):
            return stem[: -len(ending)], scan
    return "", ""


def _subject(person: str) -> str:
    """The name that atlas and truth know a person by: "verse005" of "sub-verse005_split-...", else as it stands."""
    found = re.match(r"sub-([A-Za-z0-9]+)", person)
    return found[1] if found else person
