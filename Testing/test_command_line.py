"""The command line: exit codes, one line for what is wrong, and the main job from end to end on a tiny case."""

from __future__ import annotations

import json
import shutil

import pytest

from SpineDARTLib import commands, doctor
from SpineDARTLib.__main__ import main
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.benchmark import methods
from SpineDARTLib.cli import split_levels
from SpineDARTLib.config import Settings
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.case import read_case
from SpineDARTLib.locating import Located
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.similarity.learned.architecture import TINY
from SpineDARTLib.similarity.learned.network import Similarity
from SpineDARTLib.similarity.learned.weights import save_similarity
from SpineDARTLib.types import Plan
from Testing.found import tiny_weights
from Testing.posed import poses_for_fits


@pytest.fixture(scope="module")
def models(sample) -> dict[str, ShapeModel]:
    return load_models()


@pytest.fixture(autouse=True)
def no_weights(monkeypatch, tmp_path_factory):
    """Whatever is shipped, these tests start from clicks and compare without a network."""
    nowhere = tmp_path_factory.mktemp("nowhere") / "weights"
    monkeypatch.setattr("SpineDARTLib.detector_in_use.shipped_weights", lambda: nowhere)
    monkeypatch.setattr("SpineDARTLib.pipeline.shipped_weights", lambda: nowhere)


@pytest.fixture
def quick(monkeypatch, sample, models):
    """The pipeline without its fit; levels that are named in the list are lost."""
    return poses_for_fits(monkeypatch, sample, models)


def test_plan_writes_a_folder_and_says_what_it_found(quick, sample, tmp_path, capsys):
    out = tmp_path / "plan"
    assert main(["plan", str(sample), "--out", str(out), "--levels", "l2,L4", "--diameter-mm", "4.2"]) == 0
    written = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    assert [entry["level"] for entry in written["vertebrae"]] == ["L2", "L4"]
    assert written["vertebrae"][0]["cannulas"][0]["diameter_mm"] == 4.2
    assert {"overlay.png", "history.npz", "L2.stl", "L4_right.mrk.json"} <= {path.name for path in out.iterdir()}
    shown = capsys.readouterr().out
    assert "not for clinical use" in shown.lower() and "L4" in shown


def test_needles_are_chosen_by_gauge_and_what_does_not_fit_is_said(quick, sample, tmp_path, capsys):
    out = tmp_path / "plan"
    assert main(["plan", str(sample), "--out", str(out), "--levels", "L2", "--gauge", "13"]) == 0
    assert "13G: " in capsys.readouterr().out
    written = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    assert written["vertebrae"][0]["cannulas"][0]["diameter_mm"] == 2.41
    thick = ["--levels", "L2", "--gauge", "8", "--diameter-mm", "9.5", "--unipedicular"]
    assert main(["plan", str(sample), "--out", str(tmp_path / "thick"), *thick]) == 0
    said = capsys.readouterr().out
    assert "9.5 mm: " in said and "breach" in said
    assert "L2: left: no transpedicular path keeps 1 mm round a 9.5 mm needle (it breaches by " in said


def test_one_lost_vertebra_leaves_the_others_and_exit_1(quick, sample, tmp_path, capsys):
    quick.append("L3")
    assert main(["plan", str(sample), "--out", str(tmp_path / "plan")]) == 1
    assert "L3 was not found: click its centre" in capsys.readouterr().out
    written = json.loads((tmp_path / "plan" / "plan.json").read_text(encoding="utf-8"))["vertebrae"]
    assert [bool(entry["cannulas"]) for entry in written] == [True, False, True]


