"""The report's pages: a title page with all vertebrae, then one page each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .. import __version__
from ..inspect.findings import Finding
from ..io.cannulas import recommended
from ..io.plan import SavedPlan
from ..review.record import GRADES, Review
from ..types import SIDES, Plan, Status
from .numbers import (
    cannula_table,
    check_table,
    deeds,
    fit_chip,
    fit_table,
    grade_words,
    option_table,
    room_chip,
    table,
)
from .style import STYLE

NOTICE = "Not for clinical use"
KEY = (
    "Outline: fitted surface. Dotted ring: pedicle. Band: cannula at its true thickness with a dot at its tip; "
    "<b>L</b>, <b>R</b>: the patient's left and right. Dashed: the atlas's own path where another is taken. "
    "+: landmarks. Red: breach."
)
GRADING_KEY = "As graded: the fitted vertebra alone, cannulas as metal, its neighbours dimmed; AP is seen from behind."
SHOWN_SETTINGS = (("plan", "gauge"), ("plan", "diameter_mm"), ("similarity",), ("renderer",), ("device",), ("seed",))


@dataclass(frozen=True)
class Report:
    """All that is printed.

    Attributes:
        saved: the plan, its cannulas as they stand after the review.
        made: the day, "2026-01-31".
        review: what was graded and moved, None without one.
        findings: level to what stands out in its fit.
        overview: data URI of all X-rays with all vertebrae, "" without the case.
        xrays: level to the data URI of its X-rays.
        grading: level to the data URI of its grading pictures.
    """

    saved: SavedPlan
    made: str
    review: Review | None = None
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    overview: str = ""
    xrays: Mapping[str, str] = field(default_factory=dict)
    grading: Mapping[str, str] = field(default_factory=dict)


def report_html(report: Report) -> str:
    """The whole file."""
    pages = [_title_page(report), *(_vertebra_page(plan, report) for plan in report.saved.plans)]
    title = f"SpineDART: {escape(report.saved.case_id)}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{"".join(pages)}</body></html>\n'


def _title_page(report: Report) -> str:
    plans = report.saved.plans
    usable = sum(plan.fitted.status.usable for plan in plans)
    summary = f"{len(plans)} vertebra{'e' * (len(plans) != 1)}, {usable} with a usable fit."
    parts = [
        _header("Vertebroplasty plan", report),
        f"<p>{summary} Every cannula is measured in the fitted vertebra; ▲ keeps a millimetre of bone around it, "
        "▼ does not, and a breach is named with its wall.</p>",
        _summary(report),
        _doubts(report),
        _picture(report.overview, "xrays whole", "All fitted vertebrae on the X-rays") or _no_pictures(),
        f'<p class="key">{KEY}</p>' if report.overview else "",
        "<h2>To look at</h2>" + (_all_findings(report) or "<p>Nothing stands out in these fits.</p>"),
        "<h2>How it was made</h2>" + _settings(report.saved.settings),
        f'<p class="key">Grades: {escape("; ".join(f"{value} {words}" for value, words in GRADES.items()))}. '
        "Letters A to E: Gertzbein and Robbins, A no breach, B under 2 mm, C 2 to 4, D 4 to 6, E 6 mm and more.</p>",
    ]
    return _page(parts, report)


def _doubts(report: Report) -> str:
    """Levels whose names are in doubt, and those that were seen or asked for and not fitted; "" where all is well."""
    notes = [one.level_note for one in report.saved.plans if one.level_note]
    lines = "".join(f"<li>{escape(words)}</li>" for words in (*notes, *report.saved.not_started.values()))
    return f'<ul class="findings">{lines}</ul>' if lines else ""


def _summary(report: Report) -> str:
    rows = []
    for plan in report.saved.plans:
        level, sides = plan.fitted.level, {option.cannula.side: option for option in recommended(plan)}
        rooms = [room_chip(sides[side]) if side in sides else "–" for side in SIDES]
        grades = [escape(grade_words(report.review, level, side)) if side in sides else "–" for side in SIDES]
        doubt = " ?" if plan.level_note else ""
        rows.append([f"<b>{level}{doubt}</b>", fit_chip(plan.fitted), *rooms, *grades])
    return table(["Level", "Fit", "Left", "Right", "Grade left", "Grade right"], rows)


def _vertebra_page(plan: Plan, report: Report) -> str:
    level = plan.fitted.level
    found = report.findings.get(level, ())
    grading = _picture(report.grading.get(level, ""), "grading", f"Grading pictures of {level}")
    left = f"<h2>Cannulas</h2>{cannula_table(plan, report.review)}" if plan.cannulas else ""
    left += f"<h2>The fit</h2>{fit_table(plan)}" if plan.fitted.vertebra is not None else ""
    right = "".join(
        [
            f'{grading}<p class="key">{GRADING_KEY}</p>' if grading else "",
            f"<h2>Textbook checks</h2>{check_table(plan)}" if plan.cannulas else "",
        ]
    )
    parts = [
        _header(level, report, fit_chip(plan.fitted)),
        "" if plan.fitted.status is Status.CONVERGED or found else f"<p>{escape(plan.fitted.reason)}</p>",
        f"<p>{escape(plan.level_note)}</p>" if plan.level_note else "",
        _list(found),
        _picture(report.xrays.get(level, ""), "xrays", f"X-rays with {level}") or _no_pictures(),
        f'<table class="columns"><tbody><tr><td>{left}</td><td>{right}</td></tr></tbody></table>',
        f"<h2>Paths compared</h2>{option_table(plan)}" if plan.options else "",
        f"<h2>What was done</h2><p>{done}</p>" if (done := deeds(report.review, level)) else "",
    ]
    return _page(parts, report)


def _header(title: str, report: Report, after: str = "") -> str:
    place = f"case {escape(report.saved.case_id)} · {escape(report.made)}"
    return (
        f"<header><table><tr><td><h1>{escape(title)}</h1> &nbsp;{after}</td>"
        f'<td class="right">{place}<br><span class="notice">{NOTICE}</span></td></tr></table></header>'
    )


def _page(parts: Sequence[str], report: Report) -> str:
    planned = report.saved.version
    versions = f"SpineDART {__version__}" + (f", planned with {planned}" if planned != __version__ else "")
    footer = f"<footer>{escape(versions)} · {NOTICE}: research only, no medical device.</footer>"
    return f'<section class="page">{"".join(parts)}{footer}</section>\n'


def _picture(uri: str, kind: str, words: str) -> str:
    return f'<img class="{kind}" src="{uri}" alt="{escape(words)}">' if uri else ""


def _no_pictures() -> str:
    return '<p class="quiet">No X-rays here: give the case (--case) to see the fit on them.</p>'


def _all_findings(report: Report) -> str:
    return _list([one for plan in report.saved.plans for one in report.findings.get(plan.fitted.level, ())], True)


def _list(findings: Sequence[Finding], with_level: bool = False) -> str:
    if not findings:
        return ""
    lines = [f"{f'<b>{one.level}</b> ' if with_level else ''}{escape(one.seen)} {escape(one.do)}" for one in findings]
    return f'<ul class="findings">{"".join(f"<li>{line}</li>" for line in lines)}</ul>'


def _settings(settings: Mapping[str, Any]) -> str:
    """Those that a reader asks for; the plan folder has all."""
    found = []
    for path in SHOWN_SETTINGS:
        value: Any = settings
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None:
            found.append(f"{path[-1].replace('_', ' ')} {value}")
    words = ", ".join(found) or "usual settings"
    return f"<p>Settings: {escape(words)}. The plan folder holds all others.</p>"
