"""Grading pictures, drawn beside Slicer: AP and lateral of a vertebra with its cannulas as metal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from SpineDARTLib.panel.grading import THIS_CASE
from SpineDARTLib.panel.state import PanelState

from .worker import Errand, command


class Pictures:
    """Draws the pictures of each plan once a session.

    Args:
        work: a folder of ours.
        say: words and whether they are a problem.
        drawn: is called when pictures are there.
    """

    def __init__(self, presenter: Any, work: Path, say: Callable[[str, bool], Any], drawn: Callable[[], Any]) -> None:
        self._presenter, self._work, self._say, self._drawn = presenter, work, say, drawn
        self._folders: dict[str, Path] = {}
        self._errands: dict[str, Errand] = {}
        self._drawn_plans: set[str] = set()
        self._count = 0

    def __call__(self, state: PanelState) -> Mapping[str, Path]:
        """The files of the item that is graded now; nothing while they are drawn."""
        session = state.session
        if session is None or session.current is None:
            return {}
        item = session.current
        folder = self._folders.get(item.plan) or self._ask(item.plan)
        if item.plan not in self._drawn_plans:
            return {}
        files = {name: folder / f"grading_{item.level}_{name}.png" for name in ("ap", "lat")}
        return files if all(file.is_file() for file in files.values()) else {}

    def forget(self) -> None:
        """Another session: cannulas may stand elsewhere by then."""
        for errand in self._errands.values():
            errand.stop()
        self._folders.clear()
        self._errands.clear()
        self._drawn_plans.clear()

    def _ask(self, plan: str) -> Path:
        self._count += 1
        folder = self._folders[plan] = self._work / f"grading-{self._count}"
        if plan == THIS_CASE:
            self._presenter.files_for_report(lambda source, *_: self._draw(plan, source, folder))
        else:
            self._draw(plan, Path(plan), folder)
        return folder

    def _draw(self, plan: str, source: Path, folder: Path) -> None:
        if self._folders.get(plan) is folder:  # else the session is over
            line = command("simulate", "grading", str(source), "--out", str(folder))
            self._errands[plan] = Errand(line, lambda code, words: self._done(plan, code, words))

    def _done(self, plan: str, code: int, words: str) -> None:
        if code:
            self._say(_("The grading pictures could not be drawn: {words}").format(words=words), True)
        else:
            self._drawn_plans.add(plan)
        self._drawn()
