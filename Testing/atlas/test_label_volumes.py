"""Label volumes: what is a label, which voxels are a vertebra, and where the scan ended before it did."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.atlas.label_volumes import bone, read_labels
from SpineDARTLib.errors import InputError
from Testing.atlas.spines import SPACING_MM, voxels, write_volume


def cropped(side: str, part: float, tight: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The L2 without a part (of its extent) at one side ("x+"); elsewhere with air around it, or none (tight)."""
    labels, origin = voxels(("L2",))
    inside = np.argwhere(labels)
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    start, stop = (low.copy(), high.copy()) if tight else (np.zeros(3, dtype=int), np.array(labels.shape))
    axis, gone = "xyz".index(side[0]), round(part * (high - low)["xyz".index(side[0])])
    if side[1] == "+":
        stop[axis] = high[axis] - gone
    else:
        start[axis] = low[axis] + gone
    kept = labels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    return kept, origin + start * SPACING_MM


@pytest.mark.parametrize("kind", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_a_vertebras_voxels_are_found_in_every_kind_of_file(tmp_path: Path, kind: str):
    labels, origin = voxels()
    volume = read_labels(write_volume(tmp_path / f"a{kind}", labels, origin))
    assert list(volume.boxes) == ["L1", "L2", "L3"]
    assert volume.spacing == pytest.approx(SPACING_MM[::-1])
    assert volume.to_ras[:3, 3] == pytest.approx(origin)
    found = bone(volume, "L2")
    assert found is not None
    assert (found.mask == (volume.labels[found.box] == 21)).all()
    assert found.mask.sum() == (labels == 21).sum()
    assert not volume.cropped


@pytest.mark.parametrize("side", ["x+", "x-", "y-", "z-"])
def test_the_side_that_the_scan_cut_off_is_known(tmp_path: Path, side: str):
    found = bone(read_labels(write_volume(tmp_path / "a.nii.gz", *cropped(side, 0.08))), "L2")
    assert found is not None
    way = np.eye(3)["xyz".index(side[0])] * (1.0 if side[1] == "+" else -1.0)
    assert found.cut == pytest.approx(way[None])


def test_a_volume_cropped_to_its_bone_is_not_taken_as_cut(tmp_path: Path):
    volume = read_labels(write_volume(tmp_path / "a.nii.gz", *cropped("x+", 0.0, tight=True)))
    found = bone(volume, "L2")
    assert volume.cropped
    assert found is not None
    assert len(found.cut) == 0


@pytest.mark.parametrize("tight", [False, True])
def test_half_a_body_is_left_out_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture, tight: bool):
    assert bone(read_labels(write_volume(tmp_path / "a.nii.gz", *cropped("z+", 0.5, tight))), "L2") is None
    assert "a.nii.gz: L2 left out, the scan ends in its body" in caplog.text


def test_crumbs_do_not_count(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    labels, origin = voxels(("L2", "L3"))
    crumbs = np.where(labels == 22, 0, labels)
    crumbs[:2, :2, :2] = 21
    crumbs[8:12, 8:12, -5:-2] = 22
    volume = read_labels(write_volume(tmp_path / "a.nii.gz", crumbs, origin))
    found = bone(volume, "L2")
    assert found is not None
    assert found.mask.sum() == (labels == 21).sum()
    assert len(found.cut) == 0
    assert bone(volume, "L3") is None
    assert "a.nii.gz: L3 left out, 0.7 cm3 is too little of a vertebra" in caplog.text


def test_levels_that_no_model_has_are_skipped_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    labels, origin = voxels(("L2", "L3"))
    with caplog.at_level(logging.INFO):
        volume = read_labels(write_volume(tmp_path / "a.mha", np.where(labels == 22, 25, labels), origin))
    assert list(volume.boxes) == ["L2"]
    assert "a.mha: L6 left out" in caplog.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda labels: labels * 0, "labels: got an empty mask; expected at least one vertebra"),
        (lambda labels: np.where(labels == 21, 29, labels), "labels: got 29; expected VerSe's numbers, 0 to 28"),
        (lambda labels: labels.astype(np.int16) - 1000, "labels: got -1000, -979; expected VerSe's numbers"),
        (lambda labels: labels.astype(np.float32) + 0.25, "labels: got 0.25, 21.25; expected VerSe's numbers"),
        (lambda labels: np.stack([labels, labels]), "got an image of 4 dimensions; expected a 3-D label volume"),
    ],
)
def test_labels_that_are_none_are_named(tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], said: str):
    labels, origin = voxels(("L2",))
    path = tmp_path / "a.nii.gz"
    changed = change(labels)
    if changed.ndim == 3:
        write_volume(path, changed, origin)
    else:
        import SimpleITK as sitk

        sitk.WriteImage(sitk.GetImageFromArray(changed, isVector=False), str(path))
    with pytest.raises(InputError, match=str(path)) as caught:
        read_labels(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_an_unreadable_volume_is_named(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"nonsense\0\1\2" * 50)
    with pytest.raises(InputError, match=name):
        read_labels(tmp_path / name)


def test_half_a_file_is_named(tmp_path: Path):
    path = write_volume(tmp_path / "a.nii.gz", *voxels(("L2",)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"a\.nii\.gz"):
        read_labels(path)


def test_a_nifti_file_with_two_opposite_orientations_is_named(tmp_path: Path):
    path = write_volume(tmp_path / "a.nii", *voxels(("L2",)))
    assert list(read_labels(path).boxes) == ["L2"]
    header = bytearray(path.read_bytes())
    header[76:80] = np.array(-1.0, dtype="<f4").tobytes()  # pixdim[0], the sign that mirrors the qform
    path.write_bytes(header)
    with pytest.raises(InputError, match=r"a\.nii: sform and qform: got mirror images of each other"):
        read_labels(path)
    header[252:254] = bytes(2)  # qform_code: this one does not count
    path.write_bytes(header)
    assert list(read_labels(path).boxes) == ["L2"]


def test_real_scans_cut_and_merely_touching_are_told_apart(shared_folder: Path):
    cut = read_labels(shared_folder / "data/verse-drr_utils/sub-verse012_seg-vert_msk.nii.gz")
    for level, ways in (("L1", []), ("L2", [[1, 0, 0]]), ("L3", [[1, 0, 0]])):
        found = bone(cut, level)
        assert found is not None
        assert found.cut.round(6).tolist() == ways
    complete = read_labels(shared_folder / "data/verse-elkhashabs/sub-verse007_seg-vert_msk.nii.gz")
    for level in complete.boxes:
        found = bone(complete, level)
        assert found is not None
        assert len(found.cut) == 0
