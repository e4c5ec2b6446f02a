"""The whole job on the shipped sample, with few steps: what the command line runs, without the command line."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.commands import remarks, require_model
from SpineDARTLib.config import FitSettings, Settings, StageSettings
from SpineDARTLib.detect.nouns import Column
from SpineDARTLib.errors import InputError
from SpineDARTLib.evaluate.compare import evaluate_plans
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import read_plan, write_plan
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.locating import Located
from SpineDARTLib.overlay import QUIET, VERTEBRA, _words, draw_overlay
from SpineDARTLib.pipeline import beside_doubtful, contradiction, doubted, plan_case, remembered
from SpineDARTLib.report.pages import Report, report_html
from SpineDARTLib.resources import VARIABLE, resource_folder
from SpineDARTLib.types import FittedVertebra, Place, Seed, Status, Vertebra
from Testing.generators import run

STAGES = (
    StageSettings("coarse", pixel_mm=2.5, steps=20, rank=0, keep=4, splats=400, rate=2.0, column=2.0),
    StageSettings("shape", pixel_mm=2.0, steps=20, rank=6, keep=2, splats=800),
)
QUICK = Settings(fit=replace(FitSettings(), stages=STAGES))


@pytest.fixture(scope="module")
def lumbar_resources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped resources with an atlas of L1-L5 alone, and no weights."""
    folder = tmp_path_factory.mktemp("resources")
    (folder / "atlas").mkdir()
    (folder / "weights").mkdir()
    for name in ("L1-L5.json", "L1-L5.npz", "morphometry.csv"):
        shutil.copy(resource_folder("atlas") / name, folder / "atlas")
    shutil.copytree(resource_folder("sample"), folder / "sample")
    return folder


@pytest.fixture(autouse=True)
def lumbar(monkeypatch: pytest.MonkeyPatch, lumbar_resources: Path):
    monkeypatch.setenv(VARIABLE, str(lumbar_resources))


