"""From files to surfaces: a coarse mask's shape, whole folders, one person's scans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import KDTree

from SpineDARTLib.atlas.sources import Source, by_person, find_sources, shipped_manifest
from SpineDARTLib.atlas.surfaces import Surface, mask_surface, read_person, read_source
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.mesh import enclosed_volume, open_edges, outward, write_mesh
from SpineDARTLib.types import LEVELS
from Testing.atlas.spines import spine, voxels, write_volume


def read(path: Path, levels: Sequence[str] = LEVELS, **fields: Any) -> list[Surface]:
    return list(read_source(Source(path, path.name, "Anna", **fields), tuple(levels)))


def distance_mm(surface: Surface) -> np.ndarray:
    """(n,) from each vertex to the nearest vertex or triangle's middle of the spine's bone, about 1 mm apart."""
    vertices, faces = spine()[surface.level]
    return KDTree(np.vstack([vertices, vertices[faces].mean(axis=1)])).query(surface.vertices)[0]


def right_cut_off(labels: np.ndarray, label: int) -> np.ndarray:
    """Labels (x, y, z) without what is to the right of three voxels inside one label's right end."""
    return labels[: np.argwhere(labels == label)[:, 0].max() - 2]


def test_a_coarse_mask_keeps_its_volume_and_gets_no_steps():
    spacing, axes = np.array([3.0, 1.0, 1.0]), np.array([14.0, 10.0, 8.0])
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in (13, 26, 22)), indexing="ij"), axis=-1)
    points = indices * spacing - axes - 3.0
    mask = ((points / axes) ** 2).sum(axis=-1) < 1
    vertices, faces = mask_surface(mask, spacing)
    faces = outward(vertices, faces)
    assert open_edges(faces) == 0
    assert enclosed_volume(vertices, faces) == pytest.approx(mask.sum() * 3.0, rel=0.01)
    radius = np.sqrt((((vertices - axes - 3.0) / axes) ** 2).sum(axis=1))
    assert np.abs(radius - 1).mean() * 10 < 0.3  # mm, with voxels of 3 mm


def test_a_volumes_vertebrae_stand_where_the_bones_were(tmp_path: Path):
    path = write_volume(tmp_path / "Anna.nii.gz", *voxels(("L2",)))
    (surface,) = read(path, ("T12", "L2", "L3"), genant={"L2": 2, "L3": 1})
    assert (surface.subject, surface.level, surface.source) == ("Anna", "L2", path.name)
    assert (surface.people, surface.genant, surface.cut.shape) == (1, 2, (0, 4))
    assert open_edges(surface.faces) == 0
    truth = spine()["L2"]
    assert enclosed_volume(surface.vertices, surface.faces) == pytest.approx(enclosed_volume(*truth), rel=0.03)
    assert distance_mm(surface).mean() < 1.0
    assert surface.vertices.mean(axis=0) == pytest.approx(truth[0].mean(axis=0), abs=2.0)


def test_a_hollow_is_filled(tmp_path: Path):
    labels, origin = voxels(("L2",))
    inside = np.argwhere(labels)
    front = inside[inside[:, 1] > np.quantile(inside[:, 1], 0.7)]
    labels = labels.copy()
    labels[tuple(front.mean(axis=0).round().astype(int))] = 0
    (surface,) = read(write_volume(tmp_path / "a.nii.gz", labels, origin))
    assert distance_mm(surface).max() < 4.0


def test_cuts_and_grades_that_the_manifest_states_count(tmp_path: Path):
    path = tmp_path / "L2_Anna.stl"
    write_mesh(path, *spine()["L2"])
    reach = spine()["L2"][0].max(axis=0)
    (surface,) = read(path, level="L2", cut=("right", "anterior"), people=87, genant={"L2": 1})
    assert (surface.people, surface.genant) == (87, 1)
    expected = [[1.0, 0.0, 0.0, reach[0] - 2.5], [0.0, 1.0, 0.0, reach[1] - 2.5]]
    assert surface.cut == pytest.approx(np.array(expected), abs=1e-3)
    assert read(path, ("L1",), level="L2") == []
    labels, origin = voxels(("L2",))
    cropped = write_volume(tmp_path / "a.nii.gz", right_cut_off(labels, 21), origin)
    ((*normal, distance),) = read(cropped)[0].cut
    assert normal == pytest.approx([1.0, 0.0, 0.0])
    assert distance == pytest.approx(read(cropped, cut=())[0].vertices[:, 0].max() - 2.5)
    assert len(read(cropped, cut=())[0].cut) == 0


