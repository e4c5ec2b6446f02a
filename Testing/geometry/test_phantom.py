"""The eight real X-rays of a static phantom: read, turned over and put together, points picked by hand meet.

A wrong angle sign, an unmirrored picture, a forgotten table or an invented pixel spacing each break it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from SpineDARTLib.geometry.known import KnownGeometry
from SpineDARTLib.geometry.sharing import together
from Testing.benchmarks import geometry_phantom as phantom


@pytest.fixture(scope="module")
def geometries(shared_folder: Path) -> tuple[KnownGeometry, ...]:
    folder = shared_folder / "data" / "xa-dicom" / "arso-phantom"
    if not folder.is_dir():
        pytest.skip(f"no phantom at {folder}")
    return phantom.read(folder)


def error_px(geometries: tuple[KnownGeometry, ...]) -> float:
    return float(phantom.rms(phantom.errors_px(phantom.picks(geometries), phantom.views_of(geometries))))


def test_points_meet_with_the_geometry_as_read(geometries: tuple[KnownGeometry, ...]):
    assert error_px(together(geometries)) < 2.8


def test_everything_that_is_read_is_needed(geometries: tuple[KnownGeometry, ...]):
    as_read = together(geometries)
    assert error_px(phantom.without_table(as_read)) > 25
    assert error_px(phantom.changed(as_read, image_flip_horizontal=0)) > 60
    assert error_px(phantom.intensifier(as_read)) > error_px(as_read) + 0.3
    mirrored = tuple(known.overridden(primary_deg=-known.quantities["primary_deg"].value[0]) for known in as_read)
    assert error_px(mirrored) > 60
