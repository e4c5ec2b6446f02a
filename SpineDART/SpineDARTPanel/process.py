"""The worker's process in Slicer: a QProcess, line by line (``SpineDARTLib.panel.worker_client.Process``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt

NOT_STARTED = -1
"""Exit code of a program that could not be started."""

_ENDING: list[QtProcess] = []
"""Killed and not gone yet: Qt would wait for one that is forgotten before that."""


class QtProcess:
    """A process whose callbacks come on Slicer's own thread, between two events."""

    def __init__(self) -> None:
        self._process: Any = qt.QProcess()
        self._rest = {"out": b"", "complaint": b""}
        self._ended = False

    def start(
        self,
        command: Sequence[str],
        on_line: Callable[[str], None],
        on_complaint: Callable[[str], None],
        on_end: Callable[[int], None],
    ) -> None:
        """As the protocol says."""
        process = self._process

        def read() -> None:
            if self._ended:
                return
            self._pass_on("out", process.readAllStandardOutput().data(), on_line)

        def read_complaints() -> None:
            if self._ended:
                return
            self._pass_on("complaint", process.readAllStandardError().data(), on_complaint)

        def end(code: int) -> None:
            if self in _ENDING:
                _ENDING.remove(self)
            if self._ended:
                return
            read()
            read_complaints()
            self._ended = True
            self._pass_on("out", b"\n", on_line)
            self._pass_on("complaint", b"\n", on_complaint)
            on_end(code)

        def failed() -> None:
            if not self._ended and process.state() == qt.QProcess.NotRunning:
                end(NOT_STARTED)

        process.connect("readyReadStandardOutput()", read)
        process.connect("readyReadStandardError()", read_complaints)
        process.connect("finished(int)", end)
        process.connect("errorOccurred(QProcess::ProcessError)", failed)
        process.start(command[0], list(command[1:]))

    def write(self, text: str) -> None:
        """As the protocol says."""
        if self._process.state() != qt.QProcess.NotRunning:
            self._process.write(text.encode("utf-8"))

    def kill(self) -> None:
        """Its input closes too: a worker behind a launcher ends by that."""
        if self._ended:
            return
        self._ended = True
        _ENDING.append(self)
        self._process.closeWriteChannel()
        self._process.kill()

    def _pass_on(self, stream: str, data: bytes, heard: Callable[[str], None]) -> None:
        """Whole lines at once; the rest waits for its end."""
        *lines, self._rest[stream] = (self._rest[stream] + data).split(b"\n")
        for line in lines:
            if line.strip():
                heard(line.decode("utf-8", "replace"))
