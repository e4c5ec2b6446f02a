"""The room along a path: analytic in tubes straight and bent; the same as a search of every point of the surface."""

from __future__ import annotations

import numpy as np
import pytest
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

from SpineDARTLib.plan.corridor import DIRECTIONS, REACH_MM, clearances, corridor
from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import PreparedSurface, prepare
from SpineDARTLib.types import Cannula
from Testing.plan.tubes import (
    ARC_ANGLES,
    ARC_MIDDLE,
    ARC_RADIUS,
    ARC_TUBE,
    BODY_HALF_DEPTH,
    BODY_HALF_WIDTH,
    HALF_HEIGHT,
    HALF_WIDTH,
    HEIGHT,
    OFFSET,
    arc,
    arc_anatomy,
    bent_tube,
    tube_anatomy,
    tube_vertebra,
)

EXACT_MM = 0.08


@pytest.fixture(scope="module")
def straight() -> PreparedSurface:
    return prepare(*tube_vertebra(), tube_anatomy(np.eye(3), np.zeros(3)))


@pytest.fixture(scope="module")
def bent() -> PreparedSurface:
    return prepare(*bent_tube(), arc_anatomy())


def along(side: str, right_mm: float = 0.0, tip: float = 8.0, vias: int = 0) -> Cannula:
    """Along a straight tube, maybe with points in between that bend nothing."""
    points = np.array([[OFFSET[side] + right_mm, y, HEIGHT[side]] for y in np.linspace(-44.0, tip, vias + 2)])
    return Cannula(side, points[0], points[-1], 3.0, via_mm=points[1:-1] if vias else None)


def test_the_profile(straight: PreparedSurface):
    found = corridor(along("right", right_mm=1.0), straight)
    y = found.points_mm[:, 1]
    assert (np.diff(found.stations_mm) > 0).all() and found.stations_mm == pytest.approx(y + 44.0)
    assert [set(found.part[mask]) for mask in (y < -30.01, abs(y + 24.0) < 5.99, y > -17.99)] == [
        {"entry"},
        {"pedicle"},
        {"body"},
    ]
    assert y[found.part == "pedicle"][[0, -1]] == pytest.approx([-30.0, -18.0])
    pedicle = found.room_mm[found.part == "pedicle"]
    wide, high = HALF_WIDTH["right"], HALF_HEIGHT["right"]
    assert pedicle[:, DIRECTIONS.index("lateral")] == pytest.approx(wide - 1.0, abs=EXACT_MM)
    assert (pedicle[:, DIRECTIONS.index("medial")] <= wide + 1.0 + EXACT_MM).all()
    assert (pedicle[:, DIRECTIONS.index("superior")] < high + EXACT_MM).all()
    # In the body, past the end of the tube, its flank is near, and what is too far is not looked for.
    in_body = (found.part == "body") & (y > 0.5)
    flank = BODY_HALF_WIDTH * np.sqrt(1.0 - (y[in_body] / BODY_HALF_DEPTH) ** 2)
    body = found.room_mm[in_body]
    assert body[:, DIRECTIONS.index("lateral")] == pytest.approx(flank - OFFSET["right"] - 1.0, abs=EXACT_MM)
    assert OFFSET["right"] + 1.0 > REACH_MM and np.isinf(body[:, DIRECTIONS.index("medial")]).all()
    assert (found.distance_mm, found.direction) == (pytest.approx(wide - 1.0, abs=EXACT_MM), "lateral")
    assert found.smallest_mm("pedicle").min() == found.distance_mm


def test_a_path_that_bends_nowhere_is_a_straight_one(straight: PreparedSurface):
    one, other = corridor(along("left", 1.0), straight), corridor(along("left", 1.0, vias=7), straight)
    assert other.stations_mm == pytest.approx(one.stations_mm)
    assert other.room_mm == pytest.approx(one.room_mm, abs=1e-6)
    # Not told by words either: everything that is measured is the same.
    assert assess(along("left", 1.0, vias=7), straight).checks == assess(along("left", 1.0), straight).checks


