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
        if self._presenter.files_for_report(lambda *found: self._start(file, *map(str, found))):
            self._say(_("The report is being written."), False)

    def _start(self, file: str, plan: str, case: str, review: str) -> None:
        """What it needs is there."""
        self.stop()
        before = _when_written(file)

        def done(code: int, words: str) -> None:
            self._errand = None
            # 1: a vertebra without a usable plan is in it, and says so; but a Python that cannot start ends so too.
            if code in (0, 1) and _when_written(file) != before:
                self._say(_("The report was written to {name}.").format(name=Path(file).name), False)
            else:
                self._say(_("The report could not be written: {words}").format(words=words), True)

        line = command("report", plan, "--case", case, "--review", review, "--out", file)
        self._errand = Errand(line, done)

    def stop(self) -> None:
        if self._errand is not None:
            self._errand.stop()
            self._errand = None


def _when_written(file: str) -> int:
    """Its time in nanoseconds, 0 where there is none."""
    path = Path(file)
    return path.stat().st_mtime_ns if path.is_file() else 0
