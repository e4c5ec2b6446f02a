"""Makes damaged and hostile DICOM X-rays, each from a whole one with a patient's data planted in it."""

from __future__ import annotations

import io
import random
import struct
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from Testing.io.dicoms import ANGLES, WHOLE, Groups, gradient, make_group, make_xray

PLANTED = {
    "PatientName": "Plantedname^Eve", "PatientID": "PLANTEDID77", "PatientBirthDate": "19010203",
    "StudyDate": "19040506", "AcquisitionDate": "19070809", "ReferringPhysicianName": "Planteddoctor",
    "InstitutionName": "Plantedhospital", "PatientAddress": "Plantedstreet 5",
}  # fmt: skip
"""What must never be seen in anything that reading says."""

NUMBERS = (
    *ANGLES, "DistanceSourceToDetector", "DistanceSourceToPatient", "ImagerPixelSpacing", "PixelSpacing",
    "EstimatedRadiographicMagnificationFactor", "FieldOfViewDimensions", "FieldOfViewOrigin", "FieldOfViewRotation",
    "IntensifierSize", "DetectorActiveDimensions", "DetectorElementSpacing", "DistanceSourceToEntrance", "TableAngle",
    "PositionerPrimaryAngleIncrement", "FrameTime", "FrameTimeVector", "RescaleSlope", "RescaleIntercept",
    "WindowCenter", "NumberOfFrames", "RepresentativeFrameNumber",
)  # fmt: skip
SHORTS = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "PlanarConfiguration", "PixelPaddingValue",
)  # fmt: skip
TEXTS = (
    "Modality", "PhotometricInterpretation", "PatientPosition", "PatientOrientation", "ViewPosition", "Manufacturer",
    "FieldOfViewHorizontalFlip", "TableMotion", "PixelIntensityRelationship", "PresentationLUTShape",
    "SpecificCharacterSet", "PixelSpacingCalibrationType", "RadiationSetting",
)  # fmt: skip

ABSURD = (
    b"NaN", b"1e300", b"-1e300", b"inf", b"-5", b"0", b"1e-300", b"Plantedname", b"19010203", b"\xff\xfe", b"1\\2\\3",
    b"\\", b"0x1F", b"9" * 400,
)  # fmt: skip

Mutation = Callable[[random.Random, FileDataset], "bytes | None"]
"""Changes the dataset in place, or gives the file's bytes itself."""


