"""Runs, compressions and the files of real machines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from SpineDARTLib.geometry.sharing import share_frame, together
from SpineDARTLib.io.dicom import frame_list, read_known
from SpineDARTLib.io.image import read_image
from Testing.io.dicoms import WHOLE, gradient, make_xray, missing, values, write_xray


def test_frames_for_a_chooser(tmp_path: Path):
    path = write_xray(
        tmp_path / "a.dcm", gradient(4), **WHOLE, RepresentativeFrameNumber=2, RadiationSetting="SC", FrameTime=40.0
    )
    frames = frame_list(path)
    assert [info.index for info in frames if info.suggested] == [1]
    assert [info.index for info in frames if info.last_image_hold] == [3]
    assert [info.time_ms for info in frames] == [0, 40, 80, 120]
    path = write_xray(tmp_path / "b.dcm", gradient(3), **WHOLE, RadiationSetting="GR", FrameTimeVector=[0, 30, 50])
    assert [info.time_ms for info in frame_list(path)] == [0, 30, 80]
    assert not any(info.last_image_hold for info in frame_list(path))
    assert len(frame_list(write_xray(tmp_path / "c.dcm"))) == 1


@pytest.mark.parametrize("syntax", [RLELossless])
def test_compressed_frames(tmp_path: Path, syntax: str):
    dataset = make_xray(gradient(3), **WHOLE)
    dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.dcm", 2)[0], gradient(3)[2])
    assert read_known(tmp_path / "a.dcm", 2).complete


@pytest.mark.parametrize(("syntax", "suffix"), [(JPEGLosslessSV1, "SV1"), (JPEG2000Lossless, "J2K")])
def test_jpeg_through_gdcm(tmp_path: Path, syntax: str, suffix: str):
    """No encoder of these is installed: SimpleITK writes one frame, and it must come back as it was."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(gradient()[None])
    path = tmp_path / f"{suffix}.dcm"
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG2000" if syntax == JPEG2000Lossless else "JPEG")
    writer.Execute(image)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(read_image(path)[0], gradient())


SHARED = {
    # kind, frames, last-image hold, what is missing, conflicts
    "arso-phantom/IM1": ("XA", 14, True, {"pixel_spacing_mm"}, []),
    "arso-phantom/IM8": ("XA", 8, False, set(), ["pixel_spacing_mm"]),
    "misc/godicom_philips_integris_cor_75f.dcm": (
        "XA", 75, False, {"source_to_isocentre_mm", "pixel_spacing_mm"}, []
    ),
    "misc/highdicom_dx_sid1000.dcm": (
        "DX", 1, False, {"primary_deg", "secondary_deg", "source_to_isocentre_mm"}, ["pixel_spacing_mm"]
    ),
    "misc/rubo_demo_xa_96f.dcm": (
        "XA", 96, False, {"source_to_detector_mm", "source_to_isocentre_mm", "pixel_spacing_mm"}, []
    ),
    "misc/rubydicom_philips_allura_headphantom_j2k.dcm": ("XA", 1, False, set(), []),
    "misc/wg04_XA1_J2KR_notags.dcm": (
        "XA", 1, False,
        {"primary_deg", "secondary_deg", "source_to_detector_mm", "source_to_isocentre_mm", "pixel_spacing_mm"}, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_files_of_real_machines(shared_folder: Path, name: str):
    path = shared_folder / "data" / "xa-dicom" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    kind, frames, hold, asked, conflicts = SHARED[name]
    known = read_known(path)
    assert (known.kind, known.frames) == (kind, frames)
    assert set(missing(known)) == asked
    assert [conflict.name for conflict in known.conflicts] == conflicts
    assert frame_list(path)[-1].last_image_hold == hold


def test_eight_runs_of_one_phantom_share_a_world(shared_folder: Path):
    folder = shared_folder / "data" / "xa-dicom" / "arso-phantom"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    first, last = (read_known(folder / name) for name in ("IM1", "IM8"))
    assert share_frame(first, last)[0] is True
    spacing = missing(first)["pixel_spacing_mm"].proposal
    assert spacing.value == values(last)["pixel_spacing_mm"]
    centres = [values(known)["isocentre_mm"] for known in together([first, last])]
    assert centres[0] == (0, 0, 0)
    assert centres[1] == pytest.approx((20.4, -28.9, -18.4))
