"""Grading sessions: a rater sees cannula after cannula and knows neither whose they are nor what the numbers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..io.files import write_atomically
from ..io.plan import read_plan
from ..review.files import read_session, session_to_csv, session_to_text
from ..review.record import GRADES
from ..review.session import Item, Session, new_session
from .state import PanelState, Refusal

THIS_CASE = "this case"
"""What items of the case that is open are called."""


def title(session: Session) -> str:
    """All that the rater may know of the item that is shown: how many there are, and which of both cannulas it is."""
    if session.current is None:
        return f"all {len(session.items)} graded"
    return f"{session.place + 1} of {len(session.items)}: the {session.current.side} cannula"


def items_of_case(state: PanelState) -> tuple[Item, ...]:
    """The cannulas of the open case as they stand."""
    return tuple(Item(THIS_CASE, *key, option.cannula.name) for key, option in state.options.items())


def items_of_folders(folders: Sequence[Path]) -> tuple[Item, ...]:
    """The recommended cannulas of saved plans.

    Raises:
        InputError: a folder that holds no plan.
    """
    return tuple(
        Item(str(folder), plan.fitted.level, cannula.side, cannula.name)
        for folder in folders
        for plan in read_plan(folder).plans
        for cannula in plan.cannulas
    )


def started(state: PanelState, rater: str, items: Sequence[Item], seed: int) -> PanelState:
    """With a session begun.

    Raises:
        Refusal: no rater's name, or nothing to grade.
    """
    if not rater.strip():
        raise Refusal("Write the rater's name first; grades without one cannot be compared.")
    items = items or items_of_case(state)
    if not items:
        raise Refusal("There is nothing to grade yet. Fit a vertebra, or choose plan folders.")
    session = new_session(rater.strip(), tuple(dict.fromkeys(items)), seed)
    return replace(
        state, rater=rater.strip(), session=session, session_paused=False, dragged=None, message=title(session)
    )


def continued(state: PanelState, file: Path) -> PanelState:
    """With a saved session going on.

    Raises:
        InputError: no file, or not a session's.
        Refusal: it cannot be read.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{Path(file).name} cannot be read as a grading session: {error}.") from None
    session = read_session(text, Path(file))
    return replace(state, rater=session.rater, session=session, session_paused=False, message=title(session))


def answered(state: PanelState, value: int, seconds: float, comment: str = "") -> PanelState:
    """With the item that is shown graded.

    Raises:
        Refusal: no session, all graded, paused, or no such grade.
    """
    if state.session is None or state.session.finished:
        raise Refusal("All are graded. Save the grades and end the session.")
    if state.session_paused:
        raise Refusal("The session is paused. Go on first.")
    if value not in GRADES:
        raise Refusal(f"There is no grade {value}.")
    session = state.session.answered(value, seconds, comment)
    return replace(state, session=session, message=title(session), attention=False)


def taken_back(state: PanelState) -> PanelState:
    """With the last answer taken back.

    Raises:
        Refusal: there is none.
    """
    if state.session is None or not state.session.answers:
        raise Refusal("Nothing is graded yet.")
    session = state.session.undone()
    return replace(state, session=session, message=f"Taken back. {title(session)}", attention=False)


def saved(state: PanelState, file: Path) -> PanelState:
    """Write the session: JSON to go on from, or CSV to count with, by the file's ending.

    Raises:
        Refusal: no session.
        InputError: the file cannot be written.
    """
    if state.session is None:
        raise Refusal("No grading session is going on.")
    text = session_to_csv(state.session) if Path(file).suffix == ".csv" else session_to_text(state.session)
    write_atomically(Path(file), text.encode("utf-8"))
    return replace(state, message=f"Saved {Path(file).name}.", attention=False)


def ended(state: PanelState) -> PanelState:
    """Without the session."""
    return replace(state, session=None, session_paused=False, message="The grading session is over.", attention=False)
