"""A build from end to end on a few small meshes: the same however it is run, interrupted or not; and its steps."""

from __future__ import annotations

import csv
import functools
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib import atlas_commands
from SpineDARTLib.__main__ import main
from SpineDARTLib.atlas import build as building
from SpineDARTLib.atlas import load_model
from SpineDARTLib.atlas import template as templates
from SpineDARTLib.atlas.build import STORE, Base, Built, build, choose_regions, read_base
from SpineDARTLib.atlas.correspondence import Vertebra, expect, read_vertebrae
from SpineDARTLib.atlas.files import Region, read_region, write_region
from SpineDARTLib.atlas.learn import Frame, Samples, learn
from SpineDARTLib.atlas.mesh import vertex_normals
from SpineDARTLib.atlas.register import Drift, Registered, Target, align
from SpineDARTLib.atlas.rounds import Progress, Round, Settings
from SpineDARTLib.atlas.sections import loop_area, narrowest, section_loops
from SpineDARTLib.atlas.sources import by_person, find_sources
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.mesh import write_mesh
from SpineDARTLib.resources import VARIABLE, resource_folder
from SpineDARTLib.types import LEVELS
from Testing.atlas.spines import SPACING_MM, voxels, write_volume
from Testing.generators import run
from Testing.shapes import sphere

QUICK = Settings(rounds=1, drift=Drift(vertices=100, points=300, iterations=15))
PEOPLE = ("anna", "ben")


