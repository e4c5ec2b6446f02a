"""Patients from CT: bone is shared out without loss, the truth is where the bone is, what is missing is drawn."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.atlas.surfaces import Surface
from SpineDARTLib.errors import InputError
from SpineDARTLib.simulate.draw import stream
from SpineDARTLib.simulate.nouns import TrueVertebra, Volume
from SpineDARTLib.simulate.patient import ct as module
from SpineDARTLib.simulate.patient.annotate import Annotated
from SpineDARTLib.simulate.patient.ct import Anatomy, make_patient, read_anatomy, read_ct_patient, read_mask_patient
from SpineDARTLib.simulate.patient.ct_files import read_pair
from SpineDARTLib.simulate.patient.curves import load_curves
from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.spine import Spine, SpineSettings, draw_spine, models_of
from SpineDARTLib.simulate.patient.tissue import CtSettings, tissues
from SpineDARTLib.types import Vertebra
from Testing.atlas.spines import spine, voxels, write_volume
from Testing.simulate.patient.scans import hounsfield, write_like, write_pair

MODELS = models_of(("L1", "L2", "L3"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scans")


@pytest.fixture(scope="module")
def anatomy(folder: Path) -> Anatomy:
    return read_anatomy(*write_pair(folder), "nobody", MODELS, CtSettings())


@pytest.fixture(scope="module")
def drawn() -> Spine:
    settings = SpineSettings(fracture_chance=0.0)
    return draw_spine(MODELS, load_curves(), settings, stream(3), ("L1", "L2", "L3"), (20.0, 30.0, -400.0))


@pytest.fixture
def quick_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any mean vertebra in place of the fitted one, for tests of what is done with masks and scans."""

    def annotate(surface: Surface, model: ShapeModel) -> Annotated:
        mean = model.means[surface.level]
        pose = np.eye(4)
        pose[:3, 3] = surface.vertices.mean(0)
        landmarks = {name: anchor.on(mean) + pose[:3, 3] for name, anchor in model.landmarks.items()}
        vertebra = Vertebra(surface.level, pose, 1.0, np.zeros(model.rank))
        truth = TrueVertebra(vertebra, surface.vertices, surface.faces, landmarks, {}, origin="ct")
        return Annotated(truth, mean, 0.5, 0.5, False)

    monkeypatch.setattr(module, "annotate_surface", annotate)


def paint(vertices: np.ndarray, faces: np.ndarray, truth: TrueVertebra | None) -> Volume:
    """A box of bone, quickly."""
    volume = empty_volume(vertices.min(0), vertices.max(0), 4.0, "bone")
    volume.values[...] = 0.1
    return volume


def test_no_bone_is_lost_or_doubled(folder: Path, anatomy: Anatomy):
    scan, _ = read_pair(*write_pair(folder))
    whole = tissues(scan, CtSettings()).bone
    parts = [truth.volume for truth in anatomy.vertebrae.values()] + list(anatomy.others)
    sums = [
        np.abs(np.linalg.det(part.voxel_to_world[:3, :3])) * part.values.sum() for part in parts if part is not None
    ]
    assert sum(sums) == pytest.approx(whole.values.sum() * abs(np.linalg.det(whole.voxel_to_world[:3, :3])), rel=1e-4)
    assert sums[0] > 0.98 * sum(sums)


def test_truth_lies_where_the_bone_is(anatomy: Anatomy):
    truth = anatomy.vertebrae["L2"]
    vertices, _ = spine()["L2"]
    assert truth.vertices.mean(0) == pytest.approx(vertices.mean(0), abs=1.0)
    assert truth.volume is not None
    bone = np.argwhere(truth.volume.values > 0.05) @ truth.volume.voxel_to_world[:3, :3].T
    bone = bone + truth.volume.voxel_to_world[:3, 3]
    # The transverse processes are thinner than the 3 mm voxels.
    assert bone.min(0) == pytest.approx(truth.vertices.min(0), abs=2.5)
    assert bone.max(0) == pytest.approx(truth.vertices.max(0), abs=2.5)
    assert anatomy.residual_mm["L2"] < 0.6
    pose = truth.vertebra.pose
    assert np.linalg.norm(truth.landmarks["left_pedicle"] - pose[:3, 3]) < 40.0
    assert (truth.landmarks["left_pedicle"] - truth.landmarks["right_pedicle"])[0] < -15.0


def test_gas_fat_and_muscle_stay_what_they_are(anatomy: Anatomy):
    assert anatomy.soft is not None
    shares = anatomy.soft.values
    assert np.median(shares) == pytest.approx(0.996, abs=0.02)
    assert shares[:, -2:].mean() == pytest.approx(0.854, abs=0.05)
    assert shares.min() < 0.3


def test_a_patient_of_the_scan_alone(anatomy: Anatomy):
    patient = make_patient(anatomy, CtSettings())
    assert list(patient.vertebrae) == ["L2"]
    assert patient.volumes[0].material == "soft"


