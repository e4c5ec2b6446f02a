"""Surfaces that run through themselves are found, those that only touch are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from SpineDARTLib.atlas.intersections import self_intersections
from Testing.shapes import box, sphere

FLAT = [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]]
APART = [[0, 1, 2], [3, 4, 5]]


def crossing(corners: list[list[float]], faces: list[list[int]]) -> list[list[int]]:
    """What is found must not depend on where and how the surface stands, nor on the triangles' order."""
    vertices, triangles = np.array(corners, dtype=float), np.array(faces)
    found = self_intersections(vertices, triangles)
    turned = vertices @ Rotation.from_euler("xyz", [20, -50, 110], degrees=True).as_matrix().T + (310.0, -95.0, 720.0)
    assert (self_intersections(turned, triangles) == found).all()
    assert (self_intersections(vertices, triangles[::-1, [1, 2, 0]]) == found).all()
    return found.tolist()


@pytest.mark.parametrize(
    "other",
    [
        [[1.0, 1.0, -1.0], [1.0, 1.0, 2.0], [3.0, 3.0, 2.0]],  # one edge through the middle
        [[0.1, 3.0, -1.0], [1.5, 0.1, -1.0], [1.0, 1.0, 0.01]],  # only a tip comes through
        [[-9.0, 1.0, -9.0], [9.0, 1.0, -9.0], [0.0, 1.0, 30.0]],  # a large one that swallows it
        [[2.0, 1.0, 0.0], [1.0, 2.0, 3.0], [1.0, 0.5, -3.0]],  # a corner in the plane, and through
    ],
)
def test_triangles_that_cross(other: list[list[float]]):
    assert crossing(FLAT + other, APART) == [[0, 1]]


@pytest.mark.parametrize(
    "other",
    [
        [[1.0, 1.0, 0.2], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0]],  # above
        [[5.0, 1.0, -1.0], [5.0, 1.0, 1.0], [9.0, 1.0, 1.0]],  # through the plane, beside the triangle
        [[1.0, 1.0, 0.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0]],  # a corner stands on it
        [[1.0, 1.0, 0.0], [2.0, 1.0, 0.0], [1.0, 1.0, 3.0]],  # an edge stands on it
        [[0.5, 0.5, 0.0], [3.0, 0.5, 0.0], [0.5, 3.0, 0.0]],  # lies on it
        [[2.0, -1.0, 1.0], [2.0, 1.0, -1.0], [2.0, -5.0, -5.0]],  # edge on edge, in one point
    ],
)
def test_triangles_that_touch_or_miss(other: list[list[float]]):
    assert crossing(FLAT + other, APART) == []


def test_neighbours():
    shared_corner = [[0, 1, 2], [0, 3, 4]]
    assert crossing([*FLAT, [3.0, 1.0, 2.0], [1.0, 3.0, -2.0]], shared_corner) == [[0, 1]]
    assert crossing([*FLAT, [3.0, 1.0, 2.0], [1.0, 3.0, 2.0]], shared_corner) == []
    folded = [*FLAT, [3.0, 0.1, 0.2]]
    assert crossing(folded, [[0, 1, 2], [1, 0, 3]]) == []


def test_boxes():
    one, faces = box((0, 0, 0), (10, 10, 10))
    both = np.vstack([faces, faces + 8])

    def count(shift: tuple[float, float, float]) -> int:
        return len(self_intersections(np.vstack([one, one + shift]), both))

    assert count((2.0, 3.0, 10.0)) == 0  # stands on the other
    assert count((2.0, 3.0, 10.1)) == 0
    assert count((2.0, 3.0, 9.9)) > 0
    assert count((25.0, 0.0, 0.0)) == 0


def test_a_dent_through_the_far_wall():
    vertices, faces = sphere((5.0, -3.0, 2.0), 20.0, rings=12)
    assert len(self_intersections(vertices, faces)) == 0
    tip = len(vertices) - 2
    dented = vertices.copy()
    dented[tip] -= (1.0, 0.5, 45.0)  # through the other pole
    found = self_intersections(dented, faces)
    around_tip = np.flatnonzero((faces == tip).any(1))
    assert len(found) > 0 and (np.isin(found, around_tip).sum(1) == 1).all()
    assert (self_intersections(dented, faces, around_tip) == found).all()
    pierced = np.setdiff1d(found, around_tip)
    assert (self_intersections(dented, faces, pierced[:1]) == found[(found == pierced[0]).any(1)]).all()
    assert self_intersections(dented, faces, np.flatnonzero((faces == len(vertices) - 100).any(1))).shape == (0, 2)


def test_as_another_library_says():
    import vtk

    vertices, faces = sphere((0.0, 0.0, 0.0), 20.0, rings=10)
    vertices = vertices + np.random.default_rng(3).normal(0, 1.8, vertices.shape)
    corners = vertices[faces]
    middle = corners.mean(1)
    reach = float(np.linalg.norm(corners - middle[:, None], axis=2).max())
    pairs = KDTree(middle).query_pairs(2 * reach, output_type="ndarray")
    apart = ~(faces[pairs[:, 0], :, None] == faces[pairs[:, 1], None, :]).any((1, 2))
    intersect = vtk.vtkTriangle.TrianglesIntersect
    theirs = {(i, j) for i, j in pairs[apart].tolist() if intersect(*corners[i], *corners[j])}
    ours = {
        (i, j) for i, j in self_intersections(vertices, faces).tolist() if not set(faces[i].tolist()) & set(faces[j])
    }
    assert ours == theirs and len(ours) > 10
