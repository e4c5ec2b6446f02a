"""Damaged and hostile files: a named error or a word each time, bounded cost, nothing of the patient in any of it."""

from __future__ import annotations

import resource
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import MPEG2MPML, DeflatedExplicitVRLittleEndian, RLELossless

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.dicom import frame_list, read_dicom_frame, read_known
from SpineDARTLib.io.dicom.codestream import check_fragments
from SpineDARTLib.io.image import read_image
from Testing.io.damages import MUTATIONS, PLANTED, hostile_files
from Testing.io.dicoms import WHOLE, gradient, make_xray, write_xray
from Testing.io.hostile import MARKERS, read_everything

MOST_KILOBYTES = 300_000
"""More than the largest picture of these files takes, far less than what they claim to need."""

READERS = (read_known, frame_list, read_dicom_frame)


def test_every_kind_of_damage(tmp_path: Path, capfd):
    """All 500 stand in benchmarks/dicom_fuzz.py; here three of each kind."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, while the files are made
        files = list(hostile_files(3, 3 * len(MUTATIONS)))
    outcomes = set()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, content in files:
        (tmp_path / "a.dcm").write_bytes(content)
        outcome = read_everything(tmp_path / "a.dcm")  # anything but an InputError goes through and fails
        outcomes.add(outcome.kind)
        assert outcome.seconds < 3, name
        assert not [marker for marker in MARKERS if marker in outcome.words.lower()], name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KILOBYTES
    assert outcomes == {"refused", "said", "plain"}
    printed = "".join(capfd.readouterr()).lower()
    assert not [marker for marker in MARKERS if marker in printed]


def test_nothing_of_the_patient_in_what_is_known(tmp_path: Path, caplog):
    caplog.set_level("DEBUG")
    path = write_xray(tmp_path / "a.dcm", gradient(3), **WHOLE, **PLANTED)
    said = repr([read_known(path), frame_list(path)]) + caplog.text
    assert not [marker for marker in MARKERS if marker in said.lower()]
    uid = read_known(path).identities["instance"]
    assert uid not in said


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"Rows": 65535, "Columns": 65535}, r"Rows \(0028,0010\): got 65535; expected 1 to 16384 pixels"),
        ({"Rows": 16000, "Columns": 16000}, r"Rows x Columns: got 16000 x 16000; expected at most 50000000 pixels"),
        ({"Columns": None}, r"Columns \(0028,0011\): got nothing"),
        ({"NumberOfFrames": 10**9}, r"NumberOfFrames \(0028,0008\): got 1e\+09; expected 1 to 10000 frames"),
        ({"NumberOfFrames": -2}, r"NumberOfFrames \(0028,0008\): got -2; expected 1 to 10000 frames"),
        (
            {"NumberOfFrames": 9000},
            r"NumberOfFrames \(0028,0008\): got 9000; expected no more frames than \d+ bytes hold",
        ),
    ],
)
def test_sizes_that_cannot_be(tmp_path: Path, tags: dict[str, Any], message: str):
    path = write_xray(tmp_path / "a.dcm", **WHOLE | tags)
    for read in READERS:
        with pytest.raises(InputError, match=message):
            read(path)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"PixelData": None}, r"PixelData \(7FE0,0010\): got nothing"),
        ({"PhotometricInterpretation": "RGB"}, "got neither; expected MONOCHROME1 or MONOCHROME2"),
        ({"BitsAllocated": None}, r"PixelData \(7FE0,0010\): got .*; expected pixels that fit the header"),
    ],
)
def test_pictures_that_cannot_be(tmp_path: Path, tags: dict[str, Any], message: str):
    dataset = make_xray(**WHOLE)
    dataset["PixelData"].VR = "OW"
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=message):
        read_dicom_frame(tmp_path / "a.dcm")
    assert read_known(tmp_path / "a.dcm").complete


def test_deflated_datasets_are_not_unpacked(tmp_path: Path):
    dataset = make_xray(np.zeros((2000, 2000), dtype=np.uint16))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    for read in READERS:
        with pytest.raises(InputError, match="got a deflated dataset; expected one that is not deflated"):
            read(tmp_path / "a.dcm")


def test_video_is_no_picture(tmp_path: Path):
    dataset = make_xray(**WHOLE)
    dataset.file_meta.TransferSyntaxUID = MPEG2MPML
    dataset.PixelData = fragments(b"a film")
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match="expected pictures, not a video"):
        read_dicom_frame(tmp_path / "a.dcm")


def fragments(*contents: bytes) -> bytes:
    return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(one)) + one for one in (b"", *contents))


def jpeg(rows: int, columns: int, bits: int = 16) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"note"
    return b"\xff\xd8" + comment + b"\xff\xc3" + struct.pack(">HBHHB", 11, bits, rows, columns, 1) + b"\0" * 20


def jpeg_2000(rows: int, columns: int, bits: int = 16) -> bytes:
    numbers = (columns, rows, 0, 0, 64, 64, 0, 0)
    return b"\xff\x4f\xff\x51" + struct.pack(">HH8IHB", 41, 0, *numbers, 1, bits - 1) + b"\0" * 20


@pytest.mark.parametrize("make", [jpeg, jpeg_2000])
def test_streams_must_be_of_the_header_s_size(make: Any):
    """A decoder would allocate gigabytes for what the stream claims."""
    path = Path("a.dcm")
    check_fragments(path, fragments(make(32, 48)), (32, 48), streams=True)
    check_fragments(path, fragments(make(32, 48), b"the rest of it", make(32, 48)), (32, 48), streams=True)
    with pytest.raises(InputError, match="a compressed picture of 65500 x 65501 pixels in 1 colours"):
        check_fragments(path, fragments(make(32, 48), make(65500, 65501)), (32, 48), streams=True)
    with pytest.raises(InputError, match="of 120 bits; expected 32 x 48 grey pixels of 2 to 16 bits"):
        check_fragments(path, fragments(make(32, 48, bits=120)), (32, 48), streams=True)
    with pytest.raises(InputError, match="damaged picture"):
        check_fragments(path, fragments(make(32, 48)[:12]), (32, 48), streams=True)
    with pytest.raises(InputError, match="damaged picture"):
        check_fragments(path, fragments(b"no stream"), (32, 48), streams=True)
    check_fragments(path, fragments(b"run lengths"), (32, 48), streams=False)
    with pytest.raises(InputError, match="damaged fragment at byte 8"):
        check_fragments(path, fragments(make(32, 48))[:-4], (32, 48), streams=True)


def test_fragment_that_claims_gigabytes(tmp_path: Path):
    dataset = make_xray(gradient(2), **WHOLE)
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    content = bytearray((tmp_path / "a.dcm").read_bytes())
    table = content.find(b"\xfe\xff\x00\xe0")
    content[table + 4 : table + 8] = struct.pack("<I", 0x7E000004)
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(InputError, match="damaged fragment"):
        read_dicom_frame(tmp_path / "a.dcm")


@pytest.mark.parametrize("tags", [{"RescaleIntercept": "1e300"}, {"RescaleSlope": "NaN", "RescaleIntercept": "0"}])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_absurd_rescale(tmp_path: Path, tags: dict[str, str], caplog):
    path = write_xray(tmp_path / "a.dcm", **WHOLE, **({"RescaleSlope": "1"} | tags))
    np.testing.assert_array_equal(read_image(path)[0], gradient())
    assert "the rescale is absurd; the stored values are used" in caplog.text


def test_deep_nesting(tmp_path: Path):
    dataset = make_xray(**WHOLE)
    item = Dataset()
    for _ in range(120):
        outer = Dataset()
        outer.SharedFunctionalGroupsSequence = [item]
        item = outer
    dataset.SharedFunctionalGroupsSequence = [item]
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert read_known(tmp_path / "a.dcm").complete


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"a report on a patient"])
def test_files_that_are_no_dicom(tmp_path: Path, content: bytes):
    (tmp_path / "a").write_bytes(content)
    for read in READERS:
        with pytest.raises(InputError, match="expected a DICOM file"):
            read(tmp_path / "a")
    with pytest.raises(InputError, match="got no such file"):
        read_known(tmp_path / "b")
    with pytest.raises(InputError, match="got a folder"):
        read_known(tmp_path)
