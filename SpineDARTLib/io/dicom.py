"""One frame of a DICOM X-ray (XA, RF, DX, CR, Enhanced XA), and how bone shows in it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .image import choose_frame

if TYPE_CHECKING:
    from pydicom import Dataset

RADIOGRAPHY = ("DX", "CR", "DR", "MG", "IO", "PX")
"""Modalities whose display convention is white bone; angiography and fluoroscopy show it dark."""

LOG_RANGE = 4.0
"""Decades (base e) that a logarithmic image is spread over when turned back to counts; an affine choice."""

log = logging.getLogger(__name__)


def read_dicom_frame(path: Path, frame: int | None = None) -> tuple[np.ndarray, str | None]:
    """One frame's stored values, through the Modality LUT or rescale, and its polarity.

    Logarithmic images in which bone is dark are turned back to counts (up to their scale), so that "bone-dark" always
    means counts.

    Args:
        frame: from 0; without it the Representative Frame Number (0028,6010), else the middle one.

    Raises:
        InputError: no DICOM, no pixels, no such frame, colour, or a compression that nothing installed decodes.
    """
    dataset = _read_dataset(path)
    count = int(dataset.get("NumberOfFrames") or 1)
    wanted = int(dataset.get("RepresentativeFrameNumber") or 0) - 1
    default = wanted if 0 <= wanted < count else count // 2
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise InputError(path, "SamplesPerPixel (0028,0002)", dataset.SamplesPerPixel, "a grey image (1)")
    stored = _decode(path, dataset, choose_frame(path, frame, count, default))
    values, linear = _to_modality(path, stored, dataset)
    values = _without_padding(values, stored, dataset)
    polarity = dicom_polarity(dataset)
    if polarity == "bone-dark" and _relationship(dataset) == "LOG" and not linear:
        span = max(float(np.ptp(values)), 1e-6)
        values = np.exp(LOG_RANGE * (values - values.max()) / span)
    return values, polarity


def dicom_polarity(dataset: Dataset) -> str | None:
    """How bone shows in the values that ``read_dicom_frame`` returns, None where the file does not say.

    In this order: Pixel Intensity Relationship Sign (0028,1041), which speaks of the stored values themselves; for
    radiography what the display convention (white bone) makes of Presentation LUT Shape (2050,0020) or Photometric
    Interpretation (0028,0004); Pixel Intensity Relationship (0028,1040) LIN or LOG, which PS3.3 C.8.7.1.1.2 relates to
    the X-ray beam's intensity.
    """
    flipped = float(dataset.get("RescaleSlope") or 1.0) < 0
    sign = _nested(dataset, "PixelIntensityRelationshipSign")
    if sign in (1, -1):
        return _polarity(bright=(sign == -1) != flipped)
    if dataset.get("Modality") in RADIOGRAPHY:
        shape = dataset.get("PresentationLUTShape")
        inverse = shape == "INVERSE" if shape else dataset.get("PhotometricInterpretation") == "MONOCHROME1"
        return _polarity(bright=inverse == flipped)
    if _relationship(dataset) in ("LIN", "LOG"):
        return _polarity(bright=flipped)
    return None


def _polarity(bright: bool) -> str:
    return "bone-bright" if bright else "bone-dark"


def _relationship(dataset: Dataset) -> str | None:
    return _nested(dataset, "PixelIntensityRelationship")


def _nested(dataset: Dataset, keyword: str) -> Any:
    """A value from the top or, in Enhanced objects, from the shared functional groups."""
    if keyword in dataset:
        return dataset[keyword].value
    for group in dataset.get("SharedFunctionalGroupsSequence") or ():
        for element in group.iterall():
            if element.keyword == keyword:
                return element.value
    return None


def _read_dataset(path: Path) -> Dataset:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        dataset = pydicom.dcmread(path, force=path.suffix.lower() in (".dcm", ".dicom", ".ima"))
    except (InvalidDicomError, OSError, EOFError, ValueError, KeyError, AttributeError, NotImplementedError) as error:
        raise InputError(path, "", error, "a readable DICOM file") from None
    if "PixelData" not in dataset:
        raise InputError(path, "PixelData (7FE0,0010)", "nothing", "a DICOM file with an image in it")
    return dataset


def _decode(path: Path, dataset: Dataset, frame: int) -> np.ndarray:
    """(rows, columns) as stored; through pydicom, or through SimpleITK's GDCM where pydicom lacks the decoder."""
    from pydicom.pixels.utils import pixel_array

    if not getattr(dataset.file_meta, "TransferSyntaxUID", None):
        # An old file without a header: the default of PS3.10.
        from pydicom.uid import ImplicitVRLittleEndian

        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    several = int(dataset.get("NumberOfFrames") or 1) > 1
    try:
        return pixel_array(dataset, index=frame if several else None).squeeze()
    except Exception as error:  # each codec has errors of its own; all mean the same here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    log.debug("%s: pydicom: %s", path, reason)
    syntax = dataset.file_meta.TransferSyntaxUID
    # GDCM knows more compressions. It applies the rescale by itself, and fills up pixels that are missing.
    plain = float(dataset.get("RescaleSlope") or 1) == 1 and float(dataset.get("RescaleIntercept") or 0) == 0
    if syntax.is_compressed and plain:
        from .volume import read_itk

        try:
            array = read_itk(path)[0]
            array = array[frame] if array.ndim == 3 else array
            if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
                # ITK turns it to MONOCHROME2; the tags speak of the values as stored.
                return 2 ** int(dataset.BitsStored) - 1 - array.astype(np.int64)
            return array
        except (InputError, IndexError) as error:
            log.debug("%s: SimpleITK: %s", path, error)
    raise InputError(
        path, "TransferSyntaxUID (0002,0010)", f"{syntax.name}: {reason}",
        "pixels that can be decoded here (try: pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg)",
    )  # fmt: skip


def _to_modality(path: Path, stored: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, bool]:
    """Values after the Modality LUT or rescale, and whether a LUT has made them linear in the beam's intensity."""
    from pydicom.pixels.processing import apply_modality_lut

    try:
        return np.asarray(apply_modality_lut(stored, dataset), dtype=np.float64), "ModalityLUTSequence" in dataset
    except (ValueError, OverflowError, IndexError, AttributeError, NotImplementedError) as error:
        # Old vendors pack two entries into a word and the like; the stored values are still a picture.
        log.warning("%s: the Modality LUT is malformed (%s); the stored values are used", path, error)
        return np.asarray(stored, dtype=np.float64), False


def _without_padding(values: np.ndarray, stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Pixel Padding Value (0028,0120) marks what was never exposed: it takes the median of the rest."""
    padding = dataset.get("PixelPaddingValue")
    if padding is None or not isinstance(padding, int):
        return values
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((padding, limit if isinstance(limit, int) else padding))
    padded = (stored >= low) & (stored <= high)
    return values if padded.all() else np.where(padded, np.median(values[~padded]), values)
