"""The report: one HTML file with all its pictures inside, the headline first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from .. import __version__
from ..evaluate.cannulas import RECOMMENDED
from ..evaluate.pages import contents, heading, page, paragraph, picture, side_by_side, table, verdict_box
from ..evaluate.success import LEGEND, group_table, success_table
from .charts import confidence_plot, landmark_curves, level_boxes, planning_bars
from .failures import TROUBLES
from .gallery import KEY
from .headline import headline
from .tables import columns, cost_table, difference_table, paper_table, planned_table, protocols, shown

TITLE = "SpineDART benchmark"
DEFINITIONS = (
    "Surfaces are voxelised at 1 mm where they stand, without alignment. Dice: overlap, 1 is perfect. NSD: share of "
    "both surfaces within 1 mm of each other. HD95: the larger of the two 95th percentiles of surface distance. All: a "
    "vertebra without a surface counts as 0 in Dice and NSD; a distance to nothing is no number, so HD95 is of the "
    "reconstructed. Differences are of the same vertebrae by both methods; their 95 % intervals come of drawing people "
    "anew (bootstrap), as the vertebrae of one person are alike. Nobody is tested on a model that has learned from "
    "them: where that could not be kept, the vertebra is marked as seen."
)


def document(found: Mapping[str, Any], rows: Mapping[str, Sequence[Mapping[str, Any]]], out: Path, shown_most: int,
             settings: str = "") -> str:  # fmt: skip
    """The whole page.

    Args:
        found: what ``figures.report`` returned.
        rows: method to its rows.
        out: folder that the failures' pictures are in.
        shown_most: failures that are shown with their picture, of each method.
        settings: how the run was made, a sentence.
    """
    count = f"{found['vertebrae']} vertebrae in {found['cases']} cases of {found['people']} people"
    chapters = {
        "surfaces": ("Surfaces", _surfaces(found)),
        "differences": ("Which method is better", _differences(found)),
        "planning": ("Planning", _planning(found)),
        "trust": ("Trust", _trust(found, rows)),
        "wrong": ("What went wrong", _wrong(found, out, shown_most)),
        "cost": ("Seconds and memory", _cost(found)),
        "how": ("How it was measured", _how(settings)),
    }
    written = {anchor: (title, list(parts)) for anchor, (title, parts) in chapters.items()}
    body = [
        heading(1, TITLE),
        paragraph(f"{count}. SpineDART {__version__}. Research only, not for clinical use.", "note"),
        verdict_box(headline(found)),
        contents([(anchor, title, ()) for anchor, (title, parts) in written.items() if parts]),
    ]
    for anchor, (title, parts) in written.items():
        if parts:
            body += [heading(2, title, anchor), *parts]
    return page(TITLE, "\n".join(body))


def _surfaces(found: Mapping[str, Any]) -> Iterator[str]:
    for number, protocol in enumerate(protocols(found)):
        head, rows = columns(paper_table(found, protocol))
        published = sum(row[0].startswith("published") for row in rows)
        kind = {"orthogonal": " (near AP and lateral)", "random": " (any two directions)"}.get(protocol, "")
        title = f"Table {number + 2}. {protocol.capitalize()} views{kind}: mean ± standard deviation (median)"
        yield table(head, rows, title, sums=published)
    if protocols(found):
        yield paragraph(
            "Numbered as in the paper; its own rows are of other cases and stand there for the size.", "note"
        )
    boxes = level_boxes(found)
    if boxes is not None:
        yield picture(boxes, "Box plots of Dice by level and method", "Dice by level: quartiles; circles are outliers.")
    curves = landmark_curves(found)
    if curves is not None:
        caption = "Ten landmarks a vertebra; those of a vertebra without a surface are never reached."
        yield picture(curves, "Curves of the share of landmarks within a distance", caption)


def _differences(found: Mapping[str, Any]) -> Iterator[str]:
    if found["differences"]:
        head, rows = columns(difference_table(found))
        yield table(head, rows, text=(1, 7))


def _planning(found: Mapping[str, Any]) -> Iterator[str]:
    bars = planning_bars(found)
    if bars is not None:
        words = "Both recommended cannulas in the true vertebra; a refused or failed fit is no success."
        yield picture(bars, "Bars of the share of vertebrae planned without breach, by needle and method", words)
        head, rows = columns(planned_table(found))
        yield table(head, rows, "Recommended cannulas, both sides, in the true vertebra", text=(1,))
    for method, one in found["methods"].items():
        if one["success"]["methods"]:
            inner = "".join(_planned_in_detail(one["success"]))
            yield f"<details><summary>{escape(method)}: every kind of cannula, by region</summary>{inner}</details>"
    if found.get("grades"):
        names = ("method", "rater", "vertebrae", "both_optimal", "neither_refused")
        rows = [[str(one[name]) for name in names] for one in found["grades"]]
        yield table(("method", "rater", "vertebrae graded", "both sides 2", "neither side 0"), rows, "Graded by eye")


def _planned_in_detail(success: Mapping[str, Any]) -> Iterator[str]:
    """All that was counted of one method's cannulas."""
    head, rows = columns(success_table(success))
    cells = [[cell.strip("| ") for cell in row] for row in rows]
    yield table([name.strip("| ") for name in head], cells, text=(1,))
    if RECOMMENDED in success["methods"]:
        head, rows = columns(group_table(success, RECOMMENDED, "by_region"))
        yield table(head, rows)
    yield paragraph(LEGEND, "note")