def test_a_tilted_path(straight: PreparedSurface):
    # Up by 4 mm and to the midline by 2 over 52: nearest to the medial wall at the pedicle's front.
    cannula = Cannula("left", np.array([-14.0, -44.0, 1.0]), np.array([-10.0, 8.0, 5.0]), 2.0)
    expected = (HALF_WIDTH["left"] - 4.0 * 26 / 52) * np.cos(np.arctan2(4.0, 52.0))
    found = corridor(cannula, straight)
    assert found.distance_mm == pytest.approx(expected, abs=EXACT_MM)
    assert found.position == pytest.approx(26 / 52, abs=0.02)


@pytest.mark.parametrize(
    ("outwards", "up", "direction"),
    [(0.0, 0.0, None), (1.5, 0.0, "lateral"), (-2.0, 0.0, "medial"), (0.0, -1.0, "inferior")],
)
def test_a_bent_path_in_a_bent_tube(bent: PreparedSurface, outwards: float, up: float, direction: str | None):
    points = arc(np.linspace(ARC_ANGLES[0] + 0.02, ARC_ANGLES[1] - 0.1, 25), outwards, up)
    cannula = Cannula("left", points[0], points[-1], 2.0, "curved", points[1:-1])
    found = corridor(cannula, bent)
    expected = ARC_TUBE - np.hypot(outwards, up)
    assert found.distance_mm == pytest.approx(expected, abs=0.03)
    assert direction in (None, found.direction)
    assert found.room_mm[found.part == "pedicle"].min(axis=1) == pytest.approx(expected, abs=0.03)
    safety = assess(cannula, bent)
    assert safety.clearance_mm == pytest.approx(expected - 1.0, abs=0.03)
    # Its angles are those of its course through the pedicle, its length that of the arc.
    assert safety.numbers["convergence_deg"] == pytest.approx(np.rad2deg(ARC_MIDDLE), abs=0.3)
    length = (ARC_RADIUS + outwards) * (ARC_ANGLES[1] - ARC_ANGLES[0] - 0.12)
    assert safety.numbers["path_length_mm"] == pytest.approx(length, abs=0.02)


def test_a_straight_path_leaves_a_bent_tube(bent: PreparedSurface):
    entry, target = arc(np.array([0.01, ARC_ANGLES[1] - 0.01]))
    half = (ARC_ANGLES[1] - 0.02) / 2
    found = corridor(Cannula("left", entry, target, 2.0), bent)
    assert found.direction == "medial"
    assert found.distance_mm == pytest.approx(ARC_TUBE - ARC_RADIUS * (1 - np.cos(half)), abs=0.03)


def test_a_sharp_bend(straight: PreparedSurface):
    # Straight to the pedicle's middle, then 30 degrees to the midline: through the medial wall before its front.
    corner = np.array([OFFSET["left"], -26.0, HEIGHT["left"]])
    target = corner + 9.0 * np.array([np.sin(np.pi / 6), np.cos(np.pi / 6), 0.0])
    cannula = Cannula("left", np.array([OFFSET["left"], -44.0, HEIGHT["left"]]), target, 2.0, "curved", corner[None])
    found = corridor(cannula, straight)
    front = -18.0 + 26.0
    outside = (front * np.tan(np.pi / 6) - HALF_WIDTH["left"]) * np.cos(np.pi / 6)
    assert found.direction == "medial" and found.distance_mm == pytest.approx(-outside, abs=0.1)
    before = found.room_mm[(found.part == "pedicle") & (found.stations_mm < 16.0)]
    assert before.min() == pytest.approx(HALF_WIDTH["left"], abs=EXACT_MM)


def test_the_smallest_alone_is_the_same(straight: PreparedSurface):
    shifted = prepare(
        straight.vertices_mm + (1.0, 0.0, 0.0), straight.faces, tube_anatomy(np.eye(3), np.array([1.0, 0, 0]))
    )
    for cannula in (along("left"), along("right", 2.0), along("left", 6.0), along("right", vias=3)):
        expected = [assess(cannula, surface).clearance_mm for surface in (straight, shifted)]
        assert clearances(cannula, [straight, shifted]) == pytest.approx(expected, abs=1e-9)
    assert clearances(along("left"), []).shape == (0,)


