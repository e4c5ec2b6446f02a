"""The model card as a page for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..io.files import write_atomically

PAGE = "README.md"
GROUPS = {
    "validation": "simulated pictures of everybody held back",
    "validation_scanned": "... of scanned people held back",
    "validation_drawn": "... of drawn patients held back",
    "cases": "all case folders (another program's X-rays)",
    "cases_learned": "... of people it learned from",
    "cases_unseen": "... of people it never saw",
}
FIGURES = {
    "vertebrae": ("vertebrae wholly in the picture", "{:.0f}"),
    "found": ("found, share", "{:.3f}"),
    "false": ("wrong detections a picture", "{:.2f}"),
    "level": ("level right, share of the found", "{:.3f}"),
    "level_one": ("level at most one off", "{:.3f}"),
    "iou": ("outline, median IoU", "{:.3f}"),
    "projection": ("own projection, median correlation", "{:.3f}"),
    "centre_px": ("body's centre, median px", "{:.1f}"),
    "landmark_mm": ("landmark, median mm", "{:.2f}"),
    "inside_95": ("landmarks inside their 95 % ellipse", "{:.3f}"),
}

CASES_NOTE = (
    "Figures are of single pictures, before two views are matched. In case folders only the vertebrae of a scan's mask "
    "have a truth, so a wrong detection there may be a vertebra that is in the picture but not in the truth."
)


def page_of(card: Mapping[str, Any]) -> str:
    """Markdown of a card as ``detector.json`` has it."""
    metrics = card.get("metrics", {})
    groups = [name for name in GROUPS if metrics.get(name)]
    lines = ["# Weights of the detector", "", str(card["limits"]), "", "## Training", ""]
    lines += [f"* {one}" for one in training_words(card, "pictures")]
    lines += ["", "## Learned from", "", *(f"* {one}" for one in _data(card)), *source_lines(card)]
    lines += ["", "## How well", "", *_table(metrics, groups), "", CASES_NOTE]
    return "\n".join(lines) + "\n"


def keep_page(folder: Path, name: str, page: str, words: Callable[[Mapping[str, Any]], str]) -> None:
    """Write the page of a card that was just kept.

    Args:
        name: of the card, ``<name>.json``. page: the file's name. words: a card to its page.

    Raises:
        InputError: the folder cannot be written.
    """
    card = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    write_atomically(folder / page, words(card).encode("utf-8"))


def source_lines(card: Mapping[str, Any]) -> list[str]:
    """A table of the sources with their licences."""
    lines = ["", "| source | licence | cite |", "| --- | --- | --- |"]
    lines += [f"| {one['name']} | {one['licence']} | {one['cite']} |" for one in card["sources"]]
    return [
        *lines,
        "",
        "What is learned from CC BY-SA 4.0 data is passed on under CC BY-SA 4.0: see `Resources/NOTICE.md`.",
    ]


def training_words(card: Mapping[str, Any], what: str) -> list[str]:
    """How it was trained; ``what``: a batch is made of."""
    skipped = card.get("steps_skipped", 0)
    return [
        f"`{card['command']}`",
        f"{card['minutes']:.1f} minutes, {card['steps']} steps of {card['parts']} x {card['batch']} {what} on "
        f"{card['device']}" + (f"; {skipped} steps skipped, their gradient not finite" if skipped else ""),
        f"software {card['software']}, commit {card['commit'] or 'not known'}, torch {card['torch']}",
        f"{card['bytes'] / 1e6:.1f} MB, SHA-256 `{card['sha256']}`" if "bytes" in card else "not written yet",
    ]


def _data(card: Mapping[str, Any]) -> list[str]:
    people = ", ".join(card["subjects"]) or "none"
    return [
        f"{card['pictures']} simulated pictures: {card['pictures_scanned']} of scanned people ({people}), "
        f"{card['pictures_drawn']} of {card['drawn_subjects']} drawn patients",
        f"held back: {', '.join(card['held_back']) or 'nobody by name'}, and one drawn patient in "
        f"{card['held_back_every']}: {card['held_back_pictures']} pictures",
        f"people in the case folders it learned from: {', '.join(card['case_subjects_learned_from']) or 'none'}; "
        f"never saw: {', '.join(card['case_subjects_unseen']) or 'none'}",
    ]


def _table(metrics: Mapping[str, Any], groups: list[str]) -> list[str]:
    """One row a group of pictures."""
    if not groups:
        return ["Nothing was measured."]
    lines = ["| pictures | " + " | ".join(words for words, _ in FIGURES.values()) + " |"]
    lines += ["| --- |" + " ---: |" * len(FIGURES)]
    for group in groups:
        figures = metrics[group]
        cells = [_cell(figures.get(name), form) for name, (_, form) in FIGURES.items()]
        lines += [f"| {GROUPS[group]} | " + " | ".join(cells) + " |"]
    return lines


def _cell(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
