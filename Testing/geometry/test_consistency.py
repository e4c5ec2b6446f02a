"""Whether a geometry can be true: right ones pass, wrong ones are named, and too little evidence is admitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.consistency import click_consistency, image_consistency, mask_consistency
from SpineDARTLib.geometry.matching import compare
from SpineDARTLib.types import View
from Testing.geometry.column import BODIES, blank, column_view, thickness

MIDDLES = np.array([middle for middle, *_ in BODIES])


@pytest.fixture(scope="module")
def pair() -> tuple[View, View]:
    return column_view("AP", 4.0, 3.0), column_view("LAT", 70.0, -6.0)


def lifted(view: View, mm: float) -> View:
    """The camera says that the table was ``mm`` further towards the feet than it was."""
    motion = np.eye(4)
    motion[2, 3] = mm
    return replace(view, world_to_camera=view.world_to_camera @ motion)


def spaced(view: View, factor: float) -> View:
    """The camera says that pixels are ``factor`` times as large as they are; the principal point stays."""
    intrinsics = view.intrinsics.copy()
    intrinsics[[0, 1], [0, 1]] /= factor
    return replace(view, intrinsics=intrinsics)


def clicks(views: tuple[View, ...], noise_px: float = 1.0, seed: int = 1) -> np.ndarray:
    clean = np.stack([project(MIDDLES, view) for view in views], axis=1)
    return clean + noise_px * np.random.default_rng(seed).standard_normal(clean.shape)


def test_true_pictures_are_consistent(pair):
    found = image_consistency(pair)
    assert found.consistent == "yes", found.words
    assert abs(found.offset_mm) <= 1.0 and found.score > 0.6


@pytest.mark.parametrize("mm", [-9.0, 5.0])
def test_a_moved_table_is_measured_with_its_direction(pair, mm: float):
    found = image_consistency((pair[0], lifted(pair[1], mm)))
    assert found.consistent == "no"
    assert found.offset_mm == pytest.approx(-mm, abs=0.8)
    assert ("towards the feet" if mm > 0 else "towards the head") in found.words


@pytest.mark.parametrize("mm", [-34.0, 31.0])
def test_the_next_vertebra_is_not_taken_for_this_one(pair, mm: float):
    assert image_consistency((pair[0], lifted(pair[1], mm))).consistent != "yes"


def test_a_mirrored_picture_is_named(pair):
    found = image_consistency((replace(pair[0], image=pair[0].image[:, ::-1].copy()), pair[1]))
    assert found.consistent == "no", found.words
    assert "AP" in found.words and "mirrored" in found.words


def test_an_upside_down_picture_is_no(pair):
    found = image_consistency((pair[0], replace(pair[1], image=pair[1].image[::-1].copy())))
    assert found.consistent == "no" and "LAT" in found.words


def test_a_wrong_spacing_is_named(pair):
    found = image_consistency((pair[0], spaced(pair[1], 1.3)))
    assert found.consistent == "no", found.words
    assert "1.3" in found.words or "1.28" in found.words


def test_noise_says_nothing(pair):
    noise = np.random.default_rng(5).standard_normal(pair[1].image.shape).astype(np.float32)
    found = image_consistency((pair[0], replace(pair[1], image=noise)))
    assert found.consistent == "cannot tell", found.words


def test_opposed_and_empty_views_say_nothing(pair):
    assert image_consistency((pair[0], column_view("PA", 184.0, -3.0))).consistent == "cannot tell"
    empty = replace(pair[1], image=np.zeros_like(pair[1].image))
    assert image_consistency((pair[0], empty)).consistent == "cannot tell"


def test_fine_pixels_change_nothing(pair):
    """Each pixel as sixteen: the same answer (and not sixteen times the work)."""
    fine = []
    for view in pair:
        finer = np.array([[4.0, 0, 1.5], [0, 4.0, 1.5], [0, 0, 1.0]]) @ view.intrinsics
        fine.append(replace(view, image=np.kron(view.image, np.ones((4, 4), dtype=np.float32)), intrinsics=finer))
    one, other = compare(*pair), compare(*fine)
    assert other.views[0].image.shape == (460, 500)
    for mine, theirs in zip(one.profiles, other.profiles, strict=True):
        known = np.isfinite(mine) & np.isfinite(theirs)
        assert np.corrcoef(mine[known], theirs[known])[0, 1] > 0.97
    moved = compare(fine[0], lifted(fine[1], 6.0)).match
    assert moved is not None and moved.shift_mm == pytest.approx(-6.0, abs=0.8)


def test_one_wrong_pair_of_three_decides(pair):
    third = lifted(column_view("OBL", 45.0), 8.0)
    found = image_consistency((*pair, third))
    assert found.consistent == "no"
    assert "OBL" in found.words


def test_collimators_do_not_disturb(pair):
    spoilt = []
    for view in pair:
        image = np.full_like(view.image, view.image.max())
        image[20:-15, 50:-45] = view.image[20:-15, 50:-45]
        spoilt.append(replace(view, image=image))
    found = image_consistency(spoilt)
    assert found.consistent == "yes", found.words


def test_clicks(pair):
    views = blank("AP", 4.0, 3.0), blank("LAT", 82.0, -6.0)
    true = clicks(views)
    assert click_consistency(true, views, 1.0).consistent == "yes"
    moved = click_consistency(true, (views[0], lifted(views[1], 7.0)), 1.0)
    assert moved.consistent == "no" and moved.offset_mm == pytest.approx(-7.0, abs=1.5)
    assert "towards the feet" in moved.words
    stretched = click_consistency(true, (views[0], spaced(views[1], 1.3)), 1.0)
    assert stretched.consistent == "no" and "times as long" in stretched.words


def test_too_few_or_doubtful_clicks_are_admitted():
    views = blank("AP", 4.0, 3.0), blank("LAT", 82.0, -6.0)
    true = clicks(views)
    assert click_consistency(true[:1], views).consistent == "cannot tell"
    rough = click_consistency(true, views)
    assert rough.consistent == "cannot tell" and "agrees, but no better" in rough.words
    assert click_consistency(np.full((3, 2, 2), np.nan), views).consistent == "cannot tell"
    true[2, 1, 1] += 25.0
    wrong = click_consistency(true, views, 1.0)
    assert wrong.consistent == "cannot tell" and "point 3 of 5" in wrong.words
    with pytest.raises(ValueError, match="got clicks of shape"):
        click_consistency(true[:, :1], views)


def test_false_alarms_of_clicks_are_rare():
    views = blank("AP", 4.0, 3.0), blank("LAT", 82.0, -6.0)
    verdicts = [click_consistency(clicks(views, 1.8, seed), views, 1.5).consistent for seed in range(200)]
    assert verdicts.count("no") <= 1
    assert verdicts.count("yes") > 150


@pytest.mark.parametrize("silhouette", [True, False])
def test_masks(silhouette: bool):
    views = blank("AP", 4.0, 3.0), blank("LAT", 82.0, -6.0)
    masks = [thickness(view, 1) for view in views]
    masks = [mask > 1.0 if silhouette else mask for mask in masks]
    true = mask_consistency(masks, views)
    assert true.consistent == "yes", true.words
    moved = mask_consistency(masks, (views[0], lifted(views[1], 5.0)))
    assert moved.consistent == "no"
    assert moved.offset_mm == pytest.approx(-5.0, abs=1.0)


def test_masks_that_do_not_fit():
    views = blank("AP", 4.0, 3.0), blank("LAT", 82.0, -6.0)
    masks = [np.zeros(view.image.shape, dtype=bool) for view in views]
    assert mask_consistency(masks, views).consistent == "cannot tell"
    with pytest.raises(ValueError, match="got 1 masks"):
        mask_consistency(masks[:1], views)
    with pytest.raises(ValueError, match="got a mask of shape"):
        mask_consistency([masks[0], masks[1][1:]], views)
