"""DICOM X-rays: frames, the tags that decide polarity, rescale and compression."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.dicom import dicom_polarity
from SpineDARTLib.io.image import read_image
from Testing.io.dicoms import gradient, write_xray


def test_frame_choice(tmp_path: Path):
    path = write_xray(tmp_path / "run", gradient(5))
    np.testing.assert_array_equal(read_image(path)[0], gradient(5)[2])
    np.testing.assert_array_equal(read_image(path, 4)[0], gradient(5)[4])
    with pytest.raises(InputError, match="frame: got 5; expected a frame from 0 to 4"):
        read_image(path, 5)
    path = write_xray(tmp_path / "run.dcm", gradient(5), RepresentativeFrameNumber=4)
    np.testing.assert_array_equal(read_image(path)[0], gradient(5)[3])


def test_single_frame_with_rescale(tmp_path: Path):
    path = write_xray(tmp_path / "a.dcm", gradient(), RescaleSlope=2.0, RescaleIntercept=-30.0)
    np.testing.assert_array_equal(read_image(path)[0], 2.0 * gradient() - 30.0)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"Modality": "XA", "PixelIntensityRelationship": "LIN"}, "bone-dark"),
        ({"Modality": "RF", "PixelIntensityRelationship": "LOG"}, "bone-dark"),
        ({"Modality": "XA", "PixelIntensityRelationship": "DISP"}, None),
        ({"Modality": "XA"}, None),
        ({"Modality": "OT"}, None),
        ({"Modality": "DX", "PhotometricInterpretation": "MONOCHROME2"}, "bone-bright"),
        ({"Modality": "CR", "PhotometricInterpretation": "MONOCHROME1"}, "bone-dark"),
        ({"Modality": "DX", "PresentationLUTShape": "INVERSE"}, "bone-dark"),
        ({"Modality": "DX", "PresentationLUTShape": "IDENTITY"}, "bone-bright"),
        (
            {"Modality": "DX", "PixelIntensityRelationshipSign": 1, "PhotometricInterpretation": "MONOCHROME2"},
            "bone-dark",
        ),
        ({"Modality": "XA", "PixelIntensityRelationshipSign": -1, "PixelIntensityRelationship": "LIN"}, "bone-bright"),
        ({"Modality": "XA", "PixelIntensityRelationshipSign": 1, "RescaleSlope": -1.0}, "bone-bright"),
    ],
)
def test_tags_that_decide_polarity(tags: dict[str, Any], expected: str | None):
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    assert dicom_polarity(dataset) == expected


def test_polarity_of_an_enhanced_object():
    inner, group, dataset = Dataset(), Dataset(), Dataset()
    inner.PixelIntensityRelationshipSign = -1
    group.FramePixelDataPropertiesSequence = [inner]
    dataset.SharedFunctionalGroupsSequence = [group]
    assert dicom_polarity(dataset) == "bone-bright"


def test_logarithmic_images_become_counts(tmp_path: Path):
    array, polarity = read_image(write_xray(tmp_path / "a.dcm", gradient(), PixelIntensityRelationship="LOG"))
    assert polarity == "bone-dark"
    assert np.corrcoef(np.log(array).ravel(), gradient().ravel())[0, 1] > 1 - 1e-6


def test_padding_is_no_picture(tmp_path: Path):
    pixels = gradient().copy()
    pixels[:, :10] = 60000
    dataset = pydicom.dcmread(write_xray(tmp_path / "a.dcm", pixels))
    dataset.add_new("PixelPaddingValue", "US", 60000)
    dataset.save_as(tmp_path / "a.dcm")
    array = read_image(tmp_path / "a.dcm")[0]
    assert array.max() == gradient().max()
    assert (array[:, :10] == np.median(gradient()[:, 10:])).all()


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"SamplesPerPixel": 3}, r"SamplesPerPixel \(0028,0002\): got 3; expected a grey image"),
        ({"Rows": 4000}, r"PixelData \(7FE0,0010\): got .*expected pixels that fit the header"),
    ],
)
def test_files_without_a_usable_picture(tmp_path: Path, tags: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        read_image(write_xray(tmp_path / "a.dcm", gradient(), **tags))


def test_file_without_pixels(tmp_path: Path):
    dataset = pydicom.dcmread(write_xray(tmp_path / "a.dcm", gradient()))
    del dataset.PixelData
    dataset.save_as(tmp_path / "a.dcm")
    with pytest.raises(InputError, match=r"PixelData \(7FE0,0010\): got nothing"):
        read_image(tmp_path / "a.dcm")


def test_case_is_believed_before_dicom(edit_case, caplog):
    from SpineDARTLib.io.case import read_case

    def change(document: dict[str, Any]) -> None:
        document["views"][1] |= {"image": "lat.dcm", "polarity": "bone-bright"}

    folder = edit_case(change)
    pixels = np.indices((96, 112)).sum(axis=0).astype(np.uint16) * 50
    write_xray(folder / "lat.dcm", pixels, PixelIntensityRelationship="LIN")
    with caplog.at_level(logging.WARNING):
        assert read_case(folder).views[1].polarity == "bone-bright"
    assert "the case says bone-bright, the DICOM file bone-dark" in caplog.text


XA = {
    "arso-phantom/IM1": ((512, 512), None),
    "arso-phantom/IM7": ((512, 512), None),
    "misc/godicom_philips_integris_cor_75f.dcm": ((512, 512), "bone-dark"),
    "misc/highdicom_dx_sid1000.dcm": ((169, 211), "bone-dark"),
    "misc/rubo_demo_xa_96f.dcm": ((512, 512), "bone-dark"),
    "misc/rubydicom_philips_allura_headphantom_j2k.dcm": ((1024, 1024), "bone-dark"),
    "misc/wg04_XA1_J2KR_notags.dcm": ((1024, 1024), None),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", XA)
def test_files_of_real_machines(shared_folder: Path, name: str):
    path = shared_folder / "data" / "xa-dicom" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    array, polarity = read_image(path)
    assert (array.shape, polarity) == XA[name]


def test_second_decoder_gives_the_stored_values(shared_folder: Path, tmp_path: Path, monkeypatch):
    """SimpleITK inverts MONOCHROME1 by itself; the tags speak of what is stored."""
    source = shared_folder / "data" / "xa-dicom" / "misc" / "highdicom_dx_sid1000.dcm"
    if not source.exists():
        pytest.skip(f"no {source}")
    expected = read_image(source)[0]
    dataset = pydicom.dcmread(source)
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(path := tmp_path / "compressed.dcm")

    def missing(*_: Any, **__: Any) -> None:
        raise RuntimeError("no decoder")

    monkeypatch.setattr("pydicom.pixels.utils.pixel_array", missing)
    np.testing.assert_array_equal(read_image(path)[0], expected)