@pytest.fixture(scope="module")
def planned(lumbar_resources: Path):
    """The sample with one more vertebra for which there is no shape model, one that a detector found in place of
    clicks, its level in doubt, and one that it could not start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(lumbar_resources))
        return _planned()


def _planned():
    case = read_case(resource_folder("sample"))
    extra = replace(case.seeds[0], level="T3")
    whole = replace(case, seeds=(*case.seeds, extra, Seed("L1")))
    clicked = {seed.level: seed for seed in case.seeds}
    centre = np.array(read_truth(resource_folder("sample")).poses["L3"])[:3, 3]
    found = Seed("L3", place=Place(centre + [1.0, -1.0, 1.5], 4.0 * np.eye(3)))
    seeds = (extra, clicked["L2"], found, clicked["L4"])
    located = Located(seeds, {"L1": "L1 was found in AP only."}, {"L3": "L3 may be L4."}, Column(()), words="Found.")
    return case, *run(plan_case(whole, QUICK, located=located)), located


def test_the_sample_is_found_and_planned(planned):
    case, states, plans, _ = planned
    assert [plan.fitted.level for plan in plans] == ["T3", "L1", "L2", "L3", "L4"]
    assert states[-1].stage == "done"
    truth = read_truth(resource_folder("sample"))
    found = evaluate_plans(case.id, plans, truth)
    for level, figures in found["levels"].items():
        assert figures["dice"] > 0.8, f"{level}: {figures}"
    for plan in plans[2:]:
        assert plan.fitted.quality.seconds > 0
        assert [cannula.side for cannula in plan.cannulas] == ["left", "right"]
        left, right = (cannula.target_mm - cannula.entry_mm for cannula in plan.cannulas)
        assert left[1] > 15 and right[1] > 15, "cannulas run forward"
        assert plan.cannulas[0].entry_mm[0] < plan.cannulas[1].entry_mm[0], "the patient's left is -x"


def test_one_level_without_a_model_leaves_the_others_planned(planned):
    _, _, plans, _ = planned
    assert plans[0].fitted.status is Status.NOT_INITIALISED and "no shape model for T3" in plans[0].fitted.reason
    assert all(plan.fitted.vertebra is not None for plan in plans[2:])


def test_a_plan_says_what_it_began_from_and_what_is_in_doubt(planned, tmp_path):
    case, _, plans, located = planned
    lost = plans[1]
    assert (lost.fitted.status, lost.fitted.reason) == (Status.NOT_INITIALISED, "L1 was found in AP only.")
    assert [plan.start for plan in plans] == ["", "", "clicks", "detected", "clicks"]
    assert [plan.level_note for plan in plans] == ["", "", "", "L3 may be L4.", ""]
    assert plans[3].fitted.status.usable, "a level in doubt leaves a plan usable"
    extra = remembered(located, plans)
    write_plan(tmp_path / "plan", case, plans, QUICK, None, extra)
    saved = read_plan(tmp_path / "plan")
    assert [(one.start, one.level_note) for one in saved.plans] == [(one.start, one.level_note) for one in plans]
    assert saved.not_started["L1"] == "L1 was found in AP only." and "no shape model" in saved.not_started["T3"]
    pages = report_html(Report(saved, "2026-01-31"))
    assert pages.count("L3 may be L4.") == 2 and "<b>L3 ?</b>" in pages and "L1 was found in AP only." in pages
    said = list(remarks(plans))
    assert "L3 may be L4." in said and "L1 was found in AP only." in said
    assert ("   level in doubt", QUIET, False) in _words(plans[3], VERTEBRA[0])


def test_a_plan_is_written_and_read_back(planned, tmp_path):
    case, _, plans, _ = planned
    write_plan(tmp_path / "plan", case, plans, QUICK, lambda path: draw_overlay(case, plans, path))
    saved = read_plan(tmp_path / "plan")
    for before, after in zip(plans, saved.plans, strict=True):
        assert before.fitted.status is after.fitted.status
        if before.fitted.vertebra is not None:
            np.testing.assert_allclose(before.fitted.vertebra.pose, after.fitted.vertebra.pose)
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert {"plan.json", "overlay.png", "history.npz", "L3.stl", "L3_left.mrk.json", "L3_right.mrk.json"} <= names


def test_a_case_without_seeds_and_a_level_it_does_not_have_are_refused():
    case = read_case(resource_folder("sample"))
    with pytest.raises(InputError, match="a click on its centre"):
        next(plan_case(replace(case, seeds=()), QUICK))
    with pytest.raises(InputError, match="L5"):
        next(plan_case(case, QUICK, ["L5"]))


def test_nothing_with_a_model_is_refused_before_any_work():
    case = read_case(resource_folder("sample"))
    lonely = replace(case, seeds=(replace(case.seeds[0], level="T3"),))
    with pytest.raises(InputError, match=r"vertebrae\[0\]\.level: got T3; expected a level with a shape model"):
        require_model(lonely, None)
    with pytest.raises(InputError, match="--levels: got T3"):
        require_model(case, ["T3"])


def test_no_fit_is_trusted_to_a_picture_that_contradicts_the_geometry():
    """Fits to the sample with its AP mirrored look good: "about 1.4 mm off", both needles free."""
    case = read_case(resource_folder("sample"))
    frontal, lateral = case.views
    assert contradiction(case.views) == ""
    words = contradiction((replace(frontal, image=np.ascontiguousarray(frontal.image[:, ::-1])), lateral))
    assert "mirrored left to right" in words
    fitted = FittedVertebra("L3", Status.CONVERGED, "settled", Vertebra("L3", np.eye(4), 1.0, np.zeros(2)))
    assert doubted(fitted, "") == fitted
    found = doubted(fitted, words)
    assert found.status is Status.LOW_CONFIDENCE and words in found.reason
    diverged = replace(fitted, status=Status.DIVERGED)
    assert doubted(diverged, words).status is Status.DIVERGED


def test_no_fit_without_a_click_is_trusted_beside_one_that_is_not(planned):
    good = planned[2][2].fitted
    low = replace(good, status=Status.LOW_CONFIDENCE)

    def after(unclicked: set[str], **levels) -> dict[str, Status]:
        judged = beside_doubtful([replace(one, level=level) for level, one in levels.items()], unclicked)
        return {one.level: one.status for one in judged}

    every = {"L1", "L2", "L3", "L4"}
    found = after(every, L1=good, L2=low, L3=good, L4=good)
    assert [found[level].usable for level in ("L1", "L2", "L3", "L4")] == [False, False, False, True]
    assert after(every - {"L3"}, L2=low, L3=good)["L3"].usable, "a click vouches for it"
    assert after(every - {"L2"}, L2=low, L3=good)["L3"].usable, (
        "a click was on the other: it is no sign of a wrong pair"
    )
    lost = replace(good, status=Status.NOT_INITIALISED, vertebra=None)
    assert after(every, L2=lost, L3=good)["L3"].usable
    (said,) = (one for one in beside_doubtful([low, replace(good, level="L3")], every) if one.level == "L3")
    assert "L2" in said.reason and "Click the centre of L3" in said.reason
