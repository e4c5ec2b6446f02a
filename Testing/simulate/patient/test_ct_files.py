"""Which CT belongs to which mask, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.simulate.patient.ct_files import blocks, find_ct_pairs, read_pair, regridded
from Testing.atlas.spines import voxels
from Testing.simulate.patient.scans import hounsfield, write_like, write_pair


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("ct", "mask", "subject"),
    [
        ("sub-verse005_ct.nii.gz", "sub-verse005_seg-vert_msk.nii.gz", "verse005"),
        (
            "rawdata/sub-verse500/sub-verse500_dir-ax_ct.nii.gz",
            "derivatives/sub-verse500/sub-verse500_dir-ax_seg-vert_msk.nii.gz",
            "verse500",
        ),
        ("volumes/liver_7.nii.gz", "annotations/liver_7_seg.nii.gz", "liver_7"),
    ],
)
def test_pairs_are_found_by_their_names(tmp_path: Path, ct: str, mask: str, subject: str):
    touch(tmp_path, ct, mask, "sub-verse009_seg-vert_msk.nii.gz", "sub-verse005_seg-subreg_ctd.json")
    (pair,) = find_ct_pairs(tmp_path)
    assert (pair.subject, pair.ct, pair.mask) == (subject, tmp_path / ct, tmp_path / mask)


def test_the_shared_folder_has_four_pairs(shared_folder: Path):
    subjects = [pair.subject for pair in find_ct_pairs(shared_folder / "data")]
    assert sorted(subjects) == ["verse005", "verse006", "verse007", "verse012"]


def test_a_mask_without_its_ct_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"masks without CT: sub-verse009_seg-vert_msk\.nii\.gz"):
        find_ct_pairs(touch(tmp_path, "sub-verse009_seg-vert_msk.nii.gz"))
    with pytest.raises(InputError, match="no such folder"):
        find_ct_pairs(tmp_path / "nowhere")


def test_ct_and_mask_lie_on_one_grid_whatever_the_headers_rounding(tmp_path: Path):
    ct, mask = write_pair(tmp_path)
    labels, origin = voxels(("L2",))
    scan, found = read_pair(ct, write_like(mask, labels, shift=0.2))
    assert scan.hounsfield.shape == labels.shape
    assert scan.voxel_to_world[:3, 3] == pytest.approx(origin)
    assert (scan.hounsfield[labels > 0] > 300).mean() > 0.99
    assert (found.labels.transpose(2, 1, 0) == labels).all()


def wrong_ct(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path, Path], None]:
    return lambda ct, mask: write_like(ct, change(hounsfield(voxels(("L2",))[0])))  # pyright: ignore


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (wrong_ct(lambda values: values[:-1]), "shape"),
        (lambda ct, mask: write_like(mask, voxels(("L2",))[0], shift=6.0), "place: got 6.0 mm away"),
        (wrong_ct(lambda values: np.clip((values + 160) * 0.6, 0, 255).astype(np.uint8)), "Hounsfield"),
        (wrong_ct(lambda values: (values + 1024).astype(np.uint16)), "Hounsfield"),
        (lambda ct, mask: write_like(mask, np.zeros_like(voxels(("L2",))[0])), "empty mask"),
        (lambda ct, mask: ct.unlink(), "the CT of this mask"),
        (lambda ct, mask: mask.unlink(), "the mask of this CT"),
        (lambda ct, mask: ct.write_bytes(ct.read_bytes()[:-2000]), "_ct"),
    ],
    ids=["shape", "place", "windowed", "offset", "empty", "no CT", "no mask", "truncated"],
)
def test_what_is_wrong_with_a_pair_is_named(tmp_path: Path, spoil: Callable[[Path, Path], object], message: str):
    ct, mask = write_pair(tmp_path)
    spoil(ct, mask)
    with pytest.raises(InputError, match=message):
        read_pair(ct, mask)


def test_thick_slices_are_interpolated_without_overshoot_and_fine_ones_averaged():
    values = np.zeros((6, 4, 8), dtype=np.float32)
    values[3:, :, 4:] = 1000.0
    affine = np.array([[-3.0, 0, 0, 10], [0, 0.9, 0, 5], [0, 0, 0.3, 2], [0, 0, 0, 1]])
    fine, to_world = regridded(values, affine, 1.0, 0.6)
    assert fine.shape == (16, 4, 4)
    assert np.linalg.norm(to_world[:3, :3], axis=0) == pytest.approx([1.0, 0.9, 0.6])
    assert fine.min() >= 0.0
    assert fine.max() <= 1000.0
    assert fine[::3, 0, :].reshape(6, 4) == pytest.approx(values[:, 0].reshape(6, 4, 2).mean(2))
    # The first block's centre lies between the first two voxels.
    assert to_world[:3, 3] == pytest.approx([10.0, 5.0, 2.15])


def test_the_last_block_is_filled_up():
    means, _ = blocks(np.arange(5, dtype=np.float32).reshape(5, 1, 1), np.eye(4), 0, 2)
    assert means.ravel() == pytest.approx([0.5, 2.5, 4.0])
