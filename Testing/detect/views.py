"""Cameras around a patient at the origin, by C-arm angles."""

from __future__ import annotations

import numpy as np

from SpineDARTLib.simulate.imaging.views import Arm, Pose, aim
from SpineDARTLib.types import View

ARM = Arm(size_px=128, pixel_spacing_mm=2.0)


def view_of(primary_deg: float, roll_deg: float = 0.0, mirrored: bool = False, image: np.ndarray | None = None) -> View:
    """A view of the origin; its picture is random and smooth where none is given."""
    from dataclasses import replace

    view = aim(ARM, Pose("V", primary_deg, 4.0, roll_deg=roll_deg, mirrored=mirrored), np.zeros(3))
    if image is None:
        image = np.random.default_rng(5).random((128, 128)).astype(np.float32)
    return replace(view, image=image)
