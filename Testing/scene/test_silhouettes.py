"""Outlines of projected surfaces, against areas that are known."""

from __future__ import annotations

import time

import numpy as np
import pytest

from SpineDARTLib.scene.silhouettes import silhouette
from Testing.shapes import box, sphere


def area(loop: np.ndarray) -> float:
    """The area within a closed loop."""
    x, y = loop.T
    return abs(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())) / 2


@pytest.mark.parametrize("turned", [False, True])
def test_of_a_sphere_is_its_circle(turned: bool) -> None:
    vertices, faces = sphere([40.0, -7.0, 3.0], 25.0)
    (loop,) = silhouette(vertices[:, :2], faces[:, ::-1] if turned else faces)
    np.testing.assert_allclose(np.hypot(*(loop - [40.0, -7.0]).T), 25.0, atol=0.25)
    np.testing.assert_array_equal(loop[0], loop[-1])


def test_of_two_boxes_that_overlap_is_one() -> None:
    one, faces = box([0, 0, 0], [40, 10, 5])
    other, _ = box([30, 0, 8], [20, 30, 5])
    (loop,) = silhouette(np.vstack([one, other])[:, :2], np.vstack([faces, faces + len(one)]))
    assert area(loop) == pytest.approx(40 * 10 + 20 * 30 - 10 * 10, rel=0.01)


def test_shows_holes() -> None:
    walls = [([0, 0, 0], [40, 8, 5]), ([0, 32, 0], [40, 8, 5]), ([0, 8, 0], [8, 24, 5]), ([32, 8, 0], [8, 24, 5])]
    boxes = [box(*wall) for wall in walls]
    faces = np.vstack([faces + 8 * index for index, (_, faces) in enumerate(boxes)])
    loops = silhouette(np.vstack([vertices for vertices, _ in boxes])[:, :2], faces)
    assert sorted(area(loop) for loop in loops) == pytest.approx([24 * 24, 40 * 40], rel=0.02)


def test_of_nothing_is_none() -> None:
    vertices, faces = box([0, 0, 0], [1, 1, 1])
    assert silhouette(np.full((8, 2), np.nan), faces) == []
    assert silhouette(vertices[:, :2], faces[:0]) == []
    assert silhouette(np.zeros((8, 2)), faces) == []


def test_follows_a_fit(lumbar: tuple[np.ndarray, np.ndarray]) -> None:
    vertices, faces = lumbar
    begun = time.perf_counter()
    for _ in range(5):
        assert silhouette(3.0 * vertices[:, [0, 2]], faces)
    assert (time.perf_counter() - begun) / 5 < 0.1  # some 8 ms on a slow core
