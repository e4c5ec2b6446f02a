"""The card says what weights learned from, how to do it again, and how well they do, on whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from SpineDARTLib.detect.architecture import CPU
from SpineDARTLib.train.card import LIMITS, card_of, command_of, source_of, sources_of
from SpineDARTLib.train.card_page import page_of
from SpineDARTLib.train.samples import Sample
from SpineDARTLib.train.settings import cpu_budget, gpu_budget

FIGURES = {"vertebrae": 12.0, "found": 0.91, "false": 0.25, "level": 0.5, "iou": None}


def pictures(*subjects: str) -> list[Sample]:
    nothing = np.zeros(0)
    return [Sample(*(nothing,) * 9, subject=one) for one in subjects]


def make_card(**changes):
    settings = replace(
        cpu_budget(Path("here"), (Path("/somewhere/data"),), Path("/somewhere/cases"), 90.0),
        sources=("lidc",),
        **changes,
    )
    entry = {"minutes": 90.0, "step": 4000, "skipped": 2, "losses": {}, "validation": FIGURES, "cases": FIGURES}
    entry |= {"cases_unseen": {**FIGURES, "found": 0.83}, "learned_from": 3}
    learned = pictures("verse005", "synthetic-1-2", "synthetic-1-3")
    cases = pictures("verse005", "verse006")
    return card_of(settings, {one.subject for one in learned}, entry, learned, pictures("verse006"), cases)


def test_people_are_counted_apart():
    card = make_card()
    assert card["subjects"] == ["verse005"]
    assert (card["pictures_scanned"], card["pictures_drawn"], card["drawn_subjects"]) == (1, 2, 2)
    assert card["case_subjects_learned_from"] == ["verse005"]
    assert card["case_subjects_unseen"] == ["verse006"]
    assert set(card["metrics"]) == {"validation", "cases", "cases_unseen"}


def test_every_source_has_its_licence():
    found = make_card()["sources"]
    assert [one["licence"] for one in found] == ["CC BY 3.0", "CC BY-SA 4.0", "CC BY-SA 4.0"]
    assert sources_of(["verse004", "verse005"])[0]["name"].startswith("VerSe")
    assert source_of("ward-7").licence == "not known to this program"


def test_the_command_names_no_folder_of_ours():
    settings = cpu_budget(Path("/somewhere/out"), (Path("/somewhere/data"),), None, 90.0)
    words = command_of(replace(settings, seed=3, parts=4))
    assert words == (
        "spinedart train detector --data DATA --out DIR --budget cpu --minutes 90 "
        "--held-back verse006,verse012 --seed 3 --parts 4"
    )
    assert settings.architecture == CPU
    counted = command_of(replace(gpu_budget(Path(), (), Path(), None), steps=7))
    assert "--budget gpu --cases CASES --steps 7" in counted
    assert "somewhere" not in str(make_card())


def test_the_page_says_the_same():
    page = page_of({**make_card(), "sha256": "ab12", "bytes": 8_463_740})
    for words in ("`ab12`", "8.5 MB", "verse005", "CC BY 3.0", "2 steps skipped", "seed 0", LIMITS):
        assert words in page
    row = next(line for line in page.splitlines() if "never saw |" in line)
    assert row.split(" | ")[1:5] == ["12", "0.830", "0.25", "0.500"]
    assert "–" in row


def test_a_card_without_figures_says_so():
    card = {**make_card(), "metrics": {"validation": None, "cases": None}}
    assert "Nothing was measured." in page_of(card)
