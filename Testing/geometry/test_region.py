"""Crops of X-rays: the same world falls on the same place, nothing aliases, and the mask tells the detector's end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project, rays
from SpineDARTLib.geometry.region import region_view
from Testing.conftest import make_view

SHAPE = (240, 280)
POINT = np.array([[12.0, -9.0, 14.0]])
STEPS = [0.7, 1.0, 1.8, 3.3, 5.0]


def dot_view(width_px: float = 4.0):
    """A view whose picture is one bright dot, where ``POINT`` falls."""
    view = make_view("a", 20.0, 8.0, SHAPE)
    u, v = project(POINT, view)[0]
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    dot = np.exp(-0.5 * ((columns - u) ** 2 + (rows - v) ** 2) / width_px**2)
    return replace(view, image=dot.astype(np.float32))


def centroid(image: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    weights = image.astype(np.float64) / image.sum(dtype=np.float64)
    return np.array([(weights * columns).sum(), (weights * rows).sum()])


@pytest.mark.parametrize("step", STEPS)
def test_a_dot_lands_where_the_cropped_view_says(step: float):
    view = dot_view()
    u, v = project(POINT, view)[0]
    size = int(60 / step) + 12
    crop, inside = region_view(view, (u + 3.3, v - 2.1), step, (size, size + 6))
    assert inside.all() and crop.image.shape == (size, size + 6)
    np.testing.assert_allclose(centroid(crop.image), project(POINT, crop)[0], atol=0.05)


@pytest.mark.parametrize("step", STEPS)
def test_pixels_of_the_crop_are_the_same_rays(step: float):
    view = make_view("a", -35.0, 12.0, SHAPE)
    crop, _ = region_view(view, (130.4, 111.7), step, (21, 33))
    source, directions = rays(np.array([[16.0, 10.0]]), crop)  # the crop's centre
    np.testing.assert_allclose(source, view.source_mm)
    np.testing.assert_allclose(directions, rays(np.array([[130.4, 111.7]]), view)[1], atol=1e-12)
    points = np.random.default_rng(1).normal(scale=20.0, size=(10, 3))
    moved = (project(points, view) - (130.4, 111.7)) / step + (16.0, 10.0)
    np.testing.assert_allclose(project(points, crop), moved, atol=1e-9)
    np.testing.assert_allclose(crop.pixel_spacing_mm, np.array(view.pixel_spacing_mm) * step)


def test_a_crop_at_whole_pixels_is_the_picture_itself():
    view = dot_view()
    crop, inside = region_view(view, (100.0, 90.0), 1.0, (41, 61))
    np.testing.assert_array_equal(crop.image, view.image[70:111, 70:131])
    assert inside.all()


def test_the_mask_is_the_detector_and_its_border_goes_on():
    view = make_view("a", 0.0, shape=SHAPE)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    view = replace(view, image=(rows + 1000.0 * columns).astype(np.float32))
    crop, inside = region_view(view, (2.0, SHAPE[0] - 3.0), 1.0, (15, 17))
    u, v = 2.0 + np.arange(17) - 8, SHAPE[0] - 3.0 + np.arange(15) - 7
    expected = ((v >= 0) & (v <= SHAPE[0] - 1))[:, None] & ((u >= 0) & (u <= SHAPE[1] - 1))[None]
    np.testing.assert_array_equal(inside, expected)
    assert 0 < inside.sum() < inside.size
    nearest = np.clip(v, 0, SHAPE[0] - 1)[:, None] + 1000.0 * np.clip(u, 0, SHAPE[1] - 1)[None]
    np.testing.assert_allclose(crop.image, nearest, rtol=1e-6)
    assert not region_view(view, (-500.0, 20.0), 2.0, (10, 10))[1].any()


@pytest.mark.parametrize(("step", "left"), [(2.0, 0.65), (3.3, 0.15), (5.0, 0.05)])
def test_nothing_aliases(step: float, left: float):
    """Stripes finer than the crop's pixels fade (hardly at a step of their own width), and their mean stays."""
    view = make_view("a", 0.0, shape=SHAPE)
    columns = np.arange(SHAPE[1])
    stripes = np.tile(np.cos(np.pi * columns / 1.1), (SHAPE[0], 1))  # a period of 2.2 px
    view = replace(view, image=(5.0 + stripes).astype(np.float32))
    crop, _ = region_view(view, (140.0, 120.0), step, (30, 36))
    plain = view.image[np.ix_(range(48, 192, round(step)), range(52, 228, round(step)))]
    assert plain.std() > 0.5
    assert crop.image.std() < left * plain.std()
    np.testing.assert_allclose(crop.image.mean(), 5.0, atol=0.05)


def test_what_is_coarser_than_the_crop_keeps_its_contrast():
    view = make_view("a", 0.0, shape=SHAPE)
    waves = np.tile(np.cos(2 * np.pi * np.arange(SHAPE[1]) / 30.0), (SHAPE[0], 1))
    crop, _ = region_view(replace(view, image=waves.astype(np.float32)), (140.0, 120.0), 3.0, (30, 60))
    assert crop.image.max() - crop.image.min() > 1.8
