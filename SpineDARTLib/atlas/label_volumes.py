"""Label volumes in VerSe's numbering: which voxels are one vertebra, and where the scan ended before the bone did."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..io.volume import read_itk
from ..types import VERSE_LABELS

log = logging.getLogger(__name__)

OTHER_LABELS: Mapping[int, str] = {
    **{index: f"C{index}" for index in range(1, 8)}, 25: "L6", 26: "sacrum", 27: "coccyx", 28: "T13",
}  # fmt: skip
"""Numbers of VerSe (Sekuboyina 2021) that are no level of ours."""
LAST_LABEL = 28
CONTACT_MM2 = 15.0
"""Bone that meets the border of the scan with a larger section goes on beyond it. Measured on 35 complete vertebrae
cropped by 4 mm at the transverse processes, spinous process or front: at least 19 mm2; on the two that the scan of
verse012 really cut: 24 and 41 mm2."""
BODY_CONTACT = 0.35
"""A section larger than this part of the largest one goes through the body. The 35 cropped from all sides: those that
then lack more than a tenth of their volume are above (98 %), those that lack less than a hundredth are not (99.6 %);
complete ones in a volume cropped to them stay below 0.28 with slices of up to 3 mm."""
LEAST_CM3 = 5.0
"""Less is no vertebra: the smallest of the shared data, a T2, has 17.6 cm3."""


@dataclass(frozen=True)
class LabelVolume:
    """A label volume as read.

    Attributes:
        path: the file.
        labels: (planes, rows, columns) uint8, numbers of VerSe.
        to_ras: (4, 4) from voxel (column, row, plane) to RAS mm.
        boxes: level to the slices of ``labels`` that hold it.
        cropped: whether labels touch all six faces, as where somebody cropped the volume to them: complete vertebrae of
            verse005, 006, 007 and 009 meet theirs with up to 93 mm2, so these say nothing of where the scan ended.
    """

    path: Path
    labels: np.ndarray
    to_ras: np.ndarray
    boxes: Mapping[str, tuple[slice, ...]]
    cropped: bool

    @property
    def spacing(self) -> np.ndarray:
        """(3,) mm between planes, rows, columns."""
        return np.linalg.norm(self.to_ras[:3, :3], axis=0)[::-1]

    def outward(self, axis: int, last: bool) -> np.ndarray:
        """(3,) unit vector, RAS, out of the first or last face of an axis of ``labels``."""
        direction = self.to_ras[:3, 2 - axis]
        return direction / np.linalg.norm(direction) * (1.0 if last else -1.0)


@dataclass(frozen=True)
class Bone:
    """One vertebra's voxels.

    Attributes:
        mask: bool, its largest connected part, cropped to ``box``.
        box: where it lies in the volume.
        cut: (k, 3) unit vectors, RAS, out of the borders beyond which bone is missing.
    """

    mask: np.ndarray
    box: tuple[slice, ...]
    cut: np.ndarray


def read_labels(path: Path) -> LabelVolume:
    """Read and check a label volume.

    Raises:
        InputError: unreadable, not 3-D, empty, not whole numbers of VerSe, or a NIfTI file whose two orientations are
            mirror images of each other.
    """
    try:
        array, to_ras = read_itk(path)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(path, "", error, "a whole file") from None
    if array.ndim != 3:
        raise InputError(path, "", f"an image of {array.ndim} dimensions", "a 3-D label volume")
    labels = _checked(path, array)
    _check_handedness(path)
    found = ndimage.find_objects(labels, max_label=LAST_LABEL)
    others = [OTHER_LABELS[index] for index in OTHER_LABELS if found[index - 1] is not None]
    if others:
        log.info("%s: %s left out, T1 to L5 are learned", path.name, ", ".join(others))
    boxes = {level: box for level, index in VERSE_LABELS.items() if (box := found[index - 1]) is not None}
    return LabelVolume(path, labels, to_ras, boxes, all(_touched(labels)))


def bone(volume: LabelVolume, level: str) -> Bone | None:
    """A level's voxels; None, with a line in the log, where the scan holds too little of it."""
    box = volume.boxes[level]
    mask = _largest(volume.labels[box] == VERSE_LABELS[level])
    size = mask.sum() * volume.spacing.prod() / 1000.0
    if size < LEAST_CM3:
        log.warning("%s: %s left out, %.1f cm3 is too little of a vertebra", volume.path.name, level, size)
        return None
    cut = []
    for axis in range(3):
        for last in (False, True):
            contact, share = _contact(volume, mask, box, axis, last)
            if share > BODY_CONTACT:
                log.warning("%s: %s left out, the scan ends in its body", volume.path.name, level)
                return None
            if contact > CONTACT_MM2 and not volume.cropped:
                cut.append(volume.outward(axis, last))
    return Bone(mask, box, np.array(cut).reshape(-1, 3))


