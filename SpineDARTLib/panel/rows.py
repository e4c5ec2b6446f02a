"""What the tables show: texts, and a colour's meaning beside each, never a colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..plan.words import DOUBTFUL, KEPT_MM, doubt, needle_name, risk_words, room_words
from ..review.record import GRADES, Key
from ..types import LEVELS, SIDES, FittedVertebra, Option, Risk, Safety, Status
from .measuring import nearest_wall
from .state import PanelState

COLOURS = ("good", "check", "breach", "none")
"""What a colour means; "breach" alone is red."""

COLUMNS = ("Level", "Fit", "Left", "Right", "Grade L", "Grade R")

FIT_WORDS: Mapping[Status, tuple[str, str]] = {
    Status.CONVERGED: ("good", "good"),
    Status.STEP_LIMIT: ("check", "check"),
    Status.LOW_CONFIDENCE: ("uncertain", "check"),
    Status.DIVERGED: ("failed", "check"),
    Status.NOT_INITIALISED: ("not fitted", "none"),
}
"""A status in a word, and its colour's meaning."""

CHECK_WORDS: Mapping[str, str] = {
    "within_pedicle": "inside the pedicle",
    "within_body": "inside the body",
    "anterior_third": "anterior third",
    "mid_height": "mid-height",
    "short_of_anterior_wall": "short of the anterior wall",
    "own_side_of_midline": "own side of the midline",
    "reaches_midline": "reaches the midline",
    "posterior_wall_before_medial_wall": "posterior wall first",
    "entry_on_pedicle": "entry on the pedicle",
    "entry_lateral_and_cranial": "entry lateral and cranial",
}
"""A textbook check that is passed."""


@dataclass(frozen=True)
class Cell:
    """One field of a table.

    Attributes:
        colour: one of ``COLOURS``.
        tip: more words.
        key: level and side that a click on it selects.
    """

    text: str
    colour: str = "none"
    tip: str = ""
    key: Key | None = None


@dataclass(frozen=True)
class Row:
    """A vertebra.

    Attributes:
        cells: one for each of ``COLUMNS``.
        note: what the user should know of it, "" mostly.
    """

    level: str
    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True)
class Details:
    """Of the selected cannula, as it stands or as it is being dragged.

    Attributes:
        title: "L3 left, 11G, the safest".
        clearance_mm: direction to free bone, negative a breach.
        nearest: the direction with least.
        room: "1.3 mm free, A".
        colour: of the room.
        checks: words to passed or not.
        facts: name to value, in words.
        words: what it is, what moved, what is still wrong.
    """

    title: str
    clearance_mm: Mapping[str, float] = field(default_factory=dict)
    nearest: str = ""
    room: str = ""
    colour: str = "none"
    checks: Mapping[str, bool] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    words: str = ""


def review_rows(state: PanelState) -> tuple[Row, ...]:
    """A row a vertebra that is fitted, being fitted or failed, head to foot; empty while grades are given blindly."""
    if state.session is not None:
        return ()
    levels = sorted({*state.plans, *state.jobs}, key=LEVELS.index)
    return tuple(_row(state, level) for level in levels)


def details(state: PanelState) -> Details | None:
    """Of the selected cannula; None where none is selected, and while grades are given blindly."""
    key = state.selected
    if state.session is not None or key is None or key not in state.options:
        return None
    option = state.options[key]
    live = state.dragged if state.dragged and state.dragged.key == key else None
    if live is not None:
        option = Option(live.cannula, live.safety, None, live.words)
    safety = option.safety
    named = ", ".join((" ".join(key), needle_name(option.cannula.diameter_mm), option.cannula.name))
    return Details(
        title=named,
        clearance_mm=safety.clearance_by_direction_mm,
        nearest=nearest_wall(safety.clearance_by_direction_mm),
        room=", ".join(filter(None, (room_words(safety), _held(safety) if live else risk_words(option.risk)))),
        colour=_held_colour(safety) if live else colour_of(safety, option.risk),
        checks={CHECK_WORDS.get(name, name): passed for name, passed in safety.checks.items()},
        facts=_facts(option),
        words="; ".join(filter(None, (option.words, doubt(option)))),
    )


def colour_of(safety: Safety, risk: Risk | None = None) -> str:
    """What the colour of a cannula means: its room, its checks, and whether its fit bears them out."""
    if safety.status != "measured":
        return "none"
    if safety.clearance_mm < 0:
        return "breach"
    sure = risk is None or risk.breach_probability < DOUBTFUL
    return "good" if sure and safety.clearance_mm >= KEPT_MM and all(safety.checks.values()) else "check"


