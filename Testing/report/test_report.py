"""The report: one self-contained file that says all, safely, with and without pictures, review and fit."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import SpineDARTLib.review_commands as commands
from SpineDARTLib.arguments.review import Agreement
from SpineDARTLib.arguments.review import Report as ReportCommand
from SpineDARTLib.cli import parse
from SpineDARTLib.errors import InputError
from SpineDARTLib.inspect.findings import Finding
from SpineDARTLib.io.plan import SavedPlan, write_plan
from SpineDARTLib.report import pictures
from SpineDARTLib.report.pages import NOTICE, Report, report_html
from SpineDARTLib.review.files import review_to_text
from SpineDARTLib.review.record import Review
from SpineDARTLib.simulate.grading import GradingSettings, drawable
from SpineDARTLib.simulate.nouns import Volume
from SpineDARTLib.types import Cannula, Case, FittedVertebra, Option, Plan, Risk, Safety, Status
from Testing.inspect.column import column, shadow_case

CHECKS = {"within_pedicle": True, "anterior_third": False}
SMALL = GradingSettings(size_px=96, spacing_mm=2.5)


class Outline(HTMLParser):
    """Whether every tag that is opened is closed, and what is loaded from where."""

    VOID = ("meta", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def option(side: str, room: float, name: str = "safest") -> Option:
    sign = 1.0 if side == "right" else -1.0
    cannula = Cannula(side, np.array([18.0 * sign, -45.0, 0.0]), np.array([6.0 * sign, 8.0, 0.0]), 3.05, name)
    rooms = {"medial": room, "lateral": 2.0, "superior": 3.0, "inferior": float("nan")}
    numbers = {"isthmus_width_mm": 8.0, "isthmus_height_mm": None, "convergence_deg": -12.0, "largest_gauge": "13G"}
    grade, wall = ("A", "") if room >= 0 else ("B", "medial")
    checks = {**CHECKS, "within_pedicle": room >= 0}
    safety = Safety(room, rooms, 0.4, grade, wall, checks, numbers)
    return Option(cannula, safety, Risk(0.04, 0.8, {}, np.zeros(0), np.zeros(0)), "entry 0.3 mm up")


def planned(plan: Plan, rooms: tuple[float, float]) -> Plan:
    options = tuple(option(side, room) for side, room in zip(("left", "right"), rooms, strict=True))
    chosen = {"cannulas": tuple(one.cannula for one in options), "safety": tuple(one.safety for one in options)}
    return replace(plan, options=options, **chosen)


@pytest.fixture(scope="module")
def saved() -> SavedPlan:
    failed = Plan(FittedVertebra("T3", Status.NOT_INITIALISED, "T3: there is no <shape model> for T3."))
    plans = (failed, *(planned(plan, (-0.8, 1.4)) for plan in column()))
    return SavedPlan("column", "0.0.1", {"plan": {"gauge": 11}, "seed": 3}, plans, Path("plan"))


@pytest.fixture(scope="module")
def case(saved) -> Case:
    return shadow_case(saved.plans[1:])


def review_of(saved: SavedPlan) -> Review:
    cannulas = {(plan.fitted.level, one.side): one for plan in saved.plans for one in plan.cannulas}
    review = Review(saved.case_id, cannulas)
    return review.graded("L3", "left", 0, "<b>Ada</b>", comment="too & medial").graded("L3", "right", 2, "Bo")


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("</head>")[1]))


def test_the_file_is_whole_and_needs_nothing_else(saved, case):
    pages = Report(saved, "2026-11-21", None, {}, pictures.xrays(case, saved.plans[1:]))
    outline = Outline()
    outline.feed(report_html(pages))
    assert outline.open == []
    assert outline.sources and all(source.startswith("data:image/jpeg;base64,") for source in outline.sources)


def test_every_page_says_what_it_is_not_for(saved):
    html = report_html(Report(saved, "2026-11-21"))
    pages = html.split("<section")[1:]
    assert len(pages) == 1 + len(saved.plans)
    assert all(page.count(NOTICE) >= 2 and "2026-11-21" in page for page in pages)
    assert "planned with 0.0.1" in html and "gauge 11, seed 3" in html


def test_numbers_checks_and_risk_are_there_in_words_and_colours(saved):
    words = text_of(report_html(Report(saved, "2026-11-21")))
    for expected in ("▼ −0.8 mm B medial", "▲ 1.4 mm A", "8.0 × – mm", "−12.0", "13G", "4 %", "✗ no", "✓ yes", "–"):
        assert expected in words, expected
    assert "nan" not in words.lower().split() and "None" not in words


def test_red_is_for_breaches_alone(saved):
    safe = replace(saved, plans=tuple(planned(plan, (1.2, 1.4)) for plan in saved.plans[1:]))
    assert 'class="chip breach"' in report_html(Report(saved, ""))
    assert 'class="chip breach"' not in report_html(Report(safe, ""))


def test_grades_and_comments_are_shown_and_cannot_break_the_page(saved):
    html = report_html(Report(saved, "", review_of(saved)))
    assert "&lt;b&gt;Ada&lt;/b&gt;" in html and "<b>Ada</b>" not in html and "too &amp; medial" in html
    assert "2 optimal" in html and "not graded" in html and "&lt;shape model&gt;" in html


def test_what_stands_out_is_on_the_title_and_on_its_page(saved):
    found = {"L3": (Finding("L3", "scale", "wrong", "It is 20 % too large.", "Check the pixel spacing."),)}
    pages = report_html(Report(saved, "", None, found)).split("<section")[1:]
    assert [("20 % too large" in page) for page in pages] == [True, False, False, True, False]


def test_the_pictures_are_pictures(saved, case):
    one = pictures.xrays(case, saved.plans[1:2])
    image = Image.open(BytesIO(base64.b64decode(one.split(",")[1])))
    assert image.format == "JPEG" and image.width > 1000


def test_grading_pictures_stand_side_by_side_for_every_vertebra_that_has_a_surface(saved, monkeypatch):
    """What draws them has its own tests."""
    seen = []

    def drawn(bone, cannulas, pose, others, settings):
        seen.append((len(others), len(cannulas)))
        return {name: np.full((settings.size_px, settings.size_px), 200, dtype=np.uint8) for name in ("ap", "lat")}

    bone = drawable(Volume(np.zeros((2, 2, 2), dtype=np.float32), np.eye(4), "bone"))
    monkeypatch.setattr(pictures, "filled", lambda level, vertices, faces, settings: bone)
    monkeypatch.setattr(pictures, "grading_pictures", drawn)
    graded = pictures.grading(saved.plans, SMALL)
    assert list(graded) == ["L2", "L3", "L4"] and seen == [(2, 2)] * 3
    shown = np.asarray(Image.open(BytesIO(base64.b64decode(graded["L2"].split(",")[1]))))
    assert shown.shape == (96 + 24, 192) and shown.max() > 150


@pytest.fixture
def folder(tmp_path, saved, case, monkeypatch) -> Path:
    """A plan folder, its case read from nowhere, and pictures that cost nothing."""
    write_plan(tmp_path / "plan", case, saved.plans)
    monkeypatch.setattr(commands, "read_case", lambda path: case)
    monkeypatch.setattr(commands, "grading", lambda plans: {})
    monkeypatch.setattr(commands, "findings_by_level", lambda plans, case: {})
    return tmp_path


def test_the_command_writes_the_reviewed_plan(folder, saved):
    review = review_of(saved)
    other = replace(review.planned["L3", "right"], name="drawn", entry_mm=np.array([20.0, -45.0, 1.0]))
    (folder / "review.json").write_text(review_to_text(review.adjusted(other, "L3", "entry dragged")), encoding="utf-8")
    code = commands.report(folder / "plan", None, folder / "review.json", folder / "report.html")
    words = text_of((folder / "report.html").read_text(encoding="utf-8"))
    assert code == 1, "one vertebra has no usable plan"
    assert "moved by hand" in words and "right: entry dragged" in words and "No X-rays here" in words


def test_a_case_or_review_of_somebody_else_is_refused(folder, saved, case, monkeypatch):
    monkeypatch.setattr(commands, "read_case", lambda path: replace(case, id="other"))
    with pytest.raises(InputError, match="other"):
        commands.report(folder / "plan", folder, None, folder / "report.html")
    (folder / "review.json").write_text(review_to_text(Review("other", {})), encoding="utf-8")
    with pytest.raises(InputError, match="case_id"):
        commands.report(folder / "plan", None, folder / "review.json", folder / "report.html")
    assert not (folder / "report.html").exists()


def test_a_folder_that_is_not_there_is_said(folder):
    with pytest.raises(InputError):
        commands.report(folder / "plan", None, folder / "missing.json", folder / "report.html")


def test_both_commands_can_be_typed(tmp_path):
    asked = parse(["report", "plan", "--case", "case", "--review", "review.json", "--out", "page.html"])
    assert asked == ReportCommand(
        plan=Path("plan"), out=Path("page.html"), case=Path("case"), review=Path("review.json")
    )
    asked = parse(["agreement", "a.json", "b.csv", "--plan", "one", "two"])
    assert asked == Agreement(files=(Path("a.json"), Path("b.csv")), plan=(Path("one"), Path("two")))


def test_a_file_in_no_folder_is_said_before_anything_is_drawn(folder):
    with pytest.raises(InputError, match="--out"):
        commands.report(folder / "plan", None, None, folder / "nowhere" / "report.html")
