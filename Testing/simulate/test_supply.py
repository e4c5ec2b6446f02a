"""Patients by number, and one X-ray of a whole drawn patient."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib import __version__
from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.simulate.batch import take_all
from SpineDARTLib.simulate.imaging.view_settings import ViewSettings
from SpineDARTLib.simulate.patient.body import BodySettings
from SpineDARTLib.simulate.settings import SimulationSettings
from SpineDARTLib.simulate.supply import Aimed, Supply
from SpineDARTLib.types import LEVELS

# Coarse, and only the vertebrae next to the target: a whole patient takes too long for a test.
SETTINGS = SimulationSettings(
    seed=6,
    reach_mm=70.0,
    bone_reach_mm=5.0,
    body=BodySettings(soft_spacing_mm=6.0, bone_spacing_mm=3.0),
    views=ViewSettings(size_px=128),
)
SUPPLY = Supply(SETTINGS, levels=("L1", "L2"))


@pytest.fixture(scope="module")
def aimed() -> Aimed:
    return SUPPLY.patient(3)


def test_a_drawn_patient_is_whole_where_the_machine_looks(aimed):
    assert aimed.level in ("L1", "L2") and aimed.patient.subject == "synthetic-6-3"
    assert list(aimed.patient.vertebrae) == list(LEVELS)
    assert aimed.target_mm == pytest.approx(aimed.patient.vertebrae[aimed.level].vertebra.pose[:3, 3])
    reach = SUPPLY.settings.bone_reach_mm
    for one in aimed.patient.vertebrae.values():
        near = np.abs(one.vertices[:, 2] - aimed.target_mm[2]).min() < reach
        assert (one.volume is not None) == near
    assert {volume.material for volume in aimed.patient.volumes} >= {"soft", "bone"}


def test_a_stretch_has_its_vertebrae_and_no_other_bone(aimed):
    stretch = replace(SUPPLY, stretch_share=1.0).patient(3)
    there = list(stretch.patient.vertebrae)
    first = LEVELS.index(there[0])
    assert there == list(LEVELS[first : first + len(there)]) and 3 <= len(there) <= 8 and stretch.level in there
    assert {volume.material for volume in stretch.patient.volumes} <= {"soft", "steel", "titanium", "cement"}
    same = stretch.patient.vertebrae[stretch.level].vertices
    assert same == pytest.approx(aimed.patient.vertebrae[stretch.level].vertices)


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["whole", "stretch"])
def test_the_truth_is_the_patients_own_without_bone(share, aimed):
    supply = replace(SUPPLY, stretch_share=share)
    subject, truths = supply.truth(3)
    patient = supply.patient(3).patient if share else aimed.patient
    assert subject == patient.subject and list(truths) == list(patient.vertebrae)
    for level, one in truths.items():
        assert one.volume is None
        np.testing.assert_array_equal(one.vertices, patient.vertebrae[level].vertices)
        np.testing.assert_array_equal(one.vertebra.pose, patient.vertebrae[level].vertebra.pose)


def test_shards_made_before_there_were_stretches_are_still_theirs():
    assert replace(SUPPLY, stretch_share=0.0).fingerprint == SUPPLY.fingerprint
    assert replace(SUPPLY, stretch_share=0.5).fingerprint != SUPPLY.fingerprint
    older = f"{__version__} {SUPPLY!r}"
    assert SUPPLY.fingerprint == hashlib.sha256(older.encode()).hexdigest()[:16] and "stretch" not in older


def test_its_pictures_show_bone_where_the_labels_say(aimed):
    pictures = take_all(SUPPLY, aimed, 3, "ap-lat", None)
    assert [picture.view.name for picture in pictures] == ["AP", "LAT"]
    for picture in pictures:
        label = next(one for one in picture.labels if one.level == aimed.level)
        truth = aimed.patient.vertebrae[aimed.level]
        expected = project(truth.vertices, picture.view)
        assert label.box_px == pytest.approx(np.concatenate([expected.min(0), expected.max(0)]))
        assert label.projection.values[label.mask.values].mean() > 0.02
        assert picture.stored.shape == (128, 128) and picture.view.polarity in ("bone-dark", "bone-bright")


def test_the_same_number_is_the_same_patient_and_another_is_not(aimed):
    again = Supply(SETTINGS, levels=SUPPLY.levels).patient(3)
    ours, theirs = aimed.patient, again.patient
    for level, one in ours.vertebrae.items():
        assert np.array_equal(one.vertices, theirs.vertebrae[level].vertices)
    for one, same in zip(ours.volumes, theirs.volumes, strict=True):
        assert np.array_equal(one.values, same.values)
    assert len(ours.rods) == len(theirs.rods)
    other = Supply(replace(SETTINGS, seed=7), levels=SUPPLY.levels).patient(3).patient
    assert not np.allclose(ours.vertebrae["L3"].vertices, other.vertebrae["L3"].vertices, atol=1.0)


def test_a_folder_without_scans_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        Supply(SUPPLY.settings, tmp_path / "nowhere").check()
    with pytest.raises(InputError, match="no mask"):
        Supply(SUPPLY.settings, tmp_path).check()


def test_other_settings_have_another_fingerprint(tmp_path):
    prints = {
        Supply(SimulationSettings(seed=seed), folder).fingerprint for seed in (1, 2) for folder in (None, tmp_path)
    }
    assert len(prints) == 4 and Supply(SimulationSettings(seed=1)).fingerprint in prints
