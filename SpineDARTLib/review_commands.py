"""What ``spinedart report`` and ``spinedart agreement`` do. Imported when a command runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from rich.console import Console

from .atlas.files import available_levels, load_model
from .config import Settings
from .errors import InputError
from .inspect.findings import findings_by_level
from .io.cannulas import recommended
from .io.case import read_case
from .io.files import check_file, write_atomically
from .io.plan import SavedPlan, plain, read_plan
from .panel.measuring import ready
from .report.pages import Report, report_html
from .report.pictures import grading, xrays
from .report.raters import agreement_words, agreements, read_grades, read_safeties
from .review.files import read_review
from .review.record import Review, same
from .types import SIDES, Cannula, Case, Option, Plan


def report(plan_path: Path, case_path: Path | None, review_path: Path | None, out: Path) -> int:
    """Write a plan as one HTML file for reading and printing."""
    saved = read_plan(plan_path)
    case = None if case_path is None else _case_of(case_path, saved)
    review = None if review_path is None else _review_of(review_path, saved)
    check_file("--out", out)
    if review is not None:
        saved = replace(saved, plans=tuple(_as_reviewed(plan, review) for plan in saved.plans))
    write_report(saved, case, review, out)
    return 0 if all(plan.fitted.status.usable for plan in saved.plans) else 1


def plan_and_report(case: Path, out: Path, settings: Settings, levels: Sequence[str] | None, report: Path) -> int:
    """Plan one case and write its report; none where nothing could be planned."""
    from .commands import exit_code, make_plan  # with all that fits: a report alone needs none of it

    if report.parent.absolute() != out.absolute():
        check_file("--report", report)
    read = read_case(case)
    plans = make_plan(read, out, settings, levels)
    if plans:
        write_report(read_plan(out), read, None, report)
    return exit_code(plans)


def write_report(saved: SavedPlan, case: Case | None, review: Review | None, out: Path) -> None:
    """The report of a plan, as reviewed where it was, and where it lies."""
    write_atomically(out, report_html(_drawn(saved, case, review)).encode("utf-8"))
    words = f"Written to {out}: {len(saved.plans)} vertebrae on {len(saved.plans) + 1} pages. Not for clinical use."
    Console().print(words, highlight=False, soft_wrap=True, markup=False)


def _drawn(saved: SavedPlan, case: Case | None, review: Review | None) -> Report:
    pictures = {} if case is None else {plan.fitted.level: xrays(case, [plan]) for plan in saved.plans}
    return Report(
        saved,
        date.today().isoformat(),
        review,
        findings_by_level(saved.plans, case),
        "" if case is None else xrays(case, saved.plans),
        pictures,
        grading(saved.plans),
    )


def _case_of(path: Path, saved: SavedPlan) -> Case:
    case = read_case(path)
    if case.id != saved.case_id:
        raise InputError("--case", "id", case.id, f'"{saved.case_id}", the case of the plan')
    return case


def _review_of(path: Path, saved: SavedPlan) -> Review:
    review = read_review(_text_of(path), path)
    if review.case_id != saved.case_id:
        raise InputError("--review", "case_id", review.case_id, f'"{saved.case_id}", the case of the plan')
    return review


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or error
        raise InputError(path, "", what, "a file that can be read") from None


def _as_reviewed(plan: Plan, review: Review) -> Plan:
    """The plan with the cannulas that stand after the review, those that were moved measured anew."""
    level = plan.fitted.level
    planned = {option.cannula.side: option for option in recommended(plan)}
    standing = {side: review.cannulas[level, side] for side in SIDES if (level, side) in review.cannulas}
    moved = [side for side, cannula in standing.items() if side not in planned
             or not same(cannula, planned[side].cannula)]  # fmt: skip
    if not moved:
        return plan
    measured = _measured(plan, [standing[side] for side in moved])
    chosen = {**planned, **{option.cannula.side: option for option in measured}}
    options = tuple(chosen[side] for side in SIDES if side in chosen)
    kept = [one for one in plan.options if not any(same(one.cannula, option.cannula) for option in options)]
    cannulas, safety = tuple(one.cannula for one in options), tuple(one.safety for one in options)
    return replace(plan, cannulas=cannulas, safety=safety, options=(*options, *kept))


def _measured(plan: Plan, cannulas: list[Cannula]) -> list[Option]:
    """Safety and risk of each; the plan's own words where it had considered this very path."""
    known = [[one for one in plan.options if same(one.cannula, cannula)] for cannula in cannulas]
    if all(known):
        return [found[0] for found in known]
    level = plan.fitted.level
    tools = ready(plan, load_model(level) if level in available_levels() else None)
    return [found[0] if found else tools.with_risk(tools.option(one))
            for one, found in zip(cannulas, known, strict=True)]  # fmt: skip


def agreement(files: Sequence[Path], plans: Sequence[Path], out: Path | None) -> int:
    """Compare raters with each other and, where plans are given, with the numeric safety."""
    raters = read_grades(files)
    found = agreements(raters, read_safeties(plans))
    if not found:
        names = ", ".join(sorted(raters)) or "nobody"
        raise InputError("FILES", "", f"grades by {names} with no cannula in common", "two raters of the same cannulas")
    rows = [{"first": one, "second": other, **vars(compared)} for one, other, compared in found]
    text = json.dumps(plain({"agreements": rows}), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        sys.stderr.write(agreement_words(found))
        sys.stdout.write(text)
        return 0
    write_atomically(out, text.encode("utf-8"))
    sys.stdout.write(agreement_words(found))
    return 0
