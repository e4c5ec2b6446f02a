"""Stamps put the right mass in the right place, whatever the grid."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.stamp import FAR_MM, along, axes_of, chain_depth, coverage, lumps, splat, splat_plate


def test_splat_keeps_mass_and_centre() -> None:
    volume = empty_volume(np.array([-5.0, 3.0, -9.0]), np.array([12.0, 20.0, 8.0]), 1.3, "bone")
    points = np.array([[1.17, 8.31, -2.02], [4.4, 12.9, 3.3], [90.0, 8.0, 0.0]])
    splat(volume, points, np.array([2.0, 0.5, 7.0]))
    mass = volume.values.astype(np.float64) * 1.3**3
    assert mass.sum() == pytest.approx(2.5, rel=1e-5), "the third point is beyond the grid"
    centre = [float((mass * axis).sum() / mass.sum()) for axis in axes_of(volume)]
    np.testing.assert_allclose(centre, (2.0 * points[0] + 0.5 * points[1]) / 2.5, atol=1e-4)


def test_a_chain_is_deep_in_the_middle_and_reaches_to_its_radius() -> None:
    volume = empty_volume(np.array([-20.0, -20.0, -20.0]), np.array([30.0, 20.0, 20.0]), 1.0)
    depth = chain_depth(volume, np.array([[0.0, 2.0, -3.0], [6.0, 2.0, -3.0]]), np.array([7.0, 5.0]))
    assert depth[20, 22, 17] == pytest.approx(7.0)
    assert depth[20, 22 + 7, 17] == pytest.approx(0.0)
    assert depth[26 + 5, 22, 17] == pytest.approx(0.0)
    assert depth[-1, -1, -1] == FAR_MM
    assert coverage(depth, 1.0)[26 + 5, 22, 17] == pytest.approx(0.5)


def test_lumps_stand_in_the_world_not_in_the_grid() -> None:
    large = empty_volume(np.array([-40.0, -30.0, -50.0]), np.array([50.0, 40.0, 60.0]), 2.0)
    small = empty_volume(np.array([-10.0, -6.0, -8.0]), np.array([20.0, 20.0, 30.0]), 2.0)
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    everywhere, part = lumps(large, 6.0, first), lumps(small, 6.0, second)
    size = part.shape
    np.testing.assert_allclose(everywhere[15 : 15 + size[0], 12 : 12 + size[1], 21 : 21 + size[2]], part, atol=1e-4)
    assert first.random() == second.random(), "as many draws for any grid"
    assert everywhere.std() == pytest.approx(1.0, abs=0.15)


def test_along_walks_evenly_through_the_points() -> None:
    points = np.array([[0.0, 0.0, 0.0], [10.0, 4.0, -3.0], [25.0, 6.0, -20.0], [27.0, 30.0, -30.0]])
    line = along(points, 0.5)
    np.testing.assert_allclose(np.linalg.norm(np.diff(line, axis=0), axis=1), 0.5, rtol=0.02)
    nearest = [np.linalg.norm(line - point, axis=1).min() for point in points]
    assert max(nearest) < 0.5


def test_a_plate_holds_two_sheets_and_what_is_between() -> None:
    volume = empty_volume(np.array([-10.0, -10.0, -10.0]), np.array([60.0, 50.0, 20.0]), 1.0, "bone")
    x, y = np.meshgrid(np.linspace(0.0, 40.0, 81), np.linspace(0.0, 25.0, 51), indexing="ij")
    plate = np.stack([x, y, 4.0 + 0.1 * x], axis=2)
    splat_plate(volume, plate, np.full(x.shape, 3.0), 1.2, 0.1, np.random.default_rng(1))
    area = 40.0 * 25.0 * np.sqrt(1.01)
    assert float(volume.values.sum()) == pytest.approx(area * (2.0 * 1.2 + 6.0 * 0.1), rel=0.05)
    middle = volume.values[30, 22, :]
    assert middle[16] < 0.3 < min(middle[12:15].max(), middle[18:21].max()), "dense outside, spongy within"
