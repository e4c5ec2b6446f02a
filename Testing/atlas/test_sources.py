"""Which files of a folder are found, whose they are, and what a manifest may and may not say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from SpineDARTLib.atlas.manifest import Source
from SpineDARTLib.atlas.sources import by_person, find_sources, shipped_manifest
from SpineDARTLib.errors import InputError


def touch(folder: Path, *names: str) -> Path:
    """Empty files: names are all that is looked at here."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def people(sources: tuple[Source, ...]) -> dict[str, list[str]]:
    return {subject: [source.file for source in files] for subject, files in by_person(sources).items()}


def manifest(folder: Path, *rows: str, columns: str = "file,subject,level") -> Path:
    touch(folder, "a.nii.gz", "b.stl", "c/d.ply")
    (folder / "manifest.csv").write_text("\n".join((columns, *rows)) + "\n", encoding="utf-8")
    return folder


def test_verses_layout_is_recognised(tmp_path: Path):
    training = "dataset-verse20training"
    masks = [
        f"{training}/derivatives/sub-verse005/sub-verse005_seg-vert_msk.nii.gz",
        f"{training}/derivatives/sub-verse405/sub-verse405_split-verse212_seg-vert_msk.nii.gz",
        f"{training}/derivatives/sub-verse405/sub-verse405_split-verse259_seg-vert_msk.nii.gz",
        f"{training}/derivatives/sub-verse500/sub-verse500_dir-ax_seg-vert_msk.nii.gz",
    ]
    others = [
        f"{training}/rawdata/sub-verse005/sub-verse005_ct.nii.gz",
        f"{training}/rawdata/sub-verse500/sub-verse500_dir-ax_ct.nii.gz",
        f"{training}/derivatives/sub-verse005/sub-verse005_seg-subreg_ctd.json",
        f"{training}/derivatives/sub-verse005/sub-verse005_seg-subreg_msk.nii.gz",
        f"{training}/derivatives/sub-verse005/sub-verse005_seg-vert_snp.png",
        f"{training}/derivatives/sub-verse005/.sub-verse005_seg-vert_msk.nii.gz",
    ]
    found = find_sources(touch(tmp_path, *masks, *others))
    assert people(found) == {"verse005": masks[:1], "verse405": masks[1:3], "verse500": masks[3:]}
    assert [source.path for source in found] == [tmp_path / mask for mask in masks]
    assert not any(source.is_mesh or source.level for source in found)


def test_ctspine1ks_layout_is_recognised(tmp_path: Path):
    names = {
        "1.3.6.1.4.1.9328.50.4.0001": "colon",
        "volume-covid19-A-0003_ct": "COVID-19",
        "HN_P001": "HNSCC-3DCT-RT",
        "liver_7": "liver",
    }
    masks = {name: f"completed_annotations/{part}/{name}_seg.nii.gz" for name, part in names.items()}
    touch(tmp_path, *masks.values(), "Path.csv", *(f"images/{part}/{name}.nii.gz" for name, part in names.items()))
    assert people(find_sources(tmp_path)) == {name: [masks[name]] for name in sorted(masks, key=lambda n: masks[n])}


def test_other_volumes_and_meshes_are_recognised_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    touch(
        tmp_path, "Anna.nrrd", "x/sub-Ben.mha", "x/L1_Carl.stl", "x/T12_sub-Carl.PLY", "Dora/L5.obj", "sacrum.stl",
        "notes.txt", "picture.png", "L9_Emil.vtk",
    )  # fmt: skip
    found = find_sources(tmp_path)
    assert {(source.subject, source.level, source.is_mesh) for source in found} == {
        ("Anna", "", False),
        ("Ben", "", False),
        ("Carl", "L1", True),
        ("Carl", "T12", True),
        ("Dora", "L5", True),
    }
    assert [source.file for source in found] == sorted(source.file for source in found)
    assert "sacrum.stl: left out" in caplog.text
    assert "L9_Emil.vtk: left out" in caplog.text


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((), "got no source"),
        (("derivatives/sub-verse005/sub-verse005_seg-vert_msk.nii.gz",), 'got "verse005" only; expected at least two'),
        (("Anna/L1.stl", "Anna/L2.stl"), '"Anna" only'),
        (("colon/7_seg.nii.gz", "liver/7_seg.nii.gz", "8_seg.nii.gz"), "already in colon/7_seg.nii.gz"),
        (("x/L1_Anna.stl", "y/L1_Anna.ply", "L1_Ben.stl"), "already in x/L1_Anna.stl"),
        (("a/sub-v1_seg-vert_msk.nii.gz", "b/sub-v1_seg-vert_msk.nii.gz", "sub-v2.mha"), "already in a/sub-v1"),
    ],
)
def test_a_folder_that_no_atlas_can_come_from_is_named(tmp_path: Path, files: tuple[str, ...], said: str):
    with pytest.raises(InputError, match=str(tmp_path)) as caught:
        find_sources(touch(tmp_path, *files))
    assert said in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere: got no such folder"):
        find_sources(tmp_path / "nowhere")


