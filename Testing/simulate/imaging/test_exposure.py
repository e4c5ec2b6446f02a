"""Taking an X-ray: dose, noise, scatter, sharpness, and that a seed says it all."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.io.attenuation import to_attenuation
from SpineDARTLib.simulate.imaging.counts import noisy, scatter, transmission
from SpineDARTLib.simulate.imaging.exposure import Aim, Exposure, detect, draw_exposure, expose, settle
from SpineDARTLib.simulate.imaging.filters import blur, shifted, shrink_and_grow
from SpineDARTLib.simulate.imaging.materials import attenuation_per_mm
from SpineDARTLib.simulate.imaging.settings import ImagingSettings
from SpineDARTLib.simulate.imaging.spectrum import spectrum

SHAPE = (128, 160)


def paths(thickness_mm: float = 200.0, **others: float) -> dict[str, torch.Tensor]:
    """A slab of tissue, thicker to the right, with a block of each other material left of the middle."""
    soft = torch.full(SHAPE, thickness_mm) + torch.linspace(0.0, 20.0, SHAPE[1])
    found = {"soft": soft}
    for material, mm in others.items():
        found[material] = torch.zeros(SHAPE)
        found[material][40:80, 30:60] = mm
    return found


def test_transmission_follows_beer_and_lambert_at_each_energy():
    energies, weights = spectrum(80.0, 3.0)
    seen = transmission(paths(100.0, bone=20.0), energies, weights)
    soft = paths(100.0)["soft"][60, 50].item() - 20.0
    exact = (
        weights * np.exp(-soft * attenuation_per_mm("soft", energies) - 20.0 * attenuation_per_mm("bone", energies))
    ).sum()
    assert seen[60, 50].item() == pytest.approx(exact, rel=1e-4)


def test_metal_thicker_than_tissue_takes_no_more_than_there_is():
    energies, weights = spectrum(80.0, 3.0)
    found = transmission({"soft": torch.full((4, 4), 2.0), "steel": torch.full((4, 4), 5.0)}, energies, weights)
    alone = transmission({"soft": torch.zeros(4, 4), "steel": torch.full((4, 4), 5.0)}, energies, weights)
    torch.testing.assert_close(found, alone)


def test_beam_hardens():
    energies, weights = spectrum(80.0, 3.0)
    slabs = [
        -np.log(transmission({"soft": torch.full((1, 1), mm)}, energies, weights).item()) / mm for mm in (10.0, 300.0)
    ]
    assert slabs[1] < 0.92 * slabs[0]


def test_noise_is_that_of_quanta():
    exposure = Exposure(electronic_noise_ngy=0.0, scintillator_mm=0.0)
    signal = torch.full((200, 300), 0.25)
    for quanta in (40.0, 4000.0):
        counts = noisy(signal, quanta, exposure, 0.5, seed=3)
        assert float(counts.mean()) == pytest.approx(0.25 * quanta, rel=0.01)
        assert float(counts.var()) == pytest.approx(0.25 * quanta, rel=0.06)


def test_scintillator_blurs_noise_and_lag_averages_it():
    signal = torch.ones(150, 150)
    plain, soft, lagging = [
        noisy(signal, 1e4, Exposure(scintillator_mm=mm, lag=lag, electronic_noise_ngy=0.0), 0.5, seed=1)
        for mm, lag in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.4))
    ]

    def neighbours(counts: torch.Tensor) -> float:
        values = counts.numpy()[10:-10, 10:-10]
        return float(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1])

    assert abs(neighbours(plain)) < 0.03
    assert neighbours(soft) > 0.5
    assert float(lagging.var()) == pytest.approx((0.36 + 0.16) * float(plain.var()), rel=0.05)


def test_lag_shows_where_the_patient_was():
    signal = torch.ones(SHAPE)
    signal[:, 70:] = 0.1
    exposure = Exposure(lag=0.4, motion_px=(6.0, 0.0), scintillator_mm=0.0, electronic_noise_ngy=0.0)
    counts = noisy(signal, 1e6, exposure, 0.5, seed=1) / 1e6
    assert float(counts[:, 72].mean()) == pytest.approx(0.6 * 0.1 + 0.4 * 1.0, rel=0.01)
    assert float(counts[:, 67].mean()) == pytest.approx(1.0, rel=0.01)


def test_scatter_is_as_much_as_was_asked_behind_20_cm():
    exposure = Exposure(scatter_to_primary=0.8, scatter_mm=10.0)
    primary, soft = torch.full((256, 256), 0.02), torch.full((256, 256), 200.0)
    found = scatter(primary, soft, exposure, 0.5)
    assert float(found[128, 128] / primary[128, 128]) == pytest.approx(0.8, rel=0.03)
    # At the border of the field half of it is missing, and a closed beam scatters nothing.
    assert float(found[128, 0] / found[128, 128]) == pytest.approx(0.5, abs=0.07)
    assert float(scatter(0 * primary, soft, exposure, 0.5).max()) == 0.0


def test_scatter_takes_contrast():
    def contrast(ratio: float) -> float:
        exposure = Exposure(scatter_to_primary=ratio, dose_ngy=1e5, scatter_mm=40.0)
        counts, _ = detect(paths(200.0, bone=15.0), 0.5, 1.9, exposure, 1)
        return float((counts[50:70, 62:66].mean() / counts[50:70, 40:50].mean()).log())

    assert contrast(1.2) < 0.75 * contrast(0.0)


def test_automatic_exposure_holds_the_dose_until_the_tube_can_give_no_more():
    exposure = Exposure(dose_ngy=200.0, dose_reach=300.0, scatter_to_primary=0.3)
    thin, thick = (detect(paths(mm), 0.5, 1.9, exposure, 1)[0][40:90, 60:100] for mm in (120.0, 420.0))
    assert float(thin.mean()) == pytest.approx(1.0, abs=0.1)
    assert float(thick.mean()) < 0.6
    assert float(thick.std() / thick.mean()) > 1.5 * float(thin.std() / thin.mean())


def test_focal_spot_blurs_with_magnification():
    def rise(magnification: float) -> float:
        exposure = Exposure(focal_spot_mm=1.2, scintillator_mm=0.0, dose_ngy=1e6, scatter_to_primary=0.0)
        row = detect(paths(50.0, steel=3.0), 0.2, magnification, exposure, 1)[0][50:70].mean(0)
        return float((row[1:] - row[:-1]).abs().max())

    assert rise(2.0) < 0.5 * rise(1.0)


def test_same_seed_same_picture_and_another_seed_another_grain():
    exposure = draw_exposure(ImagingSettings(), np.random.default_rng(5))
    first, field = expose(paths(200.0, bone=10.0), 0.5, 1.9, exposure, 7)
    again, _ = expose(paths(200.0, bone=10.0), 0.5, 1.9, exposure, 7)
    other, _ = expose(paths(200.0, bone=10.0), 0.5, 1.9, exposure, 8)
    np.testing.assert_array_equal(first, again)
    assert (first != other)[field].mean() > 0.3
    assert first.shape == field.shape == SHAPE


def test_a_little_more_patient_changes_a_little_of_the_picture():
    """The grain does not hang on values: a part in ten thousand more tissue, and no pixel jumps."""
    exposure = Exposure(dose_ngy=50.0, lag=0.2)
    near = {"soft": paths()["soft"] * 1.0001}
    first, second = (expose(found, 0.5, 1.9, exposure, 7)[0].astype(float) for found in (paths(), near))
    assert np.abs(first - second).max() < 0.004 * 65535


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_picture_to_within_a_grey_value():
    exposure = replace(
        Exposure(dose_ngy=80.0, lag=0.2), display=draw_exposure(ImagingSettings(), np.random.default_rng(1)).display
    )
    here, _ = expose(paths(200.0, bone=10.0), 0.5, 1.9, exposure, 7)
    there, _ = expose({name: path.cuda() for name, path in paths(200.0, bone=10.0).items()}, 0.5, 1.9, exposure, 7)
    assert np.abs(here.astype(float) - there).max() <= np.iinfo(here.dtype).max / 255


def test_every_drawn_picture_can_be_read_and_shows_bone_bright():
    checked = 0
    for seed in range(12):
        exposure = draw_exposure(ImagingSettings(), np.random.default_rng(seed))
        stored, field = expose(paths(200.0, bone=25.0), 0.5, 1.9, exposure, seed)
        image = to_attenuation(stored, exposure.display.polarity)
        bone, beside = image[45:75, 35:55][field[45:75, 35:55]], image[45:75, 64:80][field[45:75, 64:80]]
        if len(bone) > 50 and len(beside) > 50:
            assert bone.mean() > beside.mean(), seed
            checked += 1
        assert all(isinstance(value, (float, str)) for value in exposure.conditions.values())
    assert checked > 8


def test_voltage_and_filter_follow_the_patient():
    drawn = [draw_exposure(ImagingSettings(copper_chance=1.0), np.random.default_rng(seed)) for seed in range(20)]
    thin, usual, thick = ([settle(one, paths(mm)) for one in drawn] for mm in (110.0, 200.0, 330.0))
    assert all(one.kvp <= two.kvp <= three.kvp for one, two, three in zip(thin, usual, thick, strict=True))
    assert 54 < np.mean([one.kvp for one in thin]) < 65 and 95 < np.mean([one.kvp for one in thick]) < 122
    assert all(one.copper_mm > 0.0 for one in thin) and all(one.copper_mm == 0.0 for one in thick)
    # Once is enough: what is settled stays.
    assert settle(usual[0], paths(330.0)) == usual[0]


def test_the_measuring_field_lies_on_what_is_aimed_at():
    """Half the picture is lung: the same spine is as bright whether the lung is in the picture or not."""
    near = paths(200.0)
    near["soft"][:, 80:] = 60.0
    exposure = draw_exposure(ImagingSettings(badly_set_chance=0.0), np.random.default_rng(2), Aim(0.25, 0.5))
    exposure = replace(exposure, dose_ngy=1e4, lag=0.0, saturation=50.0)
    counts = [detect(found, 0.5, 1.9, settle(exposure, found), 1)[0][40:90, 30:50] for found in (near, paths(200.0))]
    assert counts[0].median().item() == pytest.approx(1.0, abs=0.1)
    assert counts[1].median().item() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("materials", "spacing", "magnification"),
    [({"bone": torch.ones(4, 4)}, 0.5, 1.9), ({"soft": torch.ones(4, 4), "gold": torch.ones(4, 4)}, 0.5, 1.9)]
    + [({"soft": torch.ones(4, 4)}, 0.0, 1.9), ({"soft": torch.ones(4, 4)}, 0.5, 0.5)],
)
def test_misuse_is_named(materials: dict, spacing: float, magnification: float):
    with pytest.raises(ValueError, match="allowed"):
        expose(materials, spacing, magnification, Exposure(), 0)


def test_filters_keep_what_they_must():
    generator = np.random.default_rng(0)
    image = torch.from_numpy(generator.standard_normal((90, 131)).astype(np.float32))
    for deviation in (1.0, 20.0):
        point = torch.zeros(91, 131)
        point[45, 60] = 1.0
        spread = blur(point, deviation, edge="constant").numpy()
        x = np.arange(131)
        assert spread.sum() == pytest.approx(1.0, abs=0.06)
        assert (spread.sum(0) * x).sum() / spread.sum() == pytest.approx(60.0, abs=0.1 * deviation)
        if deviation < 5:
            assert np.sqrt((spread.sum(0) * (x - 60) ** 2).sum()) == pytest.approx(deviation, rel=0.03)
    moved = shifted(image, 3.0, -2.0)
    torch.testing.assert_close(moved[5:80, 10:120], image[7:82, 7:117])
    assert shrink_and_grow(image, 1.7).shape == image.shape
