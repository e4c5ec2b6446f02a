"""Path lengths through rods, against formulas and against a dense sampling of where the metal is."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project, rays
from SpineDARTLib.simulate.imaging.rods import rod_path
from SpineDARTLib.simulate.nouns import Crop, Rod
from SpineDARTLib.types import View
from Testing.simulate.imaging.cameras import ISOCENTRE_MM, POSES, camera


def rod(points: list[list[float]], radius: float | list[float], bore: float = 0.0) -> Rod:
    """Points relative to the isocentre."""
    return Rod(
        ISOCENTRE_MM + np.array(points), np.broadcast_to(radius, len(points)).astype(float), "steel", bore, "rod"
    )


def whole(crop: Crop, view: View) -> np.ndarray:
    picture = np.zeros(view.image.shape)
    picture[crop.row : crop.row + crop.values.shape[0], crop.column : crop.column + crop.values.shape[1]] = crop.values
    return picture


def sampled(view: View, pixels: np.ndarray, inside, step_mm: float = 0.01) -> np.ndarray:
    """(n,) mm of each ray for which ``inside`` (points (m, 3) relative to the isocentre) holds."""
    source, along = rays(pixels, view)
    reach = np.linalg.norm(ISOCENTRE_MM - source) + np.arange(-60.0, 60.0, step_mm)
    return np.array([step_mm * inside(source + reach[:, None] * one - ISOCENTRE_MM).sum() for one in along])


def in_cylinder(points: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    axis = (end - start) / np.linalg.norm(end - start)
    height = (points - start) @ axis
    beside = np.linalg.norm(points - start - height[:, None] * axis, axis=1)
    return (height > 0) & (height < np.linalg.norm(end - start)) & (beside < radius)


@pytest.mark.parametrize("name", POSES)
def test_a_straight_cannula_in_every_pixel(name):
    start, end = np.array([-21.0, -18.0, 9.0]), np.array([14.0, 22.0, -6.0])
    view = camera(name)
    picture = whole(rod_path(rod([start, end], 4.0, 2.5), view), view)
    some = np.argwhere(picture > 0)[::37]
    wanted = sampled(
        view,
        some[:, ::-1].astype(float),
        lambda points: in_cylinder(points, start, end, 4.0) & ~in_cylinder(points, start, end, 2.5),
    )
    assert picture[tuple(some.T)] == pytest.approx(wanted, abs=0.05)
    # Nothing is cut off by its box: no metal beyond the picture's positive part.
    beside = np.argwhere((picture == 0) & (np.roll(picture, 1, axis=0) + np.roll(picture, -1, axis=1) > 0))[::9]
    assert sampled(view, beside[:, ::-1].astype(float), lambda p: in_cylinder(p, start, end, 4.0)).max() < 0.05


def test_the_whole_metal_is_there():
    """Path times the pixel's area at the rod's depth is its volume: solid, tapered, and thinner than a pixel."""
    view = camera("AP", 400, 0.5)
    pixel2 = (0.5 * 530.0 / 1020.0) ** 2
    for radius, places in (([3.0, 3.0], 1e-2), ([4.0, 1.0], 1e-2), ([0.12, 0.12], 3e-2)):
        made = rod([[-20.0, 0.0, 3.0], [15.0, 0.0, -9.0]], radius)
        length, width = np.linalg.norm(np.diff(made.points_mm, axis=0)), np.mean(radius)
        assert rod_path(made, view).values.sum() * pixel2 == pytest.approx(np.pi * width**2 * length, rel=places)


def test_thin_wires_are_even():
    """A wire of a sixth of a pixel's radius shows without gaps or beads."""
    view = camera("AP", 400, 0.5)
    picture = whole(rod_path(rod([[-30.0, 0.0, -11.0], [28.0, 0.0, 16.0]], 0.05), view), view)
    columns = picture.sum(axis=0)
    middle = np.flatnonzero(columns)[8:-8]
    assert len(middle) > 150
    assert columns[middle].min() > 0.7 * columns[middle].mean()
    assert columns[middle].max() < 1.3 * columns[middle].mean()


def test_bends_count_once():
    corner = [[-20.0, 2.0, -8.0], [0.0, 0.0, 0.0], [3.0, 5.0, 22.0]]
    view = camera("OBL")
    picture = whole(rod_path(rod(corner, 3.0), view), view)
    points = np.array(corner)
    some = np.argwhere(picture > 0)[::17]

    def inside(places: np.ndarray) -> np.ndarray:
        joint = np.linalg.norm(places - points[1], axis=1) < 3.0
        parts = [in_cylinder(places, points[i], points[i + 1], 3.0) for i in (0, 1)]
        return parts[0] | parts[1] | joint

    wanted = sampled(view, some[:, ::-1].astype(float), inside)
    assert picture[tuple(some.T)] == pytest.approx(wanted, abs=0.05)


def test_points_along_a_line_change_nothing():
    view = camera("LAT")
    ends = np.array([[-18.0, 7.0, 4.0], [22.0, -9.0, 13.0]])
    shares = np.sort(np.r_[0.0, np.random.default_rng(2).uniform(0, 1, 9), 1.0])[:, None]
    once = whole(rod_path(rod(ends.tolist(), 2.0), view), view)
    often = whole(rod_path(rod((ends[0] + shares * (ends[1] - ends[0])).tolist(), 2.0), view), view)
    assert often == pytest.approx(once, abs=1e-3)


def test_seen_end_on_it_is_its_length():
    view = camera("AP")
    beam = rays(project(ISOCENTRE_MM[None], view), view)[1][0]
    found = whole(rod_path(rod([(-15.0 * beam).tolist(), (10.0 * beam).tolist()], 3.0, 1.0), view), view)
    u, v = np.round(project(ISOCENTRE_MM[None], view)[0]).astype(int)
    assert found.max() == pytest.approx(25.0, abs=0.05)
    assert found[v, u] == 0.0


def test_outside_or_behind_there_is_nothing():
    view = camera("AP")
    for shift in ([400.0, 0.0, 0.0], [0.0, 900.0, 0.0]):
        assert (
            rod_path(
                rod([[s + x for s, x in zip(shift, end, strict=True)] for end in ([0.0, 0, 0], [9.0, 3, 1])], 2.0), view
            ).values.size
            == 0
        )
    # Half in the picture: cut at its edge.
    crop = rod_path(rod([[0.0, 0.0, 0.0], [400.0, 0.0, 0.0]], 2.0), view)
    assert crop.values.size and crop.column >= 0 and crop.column + crop.values.shape[1] <= 192


def test_what_is_no_rod_is_named():
    view = camera("AP")
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        rod_path(rod([[0.0, 0.0, 0.0]], 2.0), view)
    with pytest.raises(ValueError, match="bore of 2"):
        rod_path(rod([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]], 2.0, 2.0), view)
