"""Bone ends up bright, as log-attenuation, whatever the file's polarity; and the polarity is told from the picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.attenuation import guess_polarity, to_attenuation
from SpineDARTLib.io.image import read_image


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_counts_become_line_integrals(views):
    true = views[0].image
    attenuation = to_attenuation(40000 * np.exp(-true), "bone-dark")
    assert correlation(attenuation, true) > 1 - 1e-6
    assert attenuation.dtype == np.float32
    assert -0.1 <= attenuation.min() < 0.05 < 0.95 < attenuation.max() < 1.3


def test_display_is_kept_linear(views):
    true = views[1].image
    assert correlation(to_attenuation(37 * true - 500, "bone-bright"), true) > 1 - 1e-6


def test_scale_survives_dead_and_hot_pixels(views):
    counts = 40000 * np.exp(-views[0].image)
    damaged = counts.copy()
    damaged[3, 5] = damaged[70, 9] = 0.0
    clean, robust = to_attenuation(counts, "bone-dark"), to_attenuation(damaged, "bone-dark")
    assert np.isfinite(robust).all()
    np.testing.assert_allclose(np.delete(robust, [3 * 112 + 5, 70 * 112 + 9]), np.delete(clean, [341, 7849]), atol=0.05)


def test_signed_counts_and_a_few_marked_pixels():
    counts = np.linspace(-200.0, 800.0, 400).reshape(20, 20)
    assert np.isfinite(to_attenuation(counts, "bone-dark")).all()
    lone = np.zeros((40, 40))
    lone[3, 3] = 1.0
    assert to_attenuation(lone, "bone-bright").max() == 1.0


def test_unknown_polarity():
    with pytest.raises(InputError, match='got white; expected "bone-dark" or "bone-bright"'):
        to_attenuation(np.eye(20), "white")


@pytest.mark.parametrize("gamma", [1.0, 0.5])
def test_guess_on_the_synthetic_patient(views, gamma: float):
    for view in views:
        assert guess_polarity(view.image**gamma) == "bone-bright"
        assert guess_polarity(np.exp(-view.image) ** gamma) == "bone-dark"


def test_guess_on_the_shared_cases(shared_cases):
    """As they are, cut down to their middle half, and with collimator blades on all four sides."""
    right = {"whole": [], "half": [], "blades": []}
    for folder in shared_cases:
        for view in json.loads((folder / "case.json").read_text())["views"]:
            image, polarity = read_image(folder / view["image"])[0], view["polarity"]
            right["whole"].append(guess_polarity(image) == polarity)
            right["half"].append(guess_polarity(image[128:384, 128:384]) == polarity)
            bladed = np.full_like(image, image.min() if polarity == "bone-dark" else image.max())
            bladed[60:-60, 60:-60] = image[60:-60, 60:-60]
            right["blades"].append(guess_polarity(bladed) == polarity)
    assert {name: np.mean(found) > 0.95 for name, found in right.items()} == dict.fromkeys(right, True)
