"""What ``spinedart draw`` and ``spinedart export`` do. Imported when a command runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .atlas.files import available_levels, load_model
from .commands import anatomy_of_saved
from .config import PlanSettings
from .drawn_overlay import draw_drawn
from .errors import InputError
from .fit.posterior import posterior_of
from .geometry.refined import refined_case
from .io.cannulas import recommended, unmeasured
from .io.case import read_case
from .io.drawn import DrawnCannula, read_drawn
from .io.export import KINDS, why_not_recommended, write_export
from .io.plan import FILE_NAME, SavedPlan, check_writable, read_plan, write_plan
from .plan.cannula import NEEDLE_DIAMETERS_MM, needle_diameter_mm
from .plan.masks import of_drawn
from .plan.risk import RiskModel
from .plan.safety import assess
from .plan.surface import prepare
from .plan.two_view import Triangulated
from .plan.words import KEPT_MM, describe, needle_name, room_words
from .types import Cannula, Case, FittedVertebra, Option, Plan, Status

NO_SURFACE = "no surface of the vertebra to measure in: give its plan (--plan)"

Found = tuple[DrawnCannula, Triangulated]


def draw(case_path: Path, drawn_path: Path, out: Path, plan_path: Path | None) -> int:
    """Triangulate what was drawn, assess it where there is a plan, write a plan folder and show a table."""
    case = read_case(case_path)
    drawn = read_drawn(drawn_path, case)
    check_writable(out)
    saved = None if plan_path is None else _plan_of(plan_path, case)
    case = refined_case(case, saved.plans if saved else ())
    diameter_mm = needle_diameter_mm(PlanSettings())
    found = [(one, of_drawn(one, case.views, diameter_mm)) for one in drawn]
    plans = _with_drawn(found, saved.plans if saved else ())
    settings = dict(saved.settings) if saved else {}
    extra = {"drawn": [_remembered(*one) for one in found]}
    write_plan(out, case, plans, settings, lambda path: draw_drawn(case, found, plans, path), extra)
    console = Console()
    console.print(_drawn_table(found, plans))
    for words in _remarks(found, plans):
        console.print(words, highlight=False, soft_wrap=True, markup=False)
    console.print(f"Written to {out}.", highlight=False, soft_wrap=True, markup=False)
    return 0 if all(answer.cannula for _, answer in found) else 1


def export(plan_path: Path, out: Path, kind: str) -> int:
    """Write a plan in other formats and say what is not to be worked from."""
    saved = read_plan(plan_path)
    names = write_export(out, saved, NEEDLE_DIAMETERS_MM, KINDS if kind == "all" else (kind,))
    console = Console()
    for words in _doubts(saved):
        console.print(words, highlight=False, soft_wrap=True, markup=False)
    words = f"{len(names)} file{'s' * (len(names) != 1)} written to {out}. Not for clinical use."
    console.print(words, highlight=False, soft_wrap=True, markup=False)
    return 0 if all(plan.fitted.status.usable for plan in saved.plans) else 1


def _plan_of(path: Path, case: Case) -> SavedPlan:
    saved = read_plan(path)
    if saved.case_id != case.id:
        file = path / FILE_NAME if path.is_dir() else path
        raise InputError(file, "case_id", saved.case_id, f'"{case.id}", the case that was drawn on')
    return saved


def _with_drawn(found: Sequence[Found], plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans with the drawn cannulas among their options; a level that has no plan gets one without a surface."""
    by_level = {plan.fitted.level: plan for plan in plans}
    for one, _ in found:
        by_level.setdefault(one.level, Plan(FittedVertebra(one.level, Status.NOT_INITIALISED, NO_SURFACE)))
    together = []
    for level, plan in by_level.items():
        cannulas = [answer.cannula for one, answer in found if one.level == level and answer.cannula is not None]
        together.append(_with_cannulas(plan, cannulas))
    return tuple(together)


