"""Anchors put a point where it belongs and follow the shape."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.atlas.anchors import interior_anchor, mirrored, patch_centre, steered, surface_anchor
from SpineDARTLib.atlas.mesh import Template
from SpineDARTLib.io.mesh import outward

TURN = np.array([[0.9, -0.3, 0.1], [0.2, 1.1, 0.05], [-0.1, 0.2, 0.6]])
"""An affine change of shape: squeezed, sheared and turned."""


@pytest.fixture
def egg() -> Template:
    """A closed surface longer in y than in x and z, its vertices crowded on one side."""
    from scipy.spatial import ConvexHull

    points = np.random.default_rng(4).standard_normal((600, 3)) + (0.7, 0.0, 0.0)
    points = points / np.linalg.norm(points, axis=1, keepdims=True) * (10.0, 16.0, 8.0)
    return Template(points, outward(points, ConvexHull(points).simplices.astype(np.int64)), np.arange(len(points)))


def test_a_point_inside_is_met_and_moves_with_the_shape(egg: Template):
    point = np.array([2.0, -7.0, 1.5])
    anchor = interior_anchor(egg.vertices, point, 6.0)
    assert anchor.on(egg.vertices) == pytest.approx(point, abs=1e-9)
    assert anchor.on(egg.vertices @ TURN.T + 5.0) == pytest.approx(TURN @ point + 5.0, abs=1e-9)
    assert np.abs(anchor.weights).max() < 0.2  # no vertex alone carries it


def test_a_point_on_the_surface_is_met_closely(egg: Template):
    point = np.array([10.0, 16.0, 8.0]) * np.array([0.6, 0.48, 0.64])
    anchor = surface_anchor(egg.vertices, point, np.arange(len(egg.vertices)), 4.0)
    assert np.linalg.norm(anchor.on(egg.vertices) - point) < 0.3
    assert np.linalg.norm(egg.vertices[anchor.indices] - point, axis=1).max() <= 4.0


def test_the_nearest_vertex_serves_where_none_is_in_reach(egg: Template):
    anchor = surface_anchor(egg.vertices, np.array([0.0, 30.0, 0.0]), np.arange(len(egg.vertices)), 1.0)
    assert len(anchor.indices) >= 1
    assert anchor.on(egg.vertices)[1] > 15.0


def test_weights_change_no_more_than_they_must():
    square = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], dtype=float)
    same = steered(square, np.arange(4), np.ones(4), np.array([1.0, 1.0, 0.0]))
    assert same.weights == pytest.approx([0.25] * 4)
    moved = steered(square, np.arange(4), np.ones(4), np.array([1.5, 1.0, 0.0]))
    assert moved.weights == pytest.approx([0.125, 0.375, 0.375, 0.125])


def test_a_patch_counts_by_area_and_mirrors(egg: Template):
    # By area the centre of the whole surface is the middle; by vertices it is well to the crowded side.
    anchor = patch_centre(egg, np.arange(len(egg.vertices)))
    assert abs(anchor.on(egg.vertices)[0]) < 0.8 < egg.vertices[:, 0].mean()
    swapped = Template(egg.vertices, egg.faces, egg.partner[::-1])
    assert (mirrored(anchor, swapped).indices == anchor.indices[::-1]).all()