def test_a_small_folder_of_verses_layout_is_read_person_by_person(tmp_path: Path):
    labels, origin = voxels(("L1", "L2"))
    folder = tmp_path / "derivatives"
    write_volume(folder / "sub-v1/sub-v1_seg-vert_msk.nii.gz", labels, origin)
    # The first scan of v2 ends in the right transverse processes, the second has L2 whole.
    write_volume(folder / "sub-v2/sub-v2_split-v3_seg-vert_msk.nii.gz", right_cut_off(labels, 20), origin)
    second = np.where(labels == 20, 0, labels)
    write_volume(folder / "sub-v2/sub-v2_split-v4_seg-vert_msk.nii.gz", second, origin)
    write_volume(tmp_path / "rawdata/sub-v1/sub-v1_ct.nii.gz", labels.astype(np.int16) - 1000, origin)
    people = by_person(find_sources(tmp_path))
    assert list(people) == ["v1", "v2"]
    assert [surface.level for surface in read_person(people["v1"], ("L2", "L3"))] == ["L2"]
    found = read_person(people["v2"], LEVELS)
    assert [(surface.subject, surface.level, len(surface.cut)) for surface in found] == [
        ("v2", "L1", 1),
        ("v2", "L2", 0),
    ]


def test_a_small_folder_of_ctspine1ks_layout_is_read(tmp_path: Path):
    for part, name in (("colon", "1.3.6.1"), ("liver", "liver_7")):
        write_volume(tmp_path / f"completed_annotations/{part}/{name}_seg.nii.gz", *voxels(("L3",)))
    people = by_person(find_sources(tmp_path))
    assert list(people) == ["1.3.6.1", "liver_7"]
    (surface,) = read_person(people["liver_7"], LEVELS)
    assert (surface.subject, surface.level) == ("liver_7", "L3")


def test_two_people_of_one_name_are_named(tmp_path: Path):
    one = write_volume(tmp_path / "a.nii.gz", *voxels(("L2",)))
    write_mesh(tmp_path / "L2_a.stl", *spine()["L2"])
    sources = [Source(one, one.name, "a"), Source(tmp_path / "L2_a.stl", "L2_a.stl", "a", "L2")]
    with pytest.raises(InputError, match=r'L2_a\.stl: subject "a", level L2: got already in a\.nii\.gz'):
        read_person(sources, ("L2",))


def test_a_level_that_is_not_in_the_volume_is_named(tmp_path: Path):
    path = write_volume(tmp_path / "a.nii.gz", *voxels(("L2", "L3")))
    with pytest.raises(InputError, match=r"level: got L1; expected a level that is in the volume \(L2, L3\)"):
        read(path, level="L1")
    assert [surface.level for surface in read(path, level="L3")] == ["L3"]


def test_a_mirrored_volume_or_mesh_is_named(tmp_path: Path):
    labels, origin = voxels(("L2", "L3"))
    path = write_volume(tmp_path / "a.nii.gz", labels[:, :, ::-1], origin)
    with pytest.raises(InputError, match=r"a\.nii\.gz: orientation: got L2 to L3 not from head to foot"):
        read(path)
    vertices, faces = spine()["L2"]
    write_mesh(tmp_path / "L2_a.ply", vertices * [1, -1, 1], faces[:, ::-1])
    with pytest.raises(InputError, match=r"L2_a\.ply: orientation: got a spinous process that points forward"):
        read(tmp_path / "L2_a.ply", level="L2")


def test_the_shipped_manifest_turns_a_mesh_that_does_not_say_lps(shared_folder: Path):
    people = by_person(find_sources(shared_folder / "data", shipped_manifest()))
    (surface,) = read_person(people["verse022"], ("L1",))
    assert surface.vertices[:, 1].min() < surface.vertices[:, 1].mean() - 40  # its spinous process
    (mean,) = read_person(people["clouthier-mean"], ("L3",))
    assert mean.people == 87
    assert np.ptp(mean.vertices, axis=0) == pytest.approx([92.7, 89.8, 50.1], abs=0.1)
