"""Volumes: files that are cut short are named, however far they can still be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.volume import read_itk
from Testing.atlas.spines import write_volume


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_gzip_file_is_named(tmp_path: Path, share: float):
    noise = np.random.default_rng(3).integers(-1000, 1000, (20, 24, 28)).astype(np.int16)
    path = write_volume(tmp_path / "a.nii.gz", noise, np.zeros(3))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match=r"a\.nii\.gz"):
        read_itk(path)


def test_damaged_bytes_within_a_gzip_file_are_named(tmp_path: Path):
    noise = np.random.default_rng(3).integers(-1000, 1000, (20, 24, 28)).astype(np.int16)
    path = write_volume(tmp_path / "a.nii.gz", noise, np.zeros(3))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.nii\.gz"):
        read_itk(path)
