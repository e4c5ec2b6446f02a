"""X-ray images from files: PNG and TIFF, DICOM, NIfTI, MHA and NRRD, each checked to be one grey picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from .attenuation import guess_polarity, to_attenuation

__all__ = ["frame_count", "guess_polarity", "is_dicom", "read_image", "to_attenuation"]

FORMATS = "PNG, TIFF, DICOM, NIfTI, MHA or NRRD"
PILLOW_SUFFIXES = (".png", ".tif", ".tiff")
ITK_SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

SMALLEST_SIDE_PX = 16
"""Less is a thumbnail or a strip, not an X-ray."""


def read_image(path: Path | str, frame: int | None = None) -> tuple[np.ndarray, str | None]:
    """One grey image as the file stores it.

    Args:
        path: PNG or TIFF of 8 or 16 bit, DICOM, NIfTI, MHA or NRRD.
        frame: which picture of a file with several, from 0. Without it a DICOM run gives its Representative Frame,
            else the one in the middle (contrast is in, the table still); other formats must hold one picture.

    Returns:
        (height, width) float32, finite and not constant; counts or display values (``to_attenuation`` does the rest).
        How bone shows in it, "bone-dark" or "bone-bright", where the file says so, else None.

    Raises:
        InputError: missing, unreadable, unknown format, several pictures, colour, NaN or infinity, empty or constant.
    """
    path = Path(path)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise InputError(path, "", found, f"an image that exists ({FORMATS})")
    kind = _kind(path)
    if kind == "dicom":
        from .dicom import read_dicom_frame

        array, polarity = read_dicom_frame(path, frame)
    else:
        array, polarity = (_read_pillow if kind == "pillow" else _read_itk)(path, frame), None
    return _checked(array, path), polarity


def frame_count(path: Path | str) -> int:
    """How many pictures a file that is no DICOM has; 1 where that cannot be told (``read_image`` says what is wrong).

    Raises:
        InputError: it cannot be opened, or is of no known kind.
    """
    path = Path(path)
    try:
        if _kind(path) == "pillow":
            from PIL import Image

            with Image.open(path) as image:
                return int(getattr(image, "n_frames", 1))
        import SimpleITK as sitk

        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        size = reader.GetSize()
    except (OSError, RuntimeError, SyntaxError, ValueError):
        return 1
    return int(size[2]) if len(size) == 3 else 1


def is_dicom(path: Path | str) -> bool:
    """Whether ``read_image`` reads a file as DICOM.

    Raises:
        InputError: it cannot be opened, or is of no known kind.
    """
    return _kind(Path(path)) == "dicom"


def _kind(path: Path) -> str:
    """Which reader takes it: by its name, or by DICOM's magic word where the name says nothing."""
    name = path.name.lower()
    if name.endswith(PILLOW_SUFFIXES):
        return "pillow"
    if name.endswith(ITK_SUFFIXES):
        return "itk"
    try:
        with path.open("rb") as stream:
            head = stream.read(132)
    except OSError as error:
        raise InputError(path, "", error.strerror or error, "a file that can be read") from None
    if head[128:] == b"DICM" or name.endswith(DICOM_SUFFIXES):
        return "dicom"
    raise InputError(path, "", f'a file of kind "{path.suffix}"', FORMATS)


def _read_pillow(path: Path, frame: int | None) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.seek(choose_frame(path, frame, getattr(image, "n_frames", 1)))
            # A palette's indices are no grey values; its colours may be.
            picture = image.convert("RGBA") if image.mode in ("P", "PA") else image
            array = np.asarray(picture)
            mode = picture.mode
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, "", str(error).replace(str(path), "file"), "a readable PNG or TIFF") from None
    if mode in ("LA", "RGBA"):
        array = array[..., :-1]
    return array


def _read_itk(path: Path, frame: int | None) -> np.ndarray:
    # (planes, rows, columns): the file's first axis runs along the columns, as x does in a picture.
    from .volume import read_itk

    array = read_itk(path)[0]
    if array.ndim == 3:
        array = array[choose_frame(path, frame, len(array))]
    return array


def choose_frame(path: Path, frame: int | None, count: int, default: int | None = None) -> int:
    """The frame asked for, checked; the default where none was asked for; an error where there is no default.

    Raises:
        InputError: the frame does not exist, or there are several and neither frame nor default.
    """
    if frame is None:
        if count > 1 and default is None:
            raise InputError(
                path, "", f"{count} pictures (a 3-D image)", 'one picture, or a "frame" from 0 to choose it'
            )
        return default or 0
    if not 0 <= frame < count:
        raise InputError(path, "frame", frame, f"a frame from 0 to {count - 1}")
    return frame


def _checked(array: np.ndarray, path: Path) -> np.ndarray:
    """One channel, two axes, finite, not constant; float32."""
    if array.ndim == 3 and array.shape[-1] in (2, 3, 4):
        if (array != array[..., :1]).any():
            raise InputError(path, "", "a colour image", "a grey image")
        array = array[..., 0]
    if array.ndim != 2:
        raise InputError(path, "", f"an array of shape {array.shape}", "a 2-D image")
    if min(array.shape) < SMALLEST_SIDE_PX:
        size = f"{array.shape[1]} x {array.shape[0]} pixels"
        raise InputError(path, "", size, f"at least {SMALLEST_SIDE_PX} pixels a side")
    if np.iscomplexobj(array):
        raise InputError(path, "", "complex numbers", "a grey image")
    array = array.astype(np.float32)
    bad = ~np.isfinite(array)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        found = f"NaN or infinity ({int(bad.sum())} such pixels)"
        raise InputError(path, f"pixel ({column}, {row})", found, "finite grey values")
    if array.min() == array.max():
        raise InputError(path, "", f"every pixel {array.flat[0]:g}", "an image that is not constant")
    return array
