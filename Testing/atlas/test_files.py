"""Loading, leaving people out, writing, and what is said of a bad file."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.atlas.files import _find, available_levels, load_model, model_of, read_region, write_region
from SpineDARTLib.errors import InputError
from SpineDARTLib.resources import VARIABLE, resource_folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resource_folder("atlas"), tmp_path / "atlas"))


def test_a_level_finds_its_region():
    assert load_model("L3").region == load_model("L1-L5").region == "L1-L5"
    assert "T11" in load_model("T11").levels


def test_loading_is_quick():
    load_model("L2")
    start = time.process_time()
    load_model("L2", without=("verse005",))
    # A second and a half on a free core; on a busy machine threads that wait for each other count, too.
    assert time.process_time() - start < 15.0


def test_left_out_people_leave_no_trace(copy: Path):
    whole, without = load_model("L3"), load_model("L3", without=("sub-verse005", "verse004"))
    assert set(whole.subjects) - set(without.subjects) == {"verse004", "verse005"}
    assert np.abs(whole.means["L3"] - without.means["L3"]).max() > 0.05
    assert whole.log_scale_deviation != without.log_scale_deviation
    # Whatever those two had looked like, the model is the same to the last bit.
    region = read_region(_find("L3", copy))
    theirs = np.isin(region.samples.subjects, ["verse004", "verse005"])
    assert theirs.any()
    region.samples.shapes[theirs] *= 1.3
    again = model_of(region, ("verse004", "verse005"))
    assert all((again.means[level] == without.means[level]).all() for level in without.levels)
    assert (again.modes == without.modes).all() and (again.deviations == without.deviations).all()
    assert again.log_scale_deviation == without.log_scale_deviation
    assert again.header["without"] == ["verse004", "verse005"]


def test_leaving_out_a_stranger_changes_nothing():
    whole, without = load_model("T10"), load_model("T10", without=("verse999",))
    assert (whole.modes == without.modes).all()


def test_nobody_left_is_an_error():
    everybody = load_model("T10").subjects
    with pytest.raises(InputError, match=r"T9-T12.*without.*T9"):
        load_model("T10", without=everybody)


def test_header_says_where_all_is_from():
    for name in ("L1-L5", "T9-T12"):
        header = load_model(name).header
        assert "CC BY-SA 4.0" in str(header["licence"])
        samples = header["samples"]
        assert isinstance(samples, list)
        assert all({"subject", "level", "people", "source", "share"} <= set(entry) for entry in samples)


def test_write_and_read_again(tmp_path: Path):
    region = read_region(resource_folder("atlas") / "T9-T12.json")
    again = read_region(write_region(region, tmp_path / "new"))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["T9-T12.json", "T9-T12.npz"]
    assert (again.samples.shapes == region.samples.shapes).all()
    assert again.samples.subjects == region.samples.subjects
    assert (again.template.faces == region.template.faces).all()
    before, after = model_of(region), model_of(again)
    assert (before.modes == after.modes).all()
    for side in ("left", "right"):
        for name, anchor in before.cannulas[side].items():
            assert (anchor.on(before.means["T9"]) == after.cannulas[side][name].on(after.means["T9"])).all()


@pytest.mark.parametrize("name", ["C7", "L6", "lumbar"])
def test_an_unknown_level(name: str):
    with pytest.raises(InputError, match=rf"atlas.*{name}.*L1-L5"):
        load_model(name)


def test_an_empty_folder(tmp_path: Path):
    assert available_levels(tmp_path) == ()
    with pytest.raises(InputError, match=r"L3.*none in this folder"):
        load_model("L3", directory=tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda header: header.update(format="spinedart-atlas/9"), "format.*spinedart-atlas/9"),
        (lambda header: header.update(levels="L1"), "levels.*L1.*list"),
        (lambda header: header.pop("samples"), "samples.*None.*list"),
        (lambda header: header["samples"].pop(), "L1-L5.npz.*shapes"),
        (lambda header: header["anchors"]["landmark"].append("nose"), "L1-L5.npz.*nose"),
    ],
)
def test_a_bad_header_is_named(copy: Path, change, words: str):
    path = copy / "L1-L5.json"
    header = json.loads(path.read_text(encoding="utf-8"))
    change(header)
    path.write_text(json.dumps(header), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_model("L1-L5", directory=copy)


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_bad_arrays_are_named(copy: Path, content: bytes | None):
    path = copy / "L1-L5.npz"
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(InputError, match=r"L1-L5\.npz"):
        load_model("L3", directory=copy)


def test_missing_arrays_and_broken_json(copy: Path):
    (copy / "L1-L5.npz").unlink()
    with pytest.raises(InputError, match=r"L1-L5\.npz"):
        load_model("L3", directory=copy)
    (copy / "L1-L5.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"L1-L5\.json.*JSON"):
        load_model("L3", directory=copy)


def test_resources_by_environment(copy: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, str(copy.parent))
    assert resource_folder("atlas") == copy
    with pytest.raises(InputError, match=rf"{VARIABLE}.*weights"):
        resource_folder("weights")
