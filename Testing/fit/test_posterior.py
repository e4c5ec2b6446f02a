"""What a finished fit says of where the true vertebra may be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.fit.posterior import EVEN, ODD, posterior, posterior_of
from SpineDARTLib.types import FittedVertebra, Quality, Status, Vertebra

QUALITY = Quality({}, {}, predicted_surface_distance_mm=1.0, mahalanobis=2.0, iterations=3, seconds=1.0)
VERTEBRA = Vertebra("L3", np.eye(4), 1.0, np.zeros(11))
FITTED = FittedVertebra("L3", Status.CONVERGED, "settled", VERTEBRA, quality=QUALITY)


def test_a_fit_that_expects_to_be_far_off_is_less_sure():
    near, far = (
        posterior_of(replace(FITTED, quality=replace(QUALITY, predicted_surface_distance_mm=mm))) for mm in (1.0, 4.0)
    )
    assert near is not None and far is not None
    assert near.mean.shape == (18,) and near.covariance.shape == (18, 18)
    assert np.sqrt(np.diag(far.covariance)) == pytest.approx(2 * np.sqrt(np.diag(near.covariance)))
    assert far.wall_mm == pytest.approx(2 * near.wall_mm)


def test_it_is_a_distribution_and_its_own_mirror_image():
    found = posterior(1.3, 5)
    mirror = np.ones(12)
    mirror[list(ODD)] = -1.0
    assert found.mean * mirror == pytest.approx(found.mean)
    assert mirror[:, None] * found.covariance * mirror == pytest.approx(found.covariance)
    assert np.linalg.eigvalsh(found.covariance).min() > 0
    assert sorted(EVEN + ODD) == list(range(7))


def test_it_is_as_wide_as_fits_are():
    # Of a fit that expects to be 1 mm off: shifts of some tenths of a millimetre, turns of about a degree, 3 % of size.
    deviations = np.sqrt(np.diag(posterior(1.0, 5).covariance))
    assert ((deviations[:3] > 0.3) & (deviations[:3] < 1.2)).all()
    assert ((np.rad2deg(deviations[3:6]) > 0.5) & (np.rad2deg(deviations[3:6]) < 2.5)).all()
    assert 0.01 < deviations[6] < 0.05


@pytest.mark.parametrize(
    "fitted",
    [
        replace(FITTED, vertebra=None),
        replace(FITTED, quality=None),
        replace(FITTED, quality=replace(QUALITY, predicted_surface_distance_mm=float("nan"))),
    ],
)
def test_without_vertebra_or_expectation_there_is_none(fitted):
    assert posterior_of(fitted) is None
