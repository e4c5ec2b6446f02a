"""The picture of patient, tubes and detectors."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.orientation_picture import draw_orientation, meeting_point
from Testing.conftest import make_view


@pytest.mark.parametrize("position", ["HFS", "HFP", "HFDL", "FFDR", None])
def test_every_position_can_be_drawn(position, tmp_path):
    views = (make_view("AP", 180.0), make_view("OBL", 40.0, 25.0), make_view("LAT", -90.0))
    draw_orientation(views, tmp_path / "a.png", position)
    assert (tmp_path / "a.png").stat().st_size > 20_000
    np.testing.assert_allclose(meeting_point(views), (0.0, 0.0, -10.0), atol=0.5)
