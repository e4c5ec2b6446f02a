"""Decodes one frame of a DICOM X-ray."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ..image import choose_frame
from .codestream import check_fragments
from .header import Header
from .opening import check_picture, count_frames, open_dicom, plain, quietly, transfer_syntax
from .polarity import dicom_polarity, relationship

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

LOG_RANGE = 4.0
"""Decades (base e) that a logarithmic image is spread over when turned back to counts; an affine choice."""

MOST_BYTES = 1 << 30
"""SimpleITK's GDCM decodes every frame to give one; longer runs are not handed to it."""

LARGEST_GREY = 1e12
"""No rescale of 32-bit pixels gives more."""

DECODERS = "pixels that can be decoded here (try: pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg)"

log = logging.getLogger(__name__)


def read_dicom_frame(path: Path, frame: int | None = None) -> tuple[np.ndarray, str | None]:
    """One frame's stored values, through the Modality LUT or rescale, and its polarity.

    Logarithmic images in which bone is dark are turned back to counts (up to their scale), so that "bone-dark" always
    means counts. The picture lies as it is stored: see ``geometry.turned``.

    Args:
        frame: from 0; without it the Representative Frame Number (0028,6010), else the middle one.

    Raises:
        InputError: no DICOM, no pixels, no such frame, colour, or a compression that nothing installed decodes.
    """
    with quietly():
        dataset = open_dicom(path)
        index = chosen_frame(path, dataset, frame)
        stored = _decode(path, dataset, index)
        values, linear = _to_modality(path, stored, dataset)
        values = _without_padding(values, stored, dataset)
        polarity, logarithmic = dicom_polarity(dataset, index), relationship(Header(dataset, index)) == "LOG"
    if polarity == "bone-dark" and logarithmic and not linear:
        span = max(float(np.ptp(values)), 1e-6)
        values = np.exp(LOG_RANGE * (values - values.max()) / span)
    return values, polarity


def chosen_frame(path: Path, dataset: Dataset, frame: int | None) -> int:
    """The frame asked for, else the representative, else the middle one.

    Raises:
        InputError: no such frame.
    """
    return choose_frame(path, frame, count_frames(path, dataset), default_frame(path, dataset))


def default_frame(path: Path, dataset: Dataset) -> int:
    """Representative Frame Number (0028,6010), counted from 0, else the middle frame."""
    count = count_frames(path, dataset)
    number = Header(dataset).number("RepresentativeFrameNumber")
    wanted = int(number) - 1 if number is not None else -1
    return wanted if 0 <= wanted < count else count // 2


def _decode(path: Path, dataset: Dataset, frame: int) -> np.ndarray:
    """(rows, columns) as stored; through pydicom, or through SimpleITK's GDCM where pydicom lacks the decoder."""
    content = plain(dataset, "PixelData")
    if not isinstance(content, bytes):
        found = "nothing" if content is None else "no pixels"
        raise InputError(path, "PixelData (7FE0,0010)", found, "a DICOM file with an image in it")
    samples = plain(dataset, "SamplesPerPixel")
    if samples not in (None, 1):
        found = samples
        raise InputError(
            path,
            "SamplesPerPixel (0028,0002)",
            found if isinstance(found, int) else "no whole number",
            "a grey image (1)",
        )
    if plain(dataset, "PhotometricInterpretation") not in ("MONOCHROME1", "MONOCHROME2"):
        raise InputError(path, "PhotometricInterpretation (0028,0004)", "neither", "MONOCHROME1 or MONOCHROME2")
    rows, columns = check_picture(path, dataset)
    count, syntax = count_frames(path, dataset), transfer_syntax(dataset)
    if syntax is None:
        raise InputError(path, "TransferSyntaxUID (0002,0010)", "an unknown one", DECODERS)
    if syntax.is_compressed:
        _check_compressed(path, syntax, content, (rows, columns))
    try:
        return _by_pydicom(dataset, frame, several=count > 1)
    except Exception as error:  # each codec has errors of its own; all mean the same here
        reason = _reason(error)
    log.debug("%s: pydicom: %s", path, reason)
    header = Header(dataset)
    # GDCM knows more compressions. It applies the rescale by itself, and fills up pixels that are missing.
    plain_values = (header.number("RescaleSlope") or 1) == 1 and (header.number("RescaleIntercept") or 0) == 0
    if syntax.is_compressed and plain_values and rows * columns * 2 * count <= MOST_BYTES:
        try:
            return _by_gdcm(path, dataset, frame)
        except (InputError, IndexError, TypeError) as error:
            log.debug("%s: SimpleITK: %s", path, error)
    if not syntax.is_compressed:  # no decoder is lacking
        raise InputError(path, "PixelData (7FE0,0010)", reason, "pixels that fit the header")
    raise InputError(path, "TransferSyntaxUID (0002,0010)", f"{syntax.name}: {reason}", DECODERS)


def _check_compressed(path: Path, syntax: UID, content: bytes, shape: tuple[int, int]) -> None:
    """Everything but run lengths and video is JPEG of some kind, whose streams say how large they are."""
    from pydicom.uid import MPEGTransferSyntaxes, RLETransferSyntaxes

    if syntax in MPEGTransferSyntaxes:
        raise InputError(path, "TransferSyntaxUID (0002,0010)", syntax.name, "pictures, not a video")
    check_fragments(path, content, shape, streams=syntax not in RLETransferSyntaxes)


def _reason(error: Exception) -> str:
    """The first line of what a decoder says, without what it quotes: that may be anything."""
    lines = re.sub(r"""'[^']*'|"[^"]*"|\d{6,}""", "...", str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _by_pydicom(dataset: Dataset, frame: int, several: bool) -> np.ndarray:
    from pydicom.pixels import utils

    return utils.pixel_array(dataset, index=frame if several else None).squeeze()


def _by_gdcm(path: Path, dataset: Dataset, frame: int) -> np.ndarray:
    from ..volume import read_itk

    array = read_itk(path)[0]
    array = array[frame] if array.ndim == 3 else array
    if plain(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        # ITK turns it to MONOCHROME2; the tags speak of the values as stored.
        return 2 ** int(dataset.BitsStored) - 1 - array.astype(np.int64)
    return array


def _to_modality(path: Path, stored: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, bool]:
    """Values after the Modality LUT or rescale, and whether a LUT has made them linear in the beam's intensity."""
    from pydicom.pixels.processing import apply_modality_lut

    plain_values = np.asarray(stored, dtype=np.float64)
    try:
        values = np.asarray(apply_modality_lut(stored, dataset), dtype=np.float64)
    except Exception as error:  # old vendors pack two entries into a word and the like; the stored values are a picture
        log.warning("%s: the Modality LUT is malformed (%s); the stored values are used", path, type(error).__name__)
        return plain_values, False
    if not (np.abs(values) < LARGEST_GREY).all():
        log.warning("%s: the rescale is absurd; the stored values are used", path)
        return plain_values, False
    return values, "ModalityLUTSequence" in dataset


def _without_padding(values: np.ndarray, stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Pixel Padding Value (0028,0120) marks what was never exposed: it takes the median of the rest."""
    padding, limit = plain(dataset, "PixelPaddingValue"), plain(dataset, "PixelPaddingRangeLimit")
    if not isinstance(padding, int):
        return values
    low, high = sorted((padding, limit if isinstance(limit, int) else padding))
    padded = (stored >= low) & (stored <= high)
    return values if padded.all() else np.where(padded, np.median(values[~padded]), values)
