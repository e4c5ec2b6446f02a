"""A drawn spine in a real chest: the old one gone, the new one on its centres, mirrored and scaled together."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.simulate.draw import stream
from SpineDARTLib.simulate.nouns import TrueVertebra, Volume
from SpineDARTLib.simulate.patient.chest import Surroundings, place_in, read_centres, read_surroundings
from SpineDARTLib.simulate.patient.ct import make_patient
from SpineDARTLib.simulate.patient.curves import load_curves
from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.spine import Spine, SpineSettings, draw_spine, models_of
from SpineDARTLib.simulate.patient.tissue import CtSettings
from Testing.atlas.spines import spine, voxels, write_volume
from Testing.simulate.patient.scans import hounsfield

MODELS = models_of(("L1", "L2", "L3"))
LEVELS = tuple(MODELS)


@cache
def centres() -> dict[str, np.ndarray]:
    return {level: np.array([7.0 + i, -40.0 - 3.0 * i, 90.0 - 36.0 * i]) for i, level in enumerate(spine())}


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spine with a rib at its right."""
    labels, origin = voxels()
    values = hounsfield(labels)
    values[2:5, 3:9, 8:14] = 600
    return write_volume(tmp_path_factory.mktemp("chest") / "chest.nii.gz", values, origin)


@pytest.fixture(scope="module")
def chest(scan: Path) -> Surroundings:
    return read_surroundings(scan, centres(), MODELS, "somebody")


@cache
def drawn() -> Spine:
    return draw_spine(MODELS, load_curves(), SpineSettings(fracture_chance=0.0), stream(4), LEVELS, (5.0, 6.0, 7.0))


def paint(vertices: np.ndarray, faces: np.ndarray, truth: TrueVertebra | None) -> Volume:
    return empty_volume(vertices.min(0), vertices.max(0), 5.0, "bone")


def test_the_real_spine_is_gone_and_the_rib_is_left(chest: Surroundings):
    bone = chest.others[0]
    world = (
        np.moveaxis(np.indices(bone.values.shape), 0, -1) @ bone.voxel_to_world[:3, :3].T + bone.voxel_to_world[:3, 3]
    )
    for level, (vertices, _) in spine().items():
        near = np.linalg.norm(world - vertices.mean(0), axis=-1) < 12.0
        assert bone.values[near].max() < 0.05, level
    assert bone.values.max() > 0.15


@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_vertebrae_lie_on_the_centres_of_the_chest(chest: Surroundings, mirror: float):
    settings = CtSettings(chest_mirror=mirror, chest_scale=(1.08, 1.08))
    anatomy = place_in(chest, "synthetic-1", drawn(), MODELS, settings, stream(8))
    patient = make_patient(anatomy, settings, drawn(), None, paint)
    assert patient.subject == "synthetic-1"
    middle = np.mean(list(centres().values()), axis=0)
    factors = np.array([-1.08 if mirror else 1.08, 1.08, 1.08])
    for level, truth in patient.vertebrae.items():
        assert truth.vertebra.pose[:3, 3] == pytest.approx(middle + factors * (centres()[level] - middle), abs=1e-6)
        assert np.linalg.det(truth.vertebra.pose[:3, :3]) == pytest.approx(1.0)
        assert truth.origin == "atlas"
    # The rib was at the low end of x and of z.
    bone = patient.volumes[1]
    index = np.argwhere(bone.values > 0.15)
    place = index.mean(0) @ bone.voxel_to_world[:3, :3].T + bone.voxel_to_world[:3, 3]
    assert (place[0] > middle[0]) == bool(mirror)
    assert np.linalg.det(bone.voxel_to_world[:3, :3]) > 0
    assert np.linalg.norm(bone.voxel_to_world[:3, :3], axis=0).max() == pytest.approx(1.08, rel=0.01)


def test_a_level_missing_in_the_drawn_spine_is_named(chest: Surroundings):
    short = draw_spine(MODELS, load_curves(), SpineSettings(), stream(4), ("L1", "L2"))
    with pytest.raises(ValueError, match="expected L3 in it too"):
        place_in(chest, "s", short, MODELS, CtSettings(), stream(8))


def test_centres_outside_the_scan_or_with_gaps_are_refused(scan: Path):
    away = centres() | {"L2": np.array([900.0, 0.0, 0.0])}
    with pytest.raises(InputError, match=r"L2: got .*900"):
        read_surroundings(scan, away, MODELS, "somebody")
    with pytest.raises(InputError, match="adjoining"):
        read_surroundings(scan, {level: point for level, point in centres().items() if level != "L2"}, MODELS, "s")


def test_the_shipped_centres_go_from_t1_to_t12_head_to_foot():
    found = read_centres()
    assert list(found) == [f"T{i}" for i in range(1, 13)]
    steps = -np.diff([point[2] for point in found.values()])
    assert steps.min() > 14.0
    assert steps.max() < 30.0


@pytest.mark.parametrize(
    "text", ["level,x\nT1,3\n", "level,x_mm,y_mm,z_mm\nT1,a,2,3\n", "level,x_mm,y_mm,z_mm\nT1,1,2,3\n"]
)
def test_a_table_that_is_none_is_named(tmp_path: Path, text: str):
    path = tmp_path / "centres.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"centres\.csv"):
        read_centres(path)
