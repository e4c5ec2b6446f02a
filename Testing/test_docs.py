"""What README and Docs/ tell a reader to type: every line is understood, those that take seconds are run."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from pathlib import Path

import pytest

from SpineDARTLib.__main__ import main
from SpineDARTLib.cli import parse
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import read_plan
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.resources import shipped_weights
from Testing.docs import PAGES, ROOT, anchors, commands, links
from Testing.posed import poses_for_fits

LINES = commands()

ELSEWHERE = {
    ("simulate", "cases"): "Testing/test_simulate_commands.py",
    ("simulate", "shards"): "Testing/test_simulate_commands.py",
    ("train", "detector"): "Testing/train/test_detector.py",
    ("train", "similarity"): "Testing/train/test_similarity.py",
    ("atlas", "build"): "Testing/atlas/test_building.py",
    ("atlas", "report"): "Testing/atlas/test_building.py",
    ("geometry",): "Testing/test_geometry_commands.py",
}
"""Commands that take longer or want files that are not shipped, and the tests that run them with small ones."""

LEVEL = "L3"

NOT_HERE = ("--workers", "--scheduler", "all", "gradient-ncc,theirs=MESHES", "hybrid")
"""Words of command lines that are run by other tests (``Testing/benchmark``, ``Testing/fit``): they take processes, a
cluster, other programs' meshes or weights."""


def options(words: tuple[str, ...]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def spinedart_lines() -> list[tuple[str, ...]]:
    return [words[1:] for words in LINES if words[0] == "spinedart"]


def test_there_is_something_to_try():
    assert len(spinedart_lines()) > 30 and ("make", "demo") in LINES


@pytest.mark.parametrize("words", LINES, ids=lambda words: " ".join(words)[:70])
def test_every_line_is_understood(words: tuple[str, ...], capsys: pytest.CaptureFixture):
    program, *arguments = words
    if program == "spinedart":
        understood = parse(arguments)
        assert not isinstance(understood, int), f"{LINES[words]}: {capsys.readouterr().err}"
    elif program == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert set(arguments) <= set(targets), LINES[words]
    elif program == "python" and arguments[:1] == ["-m"] and arguments[1].startswith("Testing."):
        source = source_of(arguments[1])
        for option in options(words):
            name = option.removeprefix("--").replace("-", "_")
            known = f'"{option}"' in source or re.search(rf"^\s+{name}: ", source, flags=re.MULTILINE)
            assert known, f"{LINES[words]}: {option}"
    elif program == "dask":
        module = pytest.importorskip(f"distributed.cli.dask_{arguments[0]}", reason="Dask is not installed")
        known_options = {name for one in module.main.params for part in (one.opts, one.secondary_opts) for name in part}
        assert set(options(words)) <= known_options, LINES[words]
    else:
        raise AssertionError(f"{LINES[words]}: got {' '.join(words)}; expected a command that this test knows")


def source_of(module: str) -> str:
    path = ROOT / Path(*module.split("."))
    file = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    assert file.is_file(), module
    return file.read_text(encoding="utf-8")


def test_every_command_is_shown_and_run():
    shown = {words[:2] if words[0] in ("simulate", "train", "atlas") else words[:1] for words in spinedart_lines()}
    for command, file in ELSEWHERE.items():
        assert command in shown
        assert f'"{command[0]}"' in (ROOT / file).read_text(encoding="utf-8"), file
    kinds = importlib.import_module("SpineDARTLib.cli").Command
    every = set(re.findall(r"name='([\w-]+)'", str(kinds)))
    assert every - {"demo", "worker"} == {words[0] for words in shown}  # demo by make; Slicer alone calls the worker


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.mark.slow
def test_lines_that_take_seconds_do_what_they_say(monkeypatch, sample, models, tmp_path, capsys):
    """In the order of a plan's life, each in a folder of its own; fits are replaced by true poses."""
    monkeypatch.chdir(tmp_path)
    poses_for_fits(monkeypatch, sample, models)
    plan = tmp_path / "plan"
    (tmp_path / "cases").mkdir()
    sample = one_level(sample, tmp_path / "cases" / "one")
    assert main(["plan", str(sample), "--out", str(plan)]) == 0
    places = {"CASE": sample, "PLAN": plan, "DIR": plan, "FOLDER": tmp_path / "cases"}
    places |= {"DRAWN": drawn(plan, sample, tmp_path), "FILES": graded(tmp_path)}
    run = 0
    for number, words in enumerate(spinedart_lines()):
        if words[:1] in ELSEWHERE or words[:2] in ELSEWHERE or set(words) & set(NOT_HERE):
            continue
        if words[0] == "detect" and not (shipped_weights() / "detector.safetensors").is_file():
            continue
        new = tmp_path / f"new{number}"
        arguments = []
        for before, word in zip(("", *words), words, strict=False):
            made = before in ("--out", "--write-case")
            arguments.append(str(new / word) if made else str(places.get(word, word)))
        new.mkdir()
        code = main(arguments)
        assert code in (0, 1), f"{' '.join(words)}: {code}, {capsys.readouterr().err}"
        assert "--out" not in words or list(new.iterdir()), " ".join(words)
        run += 1
    assert run >= 12


def one_level(sample: Path, folder: Path) -> Path:
    """The sample with one of its three vertebrae: every line runs, and takes a third of the time."""
    shutil.copytree(sample, folder)
    for file in (folder / "case.json", folder / "truth" / "truth.json"):
        document = json.loads(file.read_text(encoding="utf-8"))
        every = document["vertebrae"]
        document["vertebrae"] = (
            {LEVEL: every[LEVEL]} if isinstance(every, dict) else [one for one in every if one["level"] == LEVEL]
        )
        file.write_text(json.dumps(document), encoding="utf-8")
    return folder


def drawn(plan: Path, sample: Path, folder: Path) -> Path:
    """The plan's own cannulas of one vertebra, as somebody would draw them."""
    case, cannulas = read_case(sample), read_plan(plan).plans[0].cannulas
    lines = [
        {
            "level": case.seeds[0].level,
            "side": one.side,
            "views": {
                view.name: dict(zip(("entry", "target"), project(one.path_mm, view).tolist(), strict=True))
                for view in case.views
            },
        }
        for one in cannulas
    ]
    path = folder / "drawn.json"
    path.write_text(json.dumps({"format": "spinedart-drawn/1", "cannulas": lines}), encoding="utf-8")
    return path


def graded(folder: Path) -> Path:
    """Two raters on one vertebra."""
    rows = [
        f"sample,L3,{side},safest,{grade},{who}" for side in ("left", "right") for who, grade in (("A", 2), ("B", 1))
    ]
    path = folder / "grades.csv"
    path.write_text("\n".join(["case,level,side,cannula,grade,rater", *rows]) + "\n", encoding="utf-8")
    return path


def test_links_lead_somewhere():
    lost = []
    for page, target in links():
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(f"{page.name}: {target}")
    assert lost == []


def test_not_for_clinical_use_and_the_three_readers():
    readme = PAGES[0].read_text(encoding="utf-8")
    assert "**Not for clinical use.**" in readme
    for reader in ("radiologist", "resident", "researcher"):
        assert f"## For the {reader}" in readme
    from SpineDARTLib import __version__

    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert __version__ in PAGES[1].read_text(encoding="utf-8")