def hostile_files(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """``count`` files, each with the name of what was done to it; every kind of damage in turn."""
    for index in range(count):
        chance = random.Random(f"{seed}/{index}")
        mutation = MUTATIONS[index % len(MUTATIONS)]
        dataset = _base(chance)
        content = mutation(chance, dataset)
        yield f"{index:03d} {mutation.__name__.strip('_')}", _bytes(dataset) if content is None else content


def _base(chance: random.Random) -> FileDataset:
    """A whole file of some kind."""
    kind = chance.choice(["XA", "XA", "RF", "DX", "CR", "Enhanced XA", "Enhanced XRF"])
    frames = chance.choice([1, 1, 4])
    dataset = make_xray(gradient(frames), kind, **WHOLE, **PLANTED)
    dataset["PixelData"].VR = "OW"  # said, not worked out from tags that may go
    if kind.startswith("Enhanced"):
        groups: Groups = {
            "PositionerPositionSequence": ANGLES,
            "XRayGeometrySequence": {"DistanceSourceToDetector": 1000.0, "DistanceSourceToIsocenter": 700.0},
            "IsocenterReferenceSystemSequence": {"PositionerIsocenterPrimaryAngle": 4.0, "TableHeadTiltAngle": 1.0},
        }
        dataset.SharedFunctionalGroupsSequence = [make_group(groups)]
        dataset.PerFrameFunctionalGroupsSequence = [make_group({}) for _ in range(frames)]
    return dataset


def _bytes(dataset: FileDataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _element(keyword: str, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """One element in explicit little endian, with any length."""
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword) or 0
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    size = len(value) if length is None else length
    return (
        head
        + (struct.pack("<HI", 0, size) if vr in (b"SQ", b"OB", b"OW", b"UN", b"UT") else struct.pack("<H", size))
        + value
    )


def _with_raw(dataset: FileDataset, keyword: str, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """The file with one element replaced by raw bytes, in its place."""
    from pydicom.datadict import tag_for_keyword

    if keyword in dataset:
        delattr(dataset, keyword)
    tag = tag_for_keyword(keyword) or 0
    later = Dataset()
    for element in [one for one in dataset if one.tag > tag]:
        later.add(element)
        del dataset[element.tag]
    # Both halves are written by pydicom; the raw element goes between them.
    front = _bytes(dataset)
    stream = io.BytesIO()
    later.save_as(stream, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return front + _element(keyword, vr, value, length) + stream.getvalue()


def _absent(chance: random.Random, dataset: FileDataset) -> None:
    for keyword in chance.sample([*NUMBERS, *SHORTS, *TEXTS, "PixelData"], 8):
        if keyword in dataset:
            delattr(dataset, keyword)


def _empty(chance: random.Random, dataset: FileDataset) -> None:
    for keyword in chance.sample([*NUMBERS, *SHORTS, *TEXTS], 8):
        if keyword in dataset:
            dataset[keyword].value = None


def _absurd_number(chance: random.Random, dataset: FileDataset) -> bytes:
    value = chance.choice(ABSURD)
    return _with_raw(dataset, chance.choice(NUMBERS), b"DS", value + b" " * (len(value) % 2))


def _absurd_short(chance: random.Random, dataset: FileDataset) -> bytes:
    value = struct.pack("<H", chance.choice([0, 1, 3, 7, 15, 17, 64, 255, 32767, 65535]))
    return _with_raw(dataset, chance.choice(SHORTS), b"US", value)


def _absurd_text(chance: random.Random, dataset: FileDataset) -> bytes:
    value = chance.choice(
        [b"Plantedname", b"\\\\\\\\", b"\xff" * 7, b"ISO 2022 IR 999", b"CT", b"L\\F\\H", b"Q\\F", b"A" * 3000]
    )
    return _with_raw(dataset, chance.choice(TEXTS), b"LO", value + b" " * (len(value) % 2))


def _wrong_type(chance: random.Random, dataset: FileDataset) -> bytes:
    vr = chance.choice([b"PN", b"DA", b"OW", b"FD", b"SQ", b"UN", b"AT", b"ZZ", b"US"])
    value = chance.choice(
        [b"Plantedname^Eve ", b"19010203", b"\0" * 8, b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\x01\x02\x03\x04\x05\x06"]
    )
    others = ["PixelData", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "ModalityLUTSequence"]
    return _with_raw(dataset, chance.choice([*NUMBERS, *TEXTS, *SHORTS, *others, *others]), vr, value)


def _hostile_length(chance: random.Random, dataset: FileDataset) -> bytes:
    vr = chance.choice([b"OW", b"UN", b"SQ", b"UT", b"OB"])
    length = chance.choice([0xFFFFFFFE, 0x7FFFFFFF, 0xFFFFFFFF, 0x40000001])
    return _with_raw(dataset, chance.choice(["TableMotion", "PixelData", "IntensifierSize"]), vr, b"\1\2\3\4", length)


def _nested(chance: random.Random, dataset: FileDataset) -> bytes:
    """Private sequences of undefined length within each other, never closed."""
    depth = chance.choice([3, 50, 400, 5000])
    opening = struct.pack("<HH", 0x0009, 0x1001) + b"SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    if chance.random() < 0.5:
        return _bytes(dataset)[:400] + opening * depth
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return _with_raw(dataset, "SharedFunctionalGroupsSequence", b"SQ", item + opening * depth, 0xFFFFFFFF)


def _huge_picture(chance: random.Random, dataset: FileDataset) -> None:
    dataset.Rows = dataset.Columns = chance.choice([65535, 16384, 7000])
    dataset["PixelData"].value = b"\1\2\3\0"
    if chance.random() < 0.5:
        dataset.NumberOfFrames = chance.choice([1, 200, 9999])


def _many_frames(chance: random.Random, dataset: FileDataset) -> None:
    dataset.NumberOfFrames = chance.choice([10**9, 10**18, 9999, 5, 0, -3])


def _short_pixels(chance: random.Random, dataset: FileDataset) -> None:
    dataset["PixelData"].value = dataset.PixelData[: 2 * chance.randrange(0, len(dataset.PixelData) // 2)]


def _cut(chance: random.Random, dataset: FileDataset) -> bytes:
    content = _bytes(dataset)
    return content[: chance.randrange(len(content))]


def _flipped_bytes(chance: random.Random, dataset: FileDataset) -> bytes:
    content = bytearray(_bytes(dataset))
    header = len(content) - 3000
    for _ in range(chance.choice([1, 5, 40])):
        content[chance.randrange(132, max(200, header))] = chance.randrange(256)
    return bytes(content)


def _wrong_syntax(chance: random.Random, dataset: FileDataset) -> bytes:
    syntax = chance.choice([JPEGBaseline8Bit, JPEG2000Lossless, DeflatedExplicitVRLittleEndian, RLELossless, "1.2.3.4"])
    return _with_syntax(_bytes(dataset), str(syntax))


def _with_syntax(content: bytes, syntax: str) -> bytes:
    """The file as it is, but with another transfer syntax in its header."""
    old = b"\x02\0\x10\0UI" + struct.pack("<H", 20) + ExplicitVRLittleEndian.encode() + b"\0"
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    content = content.replace(old, old[:6] + struct.pack("<H", len(value)) + value, 1)
    (length,) = struct.unpack_from("<I", content, 140)  # File Meta Information Group Length stands first
    return content[:140] + struct.pack("<I", length + len(value) - 20) + content[144:]


@cache
def _jpeg(compressor: str) -> bytes:
    """A whole compressed file, made by SimpleITK."""
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dcm"
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(path))
        writer.SetUseCompression(True)
        writer.SetCompressor(compressor)
        writer.Execute(sitk.GetImageFromArray(gradient()[None]))
        return path.read_bytes()


def _damaged_jpeg(chance: random.Random, dataset: FileDataset) -> bytes:
    """Flipped bytes in the compressed stream, or a stream that claims to be a huge picture."""
    content = bytearray(_jpeg(chance.choice(["JPEG", "JPEG2000"])))
    start = content.find(struct.pack("<HH", 0x7FE0, 0x0010)) + 20
    frame = content.find(b"\xff\xc3", start)  # start of frame of lossless JPEG: length, precision, rows, columns
    if frame > 0 and chance.random() < 0.4:
        content[frame + 5 : frame + 9] = b"\xff\xdc\xff\xdc"
    for _ in range(chance.choice([0, 1, 5, 30])):
        content[chance.randrange(start, len(content))] = chance.randrange(256)
    return bytes(content)


def _damaged_compression(chance: random.Random, dataset: FileDataset) -> bytes:
    dataset.compress(RLELossless, generate_instance_uid=False)
    content = bytearray(_bytes(dataset))
    start = content.find(struct.pack("<HH", 0x7FE0, 0x0010))
    for _ in range(chance.choice([1, 10, 60])):
        content[chance.randrange(start + 12, len(content))] = chance.randrange(256)
    return bytes(content[: chance.randrange(start + 20, len(content))] if chance.random() < 0.3 else content)


def _broken_groups(chance: random.Random, dataset: FileDataset) -> None:
    item = Dataset()
    item.PositionerPrimaryAngle = 12.0
    dataset.NumberOfFrames = 4
    dataset.PerFrameFunctionalGroupsSequence = chance.choice([[], [item], [Dataset()] * 9])
    dataset.SharedFunctionalGroupsSequence = chance.choice(
        [[], [item, item], [make_group({"XRayGeometrySequence": {}})]]
    )


def _broken_lut(chance: random.Random, dataset: FileDataset) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", chance.choice([[0, 0, 16], [65535, 0, 8], [4, 0, 99]]))
    item.add_new("LUTData", "OW", b"\1\0" * chance.choice([0, 1, 4, 300]))
    dataset.ModalityLUTSequence = chance.choice([[item], []])


def _no_dicom(chance: random.Random, dataset: FileDataset) -> bytes:
    return chance.choice([
        b"", b"\0" * 132, b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 500, b"PLANTED" * 100,
        b"\0" * 128 + b"DICM" + chance.randbytes(2000), chance.randbytes(5000), b"\x89PNG\r\n" + b"\0" * 500,
    ])  # fmt: skip


MUTATIONS: tuple[Mutation, ...] = (
    _absent, _empty, _absurd_number, _absurd_short, _absurd_text, _wrong_type, _hostile_length, _nested, _huge_picture,
    _many_frames, _short_pixels, _cut, _flipped_bytes, _wrong_syntax, _damaged_compression, _broken_groups, _broken_lut,
    _no_dicom, _damaged_jpeg, _absurd_number, _wrong_type,
)  # fmt: skip
