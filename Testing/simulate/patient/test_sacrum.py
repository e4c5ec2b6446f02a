"""The sacrum: closed, of an adult's size, its endplate where L5 asks for it."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.io.mesh import enclosed_volume, open_edges
from SpineDARTLib.simulate.patient.sacrum import make_sacrum

Mesh = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def sacrum() -> Mesh:
    return make_sacrum(25.0, 17.0, 1.1, np.random.default_rng(2))


def test_it_is_closed_and_its_normals_point_outwards(sacrum: Mesh):
    assert open_edges(sacrum[1]) == 0
    assert 60e3 < enclosed_volume(*sacrum) < 300e3


def test_it_is_as_large_as_an_adults(sacrum: Mesh):
    width, depth, height = np.ptp(sacrum[0], axis=0)
    assert 95 < width < 130 and 45 < depth < 100 and 80 < height < 130


def test_its_endplate_is_at_the_origin_and_all_else_below_or_behind(sacrum: Mesh):
    vertices = sacrum[0]
    plate = vertices[(np.abs(vertices[:, 0]) < 12) & (np.abs(vertices[:, 1]) < 10) & (vertices[:, 2] > -4)]
    assert len(plate) > 20
    np.testing.assert_allclose(plate[:, 2], 0.0, atol=1.2)
    low = vertices[vertices[:, 2] < -75]
    assert np.ptp(low[:, 0]) < 0.85 * np.ptp(vertices[:, 0])  # narrower below


def test_its_canal_is_open(sacrum: Mesh):
    from SpineDARTLib.simulate.patient.grids import inside_mask

    column = inside_mask(*sacrum, np.array([0.0, -90.0, -35.0]), (1, 130, 1), 1.0)[0, :, 0]
    runs = np.flatnonzero(np.diff(column.astype(int)))
    assert len(runs) == 4  # into the arch, out into the canal, into the body, out in front


def test_people_differ():
    one, other = (make_sacrum(25.0, 17.0, 1.0, np.random.default_rng(seed))[0] for seed in (1, 2))
    assert np.abs(np.ptp(one, axis=0) - np.ptp(other, axis=0)).max() > 1.0
