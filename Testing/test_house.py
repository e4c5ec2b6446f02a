"""The house keeps its own rules: floors, light imports, short files, nothing of one machine in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from Testing.house import FLOORS, LIBRARY, ROOT, violations

MAX_LINES = 300


def tracked_files() -> list[Path]:
    """What git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: no list of tracked files")
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def run_python(code: str) -> str:
    """stdout of a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_go_down_only():
    assert violations(ROOT) == []


def test_every_part_has_a_floor():
    parts = {
        path.stem for path in (ROOT / LIBRARY).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert parts - {"__init__"} <= set(FLOORS)


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("plan/a.py", "def f():\n    from ..fit import start", "imports go down only"),
        ("plan/a.py", "from .. import fit", "imports go down only"),
        ("render/__init__.py", "from ..similarity.measures import ncc", "imports go down only"),
        ("similarity/a.py", "import SpineDARTLib.detect", "imports go down only"),
        ("io/a.py", "from SpineDARTLib.atlas import model", "imports go down only"),
        ("atlas/a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..fit import x", "go down only"),
        ("geometry/a.py", "import importlib\nimportlib.import_module('SpineDARTLib.render')", "imports go down only"),
        ("evaluate/a.py", "def f():\n    import slicer.util", "only scene may"),
        ("scene/a.py", "import qt", "only the Slicer module may"),
        ("__init__.py", "from .types import View", "expected it to import nothing"),
        ("novelty/a.py", "from ..types import View", "has no floor"),
        ("fit/deep/a.py", "from ...evaluate import metrics", "imports go down only"),
        ("atlas/a.py", "from ..io.mesh import read\nfrom .model import Anchor\nfrom .. import types", ""),
        ("scene/a.py", "import slicer", ""),
    ],
)
def test_the_checker_sees_a_planted_import(tmp_path, path, source, expected):
    planted = tmp_path / LIBRARY / path
    planted.parent.mkdir(parents=True)
    planted.write_text(source, encoding="utf-8")
    found = violations(tmp_path)
    assert len(found) == (1 if expected else 0)
    assert all(expected in line for line in found)


def test_importing_the_library_is_light():
    heavy = run_python(f"import sys, {LIBRARY}; print([m for m in ('torch', 'vtk', 'numpy') if m in sys.modules])")
    assert heavy.strip() == "[]"


@pytest.mark.skipif(not (ROOT / LIBRARY / "__main__.py").exists(), reason="no command line yet")
@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["geometry", "--help"], ["benchmark", "--help"]])
def test_help_is_quick_and_imports_no_torch(arguments):
    code = f"""
import sys, time
from {LIBRARY}.__main__ import main
try:
    code = main({arguments!r})
except SystemExit as end:
    code = end.code
assert not code, code
heavy = [m for m in ("torch", "vtk", "SimpleITK", "matplotlib", "scipy") if m in sys.modules]
print("MEASURED", heavy, time.process_time(), sep="|")
"""
    # Processor time, not the clock: a busy machine must not fail this.
    _, heavy, seconds = run_python(code).splitlines()[-1].split("|")
    assert heavy == "[]"
    assert float(seconds) < 1.0


def test_files_are_short():
    long = {}
    for path in tracked_files():
        if path.suffix == ".py":
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > MAX_LINES:
                long[str(path.relative_to(ROOT))] = lines
    assert long == {}


def test_nothing_of_one_machine():
    # Spelt in pieces, so that this file does not find itself.
    folders = "|".join("/" + name + "/" for name in ("work", "home", "root", "Users", "mnt", "opt/pypi"))
    pattern = re.compile(rf"""(?:^|[\s"'`=(:])(?:{folders}|[A-Z]:\\+Users)""")
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # binary
        if match := pattern.search(text):
            found.append(f"{path.relative_to(ROOT)}: {match.group().strip()}")
    assert found == []


def test_packages_of_the_wheel_are_those_of_the_tree():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = set(re.findall(rf'"({LIBRARY}[\w.]*)",$', text, flags=re.MULTILINE))
    tree = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / LIBRARY).rglob("__init__.py")}
    assert listed == tree | {f"{LIBRARY}.Resources"}
