"""Phantoms, detectors and the case folders made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.simulate.case import Arm, Pose, aim, write_simulated
from SpineDARTLib.simulate.detector import Detector, expose
from SpineDARTLib.simulate.phantom import Phantom, make_phantom, models_of

CENTRE_MM = np.array([9.0, -31.0, 212.0])
LEVELS = ("L2", "L3", "L4")


@pytest.fixture(scope="module")
def models() -> dict[str, ShapeModel]:
    try:
        return models_of(LEVELS)
    except InputError as error:
        pytest.skip(f"no lumbar atlas: {error}")


@pytest.fixture(scope="module")
def phantom(models) -> Phantom:
    return make_phantom(models, CENTRE_MM, np.random.default_rng(5), spacing_mm=2.0)


def test_phantom_is_a_lordotic_stack(phantom):
    centres = np.stack([phantom.vertebrae[level].pose[:3, 3] for level in LEVELS])
    assert centres[1] == pytest.approx(CENTRE_MM)
    assert (np.diff(centres[:, 2]) < -25.0).all() and (np.diff(centres[:, 2]) > -50.0).all()
    lean = [np.rad2deg(np.arctan2(-up[1], up[2])) for up in (phantom.vertebrae[lv].pose[:3, 2] for lv in LEVELS)]
    assert lean[0] > lean[1] > lean[2]  # the upper vertebra leans back most


def test_phantom_bodies_keep_a_disc_apart(phantom, models):
    for upper, lower in (("L2", "L3"), ("L3", "L4")):
        above = phantom.surfaces[upper][0][models[upper].regions["inferior_endplate"]].mean(0)
        below = phantom.surfaces[lower][0][models[lower].regions["superior_endplate"]].mean(0)
        assert 6.0 < np.linalg.norm(above - below) < 14.0


def test_phantom_hangs_on_the_seed(models):
    def vertices(seed: int) -> np.ndarray:
        one = {"L3": models["L3"]}
        return make_phantom(one, CENTRE_MM, np.random.default_rng(seed), spacing_mm=5.0).surfaces["L3"][0]

    assert np.array_equal(vertices(5), vertices(5))
    assert np.abs(vertices(5) - vertices(6)).max() > 0.5


def test_case_reads_back(phantom, tmp_path):
    arm = Arm(pixel_spacing_mm=4.6, size_px=64)
    views = [aim(arm, pose, CENTRE_MM) for pose in (Pose("AP", 176.0, 3.0), Pose("LAT", 87.0, -2.0, "bone-bright"))]
    write_simulated(tmp_path / "case", "made-up", phantom, views, ("L2", "L4"), np.random.default_rng(1), click_px=0.0)
    case, truth = read_case(tmp_path / "case"), read_truth(tmp_path / "case" / "truth")
    assert [view.polarity for view in case.views] == ["bone-dark", "bone-bright"]
    assert truth.subject == "made-up"
    for seed in case.seeds:
        clicks = np.array([seed.clicks_px[view.name] for view in case.views])
        found = triangulate(clicks, case.views)[0]
        assert found == pytest.approx(phantom.vertebrae[seed.level].pose[:3, 3], abs=0.3)
        assert truth.poses[seed.level] == pytest.approx(phantom.vertebrae[seed.level].pose)
        assert truth.surfaces[seed.level][0].mean(0) == pytest.approx(phantom.surfaces[seed.level][0].mean(0), abs=0.5)
    for view in case.views:
        u, v = np.round(project(phantom.vertebrae["L4"].pose[:3, 3][None], view)[0]).astype(int)
        bone = view.image[v - 2 : v + 3, u - 2 : u + 3].mean()
        # Bone is bright whatever the polarity, here against the soft tissue in front of or beside the spine.
        assert bone > view.image[v - 2 : v + 3, min(u + 14, 61) : u + 17].mean() + 0.02


def test_writing_again_replaces_and_elsewhere_is_refused(phantom, tmp_path):
    views = [aim(Arm(pixel_spacing_mm=18.0, size_px=16), Pose(name, angle, 0.0), CENTRE_MM) for name, angle in VIEWS]
    for _ in range(2):
        write_simulated(tmp_path / "case", "again", phantom, views, ("L3",), np.random.default_rng(1))
    assert sorted(path.name for path in (tmp_path / "case").iterdir()) == ["ap.png", "case.json", "lat.png", "truth"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        write_simulated(tmp_path / "other", "x", phantom, views, ("L3",), np.random.default_rng(1))


VIEWS = (("AP", 180.0), ("LAT", 90.0))


def test_detector_polarities_and_noise():
    ramp = np.tile(np.linspace(0.5, 6.0, 128, dtype=np.float32), (128, 1))
    dark = expose(ramp, Detector(), np.random.default_rng(2)).astype(float)
    bright = expose(ramp, Detector(polarity="bone-bright"), np.random.default_rng(2)).astype(float)
    assert dark[:, 20].mean() > dark[:, 100].mean() > 0
    assert bright[:, 20].mean() < bright[:, 100].mean()
    # Quantum noise: relatively stronger where less arrives, and half of it for four times the photons.
    assert dark[:, 120].std() / dark[:, 120].mean() > 2 * dark[:, 60].std() / dark[:, 60].mean()
    clear = expose(ramp, replace(Detector(), photons=1.2e6, noise=0.0), np.random.default_rng(2)).astype(float)
    assert clear[:, 90].std() / clear[:, 90].mean() < 0.7 * dark[:, 90].std() / dark[:, 90].mean()
