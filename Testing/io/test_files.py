"""All or nothing: a folder is new, or as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.io import files
from SpineDARTLib.io.files import check_writable, new_folder, write_atomically


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write(folder: Path, text: str, owned: tuple[str, ...] = ()) -> None:
    with new_folder(folder, "plan.json", owned) as target:
        (target / "plan.json").write_text(text)
        (target / f"{text}.stl").write_text(text)


def test_new_nested_and_empty_folders(tmp_path: Path):
    write(tmp_path / "a" / "b", "one")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "one")
    for folder in (tmp_path / "a" / "b", tmp_path / "empty"):
        assert contents(folder) == {"plan.json": "one", "one.stl": "one"}


def test_old_files_go_and_foreign_ones_stay(tmp_path: Path):
    folder = tmp_path / "plan"
    write(folder, "one")
    (folder / "review.jsonl").write_text("graded")
    (folder / "truth").mkdir()
    (folder / "truth" / "L3.stl").write_text("true")
    write(folder, "two", owned=("plan.json", "one.stl"))
    expected = {"plan.json": "two", "two.stl": "two", "review.jsonl": "graded", os.path.join("truth", "L3.stl"): "true"}
    assert contents(folder) == expected
    assert os.listdir(tmp_path) == ["plan"]


def test_an_error_inside_leaves_the_old(tmp_path: Path):
    folder = tmp_path / "plan"
    write(folder, "one")
    with pytest.raises(RuntimeError), new_folder(folder, "plan.json") as target:
        (target / "plan.json").write_text("half")
        raise RuntimeError
    assert contents(tmp_path) == {os.path.join("plan", name): "one" for name in ("plan.json", "one.stl")}


def test_a_failing_rename_leaves_the_old(tmp_path: Path, monkeypatch):
    folder = tmp_path / "plan"
    write(folder, "one")
    rename = os.rename

    def failing(source: Path, target: Path) -> None:
        if ".partial" in str(source):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(files.os, "rename", failing)
    with pytest.raises(InputError, match="No space left"):
        write(folder, "two")
    assert contents(folder) == {"plan.json": "one", "one.stl": "one"}
    assert os.listdir(tmp_path) == ["plan"]


def test_a_folder_that_cannot_be_swapped(tmp_path: Path, monkeypatch):
    """Mount points, links and the working folder keep their place; the files inside are replaced."""
    folder = tmp_path / "plan"
    write(folder, "one")
    (tmp_path / "link").symlink_to(folder)
    write(tmp_path / "link", "two")
    assert (tmp_path / "link").is_symlink()
    assert (folder / "plan.json").read_text() == "two"
    monkeypatch.chdir(folder)
    write(Path(), "three")
    assert Path("plan.json").read_text() == "three"
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("existing", ["notes.txt", "case.json"])
def test_other_folders_are_not_overwritten(tmp_path: Path, existing: str):
    (tmp_path / existing).write_text("mine")
    with pytest.raises(InputError, match=r"got a folder with other files in it; expected a new or empty folder"):
        write(tmp_path, "one")
    assert contents(tmp_path) == {existing: "mine"}


def test_files_are_no_folders(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"got a file at .*expected a folder that can be written"):
            check_writable(folder)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_no_permission(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="expected a folder that can be written"):
        check_writable(tmp_path / "out")
    tmp_path.chmod(0o700)


def test_a_disk_that_says_no(tmp_path: Path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(InputError, match=r"out: got Permission denied; expected a folder that can be written"):
        check_writable(tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_one_file(tmp_path: Path):
    write_atomically(tmp_path / "a.json", b"one")
    write_atomically(tmp_path / "a.json", b"two")
    assert contents(tmp_path) == {"a.json": "two"}
    with pytest.raises(InputError, match="expected a file that can be written"):
        write_atomically(tmp_path / "none" / "a.json", b"x")