def _held(safety: Safety) -> str:
    """In place of a risk, which takes some tens of milliseconds more than a hand that moves gives."""
    return "risk follows" if safety.status == "measured" and safety.clearance_mm >= 0.0 else ""


def _held_colour(safety: Safety) -> str:
    """The same while the cannula is held: nothing is called good before its risk is known."""
    colour = colour_of(safety)
    return "none" if colour == "good" else colour


def clearance_text(safety: Safety) -> str:
    """ "▲ 2.1 mm A" with its millimetre, "▼ 0.4 mm A" without, "▼ −0.8 mm B medial" for a breach, "?" unmeasured."""
    if safety.status != "measured":
        return "? not measured"
    arrow = "▲" if safety.clearance_mm >= KEPT_MM else "▼"
    number = f"{safety.clearance_mm:.1f}".replace("-", "−")
    return f"{arrow} {number} mm {safety.grade} {safety.breach_direction}".rstrip()


def _row(state: PanelState, level: str) -> Row:
    plan, job = state.plans.get(level), state.jobs.get(level)
    if plan is None or (job is not None and job.open):
        failed = job is not None and job.state == "failed"
        words, why = ("failed", job.words) if failed else (job.words if job else "", "")  # type: ignore[union-attr]
        fit = Cell(words, "check" if failed else "none", why, (level, ""))
    else:
        fit = _fit_cell(plan.fitted)
    rooms = [_room_cell(state, (level, side)) for side in SIDES]
    grades = [_grade_cell(state, (level, side)) for side in SIDES]
    note = job.words if job and job.state == "failed" else ""
    if plan is not None and plan.fitted.status is not Status.CONVERGED:
        note = note or plan.fitted.reason
    return Row(level, (Cell(level, key=(level, "")), fit, *rooms, *grades), f"{level}: {note}" if note else "")


def _fit_cell(fitted: FittedVertebra) -> Cell:
    words, colour = FIT_WORDS[fitted.status]
    tip = fitted.reason
    if fitted.quality is not None and fitted.quality.predicted_surface_distance_mm > 0:
        tip = f"expected to be {fitted.quality.predicted_surface_distance_mm:.1f} mm off on average. {tip}".strip()
    return Cell(words, colour, tip, (fitted.level, ""))


def _room_cell(state: PanelState, key: Key) -> Cell:
    option = state.options.get(key)
    if option is None:
        return Cell("–")
    if state.dragged is not None and state.dragged.key == key:
        safety = state.dragged.safety
        text = "\n".join(filter(None, (clearance_text(safety), _held(safety))))
        return Cell(text, _held_colour(safety), option.words, key)
    risk = risk_words(option.risk).removeprefix("breach ")
    text = "\n".join(filter(None, (clearance_text(option.safety), risk)))
    return Cell(text, colour_of(option.safety, option.risk), option.words, key)


def _grade_cell(state: PanelState, key: Key) -> Cell:
    if key not in state.options or state.review is None:
        return Cell("–")
    grade = state.review.grade(*key)
    if grade is None:
        return Cell("·", tip="not graded as it stands", key=key)
    words = ", ".join(part for part in (GRADES[grade.value], grade.rater, grade.comment) if part)
    return Cell(str(grade.value), ("check", "check", "good")[grade.value], words, key)


def _facts(option: Option) -> dict[str, str]:
    """The numbers that a clinician asks for, in words."""
    numbers, risk = option.safety.numbers, option.risk
    units = (
        ("largest_gauge", "largest needle with 1 mm", ""),
        ("isthmus_width_mm", "pedicle width", " mm"),
        ("isthmus_height_mm", "pedicle height", " mm"),
        ("convergence_deg", "convergence", "°"),
        ("sagittal_deg", "sagittal angle", "°"),
        ("path_length_mm", "path length", " mm"),
        ("tip_to_anterior_wall_mm", "tip to anterior wall", " mm"),
        ("tip_to_midline_mm", "tip to midline", " mm"),
        ("clearance_of_5mm_cylinder_mm", "free with 5 mm cylinder", " mm"),
    )
    facts = {}
    for name, words, unit in units:
        value = numbers.get(name)
        if value is not None:
            facts[words] = f"{value:.1f}{unit}" if isinstance(value, (int, float)) else f"{value}{unit}"
    if risk is not None:
        facts["chance of a breach"] = f"{100 * risk.breach_probability:.0f} %"
        facts["chance of keeping 1 mm"] = f"{100 * risk.margin_probability:.0f} %"
    return facts
