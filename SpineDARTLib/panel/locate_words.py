"""What the second step shows: a row for each vertebra that is clicked, found or not found, and the whole in words."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import LEVELS
from .found import Found, Proposal, label_words, shift_words
from .lacking import what_case_lacks, what_geometry_lacks
from .locating import found_in, located, passing_words, what_seed_lacks
from .state import PanelState

SAID_BY_NAME = "The label "
"""How the detector begins a doubt (``detect.seeds``) that a row's name says already, shorter."""

FEW = 4
"""As many levels are named one by one."""


@dataclass(frozen=True)
class LocatedRow:
    """One vertebra.

    Attributes:
        name: its level and how sure that is: "L3", "L3, sure", "L3? 62 %, may be L2".
        where: how it is known in each view, or why it is not started.
        ready: whether it can be fitted.
        sure: whether nothing of it is in doubt.
        note: what else is in doubt, a sentence; "" where nothing is.
        tip: all that is known, a sentence a line.
    """

    level: str
    name: str
    where: str
    ready: bool
    sure: bool
    note: str = ""
    tip: str = ""


def located_rows(state: PanelState) -> tuple[LocatedRow, ...]:
    """All rows, head to foot."""
    found = found_in(state)
    rows = {level: _row(state, level, found) for level in located(state)}
    for level, words in (found.reasons if found else {}).items():
        if level not in rows:
            rows[level] = LocatedRow(level, level, words.removeprefix(f"{level} "), ready=False, sure=False, tip=words)
    return tuple(rows[level] for level in sorted(rows, key=LEVELS.index))


def _row(state: PanelState, level: str, found: Found | None) -> LocatedRow:
    one = found.proposals.get(level) if found else None
    clicks = state.seeds[level].clicks_px if level in state.seeds else {}
    known = [(view, _how(view, one, view in clicks)) for view in state.view_names]
    ways = {how: [view for view, its in known if its == how] for _, how in known}
    where = " · ".join(f"{how} {_in(views)}" for how, views in ways.items())
    lack = what_seed_lacks(state, level)
    # Whoever clicks a vertebra says which one it is.
    proposed = one is not None and not clicks
    name = label_words(one, found.shift) if proposed and one and found else level
    doubt = one.note if proposed and one else ""
    note = lack or passing_words(state, level) or ("" if doubt.startswith(SAID_BY_NAME) else doubt)
    sure = not note and (not proposed or (one is not None and one.sure))
    tip = "\n".join(filter(None, (f"{level}: {where}", lack, doubt)))
    return LocatedRow(level, name, where, not lack, sure, note, tip)


def _how(view: str, one: Proposal | None, clicked: bool) -> str:
    """How a vertebra's place in a view is known."""
    if clicked:
        return "clicked in"
    if one is None or view not in one.places_px:
        return "not yet in"
    return "found in" if view in one.outlines_px or not one.outlines_px else "reckoned in"


def _in(views: list[str]) -> str:
    return ", ".join(views)


def shift_hint(state: PanelState) -> str:
    """That the detector itself finds other names likely, "" where it does not."""
    found = found_in(state)
    return shift_words(found) if found else ""


def heading(state: PanelState) -> tuple[str, str]:
    """How the step stands, in words, and its mark (``steps.MARKS``)."""
    lack, clicking = what_case_lacks(state), state.clicking and not state.marking.next
    if lack:
        return "needs two views with their geometry", "waiting"
    if state.finding is not None:
        return f"looking for vertebrae: {state.finding.words}", "running"
    rows = [row for row in located_rows(state) if row.level in located(state)]
    faults = [row.note for row in rows if row.level in state.seeds and row.note]
    if faults:
        return faults[0], "running" if clicking else "attention"
    if rows:
        return _good(state, rows)
    found = found_in(state)
    if found is not None:
        return "nothing was found; click each vertebra's centre", "running" if clicking else "attention"
    ways = "click each vertebra's centre in every view"
    return ways if state.detector_lacks else f"find them, or {ways}", "running" if clicking else "waiting"


def _good(state: PanelState, rows: list[LocatedRow]) -> tuple[str, str]:
    names = " ".join(row.level for row in rows)
    if len(rows) > FEW and LEVELS.index(rows[-1].level) - LEVELS.index(rows[0].level) == len(rows) - 1:
        names = f"{rows[0].level} to {rows[-1].level}"
    doubtful = [row.level for row in rows if not row.sure]
    all_in_doubt = len(doubtful) == len(rows) and len(rows) > 1
    open_question = "a question of step 1 is open" if what_geometry_lacks(state) else ""
    doubts = f"check the level of {'all' if all_in_doubt else ' '.join(doubtful)}" if doubtful else ""
    hint = "all may be one level off" if shift_hint(state) and not doubts else ""
    words = "; ".join(filter(None, (f"{names} located", doubts, hint, open_question)))
    return words, "attention" if doubts or hint or open_question else "done"
