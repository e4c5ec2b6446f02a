"""The pencil of planes through two sources: a point lies in the same plane in both pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.epipolar import meeting_point, pencil_of, rectify
from Testing.geometry.column import blank

Angles = tuple[float, float]

PAIRS: list[tuple[Angles, Angles]] = [
    ((4.0, 3.0), (88.0, -5.0)),
    ((-30.0, 10.0), (25.0, -12.0)),
    ((0.0, -25.0), (5.0, 20.0)),
    ((170.0, 0.0), (80.0, 8.0)),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_point_has_one_height(first: Angles, second: Angles):
    views = blank("A", *first), blank("B", *second)
    pencil = pencil_of(*views)
    points = np.random.default_rng(3).normal(scale=25.0, size=(40, 3)) + [7.0, -4.0, 11.0]
    heights = [pencil.heights_mm(project(points, view), view) for view in views]
    np.testing.assert_allclose(heights[0], heights[1], atol=1e-9)
    assert np.ptp(heights[0]) > 50.0


def test_heights_are_millimetres_towards_the_head():
    views = blank("AP", 0.0), blank("LAT", 90.0)
    pencil = pencil_of(*views)
    points = pencil.centre_mm + np.array([[0.0, 0.0, -8.0], [0.0, 0.0, 0.0], [0.0, 0.0, 8.0]])
    np.testing.assert_allclose(pencil.heights_mm(project(points, views[0]), views[0]), [-8.0, 0.0, 8.0], atol=0.01)


def test_beams_meet_at_the_isocentre():
    np.testing.assert_allclose(meeting_point((blank("A", 10.0), blank("B", 70.0, 20.0))), np.zeros(3), atol=1e-9)
    with pytest.raises(ValueError, match="almost parallel"):
        meeting_point((blank("A", 10.0), blank("B", 190.0)))


def test_opposed_beams_have_no_pencil():
    centre = np.zeros(3)
    with pytest.raises(ValueError, match="not opposed"):
        pencil_of(blank("A", 0.0), blank("B", 175.0), centre)
    with pytest.raises(ValueError, match="same source"):
        pencil_of(blank("A", 0.0), blank("B", 0.0), centre)


@pytest.mark.parametrize(("first", "second"), PAIRS[:3])
def test_rectified_pictures_show_a_point_in_the_same_row(first: Angles, second: Angles):
    heights, along = np.arange(-40.0, 40.5, 0.5), np.arange(-40.0, 40.5, 0.5)
    views = [blank("A", *first), blank("B", *second)]
    pencil = pencil_of(views[0], views[1])
    point, found = np.array([[9.0, -6.0, 14.0]]), []
    for view in views:
        (u, v), (rows, columns) = project(point, view)[0], np.indices(view.image.shape)
        dot = np.exp(-0.5 * ((columns - u) ** 2 + (rows - v) ** 2) / 2.0**2).astype(np.float32)
        picture, inside, _ = rectify(replace(view, image=dot), pencil, heights, along)
        assert inside.all()
        found.append((picture.sum(1) @ heights) / picture.sum())
    np.testing.assert_allclose(found, pencil.heights_mm(project(point, views[0]), views[0])[0], atol=0.1)


def test_outside_the_detector_is_marked():
    view = blank("A", 0.0)
    _, inside, _ = rectify(
        view, pencil_of(view, blank("B", 90.0)), np.arange(-150.0, 151.0, 1.0), np.arange(-50.0, 51.0)
    )
    assert not inside[0].any() and not inside[-1].any() and inside[len(inside) // 2].all()