def test_every_point_of_the_surface(straight: PreparedSurface):
    generator = np.random.default_rng(2)
    signed = implicit_distance(straight)
    for number in range(10):
        side = ("left", "right")[number % 2]
        entry = np.array([OFFSET[side], -44.0, HEIGHT[side]]) + generator.normal(0.0, 2.5, 3)
        target = np.array([0.5 * OFFSET[side], 6.0, 0.0]) + generator.normal(0.0, 3.0, 3)
        cannula = Cannula(side, entry, target, 3.05)
        assert corridor(cannula, straight).distance_mm == pytest.approx(search(cannula, straight, signed), abs=0.15)


def search(cannula: Cannula, surface: PreparedSurface, signed: vtk.vtkImplicitPolyDataDistance) -> float:
    """By brute force: of points everywhere on the surface, the one nearest to the path, station by station."""
    pedicle = surface.anatomy.pedicles[cannula.side]
    length = float(np.linalg.norm(cannula.target_mm - cannula.entry_mm))
    direction = (cannula.target_mm - cannula.entry_mm) / length
    begin = (cannula.entry_mm - pedicle.centre_mm) @ pedicle.axis
    first, last = (np.array([pedicle.back_mm, pedicle.front_mm]) - begin) / (direction @ pedicle.axis)
    points = dense(surface, cannula.entry_mm, direction, first, last)
    height = (points - cannula.entry_mm) @ direction
    radial = np.linalg.norm(points - cannula.entry_mm - height[:, None] * direction, axis=1)
    smallest = np.inf
    for station in np.arange(first, last, 0.1):
        middle = station + 0.05
        nearest = radial[(np.abs(height - middle) <= 0.05) & (height >= first) & (height <= last)].min(initial=np.inf)
        outside = signed.EvaluateFunction(cannula.entry_mm + middle * direction) > 0
        smallest = min(smallest, -nearest if outside and np.isfinite(nearest) else nearest)
    return float(smallest)


def dense(surface: PreparedSurface, start: np.ndarray, direction: np.ndarray, first: float, last: float) -> np.ndarray:
    """(k, 3) points, at most 0.1 mm apart, on the triangles near the path between two stations."""
    corners = surface.vertices_mm[surface.faces]
    height = (corners - start) @ direction
    radial = np.linalg.norm(corners - start - height[..., None] * direction, axis=2)
    corners = corners[((height > first - 1.5) & (height < last + 1.5) & (radial < 9.0)).any(axis=1)]
    count = int(np.ceil(np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2).max() / 0.1))
    one, two = np.mgrid[: count + 1, : count + 1]
    within = one + two <= count
    weights = np.stack([one[within], two[within], count - one[within] - two[within]], axis=1) / count
    return (weights @ corners).reshape(-1, 3)


def implicit_distance(surface: PreparedSurface) -> vtk.vtkImplicitPolyDataDistance:
    """VTK's own signed distance, for a second opinion on inside and outside."""
    points, cells, polygons = vtk.vtkPoints(), vtk.vtkCellArray(), vtk.vtkPolyData()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(surface.vertices_mm), deep=True))
    offsets = np.arange(0, 3 * len(surface.faces) + 1, 3, dtype=np.int64)
    corners = np.ascontiguousarray(surface.faces, dtype=np.int64).ravel()
    cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(corners, deep=True))
    polygons.SetPoints(points)
    polygons.SetPolys(cells)
    signed = vtk.vtkImplicitPolyDataDistance()
    signed.SetInput(polygons)
    return signed


def test_the_tip_may_be_anywhere(straight: PreparedSurface):
    # In front of the bone, beside it and above it: never a number that looks right.
    through = assess(along("right", tip=BODY_HALF_DEPTH + 4.0), straight)
    assert through.numbers["tip_to_anterior_wall_mm"] < -3.0 and not through.checks["short_of_anterior_wall"]
    above = Cannula("right", np.array([15.0, -44.0, 2.0]), np.array([15.0, 0.0, 20.0]), 3.0)
    numbers = assess(above, straight).numbers
    assert numbers["tip_to_anterior_wall_mm"] is None
    assert numbers["tip_height_fraction"] == pytest.approx((20.0 + 13.0) / 26.0, abs=0.005)
