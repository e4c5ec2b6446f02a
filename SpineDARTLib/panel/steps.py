"""The steps of the work: how each stands, in words, and what may be pressed, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..plan.words import DOUBTFUL
from ..types import LEVELS, Status
from .casing import angle_words
from .finding import what_find_lacks
from .grading import title
from .lacking import (
    BLIND,
    CONTRADICTED,
    NOTHING_LOCATED,
    contradiction,
    sharing,
    what_case_lacks,
    what_fit_lacks,
    what_geometry_lacks,
)
from .locate_words import heading
from .locating import located, what_seed_lacks, what_shift_lacks
from .marking import what_points_lack
from .rows import COLUMNS, Cell, Details, Row, details, review_rows
from .state import PanelState

__all__ = [
    "COLUMNS", "GLYPHS", "MARKS", "NAMES", "Cell", "Control", "Details", "Row", "Step", "details", "level_to_fit",
    "review_rows", "steps",
]  # fmt: skip

NAMES = ("Case", "Locate", "Fit", "Review", "Grade", "Inspect", "Export")
MARKS = ("done", "running", "waiting", "attention")
GLYPHS: Mapping[str, str] = {"done": "●", "running": "◐", "waiting": "○", "attention": "⚠"}

RUNNING = "A fit is running. Cancel it first."


@dataclass(frozen=True)
class Control:
    """One thing to press.

    Attributes:
        why: it cannot be pressed now, in words; "" where it can.
    """

    enabled: bool
    why: str = ""


@dataclass(frozen=True)
class Step:
    """A section of the panel.

    Attributes:
        name: one of ``NAMES``.
        mark: one of ``MARKS``.
        words: of its heading.
        controls: name to whether it may be pressed.
    """

    name: str
    mark: str
    words: str
    controls: Mapping[str, Control] = field(default_factory=dict)


def steps(state: PanelState) -> tuple[Step, ...]:
    """All steps, in the order of the work."""
    return tuple(step(state) for step in (_case, _locate, _fit, _review, _grade, _inspect, _export))


def level_to_fit(state: PanelState) -> str:
    """What "Fit selected" fits: the selected vertebra, else the one being clicked, else the first that was."""
    there = located(state)
    wanted = (*(state.selected or ())[:1], state.level, *there)
    return next((level for level in wanted if level in there), state.level)


def _control(why: str = "") -> Control:
    return Control(not why, why)


def _case(state: PanelState) -> Step:
    lack = what_case_lacks(state)
    none = "" if state.xrays else "Open a case or add an X-ray first."
    running = RUNNING if any(job.open for job in state.jobs.values()) else ""
    controls = {"open": "", "sample": "", "add_view": running, "close": none, "geometry": none or running,
                "matrix": none or running, "polarity": none or running, "mirror": none or running,
                "remove_view": none or running, "frame": none or running}  # fmt: skip
    controls |= _relation_controls(state, running)
    notes = [xray.name for xray in state.xrays if xray.notes]
    views = state.case.views if state.case else ()
    words, mark = (lack, "attention") if state.xrays else ("none open yet", "waiting")
    if not lack:
        sources = ", ".join(dict.fromkeys(xray.source for xray in state.xrays))
        open_question, contradicted = what_geometry_lacks(state), contradiction(state)
        doubtful = notes or open_question or contradicted
        words, mark = f"{angle_words(views)}, geometry: {sources}", "attention" if doubtful else "done"
        words += f"; look at {', '.join(notes)}" if notes else ""
        words = CONTRADICTED if contradicted else f"{words}; a question is open" if open_question else words
    return Step("Case", mark, words, {name: _control(why) for name, why in controls.items()})


def _relation_controls(state: PanelState, running: str) -> dict[str, str]:
    """What says how the X-rays stand to each other."""
    two = "" if len(state.view_names) > 1 else "Points need two X-rays with a geometry, if only a rough one."
    points = "" if state.marking.points else "There are no points."
    files = sharing(replace(state, same_frame=False))[0]
    vouch = "" if files is None and len(state.view_names) > 1 else "The files have answered this."
    return {
        "same_frame": (two and "There are no two X-rays with a geometry yet.") or vouch or running,
        "mark": two,
        "moved": two,
        "recover": two or running or what_points_lack(state),
        "undo_mark": running or ("" if state.marking.earlier else "There is no point to take back."),
        "clear_marks": points,
    }


def _locate(state: PanelState) -> Step:
    lack, blind = what_case_lacks(state), BLIND if state.session else ""
    nothing = "" if located(state) else "Find or click a vertebra first."
    controls = {
        "find": blind or what_find_lacks(state) or ("Vertebrae are being looked for." if state.finding else ""),
        "cancel_find": "" if state.finding else "Nothing is looked for.",
        "click": lack,
        "level": lack,
        "level_up": lack or nothing or what_shift_lacks(state, -1),
        "level_down": lack or nothing or what_shift_lacks(state, 1),
        "remove": lack or nothing,
        "undo_click": "" if state.earlier_clicks else "There is no click to take back.",
        "redo_click": "" if state.later_clicks else "There is no click to do again.",
    }
    words, mark = heading(state)
    return Step("Locate", mark, words, {name: _control(why) for name, why in controls.items()})


def _fit(state: PanelState) -> Step:
    there = located(state)
    lack = what_fit_lacks(state) or ("" if there else NOTHING_LOCATED)
    jobs = state.jobs
    doubt = " · ⚠ the pictures contradict the geometry (step 1)" if contradiction(state) else ""
    running = [level for level, job in jobs.items() if job.open]
    one = lack or what_seed_lacks(state, level_to_fit(state))
    controls = {"fit_all": lack, "fit_selected": one, "settings": "",
                "cancel": "" if running else "Nothing is being fitted."}  # fmt: skip
    failed = [level for level, job in jobs.items() if job.state == "failed"]
    left = [level for level in there if level not in jobs and level not in state.plans]
    said = {level: "failed" if level in failed else jobs[level].words for level in sorted(jobs, key=LEVELS.index)}
    alike = {words: [level for level in said if said[level] == words] for words in said.values()}
    parts = [f"{' '.join(levels)} {words}" for words, levels in alike.items()]
    if running:
        mark = "running"
    elif failed:
        mark = "attention"
    elif jobs or state.plans:
        mark = "done" if not left else "waiting"
    else:
        good = [] if lack else [level for level in there if not what_seed_lacks(state, level)]
        ready = f"ready to fit {' '.join(good)}" if good else "needs located vertebrae"
        asked = "a question of step 1 is open" if there and what_geometry_lacks(state) else ""
        mark, words = "attention" if doubt else "waiting", f"{asked or ready}{doubt}"
        return Step("Fit", mark, words, {name: _control(why) for name, why in controls.items()})
    words = " · ".join(parts) or f"{' '.join(state.plans)} fitted"
    words += f" · {' '.join(left)} not fitted yet" if left and not running else ""
    mark = "attention" if doubt and mark != "running" else mark
    return Step("Fit", mark, words + doubt, {name: _control(why) for name, why in controls.items()})


def _review(state: PanelState) -> Step:
    none = "" if state.plans else "Nothing is fitted yet."
    blind = BLIND if state.session else ""
    key = state.selected
    cannula = none or blind or ("" if key in state.options else "Select a cannula in the table first.")
    measured = key in state.options and state.options[key].safety.status not in ("no_surface", "open_surface")  # type: ignore[index]
    surface = cannula or ("" if measured else "There is no surface to look for a safer path in.")
    review, locating = state.review, state.clicking or not state.plans  # as undo and redo take it
    again = (review and review.undone_deeds) or (locating and state.later_clicks)
    controls = {
        "table": none,
        "safest": surface,
        "transferred": cannula,
        "options": cannula,
        "drag": cannula,
        "gauge": blind,
        "undo": blind
        or ("" if (review and review.standing) or (locating and state.earlier_clicks) else "There is nothing to undo."),
        "redo": blind or ("" if again else "There is nothing to do again."),
    }
    rooms = {key: option.safety.clearance_mm for key, option in state.options.items()}
    if state.dragged is not None:
        rooms[state.dragged.key] = state.dragged.safety.clearance_mm
    breaches = [f"{level} {side}" for (level, side), room in rooms.items() if room < 0]
    doubtful = [level for level, plan in state.plans.items() if plan.fitted.status is not Status.CONVERGED]
    risky = [key for key, option in state.options.items() if option.risk and option.risk.breach_probability >= DOUBTFUL]
    if none:
        words, mark = "needs a fit", "waiting"
    elif blind:
        words, mark = "hidden during the grading session", "waiting"
    elif breaches:
        words, mark = f"breach: {', '.join(breaches)}", "attention"
    elif doubtful:
        words, mark = f"check {' '.join(doubtful)}", "attention"
    elif risky:
        words, mark = f"no breach as fitted; {len(risky)} of {len(state.options)} may", "attention"
    else:
        words, mark = f"{len(state.options)} cannulas, no breach", "done"
    return Step("Review", mark, words, {name: _control(why) for name, why in controls.items()})


def _grade(state: PanelState) -> Step:
    none = "" if state.plans else "Nothing is fitted yet."
    chosen = none or ("" if state.selected in state.options else "Select a cannula in the table first.")
    session = state.session
    going = "" if session else "No grading session is going on."
    controls = {
        "grade": "" if session and not session.finished else chosen,
        "comment": "" if session and not session.finished else chosen,
        "rater": "The session has its rater." if session else "",
        "session_start": "A session is going on." if session else none,
        "session_open": "A session is going on." if session else "",
        "session_undo": going or ("" if session and session.answers else "Nothing is graded yet."),
        "session_pause": going,
        "session_end": going,
    }
    words, mark = _grade_words(state, none)
    return Step("Grade", mark, words, {name: _control(why) for name, why in controls.items()})


def _grade_words(state: PanelState, none: str) -> tuple[str, str]:
    if state.session is not None:
        words = f"session of {state.session.rater}, {title(state.session)}"
        paused = " (paused)" if state.session_paused else ""
        return words + paused, "done" if state.session.finished else "running"
    if none or state.review is None:
        return "needs a fit", "waiting"
    graded = sum(state.review.grade(*key) is not None for key in state.options)
    words = f"{graded} of {len(state.options)} graded"
    return words, "done" if graded == len(state.options) and graded else "waiting"


def _inspect(state: PanelState) -> Step:
    key = state.selected
    none = BLIND if state.session else "" if state.plans else "Nothing is fitted yet."
    plan = state.plans.get(key[0]) if key else None
    chosen = none or ("" if plan else "Select a vertebra in the table first.")
    history = chosen or ("" if plan and plan.fitted.history else "This plan was saved without its history.")
    fits = [fit for fit in state.fits if key and key[0] in fit.plans]
    again = chosen or what_fit_lacks(state) or (what_seed_lacks(state, key[0]) if key else "")
    controls = {"replay": history, "loss": history, "residual": chosen, "modes": chosen, "landmarks": chosen,
                "rerun": again, "compare": chosen or ("" if len(fits) > 1 else "Fit it again to compare.")}  # fmt: skip
    words = f"{key[0]}: {len(fits)} fit{'s' * (len(fits) != 1)}" if plan and key else "needs a fit" if none else chosen
    mark = "done" if plan else "waiting"
    if state.session:
        return Step(
            "Inspect", "waiting", "hidden during the grading session", {name: _control(BLIND) for name in controls}
        )
    if plan and not plan.fitted.status.usable:
        mark, words = "attention", f"{words}; {plan.fitted.reason}"
    return Step("Inspect", mark, words, {name: _control(why) for name, why in controls.items()})


def _export(state: PanelState) -> Step:
    none = "" if state.plans else "Nothing is fitted yet."
    grades = none or ("" if state.review and state.review.standing else "Nothing is graded or moved yet.")
    controls = {"plan": none, "report": none, "table": none, "meshes": none, "lines": none, "grades": grades}
    words = "needs a fit" if none else f"{len(state.plans)} vertebrae ready"
    return Step("Export", "waiting" if none else "done", words, {name: _control(why) for name, why in controls.items()})
