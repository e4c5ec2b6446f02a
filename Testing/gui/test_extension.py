"""What is packaged, and that the module names nothing that desktop Slicer does not have."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .inventory import ROOT, Inventory

MODULE = ROOT / "SpineDART"


def listed() -> set[str]:
    text = "\n".join(
        line.split("#")[0] for line in (MODULE / "CMakeLists.txt").read_text(encoding="utf-8").splitlines()
    )
    text = text.replace("${MODULE_NAME}", "SpineDART")
    found: set[str] = set()
    for name in ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"):
        match = re.search(rf"set\({name}\s+(.*?)\)", text, re.DOTALL)
        assert match is not None
        found |= set(match[1].split())
    return found


def test_every_file_of_the_module_is_packaged() -> None:
    there = {
        str(path.relative_to(MODULE).as_posix())
        for path in MODULE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "CMakeLists.txt"
    }
    assert listed() == there


def test_the_description_for_the_index() -> None:
    entry = json.loads((ROOT / "SpineDART.json").read_text(encoding="utf-8"))
    cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert set(entry) >= {"$schema", "category", "scm_url", "scm_revision", "build_dependencies", "tier"}
    assert f'EXTENSION_CATEGORY "{entry["category"]}"' in cmake
    assert entry["scm_url"].removesuffix(".git") in cmake
    assert "project(SpineDART)" in cmake
    assert "Not for clinical use" in cmake


def sources() -> list[Path]:
    return sorted(MODULE.rglob("*.py"))


def attributes(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every attribute that is read from a plain name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            parts = []
            part: ast.expr = node
            while isinstance(part, ast.Attribute):
                parts.append(part.attr)
                part = part.value
            if isinstance(part, ast.Name):
                yield node.lineno, ".".join([part.id, *reversed(parts)])


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_every_name_of_slicer_is_in_the_inventory(path: Path, inventory: Inventory) -> None:
    unknown = []
    for line, name in attributes(path):
        parts = name.split(".")
        if parts[0] in ("qt", "ctk"):
            part = inventory.raw[parts[0]]
            known = parts[1] in part or parts[1] == "Qt"
            if known and len(parts) > 2:
                members = inventory.names("Qt_enums") if parts[1] == "Qt" else inventory.offered(parts[1]).members
                known = parts[2] in members
        elif parts[0] == "slicer" and len(parts) > 2 and f"slicer.{parts[1]}" in inventory.raw:
            # what every QObject has is not listed of the application
            known = parts[2] in inventory.names(f"slicer.{parts[1]}") | inventory.offered("QObject").members
            known = known or parts[2] == "mrmlScene"
        else:
            known = True
        if not known:
            unknown.append(f"{path.name}:{line}: {name}")
    assert unknown == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_words_for_the_user_can_be_translated(path: Path) -> None:
    """A text with a space that goes straight to a widget is not wrapped in ``_()``."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
        if isinstance(node, ast.Call) and name in ("button", "label", "helped", "setText", "setToolTip"):
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            found += [f"{path.name}:{node.lineno}: {text}" for text in texts if " " in text]
    assert found == []


def test_files_are_short() -> None:
    assert {path.name: n for path in sources() if (n := len(path.read_text(encoding="utf-8").splitlines())) > 300} == {}
