"""Everything that one frame of a DICOM file says of the camera that took it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...geometry.known import KnownGeometry, missing_of
from ...geometry.orientation import oriented
from .angles import read_angles, read_patient
from .display import read_display
from .distances import read_distances
from .findings import Findings
from .header import Header
from .isocentre import read_isocentre
from .opening import check_picture, count_frames, open_dicom, plain, quietly
from .pixels import chosen_frame
from .polarity import dicom_polarity
from .spacing import read_spacing
from .table import read_table

if TYPE_CHECKING:
    from pydicom import Dataset

KINDS = {
    "1.2.840.10008.5.1.4.1.1.12.1": "XA",
    "1.2.840.10008.5.1.4.1.1.12.1.1": "Enhanced XA",
    "1.2.840.10008.5.1.4.1.1.12.2": "RF",
    "1.2.840.10008.5.1.4.1.1.12.2.1": "Enhanced XRF",
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
}
"""SOP classes (PS3.4 B.5) to what they are called here."""

PROJECTIONS = ("XA", "RF", "DX", "CR", "DR")
"""Modalities (0008,0060) that are projections; a file without one of these and of none of ``KINDS`` is doubtful."""

OTHERS = (
    "CT",
    "MR",
    "PT",
    "NM",
    "US",
    "MG",
    "SEG",
    "RTDOSE",
    "RTSTRUCT",
    "RTPLAN",
    "SR",
    "PR",
    "ECG",
    "ES",
    "IVUS",
    "OCT",
)
"""Modalities that are certainly no projection X-ray of a spine."""

IDENTITIES = {
    "study": ("StudyInstanceUID",),
    "frame_of_reference": ("FrameOfReferenceUID",),
    "equipment": ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "StationName"),
    "instance": ("SOPInstanceUID",),
}
"""What tells whether two files belong together."""


def read_known(path: Path, frame: int | None = None) -> KnownGeometry:
    """Read the geometry of one frame; the picture itself is not decoded.

    Args:
        frame: from 0; without it the one that ``read_dicom_frame`` gives.

    Raises:
        InputError: no DICOM, no projection X-ray, no picture, or no such frame.
    """
    path = Path(path)
    with quietly():
        dataset = open_dicom(path, pixels=False)
        kind = _kind(path, dataset)
        shape, frames = check_picture(path, dataset), count_frames(path, dataset)
        index = chosen_frame(path, dataset, frame)
        found = Findings(Header(dataset, index), shape, index, frames, kind)
        view = _read(found)
        _check_groups(found)
        if kind not in PROJECTIONS and not kind.startswith("Enhanced"):
            found.warnings.append(
                f"The file is of kind {kind}, not an X-ray as the machine wrote it; tags may be missing."
            )
        known = KnownGeometry(
            path.name, kind, shape, index, frames,
            quantities=found.quantities,
            conflicts=tuple(found.conflicts),
            missing=missing_of(found.quantities, found.proposals),
            warnings=(*found.warnings, *found.header.doubts),
            polarity=dicom_polarity(dataset, index),
            patient_position=found.patient_position,
            patient_orientation=found.patient_orientation,
            view_position=view,
            identities=_identities(found.header),
        )  # fmt: skip
        return oriented(known)


def _read(found: Findings) -> str | None:
    """All parts, in the order in which they need each other; returns the view position."""
    read_patient(found)
    view = read_angles(found)
    read_distances(found)
    read_spacing(found)
    read_isocentre(found)
    read_table(found)
    read_display(found)
    if "principal_point_px" not in found.quantities:
        rows, columns = found.shape
        middle = ((columns - 1) / 2, (rows - 1) / 2)
        found.add("principal_point_px", middle, "middle of the picture (PS3.17 FFF.2.1.5.2)", "derived")
    return view


def _check_groups(found: Findings) -> None:
    """As many functional groups as frames; else some frames are spoken of by nobody."""
    groups = plain(found.header.dataset, "PerFrameFunctionalGroupsSequence")
    count = len(groups) if hasattr(groups, "__len__") else 0
    if groups is not None and count != found.frames:
        found.warnings.append(f"The file has {found.frames} frames, but what it says of single frames is for {count}.")


def _kind(path: Path, dataset: Dataset) -> str:
    """What the file is.

    Raises:
        InputError: certainly no projection X-ray.
    """
    header = Header(dataset)
    modality = header.text("Modality")
    kind = KINDS.get(header.text("SOPClassUID") or "")
    if kind is None and (modality in OTHERS or header.text("SOPClassUID") == "1.2.840.10008.5.1.4.1.1.13.1.1"):
        raise InputError(path, "Modality (0008,0060)", modality, "an X-ray projection (XA, RF, DX or CR)")
    return kind or (modality if modality in PROJECTIONS else None) or "unknown"


def _identities(header: Header) -> dict[str, str]:
    """One-way codes; without a serial number or a station a machine has no identity."""
    codes = {}
    for name, keywords in IDENTITIES.items():
        parts = [header.text(keyword) for keyword in keywords]
        own = [part for part in parts[-2:] if part and part != "UNKNOWN"]
        if own:
            codes[name] = hashlib.sha256("\n".join(part or "" for part in parts).encode()).hexdigest()[:16]
    return codes
