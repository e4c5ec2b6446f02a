"""Plane sections and rays on a ring whose tube is thin at one place that we know."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.atlas.mesh import edges_of
from SpineDARTLib.atlas.sections import first_exit, goes_around, loop_area, narrowest, section_at, sections

Ring = tuple[np.ndarray, np.ndarray]

RING_MM = 20.0
THIN_AT = np.deg2rad(200.0)
"""Where around the ring (from x towards y) the tube is thinnest: 3 mm, against 6 mm opposite."""


def tube_radius(around: np.ndarray) -> np.ndarray:
    return 4.5 - 1.5 * np.cos(around - THIN_AT)


@pytest.fixture(scope="module")
def ring() -> Ring:
    """A ring in the plane z = 0 around the origin, its tube circular: vertices, outward faces."""
    many, few = 96, 40
    around, about = np.meshgrid(np.arange(many) * 2 * np.pi / many, np.arange(few) * 2 * np.pi / few, indexing="ij")
    radius = tube_radius(around)
    out = RING_MM + radius * np.cos(about)
    vertices = np.stack([out * np.cos(around), out * np.sin(around), radius * np.sin(about)], axis=-1).reshape(-1, 3)
    i, j = (index.ravel() for index in np.indices((many, few)))
    here, ahead = i * few + j, (i + 1) % many * few + j
    up, both = i * few + (j + 1) % few, (i + 1) % many * few + (j + 1) % few
    return vertices, np.vstack([np.stack([here, ahead, both], 1), np.stack([here, both, up], 1)])


def at(angle_deg: float) -> np.ndarray:
    """The tube's middle at an angle."""
    return RING_MM * np.array([np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg)), 0.0])


def tangents(step_deg: float) -> np.ndarray:
    angles = np.deg2rad(np.arange(260.0, 330.0, step_deg))
    return np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)


def test_a_section_across_the_tube_has_its_area_and_centre(ring: Ring):
    section = section_at(*ring, at(90.0), np.array([1.0, 0.0, 0.0]))
    assert section is not None
    assert section.area == pytest.approx(np.pi * tube_radius(np.deg2rad(90.0)) ** 2, rel=0.02)
    assert section.centre == pytest.approx(at(90.0), abs=0.3)
    assert section_at(*ring, np.array([0.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]), within_mm=5.0) is None


def test_area_and_centroid_of_a_loop_do_not_depend_on_where_its_points_crowd():
    corners = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0], [4, 2, 0], [0, 2, 0]], dtype=float)
    area, centre = loop_area(corners)
    assert area == pytest.approx(8.0)
    assert centre == pytest.approx([2.0, 1.0, 0.0])


def test_only_loops_around_an_arm_leave_the_surface_whole(ring: Ring):
    vertices, faces = ring
    edges = edges_of(faces)
    across = sections(vertices, faces, at(90.0), np.array([1.0, 0.0, 0.0]))
    assert [goes_around(section, edges, len(vertices)) for section in across] == [True, True]
    cap = sections(vertices, faces, np.array([23.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    assert [goes_around(section, edges, len(vertices)) for section in cap] == [False]


def test_the_narrowest_section_is_at_the_thin_place(ring: Ring):
    found = narrowest(*ring, at(203.0), tangents(5.0), np.arange(-3.0, 3.1, 0.5))
    assert found.area == pytest.approx(np.pi * 3.0**2, rel=0.03)
    assert found.centre == pytest.approx(at(200.0), abs=0.5)
    assert found.axis @ np.array([np.cos(np.deg2rad(290.0)), np.sin(np.deg2rad(290.0)), 0.0]) > 0.995


def test_there_is_nothing_narrow_far_from_the_bone(ring: Ring):
    with pytest.raises(ValueError, match="inside a pedicle"):
        narrowest(*ring, np.array([100.0, 0.0, 0.0]), tangents(20.0), np.zeros(1))


def test_a_ray_leaves_at_the_first_outer_wall(ring: Ring):
    start, way = at(0.0), np.array([2.0, 0.0, 0.0])
    outside = first_exit(*ring, start, way)
    assert outside == pytest.approx([RING_MM + tube_radius(np.array(0.0)), 0.0, 0.0], abs=0.05)
    # Inwards it leaves the tube into the hole, not on the other side.
    inside = first_exit(*ring, start, -way)
    assert inside == pytest.approx([RING_MM - tube_radius(np.array(0.0)), 0.0, 0.0], abs=0.05)
    assert first_exit(*ring, np.array([0.0, 0.0, 9.0]), np.array([0.0, 0.0, 1.0])) is None