@pytest.fixture(scope="module")
def base(bones: Path, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A template of few vertices, of a source that is listed as a mean of several people."""
    rows = [{"file": path.name, "subject": path.stem[3:], "level": path.stem[:2]} for path in sorted(bones.iterdir())]
    manifest = tmp_path_factory.mktemp("manifest") / "manifest.csv"
    with manifest.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*rows[0], "people"])
        writer.writeheader()
        writer.writerows({**row, "people": 7 if row["subject"] == "ben" else ""} for row in rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "TEMPLATE_VERTICES", 500)
        patch.setattr(templates, "GRID_MM", 0.9)
        return read_base(bones / "L3_ben.ply", find_sources(bones, manifest))


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, base: Base) -> Path:
    """Resources whose atlas is one region with the coarse template."""
    folder = tmp_path_factory.mktemp("resources")
    atlas = folder / "atlas"
    atlas.mkdir()
    shutil.copy(resource_folder("atlas") / "morphometry.csv", atlas)
    shape, one = base.template.vertices[None], np.ones(1)
    samples = Samples(shape, np.ones(shape.shape[:2], dtype=bool), ("someone",), ("L3",), one, one, np.array([-1]))
    entry = {"subject": "someone", "level": "L3", "people": 1, "share": 1.0, "genant": None, "source": "made up"}
    header = {"template": "a coarse one", "samples": [entry]}
    write_region(Region("L1-L5", ("L3",), base.template, samples, base.notes, header), atlas)
    return folder


@pytest.fixture(autouse=True)
def coarse_atlas(monkeypatch: pytest.MonkeyPatch, resources: Path):
    monkeypatch.setenv(VARIABLE, str(resources))


@pytest.fixture(scope="module")
def bones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """L2 and L3 of two people, asymmetric, each in another pose."""
    folder = tmp_path_factory.mktemp("bones")
    model = load_model("L2")
    generator = np.random.default_rng(11)
    for person in PEOPLE:
        coefficients = generator.standard_normal(model.rank)
        turn = Rotation.from_euler("xyz", generator.uniform(-12, 12, 3), degrees=True).as_matrix()
        for level, height in (("L2", 36.0), ("L3", 0.0)):
            shape = model.instance(level, coefficients + 0.3 * generator.standard_normal(model.rank))
            write_mesh(folder / f"{level}_{person}.ply", shape @ turn.T + [5.0, -40.0, 200.0 + height], model.faces)
    return folder


@pytest.fixture(scope="module")
def built(bones: Path, resources: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress], Built]:
    """The atlas of these bones by one worker: its folder, what was seen on the way, what came of it."""
    out = tmp_path_factory.mktemp("atlas") / "new"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(resources))
        return out, *run(build(bones, out, settings=QUICK))


def test_a_build_writes_the_regions_that_it_has_people_for(built, base: Base):
    out, seen, result = built
    assert sorted(path.name for path in out.iterdir()) == [
        "L1-L5.json",
        "L1-L5.npz",
        "morphometry.csv",
    ]  # and no working folder
    assert result.written == (out / "L1-L5.json",)
    assert [sentence.split(":")[0] for sentence in result.skipped] == ["T1-T4", "T5-T8", "T9-T12"]
    assert {state.stage for state in seen} >= {"reading", "matching", "matching again, round 1", "annotating"}
    assert all(1 <= state.done <= state.total for state in seen)
    region = read_region(out / "L1-L5.json")
    assert len(region.template.vertices) == len(base.template.vertices)
    assert sorted(zip(region.samples.subjects, region.samples.levels, strict=True)) == [
        (person, level) for person in PEOPLE for level in ("L2", "L3")
    ]
    assert all(entry["distance_mm"] < 0.5 for entry in region.header["samples"])
    assert region.header["template"] == "a coarse one"
    assert [one["round"] for one in region.header["rounds"]] == [0, 1]
    assert region.header["rounds"][0]["generalisation_mm"] > 0
    model = load_model("L3", without=("sub-ben",), directory=out)
    assert model.subjects == ("anna",)
    assert set(model.paths) == {"kyphoplasty_left", "kyphoplasty_right"}


def test_an_interrupted_build_goes_on_and_ends_the_same(built, bones: Path, tmp_path: Path):
    whole = built[0]
    out = tmp_path / "new"
    states = build(bones, out, workers=2, settings=QUICK)
    for state in states:
        if state.stage == "matching" and state.done == 2:
            break
    states.close()
    assert not multiprocessing.active_children()
    kept = {path: path.stat().st_mtime_ns for path in (out / STORE).iterdir()}
    assert 2 <= len(kept) <= 6 and list(out.iterdir()) == [out / STORE]
    broken = min(kept)
    broken.write_bytes(broken.read_bytes()[:100])
    resumed = build(bones, out, workers=2, settings=QUICK)
    for state in resumed:
        if state.stage == "learning, round 0" and state.done == 1:
            unchanged = [path for path, time in kept.items() if path.stat().st_mtime_ns == time]
            assert set(unchanged) == set(kept) - {broken}
    assert (out / "L1-L5.json").read_bytes() == (whole / "L1-L5.json").read_bytes()
    assert (out / "L1-L5.npz").read_bytes() == (whole / "L1-L5.npz").read_bytes()
    assert not (out / STORE).exists()


LAYOUTS = {
    "VerSe": "dataset-verse19training/derivatives/sub-verse{n}/sub-verse{n}_seg-vert_msk.nii.gz",
    "CTSpine1K": "completed_annotations/colon/1.3.6.1.4.1.9328.50.4.000{n}_seg.nii.gz",
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_one_command_builds_from_a_folder_laid_out_as_these_data_sets_are(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE)
        labels, origin = voxels(("L2", "L3"))
    for number, stretch in ((5, 1.0), (6, 1.1)):
        path = tmp_path / "data" / LAYOUTS[layout].format(n=number)
        write_volume(path, labels, origin, SPACING_MM * [1.0, stretch, 1.0])
    monkeypatch.setattr(atlas_commands, "build", functools.partial(build, settings=QUICK))
    out = tmp_path / "mine" / "atlas"
    assert main(["atlas", "build", str(tmp_path / "data"), "--out", str(out)]) == 0
    assert "L1-L5 written" in capsys.readouterr().out
    region = read_region(out / "L1-L5.json")
    assert len(set(region.samples.subjects)) == 2
    assert all(entry["distance_mm"] < 0.8 for entry in region.header["samples"])
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    assert load_model("L4").means["L4"].shape == region.template.vertices.shape  # of a level that nobody shows


def test_bad_input_is_named_and_leaves_nothing(bones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "new"
    alone = tmp_path / "alone"
    alone.mkdir()
    for level in ("L2", "L3"):
        shutil.copy(bones / f"{level}_anna.ply", alone)
    assert main(["atlas", "build", str(alone), "--out", str(out)]) == 2
    assert "at least two people" in capsys.readouterr().err
    (alone / "L1_dora.stl").write_bytes(b"\0" * 80 + (7).to_bytes(4, "little"))  # no triangle of seven
    assert main(["atlas", "build", str(alone), "--out", str(out)]) == 2  # found by a worker, said by the parent
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "L1_dora.stl" in said and "internal" not in said
    for arguments in (["--workers", "0"], ["--template", str(tmp_path / "none.stl")]):
        assert main(["atlas", "build", str(bones), "--out", str(out), *arguments]) == 2
        assert str(arguments[1]) in capsys.readouterr().err
    assert not out.exists()


def test_regions_without_people_are_skipped_with_a_sentence():
    target = Target(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((0, 4)))
    shown = [("a", "T12"), ("a", "L1"), ("b", "L2"), ("c", "T3"), ("c", "T7")]
    names, skipped = choose_regions([Vertebra(who, level, "", 1, None, target) for who, level in shown])
    assert names == ("T9-T12", "L1-L5")
    assert skipped == (
        "T1-T4: only c shows it, and one person does not vary",
        "T5-T8: only c shows it, and one person does not vary",
    )


def test_nobody_is_expected_by_a_model_that_has_seen_them(built, bones: Path):
    region = read_region(built[0] / "L1-L5.json")
    (anna, *_) = read_vertebrae(by_person(find_sources(bones))["anna"], LEVELS)
    shape = align(region.template.vertices, region.template.faces, anna.target)
    before = Registered(shape, np.ones(len(shape), dtype=bool), np.zeros(len(shape)))
    (seen,), (unseen,) = (expect(region, without, [anna], [before]) for without in ((), ("anna",)))
    assert seen.distance_mm < 0.8 * unseen.distance_mm
    with pytest.raises(InputError, match="without"):
        expect(region, PEOPLE, [anna], [before])


def test_a_new_template_is_symmetric_and_says_whose_it_is(base: Base):
    vertices = base.template.vertices
    assert 300 < len(vertices) < 600
    assert vertices[base.template.partner] * [-1, 1, 1] == pytest.approx(vertices, abs=1e-9)
    plates = [vertices[base.notes.regions[f"{name}_endplate"]].mean(axis=0) for name in ("superior", "inferior")]
    assert np.sum(plates, axis=0)[1:] == pytest.approx([0, 0], abs=0.5)
    assert base.origin.startswith("L3, mean of 7 people, made symmetric: L3_ben.ply")


def test_the_command_shows_rounds_and_what_there_is_no_model_of(monkeypatch, tmp_path: Path, capsys):
    def states(*arguments: object):
        yield Progress("reading", 1, 1, "anna")
        yield Progress("matching", 1, 1, "anna L3", 0.25)
        first = Round(0, {"L1-L5": (1.5, 2.5), "T9-T12": ()}, {"L1-L5": 0.1, "T9-T12": 0.1})
        rounds = (first, Round(1, {"L1-L5": (2.25,)}, {"L1-L5": 0.1}, frozenset({"L1-L5"})))
        return Built((tmp_path / "L1-L5.json",), ("T1-T4: nobody shows a level of it",), rounds)

    monkeypatch.setattr(atlas_commands, "build", states)
    assert main(["atlas", "build", str(tmp_path), "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "2.00 mm" in shown and "2.25 mm, dropped" in shown
    assert "No model of T1-T4: nobody" in shown and "L1-L5 written" in shown
    assert main(["atlas"]) == 0
    shown = capsys.readouterr().out
    assert "build" in shown and "report" in shown


def test_sections_of_a_sphere():
    vertices, faces = sphere((5.0, -3.0, 2.0), 10.0)
    normal = np.array([0.0, 0.6, 0.8])
    (loop,) = section_loops(vertices, faces, np.array([5.0, -3.0, 2.0]) + 6 * normal, normal)
    area, centre = loop_area(loop)
    assert area == pytest.approx(np.pi * 64, rel=0.01)
    assert centre == pytest.approx(np.array([5.0, -3.0, 2.0]) + 6 * normal, abs=0.05)
    with pytest.raises(ValueError, match="inside a pedicle"):
        narrowest(vertices, faces, np.array([50.0, 0.0, 0.0]), normal[None], np.zeros(1))


def test_learning_recovers_size_and_mirrors_asymmetry():
    vertices, faces = sphere((0, 0, 0), 20.0, rings=12)
    vertices = vertices * [1.2, 1.0, 0.8]
    partner = np.linalg.norm((vertices * [-1, 1, 1])[:, None] - vertices[None], axis=2).argmin(axis=1)
    normals = vertex_normals(vertices, faces)
    frame = Frame(np.flatnonzero(normals[:, 2] > 0.8), np.flatnonzero(normals[:, 2] < -0.8), faces, partner)
    bump = np.exp(-((vertices - [24, 0, 0]) ** 2).sum(axis=1) / 80)[:, None] * [1.0, 0, 0]  # on the right only
    sizes = np.array([0.9, 1.0, 1.1, 1.0])
    shapes = np.stack([size * (vertices + k * bump) for size, k in zip(sizes, [3.0, -3.0, 3.0, -3.0], strict=True)])
    people = tuple("abcd")
    known = np.ones(shapes.shape[:2], dtype=bool)
    samples = Samples(shapes, known, people, ("L1",) * 4, np.ones(4), np.ones(4), np.full(4, -1))
    learned = learn(samples, ("L1",), ("L1",), frame, vertices, rank=4)
    assert learned.means["L1"] == pytest.approx(vertices, abs=0.5)
    assert learned.log_scale_deviation == pytest.approx(np.std(np.log(sizes)) * np.sqrt(4 / 3), abs=0.02)
    left, right = (vertices[:, 0] < -20), (vertices[:, 0] > 20)
    basis = learned.modes.vectors * learned.modes.deviations[:, None, None]
    spread = (basis**2).sum(axis=(0, 2))
    assert spread[left].mean() == pytest.approx(spread[right].mean(), rel=1e-3)
    assert spread[right].mean() > 3 * spread[np.abs(vertices[:, 0]) < 3].mean()
