"""Pictures are held head up and the patient's right on the left, whatever the machine did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.detect.canonical import canonical_frame, move, move_box, resample
from SpineDARTLib.geometry.camera import project
from Testing.detect.views import view_of


@pytest.mark.parametrize("primary_deg", [0.0, 180.0, -40.0, 130.0])
@pytest.mark.parametrize("roll_deg", [0.0, 90.0, -170.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_right_is_on_the_left_and_the_head_is_up(primary_deg, roll_deg, mirrored):
    view = view_of(primary_deg, roll_deg, mirrored)
    frame = canonical_frame(view, 64)
    right, left, head, foot = move(
        project(np.array([[40.0, 0, 0], [-40, 0, 0], [0, 0, 40], [0, 0, -40]]), view), frame.to_working
    )
    assert right[0] < left[0] - 10
    assert head[1] < foot[1] - 10


def test_there_and_back():
    frame = canonical_frame(view_of(180.0, 90.0), 96)
    points = np.array([[3.0, 7.0], [100.0, 20.0]])
    assert np.allclose(move(move(points, frame.to_working), frame.to_stored), points)
    box = np.array([-3.0, 5.0, 60.0, 130.0])
    assert np.allclose(move_box(move_box(box, frame.to_working), frame.to_stored), box)


@pytest.mark.parametrize("shape", [(128, 128), (128, 80)])
def test_the_picture_goes_where_its_points_go(shape):
    image = np.zeros(shape, dtype=np.float32)
    v, u = np.mgrid[: shape[0], : shape[1]]
    image[:] = np.exp(-((u - 50) ** 2 + (v - 95) ** 2) / 60.0)
    view = replace(view_of(170.0, -90.0), image=image)
    frame = canonical_frame(view, 64)
    held = resample(image, frame)
    rows, columns = np.mgrid[:64, :64]
    found = np.array([(held * columns).sum(), (held * rows).sum()]) / held.sum()
    assert np.allclose(found, move(np.array([50.0, 95.0]), frame.to_working), atol=0.2)
