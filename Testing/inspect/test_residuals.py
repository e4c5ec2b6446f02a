"""Residual pictures: grey where X-ray and fit agree, orange and blue where only one of them is bright."""

from __future__ import annotations

import numpy as np
from PIL import Image

from SpineDARTLib.config import RenderSettings
from SpineDARTLib.inspect.residuals import blend, write_residuals
from Testing.inspect.column import column, model, shadow_case


def square(at: int) -> np.ndarray:
    picture = np.zeros((80, 80), dtype=np.float32)
    picture[30:50, at : at + 12] = 1.0
    return picture


def test_colours_say_who_is_bright():
    everywhere = np.ones((80, 80), dtype=bool)
    both = blend(5.0 * square(30) + 2.0, square(30), everywhere)[40, 36].astype(int)
    assert both.max() - both.min() < 8 and both.min() > 128, "grey, whatever the grey values' scale"
    red, _, blue = blend(square(10), square(50), everywhere)[40, 16].astype(int)
    assert red > blue + 60, "only the X-ray: orange"
    red, _, blue = blend(square(10), square(50), everywhere)[40, 56].astype(int)
    assert blue > red + 60, "only the fit: blue"


def test_beyond_the_detector_it_is_black():
    inside = np.ones((80, 80), dtype=bool)
    inside[:, 60:] = False
    assert blend(square(10), square(10), inside)[:, 60:].max() == 0


def test_every_fitted_vertebra_gets_its_pictures(tmp_path):
    plans = column()[:1]
    files = write_residuals(tmp_path, shadow_case(plans), plans, {"L2": model()}, RenderSettings())
    assert [file.name for file in files] == ["residual_L2_AP.png", "residual_L2_LAT.png"]
    picture = np.asarray(Image.open(files[0])).astype(int)
    middle = picture[90:170, 90:170].mean(axis=(0, 1))
    assert picture.shape == (260, 260, 3) and abs(middle[0] - middle[2]) < 25, "a perfect fit is grey"
    assert write_residuals(tmp_path, shadow_case(plans), (), {}, RenderSettings()) == ()