def _trust(found: Mapping[str, Any], rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    for method in found["methods"]:
        drawn = confidence_plot(rows[method], method)
        if drawn is not None:
            yield picture(drawn, f"{method}: Dice before and after, expected and true distance", method)


def _wrong(found: Mapping[str, Any], out: Path, shown_most: int) -> Iterator[str]:
    methods = found["methods"]
    if any(one["troubles"] for one in methods.values()):
        listed = [[name, *(str(one["troubles"].get(kind, 0)) for kind in TROUBLES)] for name, one in methods.items()]
        yield table(("method", *TROUBLES), listed)
        yield paragraph(" ".join(f"{kind}: {words}." for kind, words in TROUBLES.items()), "note")
    for kind, where in (("errors", "run"), ("unmade", "simulated")):
        said = [f"{one['case']} by {one['method']}: {one['error']}" if kind == "errors" else one for one in found[kind]]
        if said:
            lines = "".join(f"<li>{escape(line)}</li>" for line in said)
            yield f"<h3>Could not be {where}</h3><ul>{lines}</ul>"
    if any(one["failures"] for one in methods.values()):
        yield paragraph(f"On the pictures: {KEY}.", "note")
    for name, one in methods.items():
        yield from _gallery(name, one["failures"], out, shown_most)


def _gallery(method: str, failures: Sequence[Mapping[str, Any]], out: Path, shown_most: int) -> Iterator[str]:
    """The worst with their pictures, the others as a list."""
    if not failures:
        return
    yield heading(3, f"{method}: {len(failures)}")
    drawn = []
    for one in failures[:shown_most]:
        file = out / one["picture"] if one.get("picture") else None
        if file is not None and file.is_file():
            words = f"X-rays of {one['case']} with {one['level']}"
            drawn.append(picture(file.read_bytes(), words, _failure_words(one), "jpeg"))
        else:
            drawn.append(paragraph(_failure_words(one)))
    yield side_by_side(drawn)
    if len(failures) > shown_most:
        lines = "".join(f"<li>{escape(_failure_words(one))}</li>" for one in failures[shown_most:])
        words = f"{len(failures) - shown_most} more, without pictures (these are in failures/{method})"
        yield f"<details><summary>{escape(words)}</summary><ul>{lines}</ul></details>"


def _failure_words(one: Mapping[str, Any]) -> str:
    """ "verse005a L3, poor: Dice 0.61 (start 0.70), HD95 8.2 mm. Why." """
    numbers = []
    if "dice" in one:
        before = f" (start {one['dice_before']:.2f})" if "dice_before" in one else ""
        numbers.append(f"Dice {one['dice']:.2f}{before}, HD95 {shown(one.get('hd95_mm'), 1)} mm")
    head = ": ".join([f"{one['case']} {one['level']}, {one['trouble']}", *numbers])
    return f"{head}. {one['reason']}".strip()


def _cost(found: Mapping[str, Any]) -> Iterator[str]:
    head, rows = columns(cost_table(found))
    yield table(head, rows)
    yield paragraph(
        "One thread a process; what is loaded once (models without the person) is counted with the case that needed it "
        "first. Processor seconds are what was computed, whatever else ran. Memory is the most that a process held, "
        "whatever it ran before: with several methods in one run it is that of the largest.",
        "note",
    )


def _how(settings: str) -> Iterator[str]:
    yield paragraph(DEFINITIONS)
    if settings:
        yield paragraph(settings, "note")