def test_what_the_scan_lacks_is_drawn(anatomy: Anatomy, drawn: Spine):
    seen: list[Spine] = []

    def body(spine: Spine) -> tuple[Volume, ...]:
        seen.append(spine)
        around = empty_volume(np.array([-120.0, -120.0, -40.0]), np.array([130.0, 50.0, 160.0]), 5.0)
        around.values[...] = 0.95
        return (around,)

    patient = make_patient(anatomy, CtSettings(), drawn, body, paint)
    assert list(patient.vertebrae) == ["L1", "L2", "L3"]
    assert [truth.origin for truth in patient.vertebrae.values()] == ["atlas", "ct", "atlas"]
    assert all(truth.volume is not None for truth in patient.vertebrae.values())
    centres = {level: truth.vertebra.pose[:3, 3] for level, truth in patient.vertebrae.items()}
    assert 20.0 < centres["L1"][2] - centres["L2"][2] < 50.0
    assert 20.0 < centres["L2"][2] - centres["L3"][2] < 50.0
    assert abs(centres["L1"] - centres["L3"])[0] < 25.0
    assert list(seen[0].vertebrae) == ["L1", "L2", "L3"]


def test_body_and_paint_belong_to_a_drawn_spine(anatomy: Anatomy, drawn: Spine):
    with pytest.raises(ValueError, match="a body and no drawn spine"):
        make_patient(anatomy, CtSettings(), body=lambda spine: ())
    with pytest.raises(ValueError, match="a drawn spine and no paint"):
        make_patient(anatomy, CtSettings(), drawn)


@pytest.mark.usefixtures("quick_truth")
def test_a_mask_alone_makes_painted_bones(folder: Path):
    _, mask = write_pair(folder)
    patient = read_mask_patient(mask, "nobody", MODELS, paint)
    assert patient.vertebrae["L2"].volume is not None
    assert patient.vertebrae["L2"].origin == "ct"
    assert patient.volumes == ()


@pytest.mark.parametrize(
    ("number", "asked", "message"),
    [
        (28, ("T13",), "level: got T13; expected one that is in the mask"),
        (19, ("T12",), "level: got T12; expected one that has a model"),
        (21, ("L3",), r"level: got L3; expected one that is in the mask \(L2\)"),
        (25, None, "at least one whole vertebra that has a model"),
    ],
)
def test_a_level_without_model_is_refused_when_asked_for(
    tmp_path: Path, number: int, asked: tuple[str, ...] | None, message: str
):
    ct, mask = write_pair(tmp_path)
    labels = voxels(("L2",))[0]
    write_like(mask, np.where(labels > 0, number, 0).astype(np.uint8))
    with pytest.raises(InputError, match=message):
        read_ct_patient(ct, mask, "nobody", MODELS, levels=asked)


@pytest.mark.usefixtures("quick_truth")
def test_a_label_without_model_stays_as_bone_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    labels, origin = voxels(("L2",))
    labels = labels.copy()
    # A lump in front of the vertebra, called T12.
    labels[3:9, -9:-5, 3:12] = 19
    mask = write_volume(tmp_path / "a_seg.nii.gz", labels, origin)
    ct = write_volume(tmp_path / "a.nii.gz", hounsfield(labels), origin)
    with caplog.at_level(logging.INFO):
        anatomy = read_anatomy(ct, mask, "nobody", MODELS, CtSettings())
    assert list(anatomy.vertebrae) == ["L2"]
    assert "T12 without a model" in caplog.text
    assert max(volume.values.max() for volume in anatomy.others) > 0.1


def test_a_vertebra_that_the_scan_cut_has_no_truth(tmp_path: Path):
    labels, origin = voxels(("L2",))
    ends = np.flatnonzero(labels.any(axis=(1, 2)))[-1]
    kept = labels[: ends - 3]
    ct = write_volume(tmp_path / "a.nii.gz", hounsfield(kept), origin)
    mask = write_volume(tmp_path / "a_seg.nii.gz", kept, origin)
    with pytest.raises(InputError, match="at least one whole vertebra"):
        read_anatomy(ct, mask, "nobody", MODELS, CtSettings())


def test_corners_that_hold_no_scan_are_known(folder: Path):
    scan, _ = read_pair(*write_pair(folder))
    values = scan.hounsfield.copy()
    values[:, :, :9] = -1024.0
    found = tissues(replace(scan, hounsfield=values), CtSettings())
    assert not found.seen[:, :, :3].any()
    assert found.seen[:, :, 20:].all()
    assert tissues(scan, CtSettings()).seen.all()


def test_metal_is_metal(folder: Path):
    scan, _ = read_pair(*write_pair(folder))
    values = scan.hounsfield.copy()
    values[4:7, 5:8, 6:12] = 3071.0
    found = tissues(replace(scan, hounsfield=values), CtSettings())
    assert found.metal is not None
    assert found.metal.material == "titanium"
    assert tissues(scan, CtSettings()).metal is None
