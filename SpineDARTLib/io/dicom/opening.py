"""Opens a DICOM file: quietly, and with a bound on what a hostile header may cost."""

from __future__ import annotations

import logging
import mmap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

BARE_SUFFIXES = (".dcm", ".dicom", ".ima")
"""With one of these names a file is DICOM even without the preamble of PS3.10."""

LARGEST_SIDE_PX = 16_384
LARGEST_PICTURE_PX = 50_000_000
"""The largest flat panels have about 4300 x 4300 pixels; more is a broken header."""

MOST_FRAMES = 10_000
"""More than five minutes at 30 frames a second."""


@contextmanager
def quietly() -> Iterator[None]:
    """pydicom without its remarks: they quote values, and a value may be a patient's name."""
    from pydicom import config

    logger = logging.getLogger("pydicom")
    heard = logger.propagate
    logger.propagate = False
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.propagate = heard


def open_dicom(path: Path, pixels: bool = True) -> Dataset:
    """The dataset of one file; use it within ``quietly``.

    Args:
        pixels: with the pixel data; without it only the header is read.

    Raises:
        InputError: no such file, no DICOM, or damaged beyond reading.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not path.is_file():
        raise InputError(path, "", "a folder" if path.is_dir() else "no such file", "a DICOM file")
    if path.stat().st_size == 0:
        raise InputError(path, "", "an empty file", "a DICOM file")
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            # A mapped file never gives more than it has, however long an element claims to be.
            _refuse_deflated(path, content)
            force = path.suffix.lower() in BARE_SUFFIXES
            return pydicom.dcmread(_Mapped(content), stop_before_pixels=not pixels, force=force)  # type: ignore[arg-type]
    except InputError:
        raise
    except InvalidDicomError:
        raise InputError(path, "", "no DICOM header", "a DICOM file") from None
    except OSError as error:
        raise InputError(path, "", error.strerror or "unreadable", "a file that can be read") from None
    except Exception as error:  # a damaged header fails in as many ways as there are; its words may quote the patient
        raise InputError(path, "", f"a damaged header ({type(error).__name__})", "a readable DICOM file") from None


def check_picture(path: Path, dataset: Dataset) -> tuple[int, int]:
    """(rows, columns), after making sure that there is a picture of a size that can be.

    Raises:
        InputError: no rows or columns, or too many of them.
    """
    sizes = []
    for keyword, tag in (("Rows", "(0028,0010)"), ("Columns", "(0028,0011)")):
        value = plain(dataset, keyword)
        if not isinstance(value, int) or not 0 < value <= LARGEST_SIDE_PX:
            found = value if isinstance(value, int) else "nothing" if value is None else "no whole number"
            raise InputError(path, f"{keyword} {tag}", found, f"1 to {LARGEST_SIDE_PX} pixels")
        sizes.append(value)
    rows, columns = sizes
    if rows * columns > LARGEST_PICTURE_PX:
        raise InputError(path, "Rows x Columns", f"{rows} x {columns}", f"at most {LARGEST_PICTURE_PX} pixels")
    return rows, columns


def count_frames(path: Path, dataset: Dataset) -> int:
    """How many frames the header claims.

    Raises:
        InputError: no whole number from 1 to ``MOST_FRAMES``, or more than the file's bytes can hold.
    """
    value = plain(dataset, "NumberOfFrames")
    if value in (None, "", 0):
        return 1
    try:
        count = int(str(value))
    except ValueError:
        count = 0
    if not 1 <= count <= MOST_FRAMES:
        found = f"{min(count, 10**12):.3g}" if count else "no whole number"
        raise InputError(path, "NumberOfFrames (0028,0008)", found, f"1 to {MOST_FRAMES} frames")
    size = path.stat().st_size
    if count > 1 and count * _smallest_frame(path, dataset) > size:
        raise InputError(path, "NumberOfFrames (0028,0008)", count, f"no more frames than {size} bytes hold")
    return count


def _smallest_frame(path: Path, dataset: Dataset) -> int:
    """Bytes that a frame takes at least: all its pixels, or an item's head where they are compressed."""
    syntax = transfer_syntax(dataset)
    bits = plain(dataset, "BitsAllocated")
    if syntax is None or syntax.is_compressed or not isinstance(bits, int):
        return 8
    rows, columns = check_picture(path, dataset)
    return rows * columns * bits // 8


def transfer_syntax(dataset: Dataset) -> UID | None:
    """How the dataset is encoded: for an old file without a header the default of PS3.10, None for what is unknown."""
    from pydicom.uid import ImplicitVRLittleEndian

    syntax = plain(dataset.file_meta, "TransferSyntaxUID")
    if not syntax:
        dataset.file_meta.TransferSyntaxUID = syntax = ImplicitVRLittleEndian
    return syntax if getattr(syntax, "is_transfer_syntax", False) else None


def plain(dataset: Dataset, keyword: str) -> Any:
    """A value, or None where it is absent, empty or cannot be read as what it should be."""
    try:
        return dataset.get(keyword)
    except Exception:  # pydicom converts late; what it cannot convert is not there for us
        return None


class _Mapped:
    """A mapped file as pydicom wants one: seeking past the end is no error, reading there gives nothing."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content, self._at = content, 0

    def read(self, size: int = -1) -> bytes:
        end = len(self._content) if size is None or size < 0 else min(self._at + size, len(self._content))
        piece = self._content[self._at : end]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, len(self._content))[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        """The mapping is closed where it was opened."""


def _refuse_deflated(path: Path, content: mmap.mmap) -> None:
    """A deflated dataset may unpack to anything; X-rays are not sent so."""
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    syntax = b"\x02\x00\x10\x00UI\x16\x00" + DeflatedExplicitVRLittleEndian.encode()
    if content[128:132] == b"DICM" and syntax in content[:4096]:
        raise InputError(path, "TransferSyntaxUID (0002,0010)", "a deflated dataset", "one that is not deflated")