def _contact(
    volume: LabelVolume, mask: np.ndarray, box: tuple[slice, ...], axis: int, last: bool
) -> tuple[float, float]:
    """The section in which bone meets a face of the volume: mm2, and its share of the largest parallel section."""
    end = box[axis].stop == volume.labels.shape[axis] if last else box[axis].start == 0
    if not end:
        return 0.0, 0.0
    areas = mask.sum(axis=tuple(other for other in range(3) if other != axis))
    voxel = volume.spacing.prod() / volume.spacing[axis]
    contact = areas[-1 if last else 0]
    return float(contact * voxel), float(contact / areas.max())


def _checked(path: Path, array: np.ndarray) -> np.ndarray:
    """The labels as uint8, where they are VerSe's."""
    if not array.any():
        raise InputError(path, "labels", "an empty mask", "at least one vertebra")
    outside = (array < 0) | (array > LAST_LABEL) | (np.rint(array) != array)
    if outside.any():
        values = ", ".join(f"{value:g}" for value in np.unique(array[outside])[:5])
        raise InputError(
            path,
            "labels",
            values,
            f"VerSe's numbers, 0 to {LAST_LABEL} (T1 = 8 ... L5 = 24); a CT is passed over if it is named ..._ct",
        )
    return array.astype(np.uint8)


def _check_handedness(path: Path) -> None:
    """A NIfTI file may place its voxels twice; where one place mirrors the other, nobody knows which side is left."""
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return
    with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
        header = stream.read(540)
    order = "<" if header[0] in (348 % 256, 540 % 256) else ">"
    old = np.frombuffer(header, order + "i4", 1)[0] == 348
    # Offsets of pixdim[0], qform_code (sform_code follows) and srow_x in the headers of NIfTI-1 and NIfTI-2.
    sign_at, codes_at, rows_at = (76, 252, 280) if old else (104, 344, 400)
    kind = order + ("f4" if old else "f8")
    if np.frombuffer(header, order + ("i2" if old else "i4"), 2, codes_at).min() <= 0:
        return
    sform = np.frombuffer(header, kind, 12, rows_at).reshape(3, 4)[:, :3]
    # A quaternion cannot mirror; the sign in pixdim[0] can.
    if (np.linalg.det(sform.astype(np.float64)) < 0) != (np.frombuffer(header, kind, 1, sign_at)[0] < 0):
        expected = "one orientation: which side is left?"
        raise InputError(path, "sform and qform", "mirror images of each other", expected)


def _largest(mask: np.ndarray) -> np.ndarray:
    parts = np.zeros(mask.shape, dtype=np.int32)
    # Voxels that share a corner hang together: laminae are thin, voxels are not.
    ndimage.label(mask, structure=np.ones((3, 3, 3)), output=parts)
    return parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])


def _touched(labels: np.ndarray) -> list[bool]:
    return [bool(np.take(labels, end, axis=axis).any()) for axis in range(3) for end in (0, -1)]
