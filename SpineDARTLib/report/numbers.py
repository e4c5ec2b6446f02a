"""The report's tables, as HTML: cannulas, textbook checks, options, the fit, grades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from ..io.cannulas import alternatives, recommended
from ..panel.rows import CHECK_WORDS, FIT_WORDS, clearance_text, colour_of
from ..plan.words import NAMES, broken_rules, needle_name, risk_words
from ..review.record import GRADES, Adjustment, Grade, Review
from ..types import SIDES, FittedVertebra, Option, Plan

DIRECTIONS = ("medial", "lateral", "superior", "inferior")

NUMBERS = (
    ("Pedicle, width × height", ("isthmus_width_mm", "isthmus_height_mm"), " × ", " mm"),
    ("Convergence · sagittal", ("convergence_deg", "sagittal_deg"), " · ", "°"),
    ("Path length", ("path_length_mm",), "", " mm"),
    ("Tip to front wall · midline", ("tip_to_anterior_wall_mm", "tip_to_midline_mm"), " · ", " mm"),
    ("Free with a 5 mm cylinder", ("clearance_of_5mm_cylinder_mm",), "", " mm"),
)
"""Name, which of ``Safety.numbers``, what stands between them, unit."""

BY_HAND = "moved by hand"


def chip(words: str, colour: str) -> str:
    """Words on a coloured ground; ``colour`` as ``panel.rows.COLOURS``."""
    return f'<span class="chip {colour}">{escape(words)}</span>'


def room_chip(option: Option) -> str:
    """ "▲ 2.1 mm A" on its colour."""
    return chip(clearance_text(option.safety), colour_of(option.safety, option.risk))


def fit_chip(fitted: FittedVertebra) -> str:
    """ "good fit" on its colour."""
    words, colour = FIT_WORDS[fitted.status]
    return chip(f"fit: {words}", colour)


def cannula_table(plan: Plan, review: Review | None) -> str:
    """One column a side: room, walls, risk, numbers and grade."""
    options = recommended(plan)
    if not options:
        return '<p class="quiet">No cannula was planned.</p>'
    rows: list[tuple[str, list[str]]] = [
        ("Needle, path", [escape(f"{needle_name(o.cannula.diameter_mm)}, {_name(o)}") for o in options]),
        ("Free bone", [room_chip(option) for option in options]),
        ("Medial · lateral", [_walls(option, DIRECTIONS[:2]) for option in options]),
        ("Superior · inferior", [_walls(option, DIRECTIONS[2:]) for option in options]),
    ]
    if any(option.risk for option in options):
        rows.append(("Breach risk as fits go", [_risk(option) for option in options]))
    rows.append(
        ("Largest needle with 1 mm", [escape(str(o.safety.numbers.get("largest_gauge") or "none")) for o in options])
    )
    rows += [
        (words, [between.join(_number(option, name) for name in names) + unit for option in options])
        for words, names, between, unit in NUMBERS
    ]
    rows.append(("Grade", [_grades(review, plan, option) for option in options]))
    headings = [f"{option.cannula.side.capitalize()}" for option in options]
    return table(["", *headings], [[words, *cells] for words, cells in rows])


def check_table(plan: Plan) -> str:
    """Every textbook check, passed or not, one column a side."""
    options = recommended(plan)
    names = list(dict.fromkeys(name for option in options for name in option.safety.checks))
    if not names:
        return ""
    rows = [
        [escape(CHECK_WORDS.get(name, name.replace("_", " "))), *(_mark(o.safety.checks.get(name)) for o in options)]
        for name in names
    ]
    return table(["", *(option.cannula.side.capitalize() for option in options)], rows)


def option_table(plan: Plan) -> str:
    """What else was considered, beside what is recommended."""
    every = [*((o, True) for o in recommended(plan)), *((o, False) for o in alternatives(plan))]
    known = any(option.risk for option, _ in every)
    every.sort(key=lambda one: SIDES.index(one[0].cannula.side))
    rows = [
        [
            option.cannula.side.capitalize(),
            f'<span class="name">{f"<b>{name}</b> ✓" if chosen else name}</span>',
            needle_name(option.cannula.diameter_mm),
            room_chip(option),
            *([_risk(option)] if known else []),
            f'<span class="quiet">{escape(_remark(option))}</span>',
        ]
        for option, chosen in every
        for name in [escape(_name(option))]
    ]
    risk = ["Risk"] if known else []
    return table(["Side", "Path (✓ taken)", "Needle", "Free bone", *risk, "Remarks"], rows)


def fit_table(plan: Plan) -> str:
    """What the fit knows of itself."""
    fitted, quality = plan.fitted, plan.fitted.quality
    if fitted.vertebra is None or quality is None:
        return f"<p>{escape(fitted.reason)}</p>"
    rows = [
        ["Expected to be off", f"{quality.predicted_surface_distance_mm:.1f} mm on average"],
        ["Agreement with the X-rays", _by_view(quality.similarity, "{:.2f}", " (1 is perfect)")],
        ["Body's centre to its click", _by_view(quality.reprojection_error_px, "{:.1f} px")],
        ["Size", f"{fitted.vertebra.scale:.2f} of the level's mean"],
        ["Shape", f"{quality.mahalanobis:.1f} SD from the mean over {len(fitted.vertebra.coefficients)} modes"],
        ["Fit", f"{quality.iterations} steps, {quality.seconds:.0f} s"],
    ]
    return table([], rows)


def deeds(review: Review | None, level: str) -> str:
    """What was moved and graded by whom, in order; "" where nothing was."""
    if review is None:
        return ""
    found = [deed for deed in review.standing if deed.level == level]
    return escape("; ".join(f"{deed.side}: {_deed_words(deed)}" for deed in found))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML; the first of a row is its heading."""
    head = f"<thead><tr>{''.join(f'<th>{words}</th>' for words in headings)}</tr></thead>" if headings else ""
    body = "".join(f"<tr><th>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in rows)
    return f'<table class="facts">{head}<tbody>{body}</tbody></table>'


def grade_words(review: Review | None, level: str, side: str) -> str:
    """ "2 optimal", or "not graded"."""
    grade = review.grade(level, side) if review is not None and (level, side) in review.planned else None
    return f"{grade.value} {GRADES[grade.value]}" if grade else "not graded"


def _name(option: Option) -> str:
    name = option.cannula.name
    return BY_HAND if name == "drawn" else NAMES.get(name, name)


def _remark(option: Option) -> str:
    """What moved, or which rules are broken: the name and the room stand in their own columns."""
    plain = option.words.startswith(NAMES.get(option.cannula.name, option.cannula.name))
    return ", ".join(broken_rules(option.safety)) if plain else option.words


def _walls(option: Option, directions: Sequence[str]) -> str:
    rooms = [option.safety.clearance_by_direction_mm.get(name, float("nan")) for name in directions]
    return " · ".join(f"{room:.1f}".replace("-", "−") if np.isfinite(room) else "–" for room in rooms) + " mm"


def _number(option: Option, name: str) -> str:
    value = option.safety.numbers.get(name)
    known = isinstance(value, (int, float)) and np.isfinite(value)
    return f"{value:.1f}".replace("-", "−") if known else "–"


def _risk(option: Option) -> str:
    words = escape(risk_words(option.risk).removeprefix("breach risk "))
    return f'<span class="name">{words}</span>' if words else "–"


def _mark(passed: bool | None) -> str:
    if passed is None:
        return "–"
    return '<span class="yes">✓ yes</span>' if passed else '<span class="no">✗ no</span>'


def _grades(review: Review | None, plan: Plan, option: Option) -> str:
    """By every rater of the cannula as it stands."""
    level, side = plan.fitted.level, option.cannula.side
    if review is None or (level, side) not in review.planned:
        return '<span class="quiet">not graded</span>'
    raters = dict.fromkeys(deed.rater for deed in review.standing if isinstance(deed, Grade))
    found = [grade for rater in raters if (grade := review.grade(level, side, rater)) is not None]
    words = [f"<b>{grade.value}</b> {escape(', '.join(filter(None, [grade.rater, grade.comment])))}" for grade in found]
    return "<br>".join(words) or '<span class="quiet">not graded</span>'


def _by_view(values: object, form: str, after: str = "") -> str:
    found = values if isinstance(values, dict) else {}
    known = [f"{escape(name)} {form.format(value)}" for name, value in found.items() if np.isfinite(value)]
    return ", ".join(known) + after if known else "–"


def _deed_words(deed: Grade | Adjustment) -> str:
    if isinstance(deed, Adjustment):
        return deed.how
    return ", ".join(filter(None, [f"grade {deed.value} ({GRADES[deed.value]})", deed.rater, deed.comment]))
