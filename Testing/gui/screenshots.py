"""The panel in every step of a review, as PNG: ``python -m Testing.gui.screenshots OUT [PYTHON] [dark]``.

PYTHON is the interpreter for the fits, where the one that draws has no torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import numpy as np

from .session import Session
from .whole_window import WholeWindow


def take(session: Session, out: Path) -> dict[str, float]:
    """Click through a review of the sample case; gives the longest pauses of the window, ms, and updates a second."""
    out.mkdir(parents=True, exist_ok=True)
    presenter = session.presenter
    whole = WholeWindow(session)

    def shoot(name: str) -> None:
        session.picture(out / f"{name}.png")

    shoot("1_start")
    session.press("Case", "sample")
    session.wait(lambda: bool(presenter.state.seeds))
    session.process(0.5)
    shoot("2_located")
    whole.picture(out / "window_located.png")
    session.wait(lambda: presenter._client.alive and not presenter._background.busy)
    session.process(2.0)
    finding = find(session, shoot, whole, out) if not presenter.state.detector_lacks else float("nan")
    gaps = Gaps()
    session.press("Fit", "fit_all")
    session.wait(lambda: any(job.share > 0.4 for job in presenter.state.jobs.values()), 600.0)
    fitting = gaps.stop()
    shoot("3_fitting")
    whole.picture(out / "window_fitting.png")
    gaps = Gaps()
    session.wait(
        lambda: bool(presenter.state.plans) and not any(job.open for job in presenter.state.jobs.values()), 900.0
    )
    session.process(1.5)
    arriving = gaps.stop()
    fold(session)
    presenter.select("L3", "left")
    session.process(1.0)
    shoot("4_review")
    whole.picture(out / "window_review.png")
    rate = drag(session)
    shoot("5_dragging")
    whole.picture(out / "window_dragging.png")
    presenter.drag("entry", session_entry(session) + np.array([7.0, 0.0, 0.0]))
    session.process(0.3)
    shoot("5_breach")
    whole.picture(out / "window_breach.png")
    presenter.release()
    session.press("Review", "undo")
    session.press("Review", "safest")
    session.wait(lambda: not presenter.state.busy)
    presenter.set_rater("AB")
    session.press("Grade", "grade")
    session.widget.keys.press("Right")
    session.widget.keys.press("2")
    shoot("6_graded")
    for section in ("Case", "Locate", "Fit", "Review", "Grade", "Export"):
        session.panel.sections[section].open(False)
    session.panel.inspect.unfold()
    shoot("7_inspect")
    presenter.start_session(seed=3)
    session.process(0.2)
    session.wait(lambda: bool(session.widget.pictures(presenter.state)))
    session.process(0.3)
    shoot("8_grading")
    presenter.end_session()
    session.panel.toggle_help()
    shoot("9_keys")
    return {
        "while_finding_ms": finding,
        "longest_pause_while_fitting_ms": fitting,
        "when_plans_arrive_ms": arriving,
        "updates_a_second": rate,
    }


def find(session: Session, shoot: Callable[[str], None], whole: WholeWindow, out: Path) -> float:
    """The sample without its clicks, found; then with them again. Gives the longest pause, ms."""
    presenter = session.presenter
    for level in tuple(presenter.state.seeds):
        presenter.remove_level(level)
    gaps = Gaps()
    session.press("Locate", "find")
    session.wait(lambda: presenter.state.finding is None)
    session.process(1.0)
    longest = gaps.stop()
    shoot("2_found")
    whole.picture(out / "window_found.png")
    presenter.open_sample()
    session.process(0.5)
    return longest


def session_entry(session: Session) -> np.ndarray:
    """(3,) RAS mm: where the selected cannula's entry is now."""
    state = session.presenter.state
    shown = state.dragged or state.options[state.selected]
    return shown.cannula.entry_mm


def fold(session: Session) -> None:
    """The first steps are done: out of the way."""
    for name in ("Case", "Locate"):
        session.panel.sections[name].open(False)


def drag(session: Session, moves: int = 60) -> float:
    """Drag the selected cannula's entry; updates a second of computing, with all that shows them."""
    presenter = session.presenter
    start = presenter.state.options[presenter.state.selected].cannula.entry_mm
    begun = thread_time()
    for move in range(moves):
        presenter.drag("entry", start + np.array([0.05 * move, 0.0, 0.02 * move]))
        session.process()
    return moves / (thread_time() - begun)


class Gaps:
    """How long the window was held up: between two ticks of a 5 ms timer, the time that this thread itself computed.

    Other people's work on the same machine is in ``wall``, not in ``own``.
    """

    INTERVAL_MS = 5

    def __init__(self) -> None:
        from PySide6.QtCore import QTimer

        self.own: list[float] = []
        self.wall: list[float] = []
        self._last = (thread_time(), perf_counter())
        self._timer: Any = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(self.INTERVAL_MS)

    def stop(self) -> float:
        """The longest, milliseconds of computing."""
        self._timer.stop()
        return max(self.own, default=0.0)

    def _tick(self) -> None:
        now = (thread_time(), perf_counter())
        self.own.append(1000 * (now[0] - self._last[0]))
        self.wall.append(1000 * (now[1] - self._last[1]) - self.INTERVAL_MS)
        self._last = now


def main() -> None:
    out = Path(sys.argv[1])
    session = Session(sys.argv[2] if len(sys.argv) > 2 else sys.executable, dark="dark" in sys.argv)
    try:
        measured = take(session, out)
    finally:
        session.close()
    sys.stdout.write(", ".join(f"{name} {value:.0f}" for name, value in measured.items()) + "\n")


if __name__ == "__main__":
    main()
