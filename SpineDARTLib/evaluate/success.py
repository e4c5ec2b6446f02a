"""The success of planned cannulas in words: tables of what ``cannulas.success`` counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cannulas import RECOMMENDED
from .compare import Row, as_text

PAPER: Mapping[str, float] = {"Spine-DART": 0.82, "2D-GeoPlan": 0.66}
"""Share of 1,407 vertebrae on synthetic X-rays that a resident passed on both sides (arXiv 2512.05803)."""

HEADINGS = (
    *("cannulas", "needle", "n", "no breach", "1 mm", "in body"),
    *("| usable", "no breach", "1 mm", "| offered", "wrong", "| any fit", "| A/B/C/D/E %", "breaches towards"),
)

LEGEND = """\
Vertebrae of which both cannulas are without breach / keep 1 mm / breach neither pedicle nor body, in the true bone:
of all n (failed and refused fits count as not), of the usable fits, and without breach of "any fit", refused or not.
offered: usable and without breach as planned; wrong: of these, a breach in truth. Grades: cannulas of any fit."""


def success_table(found: Mapping[str, Any]) -> tuple[Row, ...]:
    """A heading and a row a kind of cannula and needle: shares of all vertebrae, of those with a usable fit, of those
    offered as free of breach, and of all if none had been refused.

    Args:
        found: what ``success`` returned.
    """
    rows: list[Row] = [HEADINGS]
    for name, needles in found["methods"].items():
        rows += [(name, needle, *_shares(groups["overall"])) for needle, groups in needles.items()]
    return tuple(rows)


def _shares(one: Mapping[str, Any]) -> Row:
    """The table's columns of one count."""
    n, usable, offered = one["vertebrae"], one["usable"], one["offered"]
    grades = "/".join(f"{100 * one['grades'].get(grade, 0) / max(one['cannulas'], 1):.0f}" for grade in "ABCDE")
    return (
        str(n),
        *(share(one[key]["kept"], n) for key in ("no_breach", "margin", "in_body")),
        f"| {usable}",
        *(share(one[key]["kept"], usable) for key in ("no_breach", "margin")),
        f"| {offered}",
        share(one["unmarked"], offered),
        f"| {share(one['no_breach']['regardless'], n)}",
        f"| {grades}",
        ", ".join(f"{wall} {times}" for wall, times in one["directions"].items()) or "-",
    )


def group_table(found: Mapping[str, Any], name: str, groups: str = "by_level") -> tuple[Row, ...]:
    """A heading and a row a level or region: shares of all vertebrae without breach and with 1 mm, by needle.

    Args:
        found: what ``success`` returned.
        name: kind of cannula.
        groups: "by_level" | "by_region".
    """
    needles = found["methods"].get(name, {})
    rows: list[Row] = [(name, "n", *(f"{needle} {kept}" for needle in needles for kept in ("no breach", "1 mm")))]
    for group in next(iter(needles.values()), {}).get(groups, {}):
        counts = [one[groups][group] for one in needles.values()]
        shares = [share(one[key]["kept"], one["vertebrae"]) for one in counts for key in ("no_breach", "margin")]
        rows.append((group, str(counts[0]["vertebrae"]), *shares))
    return tuple(rows)


def success_words(found: Mapping[str, Any]) -> str:
    """The table, by region for what the plan recommends, and the published shares; what could not be judged is said.

    Args:
        found: what ``success`` returned.
    """
    if not found["methods"]:
        return "No cannula could be judged in the true vertebrae."
    published = ", ".join(f"{name} {100 * value:.0f} %" for name, value in PAPER.items())
    shown = RECOMMENDED if RECOMMENDED in found["methods"] else list(found["methods"])[-1]
    left_out = f"Not judged, as the true pedicles are not known: {found['not_judged']} vertebrae."
    parts = [
        LEGEND,
        as_text(success_table(found)),
        "",
        as_text(group_table(found, shown, "by_region")),
        "",
        f"Published, both sides passed by a resident, 1,407 vertebrae on synthetic X-rays: {published}.",
        *([left_out] if found["not_judged"] else []),
    ]
    return "\n".join(parts)


def share(part: int, whole: int) -> str:
    """ "62 %", or "-" of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "-"
