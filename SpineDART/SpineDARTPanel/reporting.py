"""The report, written beside Slicer by ``spinedart report``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from .worker import Errand, command


class Reporter:
    """One report at a time.

    Args:
        say: words and whether they are a problem.
    """

    def __init__(self, presenter: Any, say: Callable[[str, bool], Any]) -> None:
        self._presenter, self._say = presenter, say
        self._errand: Errand | None = None

    def write(self, file: str) -> None:
        """Start it; its end is told."""
        found = self._presenter.files_for_report()
        if found is None:
            return
        plan, case, review = (str(path) for path in found)
        self.stop()

        def done(code: int, words: str) -> None:
            self._errand = None
            if code in (0, 1):  # 1: a vertebra without a usable plan is in it, and says so
                self._say(_("The report was written to {name}.").format(name=Path(file).name), False)
            else:
                self._say(_("The report could not be written: {words}").format(words=words), True)

        self._say(_("The report is being written."), False)
        line = command("report", plan, "--case", case, "--review", review, "--out", file)
        self._errand = Errand(line, done)

    def stop(self) -> None:
        if self._errand is not None:
            self._errand.stop()
            self._errand = None
