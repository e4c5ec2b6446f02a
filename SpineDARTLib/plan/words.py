"""Plans in plain sentences, for whoever holds the needle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..types import Cannula, Option, Risk, Safety, Status
from .anatomy import Anatomy
from .cannula import NEEDLE_DIAMETERS_MM

WORTH_SAYING_MM = 0.2
"""Moves and gains below this are not named."""

KEPT_MM = 1.0
"""The bone that a needle should have around it."""

DOUBTFUL = 0.1
"""Probability of a breach from which it is said in words. Our choice."""

BROKEN_RULES = {
    "within_pedicle": "breach",
    "within_body": "leaves the body",
    "anterior_third": "tip not in the anterior third",
    "mid_height": "tip off mid-height",
    "short_of_anterior_wall": "tip at the anterior wall",
    "own_side_of_midline": "tip across the midline",
    "reaches_midline": "tip short of the midline",
    "posterior_wall_before_medial_wall": "medial wall before the body",
    "entry_on_pedicle": "entry off the pedicle",
    "entry_lateral_and_cranial": "entry too medial or too low",
}
"""Textbook check to what is said when it is not passed."""

STATUS_WORDS: Mapping[Status, str] = {
    Status.CONVERGED: "good fit",
    Status.STEP_LIMIT: "step limit reached",
    Status.LOW_CONFIDENCE: "low confidence: check",
    Status.NOT_INITIALISED: "not located",
    Status.DIVERGED: "fit failed",
}
"""How a fit ended."""

NAMES = {
    "transferred": "as the atlas has it",
    "safest": "the safest",
    "unipedicular": "one needle, to the midline",
    "drawn": "drawn by hand",
    "curved": "curved, as for kyphoplasty",
}
"""``Cannula.name`` in a clinician's words."""


def needle_name(diameter_mm: float) -> str:
    """ "11G", or "5.0 mm" where no gauge has this diameter."""
    for gauge, diameter in NEEDLE_DIAMETERS_MM.items():
        if abs(diameter - diameter_mm) < 0.005:
            return f"{gauge}G"
    return f"{diameter_mm:.1f} mm"


def room_words(safety: Safety) -> str:
    """ "1.3 mm free, A", "medial breach 0.8 mm, B", or "not measured: the surface is not closed"."""
    if safety.status != "measured":
        return f"not measured: {safety.reason}"
    if safety.clearance_mm < 0:
        return f"{safety.breach_direction} breach {-safety.clearance_mm:.1f} mm, {safety.grade}"
    return f"{safety.clearance_mm:.1f} mm free, {safety.grade}"


def risk_words(risk: Risk | None) -> str:
    """ "breach risk 4 %", in steps that the figure bears; "" where nothing is known."""
    if risk is None:
        return ""
    percent = 100 * risk.breach_probability
    shown = "under 1" if percent < 1 else "over 99" if percent > 99 else f"{percent:.0f}"
    return f"breach risk {shown} %"


def doubt(option: Option) -> str:
    """What a clinician must know of a path that is free in the fitted vertebra and may not be in the true one; ""."""
    risk, safety = option.risk, option.safety
    if risk is None or not safety.clearance_mm >= 0 or risk.breach_probability < DOUBTFUL:
        return ""
    return (
        f"{option.cannula.side}: free in the fitted vertebra, but such fits are off by so much that "
        f"{100 * risk.breach_probability:.0f} of 100 such paths breach (smallest room {risk.clearance_mm['5']:.1f} to "
        f"{risk.clearance_mm['95']:.1f} mm)"
    )


def broken_rules(safety: Safety) -> list[str]:
    """What is said of each textbook check that is not passed, but the breach, which ``room_words`` names."""
    if safety.status != "measured":
        return []
    failed = [name for name, passed in safety.checks.items() if not passed and name != "within_pedicle"]
    return [BROKEN_RULES.get(name, name.replace("_", " ")) for name in failed]