def test_demo_and_evaluate(quick, sample, tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out)]) == 0
    assert "Dice" in capsys.readouterr().out
    assert main(["evaluate", str(out), "--truth", str(sample / "truth")]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert set(found["levels"]) == {"L2", "L3", "L4"}
    assert found["levels"]["L3"]["dice"] > 0.7
    assert {one["side"] for one in found["levels"]["L3"]["cannulas"]} == {"left", "right"}
    assert found["success"]["methods"]["transferred"]["11G"]["overall"]["vertebrae"] == 3
    assert "Dice" in said.err
    assert main(["evaluate", str(out), "--truth", str(sample), "--out", str(tmp_path / "found.json")]) == 0
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8")) == found


def test_benchmark_goes_on_where_it_stopped(quick, sample, tmp_path, capsys):
    quick.append("L4")
    for name in ("first", "second"):
        shutil.copytree(sample, tmp_path / "cases" / name)
    (tmp_path / "cases" / "second" / "ap.png").write_bytes(b"no picture")
    arguments = ["benchmark", str(tmp_path / "cases"), "--out", str(tmp_path / "out"), "--methods", "gradient-ncc,ncc"]
    assert main(arguments) == 1
    said = capsys.readouterr().out
    assert "could not run second by ncc" in said
    assert "failed: first L4 (ncc): L4 was not found" in said
    found = json.loads((tmp_path / "out" / "benchmark.json").read_text(encoding="utf-8"))
    group = found["methods"]["gradient-ncc"]["groups"]["any view lumbar"]
    assert (group["vertebrae"], group["failures"], group["seen"]) == (3, 1, 0)
    assert group["dice_before_median"] < group["reconstructed"]["dice"]["median"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Best surfaces" in page and "first L4, nothing" in page and "second by ncc" in page
    assert (tmp_path / "out" / found["methods"]["ncc"]["failures"][0]["picture"]).stat().st_size > 3000
    # A second run runs only what broke.
    shutil.copyfile(sample / "ap.png", tmp_path / "cases" / "second" / "ap.png")
    quick.append("L2")
    assert main(arguments) == 0
    found = json.loads((tmp_path / "out" / "benchmark.json").read_text(encoding="utf-8"))
    assert found["methods"]["ncc"]["groups"]["any view lumbar"]["failures"] == 1 + 2
    # Other settings measure anew: what was kept is not theirs.
    assert main([*arguments, "--seed", "7"]) == 0
    found = json.loads((tmp_path / "out" / "benchmark.json").read_text(encoding="utf-8"))
    assert found["methods"]["ncc"]["groups"]["any view lumbar"]["failures"] == 2 + 2


def test_benchmark_of_what_costs_nothing(sample, models, tmp_path, capsys, monkeypatch):
    """The atlas's mean at the start and lines drawn in 2D, with grades of the latter."""
    monkeypatch.setattr(methods, "load_models", lambda without=(): models)
    shutil.copytree(sample, tmp_path / "cases" / "one")
    grades = tmp_path / "grades.csv"
    lines = [f"one,L3,{side},drawn,2,Ada" for side in ("left", "right")]
    grades.write_text("\n".join(["case,level,side,cannula,grade,rater", *lines]) + "\n")
    out = tmp_path / "out"
    arguments = ["benchmark", str(tmp_path / "cases"), "--out", str(out), "--methods", "start,2d-geoplan"]
    assert main([*arguments, "--grades", f"2d-geoplan={grades}"]) == 0
    said = capsys.readouterr().out
    assert "Best surfaces: start" in said and "a simulated reader's" in said
    assert "Graded by Ada: 2d-geoplan, both sides optimal in 1 and neither refused in 1 of 1" in said
    found = json.loads((out / "benchmark.json").read_text(encoding="utf-8"))["methods"]
    overall = found["start"]["overall"]
    assert overall["status"] == {"step_limit": 3} and 0.3 < overall["reconstructed"]["dice"]["median"] < 0.95
    assert found["start"]["landmarks"]["vertebrae"] == 3
    assert found["2d-geoplan"]["overall"] is None
    assert found["2d-geoplan"]["success"]["methods"]["drawn"]["13G"]["overall"]["vertebrae"] == 3
    assert {path.name for path in out.iterdir()} >= {"report.html", "vertebrae.csv", "summary.csv", "benchmark.txt"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan"], ["CASE", "--out"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--device", "abacus"], ["abacus", "--device", "cpu"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--frobnicate"], ["--frobnicate"]),
        (["operate"], ["operate", "plan"]),
        (["plan", "{tmp}/nowhere", "--out", "{tmp}/x"], ["nowhere", "no such file"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--levels", "L9"], ["--levels", "L9", "L5"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--levels", "T4"], ["--levels", "T4", "L2"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--diameter-mm", "-3"], ["--diameter-mm", "-3"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--diameter-mm", "nan"], ["--diameter-mm", "nan"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--diameter-mm", "0"], ["--diameter-mm", "0.5 to 10 mm"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--detect", "perhaps"], ["--detect", "perhaps", "auto"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--detect", "on"], ["no weights of a detector", "click"]),
        (
            ["plan", "{sample}", "--out", "{tmp}/x", "--similarity", "hybrid"],
            ["no weights of a learned", "gradient-ncc"],
        ),
        (["plan", "{sample}", "--out", "{tmp}/x", "--shift-levels", "17"], ["--shift-levels", "17", "-16 to 16"]),
        (["detect", "{sample}", "--out", "{tmp}/x", "--weights", "{tmp}/y"], ["{tmp}/y", "no weights of a detector"]),
        (["detect", "{sample}", "--out", "{tmp}"], ["other files", "detections.json"]),
        (["plan", "{sample}", "--out", "{tmp}/x", "--gauge", "12"], ["--gauge", "12", "11, 13"]),
        (["benchmark", "{tmp}", "--gauge", "0"], ["--gauge", "8, 10"]),
        (["plan", "{sample}", "--out", "{file}/x"], ["file.txt"]),
        (["plan", "{sample}", "--out", "{tmp}"], ["other files"]),
        (["evaluate", "{tmp}/nowhere", "--truth", "{sample}"], ["nowhere"]),
        (["benchmark", "{tmp}"], ["no case with a truth folder", "scans"]),
        (
            ["benchmark", "{sample}/..", "--out", "{tmp}/x", "--methods", "prayer"],
            ["--methods", "prayer", "gradient-ncc", "2d-geoplan"],
        ),
        (["benchmark", "{sample}/..", "--out", "{tmp}/x", "--methods", ""], ["--methods", "nothing", "gradient-ncc"]),
        (["benchmark", "{sample}/..", "--out", "{tmp}/x", "--methods", "ncc=."], ["--methods", "ncc="]),
        (
            ["benchmark", "{sample}/..", "--out", "{tmp}/x", "--methods", "ncc,hybrid"],
            ["no weights of a learned", "gradient-ncc"],
        ),
        (["benchmark", "{tmp}", "--workers", "0"], ["--workers", "1 or more"]),
        (["benchmark", "{tmp}", "--workers", "2", "--scheduler", "tcp://x:1"], ["--scheduler", "not both"]),
        (["benchmark", "{tmp}", "--size-px", "9"], ["--size-px", "64 to 4096"]),
        (["evaluate", "{sample}", "--truth", "{sample}"], ["plan.json"]),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(arguments, words, sample, tmp_path, capsys):
    (tmp_path / "file.txt").write_text("x")
    before = sorted(path.name for path in tmp_path.iterdir())
    places = {"sample": sample, "tmp": tmp_path, "file": tmp_path / "file.txt"}
    assert main([argument.format(**places) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("spinedart: ") and said.count("\n") == 1, said
    for word in words:
        assert word.format(**places) in said
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("debug", [False, True])
def test_internal_errors_are_exit_3(monkeypatch, sample, tmp_path, capsys, debug):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(commands, "plan_case", broken)
    arguments = ["plan", str(sample), "--out", str(tmp_path / "x"), *(["--debug"] if debug else [])]
    assert main(arguments) == 3
    said = capsys.readouterr().err
    assert "internal error: RuntimeError: two lines" in said
    assert ("Traceback" in said) == debug
    assert not (tmp_path / "x").exists()


def test_interrupting_writes_nothing(monkeypatch, sample, tmp_path, capsys):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "plan_case", interrupted)
    assert main(["plan", str(sample), "--out", str(tmp_path / "x")]) == 130
    assert not (tmp_path / "x").exists()


def test_help_and_version(capsys):
    assert main(["--help"]) == 0
    assert main([]) == 0
    assert "Not for clinical use" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("spinedart ")


def test_doctor(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for word in ("Python", "torch", "device", "renderer", "L1-L5", "weights", "learned similarity"):
        assert word in said


def test_doctor_knows_the_detector(capsys, monkeypatch, tmp_path):
    card = {"minutes": 95.4, "drawn_subjects": 56, "metrics": {"validation": {"found": 0.912, "level": 0.5}}}
    monkeypatch.setattr("SpineDARTLib.detector_in_use.shipped_weights", lambda: tiny_weights(tmp_path, card))
    found, why = doctor.PARTS["weights"]()
    assert found.startswith("detector ") and len(found) == len("detector ") + 12
    assert "95 minutes on 1 scanned and 56 drawn people; found 91%, level right 50% of vertebrae of people" in why
    monkeypatch.setattr("SpineDARTLib.detector_in_use.shipped_weights", lambda: tmp_path)
    (tmp_path / "detector.safetensors").write_bytes(b"no weights")
    monkeypatch.setattr(doctor, "PARTS", {"weights": doctor.PARTS["weights"]})
    assert main(["doctor"]) == 1
    assert "broken" in capsys.readouterr().out


def test_doctor_knows_the_learned_similarity(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "shipped_weights", lambda: tmp_path)
    assert doctor.PARTS["learned similarity"]()[0] == "none"
    network = Similarity(TINY)
    save_similarity(tmp_path, network, network.state_dict(), {"minutes": 61.0, "subjects": ["a"], "drawn_subjects": 7})
    found, why = doctor.PARTS["learned similarity"]()
    assert found.startswith("similarity ") and len(found) == len("similarity ") + 12
    assert "61 minutes on 1 scanned and 7 drawn people" in why
    (tmp_path / "similarity.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match="sha256"):
        doctor.PARTS["learned similarity"]()


def test_the_demo_is_started_by_a_detector_where_it_is_told(quick, sample, tmp_path, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(commands, "locate", lambda case, *_: asked.append(case) or Located(case.seeds, words="Looked."))
    assert main(["demo", "--out", str(tmp_path / "demo"), "--detect", "on"]) == 0
    assert [(seed.level, seed.clicks_px) for seed in asked[0].seeds] == [("L2", {}), ("L3", {}), ("L4", {})]
    said = " ".join(capsys.readouterr().out.split())
    assert "Looked." in said and "clicks were set aside" in said


def test_split_levels():
    assert split_levels("") is None
    assert split_levels(" l3, T12,L3 ") == ("L3", "T12")


def test_a_plan_of_another_atlas_gives_no_anatomy(quick, sample, models):
    case = read_case(sample)
    states = commands.plan_case(case, Settings(), ("L3",))
    try:
        while True:
            next(states)
    except StopIteration as end:
        plan = end.value[0]
    model = models["L3"]
    assert commands.anatomy_of_saved(plan, model) is not None
    moved = Plan(plan.fitted, plan.vertices_mm + [0.0, 0.3, 0.0], plan.faces)
    assert commands.anatomy_of_saved(moved, model) is None
