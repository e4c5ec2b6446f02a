"""The learned similarity's card as a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..card_page import source_lines, training_words

PAGE = "similarity.md"
ON_STATES = {
    "examples": ("vertebrae", "{:.0f}"),
    "error": ("error of log mm, root mean square", "{:.2f}"),
    "rank": ("rank correlation of said and true mm", "{:.2f}"),
    "sign": ("of two states the nearer told, share", "{:.2f}"),
    "inside_1": ("within the said deviation (0.68)", "{:.2f}"),
    "inside_2": ("within two of them (0.95)", "{:.2f}"),
    "taken_for_good": ("worse than 3 mm, said better than 1.5 mm, share", "{:.3f}"),
}
GRADIENT = {
    "cosine": "cosine between its descent and the way to the truth, median",
    "downhill": "share of the states from which the way to the truth is said to go down",
    "slope": "said slope along that way over the true one, median",
}


def page_of(card: Mapping[str, Any]) -> str:
    """Markdown of a card as ``similarity.json`` has it."""
    metrics, people = card["metrics"], ", ".join(card["subjects"]) or "none"
    held = f"{', '.join(card['held_back']) or 'nobody by name'}, and one drawn patient in {card['held_back_every']}"
    lines = ["# Weights of the learned similarity", "", str(card["limits"]), "", "## Training", ""]
    lines += [f"* {one}" for one in training_words(card, "vertebrae")]
    lines += [f"* {card['rounds']} rounds of fits whose states it learned from", "", "## Learned from", ""]
    lines += [
        f"* {card['people']} simulated people: scanned ones of {people}, and {card['drawn_subjects']} drawn patients",
        f"* held back: {held}",
        *source_lines(card),
        *("", "## How well, on people held back", ""),
    ]
    lines += ["| | random states | states that fits visit |", "| --- | ---: | ---: |"]
    groups = [metrics.get(name) or {} for name in ("validation", "visited")]
    for name, (words, form) in ON_STATES.items():
        cells = ["–" if one.get(name) is None else form.format(one[name]) for one in groups]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    gradient = metrics.get("gradient") or {}
    told = [f"* {words}: {gradient[name]:.2f}" for name, words in GRADIENT.items() if gradient.get(name) is not None]
    return "\n".join([*lines, "", *told]) + "\n"
