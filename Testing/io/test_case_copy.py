"""A case with other seeds: its images and geometry as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.case_copy import copy_case
from SpineDARTLib.types import Seed


def test_images_and_geometry_stay_and_seeds_are_others(case_folder: Path, tmp_path: Path):
    before = read_case(case_folder)
    moved = replace(before.seeds[0], level="T9")
    copy_case(case_folder / "case.json", tmp_path / "new", (moved, Seed("L5")), before.views)
    after = read_case(tmp_path / "new")
    assert [(seed.level, seed.clicks_px) for seed in after.seeds] == [("T9", moved.clicks_px), ("L5", {})]
    for one, other in zip(before.views, after.views, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.projection, other.projection)
    assert (tmp_path / "new" / "ap.png").read_bytes() == (case_folder / "ap.png").read_bytes()
    copy_case(tmp_path / "new", tmp_path / "new", (moved,), after.views)  # over itself
    assert [seed.level for seed in read_case(tmp_path / "new").seeds] == ["T9"]
    with pytest.raises(InputError, match="other files"):
        copy_case(case_folder, tmp_path, (moved,), before.views)


def test_clicks_of_a_picture_that_is_turned_over_are_turned_back(edit_case, tmp_path: Path):
    folder = edit_case(lambda case: case["views"][1]["geometry"]["c_arm"].update(image_flip_horizontal=True))
    before = read_case(folder)
    copy_case(folder, tmp_path / "new", before.seeds, before.views)
    after = read_case(tmp_path / "new")
    for one, other in zip(before.seeds, after.seeds, strict=True):
        assert one.clicks_px["LAT"] == pytest.approx(other.clicks_px["LAT"])


def test_pixels_beside_a_header_and_names_that_two_views_share(edit_case, case_folder: Path, tmp_path: Path):
    whole = read_case(case_folder)
    for name in ("a", "b"):
        (case_folder / name).mkdir()
        picture = sitk.GetImageFromArray((1000 * whole.views[0].image).astype(np.uint16))
        sitk.WriteImage(picture, str(case_folder / name / "x.mhd"))

    def change(case) -> None:
        for entry, name in zip(case["views"], ("a", "b"), strict=True):
            entry["image"] = f"{name}/x.mhd"

    before = read_case(edit_case(change))
    copy_case(case_folder, tmp_path / "new", before.seeds, before.views)
    after = read_case(tmp_path / "new")
    np.testing.assert_array_equal(after.views[1].image, before.views[1].image)
    assert {path.name for path in (tmp_path / "new").rglob("*.raw")} == {"x.raw"}
    assert len(list((tmp_path / "new").rglob("*.raw"))) == 2
