"""Image files of every kind: the same picture comes back from each, and what is no X-ray is refused by name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.image import read_image


def picture(dtype: str = "uint16") -> np.ndarray:
    """(40, 64), no symmetry: a ramp with a bright corner."""
    rows, columns = np.indices((40, 64))
    values = 3.0 * rows + columns + 60.0 * ((rows < 9) & (columns > 50))
    return values.astype(dtype) if dtype == "uint8" else (values * 200).astype(dtype)


def save_pillow(path: Path, array: np.ndarray, **options: Any) -> None:
    Image.fromarray(array).save(path, **options)


def save_itk(path: Path, array: np.ndarray) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("name", ["a.png", "a.TIF", "a.tiff", "a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
def test_every_format_gives_the_same_picture(tmp_path: Path, name: str, dtype: str):
    (save_pillow if name.lower().endswith((".png", ".tif", ".tiff")) else save_itk)(tmp_path / name, picture(dtype))
    array, polarity = read_image(tmp_path / name)
    np.testing.assert_array_equal(array, picture(dtype).astype(np.float32))
    assert (array.dtype, polarity) == (np.float32, None)


@pytest.mark.parametrize("name", ["slice.nii.gz", "slice.mha"])
def test_one_plane_of_three_axes_is_a_picture(tmp_path: Path, name: str):
    save_itk(tmp_path / name, picture()[None])
    np.testing.assert_array_equal(read_image(tmp_path / name)[0], picture())


def test_grey_in_colour_channels(tmp_path: Path):
    grey = picture("uint8")
    for count, name in ((3, "rgb.png"), (4, "rgba.png")):
        array = np.repeat(grey[..., None], count, axis=2)
        save_pillow(tmp_path / name, array)
        np.testing.assert_array_equal(read_image(tmp_path / name)[0], grey)
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png")[0], grey)


def test_frames(tmp_path: Path):
    stack = np.stack([picture(), picture()[::-1]])
    save_itk(tmp_path / "run.mha", stack)
    np.testing.assert_array_equal(read_image(tmp_path / "run.mha", 1)[0], stack[1])
    first, second = (Image.fromarray(array) for array in stack)
    first.save(tmp_path / "run.tif", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_image(tmp_path / "run.tif", frame=1)[0], stack[1])
    for name in ("run.mha", "run.tif"):
        with pytest.raises(InputError, match=r"2 pictures \(a 3-D image\); expected one picture, or a \"frame\""):
            read_image(tmp_path / name)
        with pytest.raises(InputError, match="frame: got 2; expected a frame from 0 to 1"):
            read_image(tmp_path / name, 2)


def colour() -> np.ndarray:
    array = np.repeat(picture("uint8")[..., None], 3, axis=2)
    array[3, 3, 1] += 9
    return array


def with_value(value: float) -> np.ndarray:
    array = picture("float32")
    array[2, 7] = value
    return array


REFUSED = {
    "colour.png": (lambda path: save_pillow(path, colour()), "got a colour image; expected a grey image"),
    "flat.png": (
        lambda path: save_pillow(path, np.full((30, 30), 7, "uint8")),
        "every pixel 7; expected an image that is",
    ),
    "strip.png": (lambda path: save_pillow(path, picture()[:5]), "64 x 5 pixels; expected at least 16"),
    "text.png": (lambda path: path.write_text("no picture"), "expected a readable PNG or TIFF"),
    "empty.png": (lambda path: path.write_bytes(b""), "expected a readable PNG or TIFF"),
    "nan.tif": (
        lambda path: save_pillow(path, with_value(np.nan)),
        r"pixel (7, 2): got NaN or infinity (1 such pixels)",
    ),
    "inf.mha": (lambda path: save_itk(path, with_value(np.inf)), "pixel (7, 2): got NaN or infinity"),
    "text.nii.gz": (lambda path: path.write_text("no picture"), "expected a readable NIfTI, MHA or NRRD"),
    "volume.nrrd": (lambda path: save_itk(path, np.zeros((5, 20, 20), "uint8")), "got 5 pictures (a 3-D image)"),
    "picture.jpg": (lambda path: path.write_bytes(b"x" * 200), 'got a file of kind ".jpg"; expected PNG, TIFF, DICOM'),
    "text.dcm": (lambda path: path.write_text("no picture" * 50), "text.dcm"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_xray_is_refused(tmp_path: Path, name: str):
    write, message = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(InputError) as raised:
        read_image(tmp_path / name)
    assert message in str(raised.value)
    assert str(tmp_path / name) in str(raised.value)


def test_cut_off_png(tmp_path: Path):
    save_pillow(tmp_path / "whole.png", picture())
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with warnings.catch_warnings(), pytest.raises(InputError, match="expected a readable PNG"):
        read_image(tmp_path / "cut.png")


def test_missing(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.png: got no such file; expected an image that exists"):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="got a folder"):
        read_image(tmp_path)
