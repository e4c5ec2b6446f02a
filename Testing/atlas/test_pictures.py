"""Drawings show the near side, in the right place, shaded; something asymmetric, so that a mirrored picture fails."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from SpineDARTLib.atlas.pictures import BONE, PICTURE_AXES, draw_shape, projected, region_colours

VERTICES = np.array([[0, 0, 0], [4, 0, 0], [0, 6, 0], [0, 0, 9]], dtype=float)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
"""A corner: its slanted side faces right, anterior and superior."""


def drawn(direction: str, **options) -> tuple[PolyCollection, np.ndarray]:
    """The painted triangles and the pixels."""
    figure = Figure(figsize=(2, 2))
    axes = figure.add_subplot()
    draw_shape(axes, VERTICES, FACES, direction, **options)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.savefig(io.BytesIO(), format="png")
    (triangles,) = (drawing for drawing in axes.collections if isinstance(drawing, PolyCollection))
    return triangles, np.asarray(canvas.buffer_rgba())


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("left", (-6.0, 9.0)), ("front", (-4.0, 9.0)), ("top", (4.0, 6.0)), ("back", (4.0, 9.0))],
)
def test_directions_are_those_of_someone_who_looks_from_there(direction: str, expected: tuple[float, float]):
    # The picture's right is the patient's posterior from the left, left from the front, right from above and behind.
    assert projected(np.array([4.0, 6.0, 9.0]), direction) == pytest.approx(expected)
    rows = PICTURE_AXES[direction]
    assert np.linalg.det(rows) == pytest.approx(1.0)  # no mirror image


def test_only_the_near_side_is_painted():
    assert len(drawn("left")[0].get_paths()) == 1  # the face in x = 0
    assert len(drawn("back")[0].get_paths()) == 1
    assert len(drawn("top")[0].get_paths()) == 1  # the slanted side alone looks up
    assert len(drawn("front")[0].get_paths()) == 1


def test_what_is_nearer_is_painted_later():
    figure = Figure()
    axes = figure.add_subplot()
    lower = np.array([[0, 0, 0], [5, 0, 0], [0, 5, 0]], dtype=float)
    both = np.vstack([lower + (0.0, 0.0, 3.0), lower])
    reds = np.repeat([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 3, axis=0)
    draw_shape(axes, both, np.array([[0, 1, 2], [3, 4, 5]]), "top", colours=reds)
    last = np.asarray(axes.collections[0].get_facecolor())[-1]
    assert last[0] > last[2]


def test_colours_lines_and_points_are_seen():
    red = np.tile([1.0, 0.0, 0.0], (4, 1))
    triangles, plain = drawn("top", colours=red)
    assert np.asarray(triangles.get_facecolor())[0, 1:3] == pytest.approx([0.0, 0.0])
    _, marked = drawn("top", colours=red, lines={"blue": [VERTICES[[1, 2]]]}, points={"lime": VERTICES[[3]]})
    pixels = marked[..., :3].reshape(-1, 3).astype(int)
    assert (pixels == (0, 0, 255)).all(axis=1).any()
    assert (pixels == (0, 255, 0)).all(axis=1).any()
    assert not (plain[..., 2] > plain[..., 0].astype(int) + 100).any()


def test_opacity_lets_the_page_through():
    assert np.asarray(drawn("top", opacity=0.4)[0].get_facecolor())[0, 3] == pytest.approx(0.4)


def test_regions_colour_their_vertices_later_ones_over_earlier():
    regions = {"one": np.array([0, 1]), "two": np.array([1])}
    colours = region_colours(3, regions, {"one": "red", "two": "#0000ff"})
    assert colours == pytest.approx(np.array([(1, 0, 0), (0, 0, 1), BONE]))


def test_an_unknown_direction_is_named():
    with pytest.raises(ValueError, match='got direction "below"; expected one of left, front, top, back'):
        projected(VERTICES, "below")
