"""What blades and diaphragms leave open."""

import numpy as np
import pytest

from SpineDARTLib.simulate.imaging.collimation import Collimation, collimate, draw_collimation
from SpineDARTLib.simulate.imaging.settings import ImagingSettings

SHAPE = (120, 160)


def test_blades_lie_where_they_are_put():
    share, field = collimate(Collimation(middle=(0.4, 0.6), gaps=(0.5, 0.3), penumbra_mm=0.1, leakage=0.01), SHAPE, 0.5)
    rows, columns = np.nonzero(field)
    assert columns.mean() == pytest.approx(0.4 * 159, abs=0.6)
    assert rows.mean() == pytest.approx(0.6 * 119, abs=0.6)
    assert np.ptp(columns) + 1 == pytest.approx(60, abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(36, abs=1)
    assert share.min() == pytest.approx(0.01)
    assert share.max() == 1.0


def test_turned_blades_turn_clockwise_as_the_picture_is_seen():
    _, field = collimate(Collimation(gaps=(0.9, 0.4), turn_deg=10.0), SHAPE, 0.5)
    right, left = np.nonzero(field[:, 120])[0].mean(), np.nonzero(field[:, 40])[0].mean()
    assert np.rad2deg(np.arctan2(right - left, 80)) == pytest.approx(10.0, abs=1.5)


def test_edge_is_as_soft_as_its_penumbra():
    share, _ = collimate(Collimation(gaps=(0.5, 2.0), penumbra_mm=4.0), SHAPE, 0.5)
    assert ((share[60] > 0.001) & (share[60] < 0.999)).sum() == pytest.approx(2 * 8, abs=2)


@pytest.mark.parametrize(("shape", "area"), [("round", np.pi / 4), ("octagon", 0.93)])
def test_diaphragms_area(shape: str, area: float):
    _, field = collimate(Collimation(shape=shape, diameter=0.9), SHAPE, 0.5)
    assert field.sum() == pytest.approx(area * (0.9 * 120) ** 2, rel=0.07)


def test_what_is_aimed_at_stays_in_the_field():
    settings = ImagingSettings(blades_chance=1.0, diaphragm_chance=0.5)
    for seed in range(40):
        drawn = draw_collimation(settings, np.random.default_rng(seed), (0.42, 0.55), diaphragm="octagon")
        _, field = collimate(drawn, SHAPE, 0.5)
        assert field[46:87, 60:75].all()
        assert 0.2 < field.mean() <= 1.0


def test_unknown_shape_is_named():
    with pytest.raises(ValueError, match=r"oval.*allowed"):
        Collimation(shape="oval")
