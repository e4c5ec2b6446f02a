"""The Python that computes: Slicer's own without its window, in processes beside Slicer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import slicer

import SpineDARTLib

from .process import QtProcess

ROOT = Path(SpineDARTLib.__file__).resolve().parents[1]
"""The folder that SpineDARTLib is imported from."""

CALL = "import sys; sys.path.insert(0, sys.argv.pop(1)); "
"""Before anything else a process is told where SpineDARTLib lies: no environment is changed for that."""


def python() -> str:
    """Slicer's interpreter, if it can be the real one: a launcher's child would outlive the launcher.

    Slicer's own environment, which processes inherit, has all that the real one needs.
    """
    folder = Path(slicer.app.slicerHome) / "bin"
    names = ("python-real", "python-real.exe", "PythonSlicer", "PythonSlicer.exe")
    return str(next((folder / name for name in names if (folder / name).is_file()), Path(sys.executable)))


def command(*arguments: str) -> tuple[str, ...]:
    """A command line of ``spinedart``, by Slicer's interpreter."""
    return (python(), "-c", CALL + "from SpineDARTLib.__main__ import main; sys.exit(main())", str(ROOT), *arguments)


class Errand:
    """One command that is run beside Slicer, its last words kept for the user."""

    def __init__(self, line: Sequence[str], done: Callable[[int, str], None]) -> None:
        self._said: list[str] = []
        self._process = QtProcess()
        self._process.start(
            line, lambda _: None, self._said.append, lambda code: done(code, " / ".join(self._said[-3:]))
        )

    def stop(self) -> None:
        """Nobody waits for it any more."""
        self._process.kill()