def warning(cannula: Cannula, safety: Safety) -> str:
    """What a clinician must know of a path that does not keep its millimetre; "" of one that does."""
    if safety.status != "measured":
        return f"{cannula.side}: the path could not be measured: {safety.reason}"
    if safety.clearance_mm >= KEPT_MM:
        return ""
    path = "path to the midline" if cannula.name == "unipedicular" else "transpedicular path"
    axis = safety.clearance_mm + cannula.diameter_mm / 2
    if axis < min(NEEDLE_DIAMETERS_MM.values()) / 2:
        return f"{cannula.side}: no {path}, even a 15G needle breaches the pedicle"
    needle, largest = needle_name(cannula.diameter_mm), safety.numbers.get("largest_gauge")
    breach = f" (it breaches by {-safety.clearance_mm:.1f} mm)" if safety.clearance_mm < 0 else ""
    article = "an" if needle.startswith(("8", "11")) else "a"
    start = f"{cannula.side}: no {path} keeps {KEPT_MM:.0f} mm round {article} {needle} needle{breach}"
    return f"{start}; the largest that does is {largest}" if largest else f"{start}, nor round any thinner one"


def describe(cannula: Cannula, safety: Safety) -> str:
    """What a path is, how much room it has and what is wrong with it."""
    if safety.status != "measured":
        return warning(cannula, safety)
    broken = broken_rules(safety)
    rest = f"; {', '.join(broken)}" if broken else ""
    return f"{NAMES.get(cannula.name, cannula.name)}: {room_words(safety)}{rest}"


def explain(start: Cannula, end: Cannula, before: Safety, after: Safety, anatomy: Anatomy) -> str:
    """What moved from one path to another, what was gained, and what is still wrong: "entry 2.1 mm medial and 0.8 mm
    up, tip 1.4 mm lateral: 1.1 mm more room on the lateral wall (0.4 to 1.5 mm free)"."""
    if after.status != "measured":
        return warning(end, after)
    moves = [
        f"{name} {moved}"
        for name, moved in (
            ("entry", _moved(end.entry_mm - start.entry_mm, anatomy, end.side, False)),
            ("tip", _moved(end.target_mm - start.target_mm, anatomy, end.side, True)),
        )
        if moved
    ]
    if before.status != "measured":
        first = "found where the transferred path could not be measured"
    elif moves:
        first = f"{', '.join(moves)}: {_gained(before, after)}"
    else:
        first = f"as transferred, {_room(after)}: no safer path was found"
    mended = [words for words in broken_rules(before) if words not in broken_rules(after)]
    broken = broken_rules(after)
    return "; ".join(
        words
        for words in (
            first,
            f"mended: {', '.join(mended)}" if mended else "",
            warning(end, after),
            f"still: {', '.join(broken)}" if broken else "",
        )
        if words
    )


def _moved(move_mm: np.ndarray, anatomy: Anatomy, side: str, depth: bool) -> str:
    """ "2.1 mm medial and 0.8 mm up"; a tip's depth too, an entry's follows from the bone."""
    medial = float(move_mm @ anatomy.medial(side))
    _, forward, up = (float(part) for part in anatomy.axes @ move_mm)
    parts = [(medial, "medial", "lateral"), (up, "up", "down"), *([(forward, "deeper", "shallower")] if depth else [])]
    named = [f"{abs(size):.1f} mm {one if size > 0 else other}" for size, one, other in parts]
    said = [words for words, (size, *_) in zip(named, parts, strict=True) if abs(size) >= WORTH_SAYING_MM]
    return " and ".join(said)


def _gained(before: Safety, after: Safety) -> str:
    """ "1.1 mm more room on the lateral wall (0.4 to 1.5 mm free)"."""
    gain = after.clearance_mm - before.clearance_mm
    if abs(gain) < WORTH_SAYING_MM / 2:
        return f"as much room ({_room(after)})"
    measured = {name: room for name, room in before.clearance_by_direction_mm.items() if np.isfinite(room)}
    wall = min(measured, key=lambda name: measured[name]) if measured and gain > 0 else ""
    where = f" on the {wall} wall" if wall else ""
    return f"{abs(gain):.1f} mm {'more' if gain > 0 else 'less'} room{where} ({_from(before)} to {_room(after)})"


def _room(safety: Safety) -> str:
    """ "1.5 mm free" or "0.6 mm breach"."""
    return f"{abs(safety.clearance_mm):.1f} mm {'free' if safety.clearance_mm >= 0 else 'breach'}"


def _from(safety: Safety) -> str:
    """The same as the first of two, whose unit and word the second says: "0.4", "0.6 mm breach"."""
    return f"{safety.clearance_mm:.1f}" if safety.clearance_mm >= 0 else _room(safety)
