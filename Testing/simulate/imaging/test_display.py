"""What vendors do to a picture."""

import numpy as np
import pytest
import torch

from SpineDARTLib.simulate.imaging.collimation import Collimation
from SpineDARTLib.simulate.imaging.display import MARGIN_FAULTS, Display, draw_display, show, store
from SpineDARTLib.simulate.imaging.settings import ImagingSettings
from SpineDARTLib.simulate.imaging.vendors import VENDORS

OPEN = torch.ones(60, 80, dtype=torch.bool)


def wedge() -> torch.Tensor:
    """Attenuation rises to the right, and a step of bone on the left third."""
    attenuation = torch.linspace(0.0, 2.0, 80).repeat(60, 1)
    attenuation[20:40, 10:25] += 0.5
    return torch.exp(-attenuation)


def test_bone_bright_is_linear_in_log_attenuation():
    grey = show(wedge(), OPEN, Display("bone-bright", "log", clip_percent=(0.0, 0.0)), 0.5)
    exact = -torch.log(wedge())
    assert np.corrcoef(grey.flatten(), exact.flatten())[0, 1] > 0.9995
    assert grey[30, 15] > grey[5, 15]


def test_counts_are_only_scaled():
    grey = show(wedge(), OPEN, Display("bone-dark", "counts"), 0.5)
    np.testing.assert_allclose(grey / wedge(), grey[0, 0] / wedge()[0, 0], rtol=1e-5)
    assert float(grey.max()) == pytest.approx(1.0, abs=0.02)


def test_clipping_saturates_as_many_pixels_as_asked():
    display = Display("bone-dark", "linear", clip_percent=(12.0, 5.0))
    grey = show(wedge(), OPEN, display, 0.5)
    assert float((grey == 0).float().mean()) == pytest.approx(0.12, abs=0.03)
    assert float((grey == 1).float().mean()) == pytest.approx(0.05, abs=0.03)


def test_the_window_is_set_by_its_region_without_air_and_metal():
    counts = wedge()
    counts[:, :15], counts[25:35, 60:64] = 300.0, 1e-4
    region = Collimation(middle=(0.6, 0.5), gaps=(0.5, 0.8))
    grey = show(counts, OPEN, Display("bone-dark", "linear", region=region, clip_percent=(0.0, 0.0)), 0.5)
    assert float(grey[5, 31]) > 0.9 and float(grey[5, 66]) < 0.1
    assert float(grey[5, 48]) == pytest.approx(0.5, abs=0.15)
    assert (grey[:, :15] == 1).all() and (grey[25:35, 60:64] == 0).all()


def test_margins_leave_room_at_both_ends():
    grey = show(wedge(), OPEN, Display("bone-dark", "linear", clip_percent=(0.0, 0.0), margin=(0.5, 0.25)), 0.5)
    assert float(grey.min()) == pytest.approx(0.5 / 1.75, abs=0.01)
    assert float(grey.max()) == pytest.approx(1.5 / 1.75, abs=0.01)


def test_edges_overshoot_and_compression_flattens():
    plain = show(wedge(), OPEN, Display("bone-dark", "log", clip_percent=(0.0, 0.0)), 0.5)
    flat = show(
        wedge(), OPEN, Display("bone-dark", "log", clip_percent=(0.0, 0.0), compression=0.9, compression_mm=5.0), 0.5
    )
    sharp = show(wedge(), OPEN, Display("bone-dark", "log", clip_percent=(0.0, 0.0), edges=((1.5, 1.0),)), 0.5)
    step, ramp = (lambda grey: float(grey[19, 17] - grey[20, 17])), (lambda grey: float(grey[5, 20] - grey[5, 60]))
    assert step(flat) / ramp(flat) > 2 * step(plain) / ramp(plain)
    assert step(sharp) / ramp(sharp) > 1.3 * step(plain) / ramp(plain)


def test_curve_keeps_ends_and_middle():
    for strength in (-0.6, 1.5):
        grey = show(wedge(), OPEN, Display("bone-dark", "log", curve=strength, clip_percent=(0.0, 0.0)), 0.5)
        straight = show(wedge(), OPEN, Display("bone-dark", "log", clip_percent=(0.0, 0.0)), 0.5)
        assert float(grey.min()) == pytest.approx(0.0, abs=1e-5)
        assert float(grey.max()) == pytest.approx(1.0, abs=1e-5)
        quarter = float(grey[(straight - 0.25).abs() < 0.01].mean())
        assert quarter < 0.22 if strength > 0 else quarter > 0.26


def test_blades_cast_no_halo():
    field = OPEN.clone()
    field[:, 50:] = False
    counts = wedge().where(field, torch.tensor(1e-3))
    display = Display(
        "bone-dark", "log", compression=0.7, compression_mm=6.0, edges=((2.0, 2.0),), clip_percent=(0.0, 0.0)
    )
    grey = show(counts, field, display, 0.5)
    # Down the ramp it gets darker up to the blade: nothing rises beside it.
    assert float(grey[5, 49]) < float(grey[5, 35])


@pytest.mark.parametrize(
    ("bits", "kind", "levels"), [(8, np.uint8, 256), (10, np.uint16, 1024), (16, np.uint16, 65536)]
)
def test_stored_grey_values(bits: int, kind: type, levels: int):
    grey = np.linspace(-0.1, 1.1, 512 * 512).reshape(512, 512)
    stored = store(grey, Display(bits=bits))
    assert stored.dtype == kind
    assert len(np.unique(stored)) == levels
    assert (int(stored.min()), int(stored.max())) == (0, np.iinfo(kind).max)


def test_jpeg_stays_near():
    grey = wedge().numpy()
    stored = store(grey, Display(bits=8, jpeg_quality=70))
    error = np.abs(stored.astype(float) - store(grey, Display(bits=8)))
    assert 0 < error.mean() < 3


def test_what_is_drawn_is_allowed_and_varied():
    drawn = [
        draw_display(ImagingSettings(), vendor, np.random.default_rng(seed), Collimation())
        for seed in range(25)
        for vendor in VENDORS
    ]
    assert {one.tone for one in drawn} == {"counts", "root", "log"}
    assert 60 < sum(one.polarity == "bone-bright" for one in drawn) < 140
    assert {one.bits for one in drawn} == {8, 10, 12, 14, 16}
    assert len({one.clip_percent for one in drawn}) >= 25


@pytest.mark.parametrize("fault", MARGIN_FAULTS)
def test_a_badly_set_window_shows(fault: str):
    good, bad = (
        draw_display(ImagingSettings(), VENDORS[4], np.random.default_rng(3), Collimation(), one) for one in ("", fault)
    )
    sound, wrong = (show(wedge(), OPEN, one, 0.5) for one in (good, bad))
    if fault == "flat window":
        assert float(wrong.std()) < 0.5 * float(sound.std())
    else:
        lost = float(((wrong <= 0) | (wrong >= 1)).float().mean())
        assert lost > 0.2 > 0.05 > float(((sound <= 0) | (sound >= 1)).float().mean())


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"bone-grey.*allowed"):
        Display(polarity="bone-grey")
    with pytest.raises(ValueError, match=r"root.*allowed"):
        Display(polarity="bone-bright", tone="root")
    with pytest.raises(ValueError, match=r"7 bits.*allowed"):
        Display(bits=7)