def test_a_manifest_says_it_all(tmp_path: Path):
    manifest(
        tmp_path,
        "a.nii.gz,sub-Anna,,,,,,left right,L1=3 L3=0,Anna's hospital,CC0",
        "b.stl, Ben ,L2,ALS,m,1,87,none,2,,",
        "",
        "c/d.ply,Ben,L3,,,,,,,,",
        columns="file,subject,level,axes,unit,part,people,cut,genant,source,licence",
    )
    anna, ben, third = find_sources(tmp_path)
    assert (anna.subject, anna.level, anna.cut) == ("Anna", "", ("left", "right"))
    assert anna.genant == {"L1": 3, "L3": 0}
    assert (anna.origin, anna.licence) == ("Anna's hospital", "CC0")
    assert (ben.subject, ben.level, ben.axes, ben.unit, ben.part, ben.people) == ("Ben", "L2", "ALS", "m", 1, 87)
    assert (ben.cut, ben.genant) == ((), {"L2": 2})
    assert (third.path, third.file) == (tmp_path / "c/d.ply", "c/d.ply")
    assert (third.axes, third.unit, third.part, third.people, third.cut) == ("RAS", "mm", None, 1, None)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "manifest.csv").rename(elsewhere / "mine.csv")
    assert find_sources(tmp_path, elsewhere / "mine.csv") == (anna, ben, third)


GOOD: Mapping[str, str] = {"file": "b.stl", "subject": "Ben", "level": "L2"}


@pytest.mark.parametrize(
    ("cells", "field", "value", "expected"),
    [
        ({"file": "gone.stl"}, "file", "gone.stl", "a file in"),
        ({"file": ""}, "file", "nothing", "a file relative"),
        ({"file": "manifest.csv"}, "file", "manifest.csv", ".nii.gz"),
        ({"subject": ""}, "subject", "nothing", "whose"),
        ({"level": "L9"}, "level", "L9", "T1 to L5"),
        ({"level": ""}, "level", "nothing", "the level of this mesh"),
        ({"axes": "RAX"}, "axes", "RAX", "three letters"),
        ({"axes": "RLS"}, "axes", "RLS", "one of R and L"),
        ({"axes": "RASS"}, "axes", "RASS", "three letters"),
        ({"unit": "cm"}, "unit", "cm", "mm or m"),
        ({"part": "-1"}, "part", "-1", "a whole number from 0"),
        ({"people": "0"}, "people", "0", "a whole number from 1"),
        ({"people": "many"}, "people", "many", "a whole number from 1"),
        ({"cut": "up"}, "cut", "up", "left, right"),
        ({"genant": "4"}, "genant", "4", "0 to 3"),
        ({"genant": "L2=1 L2=2"}, "genant", "L2=1 L2=2", "each level once"),
        ({"file": "a.nii.gz", "axes": "LPS"}, "axes", "LPS", "a label volume says"),
        ({"file": "a.nii.gz", "level": "", "genant": "2"}, "genant", "2", "a row with a level"),
        ({"subject": "Anna", "level": "L1"}, "L1", "already in c/d.ply", "each person's level"),
    ],
)
def test_a_wrong_cell_of_a_manifest_is_named(
    tmp_path: Path, cells: Mapping[str, str], field: str, value: str, expected: str
):
    row = {**GOOD, **cells}
    columns = ",".join(dict.fromkeys(("file", "subject", "level", *row)))
    others = "," * (len(row) - 3)
    manifest(tmp_path, f"c/d.ply,Anna,L1{others}", ",".join(row[c] for c in columns.split(",")), columns=columns)
    with pytest.raises(InputError) as caught:
        find_sources(tmp_path)
    assert caught.value.field.endswith(field)
    assert value in str(caught.value)
    assert expected in str(caught.value)
    if "already" not in value:
        assert f"manifest.csv: line 3, column {field}: got " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,subject,colour\n", '"colour"'),
        ("file,subject,file\n", '"file" twice'),
        ("file,level\n", 'a column "subject"'),
        ("", 'a column "file"'),
        ("file,subject\nb.stl,Ben,L1\n", "more cells"),
        ('file,subject\n"b.stl,Ben\n', "comma-separated"),
        ("file,subject\n", "no source"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, text: str, said: str):
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"manifest\.csv") as caught:
        find_sources(tmp_path)
    assert said in str(caught.value)


def test_a_manifest_that_is_not_text_or_not_there_is_named(tmp_path: Path):
    (tmp_path / "manifest.csv").write_bytes(b"file,subject\n\xff\xfe,x\n")
    with pytest.raises(InputError, match=r"manifest\.csv.*UTF-8"):
        find_sources(tmp_path)
    with pytest.raises(InputError, match=r"other\.csv.*No such file"):
        find_sources(tmp_path, tmp_path / "other.csv")


def test_the_shipped_manifest_lists_the_shared_data(shared_folder: Path):
    found = find_sources(shared_folder / "data", shipped_manifest())
    known = by_person(found)
    assert set(known) == {
        *(f"verse{n:03d}" for n in (4, 5, 6, 7, 9, 10, 12, 13, 16, 18, 22, 23, 24, 26, 30, 41)),
        "clouthier-mean",
    }
    assert [(source.level, source.people) for source in known["clouthier-mean"]] == [(f"L{n}", 87) for n in range(2, 6)]
    assert known["verse009"][0].genant["T5"] == 3
    assert "T2" not in known["verse009"][0].genant
    assert known["verse024"][0].genant == {"L1": 3}
    assert known["verse023"][0].cut == ("left", "right")
    assert all(source.origin and source.licence for source in found)
