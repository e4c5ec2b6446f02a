"""Writes small X-rays of every DICOM kind, with the tags that a test names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from SpineDARTLib.geometry.known import KnownGeometry, Missing
from SpineDARTLib.io.dicom import read_known

CLASSES = {
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
    "Enhanced XA": "1.2.840.10008.5.1.4.1.1.12.1.1",
    "RF": "1.2.840.10008.5.1.4.1.1.12.2",
    "Enhanced XRF": "1.2.840.10008.5.1.4.1.1.12.2.1",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
}

ANGLES = {"PositionerPrimaryAngle": 31.5, "PositionerSecondaryAngle": -12.25}
WHOLE = ANGLES | {
    "DistanceSourceToDetector": 1000,
    "DistanceSourceToPatient": 700,
    "ImagerPixelSpacing": [0.4, 0.5],
    "PatientPosition": "HFS",
}
"""An XA header with nothing missing."""

Groups = Mapping[str, Mapping[str, Any]]
"""Functional groups: sequence to its tags."""


def gradient(frames: int = 1, shape: tuple[int, int] = (32, 48)) -> np.ndarray:
    """(frames, rows, columns) uint16, each frame its own ramp; one frame comes without the first axis."""
    rows, columns = np.indices(shape)
    stack = np.stack([100 + 40 * rows + 7 * columns + 1000 * index for index in range(frames)]).astype(np.uint16)
    return stack if frames > 1 else stack[0]


def make_xray(pixels: np.ndarray | None = None, kind: str = "XA", **tags: Any) -> FileDataset:
    """A dataset with a picture; a tag of None is taken out."""
    pixels = gradient() if pixels is None else pixels
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CLASSES[kind], generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Modality = {"Enhanced XA": "XA", "Enhanced XRF": "RF"}.get(kind, kind)
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.PixelData = pixels.tobytes()
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def write_xray(path: Path, pixels: np.ndarray | None = None, kind: str = "XA", **tags: Any) -> Path:
    """The same as a file."""
    make_xray(pixels, kind, **tags).save_as(path, enforce_file_format=True)
    return path


def write_enhanced(
    path: Path,
    shared: Groups,
    frames: Sequence[Groups] = (),
    kind: str = "Enhanced XA",
    pixels: np.ndarray | None = None,
    **tags: Any,
) -> Path:
    """An Enhanced object with functional groups; one frame for each of ``frames``, at least one."""
    pixels = gradient(max(1, len(frames))) if pixels is None else pixels
    dataset = make_xray(pixels, kind, **tags)
    dataset.SharedFunctionalGroupsSequence = [make_group(shared)]
    dataset.PerFrameFunctionalGroupsSequence = [make_group(groups) for groups in frames or ({},)]
    dataset.save_as(path, enforce_file_format=True)
    return path


def make_group(groups: Groups) -> Dataset:
    """One item of the functional groups."""
    whole = Dataset()
    for sequence, tags in groups.items():
        item = Dataset()
        for keyword, value in tags.items():
            setattr(item, keyword, value)
        setattr(whole, sequence, [item])
    return whole


def read(folder: Path, kind: str = "XA", pixels: np.ndarray | None = None, **tags: Any) -> KnownGeometry:
    """The geometry of an X-ray written with these tags."""
    return read_known(write_xray(folder / "a.dcm", pixels, kind, **tags))


def values(known: KnownGeometry) -> dict[str, tuple[float, ...]]:
    """What is known, by name."""
    return {name: quantity.value for name, quantity in known.quantities.items()}


def missing(known: KnownGeometry) -> dict[str, Missing]:
    """What a header leaves to be asked for, by name."""
    return {one.name: one for one in known.missing}