def _with_cannulas(plan: Plan, cannulas: Sequence[Cannula]) -> Plan:
    """The plan with these among its options, assessed in its surface; earlier ones of the same name and side go."""
    if not cannulas:
        return plan
    replaced = {(cannula.side, cannula.name) for cannula in cannulas}
    kept = [one for one in plan.options if (one.cannula.side, one.cannula.name) not in replaced]
    level, vertebra = plan.fitted.level, plan.fitted.vertebra
    model = load_model(level) if vertebra is not None and level in available_levels() else None
    anatomy = anatomy_of_saved(plan, model)
    if anatomy is None or model is None or vertebra is None:
        reason = NO_SURFACE if vertebra is None else "the plan was made with another atlas than the one installed"
        safety = unmeasured("no_surface", reason)
        new = [Option(cannula, safety, words=describe(cannula, safety)) for cannula in cannulas]
        return replace(plan, options=(*kept, *new))
    vertices = vertebra.place(model.instance(vertebra.level, vertebra.coefficients))
    surface = prepare(vertices, model.faces, anatomy)
    posterior = posterior_of(plan.fitted)
    risks = None if posterior is None else RiskModel(vertebra, model, posterior)
    new = []
    for cannula in cannulas:
        safety = assess(cannula, surface)
        risk = risks.of(cannula) if risks and safety.status == "measured" else None
        new.append(Option(cannula, safety, risk, describe(cannula, safety)))
    return replace(plan, options=(*kept, *new))


def _remembered(one: DrawnCannula, answer: Triangulated) -> dict[str, object]:
    """What ``plan.json`` keeps of a drawing."""
    return {
        "level": one.level,
        "side": one.side,
        "status": answer.status,
        "reason": answer.reason,
        "residual_px": answer.residual_px,
        "planes_deg": answer.planes_deg,
        "error_mm": answer.error_mm,
    }


def _drawn_table(found: Sequence[Found], plans: Sequence[Plan]) -> Table:
    """One row a drawn cannula: how well the views agree and how much room it has."""
    table = Table(title="Drawn (not for clinical use)", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("cannula", "views", "off by", "angle", "room"):
        table.add_column(heading)
    room = {(plan.fitted.level, one.cannula.side): room_words(one.safety) if one.safety.status == "measured" else "?"
            for plan in plans for one in plan.options if one.cannula.name == "drawn"}  # fmt: skip
    for one, answer in found:
        needle = f" {needle_name(answer.cannula.diameter_mm)}" if answer.cannula else ""
        table.add_row(
            f"{one.level} {one.side}{needle}",
            answer.status.replace("_", " "),
            ", ".join(f"{name} {px:.1f} px" for name, px in answer.residual_px.items()) or "-",
            f"{answer.planes_deg:.0f}°" if np.isfinite(answer.planes_deg) else "-",
            room.get((one.level, one.side), "-") if answer.cannula else "-",
        )
    return table


def _remarks(found: Sequence[Found], plans: Sequence[Plan]) -> Iterator[str]:
    """A line for every drawing that is not simply a cannula, for every cannula that is not safe, and for every level
    where nothing says so."""
    for one, answer in found:
        if answer.reason:
            yield f"{one.level} {one.side}: {answer.reason}."
    for plan in plans:
        drawn = [one for one in plan.options if one.cannula.name == "drawn"]
        if drawn and plan.fitted.vertebra is not None and not plan.fitted.status.usable:
            why = plan.fitted.reason or plan.fitted.status.value
            yield f"{plan.fitted.level}: do not rely on the room, the fit that it is measured in is not usable: {why}."
        yield from sorted({f"{plan.fitted.level}: how safe is not known: {one.safety.reason}." for one in drawn
                           if one.safety.status != "measured"})  # fmt: skip
        for one in drawn:
            safe = one.safety.clearance_mm >= KEPT_MM and all(one.safety.checks.values())
            if one.safety.status == "measured" and not safe:
                yield f"{plan.fitted.level} {one.cannula.side} {one.words}."


def _doubts(saved: SavedPlan) -> Iterator[str]:
    """A line for every vertebra without a usable fit, and for every chosen cannula that is no recommendation."""
    for plan in saved.plans:
        if not plan.fitted.status.usable:
            yield f"{plan.fitted.level}: {plan.fitted.reason or plan.fitted.status.value}; nothing is recommended here."
            continue
        for option in recommended(plan):
            words = why_not_recommended(plan.fitted, option)
            if words:
                yield f"{plan.fitted.level} {option.cannula.side}: not recommended: {words}."
