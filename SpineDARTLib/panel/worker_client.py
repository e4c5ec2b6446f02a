"""The worker process as the panel sees it: one job at a time is with it, the others wait here.

So a waiting job is cancelled at once, a running one within ``PATIENCE_SECONDS``, if need be by killing the process, and
a worker that dies takes only one job with it. Nothing here blocks: lines come in through the process's callbacks, and
``tick`` looks at the clock.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

Message = Mapping[str, Any]

PATIENCE_SECONDS = 0.7
"""For a running job to answer a cancel before its process is killed: with a tick's delay, still within a second."""

LAST_LINES = 8
"""Of what a dead worker said, that are shown."""

LONGEST_LINE = 300
"""Letters of each."""

ABSENT = "No module named"
"""What Python says of a package that is not installed."""


@runtime_checkable
class Process(Protocol):
    """A process with pipes. QProcess in Slicer, ``subprocess`` in tests; callbacks come on the caller's own thread."""

    def start(
        self,
        command: Sequence[str],
        on_line: Callable[[str], None],
        on_complaint: Callable[[str], None],
        on_end: Callable[[int], None],
    ) -> None:
        """Start it.

        Args:
            command: the program and its arguments.
            on_line: gets each line of standard output.
            on_complaint: each line of standard error.
            on_end: the exit code, once, after the last line; also when the program could not be started.
        """
        ...

    def write(self, text: str) -> None:
        """To its standard input; nothing happens where it has ended."""
        ...

    def kill(self) -> None:
        """At once, with its children; ``on_end`` may come or not."""
        ...


JobId = int | str


@dataclass(frozen=True)
class Request:
    """Something asked for: ``asked`` as the worker has it, beside the id."""

    job: JobId
    asked: Mapping[str, object]

    def line(self) -> str:
        """As the worker reads it."""
        return json.dumps({"id": self.job, **self.asked}) + "\n"


class WorkerClient:
    """Keeps the process, sends it jobs and passes on what it answers.

    ``on_message`` hears of each job: "started", "state", "done", "failed" (kind "input", "internal" or "worker", with
    "message"; of a worker that died, "answered": whether it had come up at all), "cancelled"; and "hello" once a
    process.

    Args:
        new_process: makes a process that is not started yet.
        command: of the worker.
        now: seconds from any fixed moment.
    """

    def __init__(
        self, new_process: Callable[[], Process], command: Sequence[str], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.on_message: Callable[[Message], None] = lambda message: None
        self._new_process, self._command, self._now = new_process, tuple(command), now
        self._process: Process | None = None
        self._waiting: deque[Request] = deque()
        self._running: Request | None = None
        self._deadline: float | None = None
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._answered = False

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    @property
    def jobs(self) -> tuple[JobId, ...]:
        """The running one first, then those that wait."""
        running = () if self._running is None else (self._running.job,)
        return (*running, *(request.job for request in self._waiting))

    def hello(self) -> None:
        """Start the process now, so that it is warm when the first job comes."""
        if self._process is None:
            self._start()

    def plan(
        self, job: int, case: Path, out: Path, levels: Sequence[str], settings: Mapping[str, object] | None = None
    ) -> None:
        """Ask for a plan; it waits for those before it."""
        asked = {"do": "plan", "case": str(case), "out": str(out), "levels": list(levels), "settings": settings or {}}
        self._put(Request(job, asked))

    def find(
        self,
        job: str,
        case: Path,
        clicks: Mapping[str, Mapping[str, Sequence[float]]],
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Ask where the vertebrae are; it waits for what is before it.

        Args:
            clicks: level to view name to (u, v), in place of the case's own.
        """
        self._put(Request(job, {"do": "find", "case": str(case), "clicks": clicks, "settings": settings or {}}))

    def _put(self, request: Request) -> None:
        self._waiting.append(request)
        self.hello()
        self._send_next()

    def cancel(self, job: JobId) -> None:
        """Nobody wants it any more; "cancelled" follows, at once or by a later ``tick``."""
        if self._running is not None and self._running.job == job:
            if self._deadline is None:
                self._deadline = self._now() + PATIENCE_SECONDS
                self._write(json.dumps({"id": f"cancel {job}", "do": "cancel", "job": job}) + "\n")
        elif job in self.jobs:
            self._waiting = deque(request for request in self._waiting if request.job != job)
            self.on_message({"id": job, "event": "cancelled"})

    def tick(self) -> None:
        """Look at the clock: a job that does not let itself be cancelled costs its process."""
        if self._deadline is not None and self._now() >= self._deadline:
            self._drop()
            self._finish({"event": "cancelled"})
            self.hello()  # warm again before the next job

    def close(self) -> None:
        """End everything now: no process is left and no job is heard of any more."""
        self._waiting.clear()
        self._running = self._deadline = None
        self._drop()

    def _start(self) -> None:
        process = self._process = self._new_process()
        self._answered = False
        self._lines.clear()

        def only_of_this(heard: Callable[[Any], None]) -> Callable[[Any], None]:
            """What a process that was dropped still says is of no interest."""
            return lambda value: heard(value) if self._process is process else None

        callbacks = (only_of_this(heard) for heard in (self._take, self._complain, self._ended))
        process.start(self._command, *callbacks)
        self._write(json.dumps({"id": "hello", "do": "hello"}) + "\n")

    def _write(self, text: str) -> None:
        if self._process is not None:
            self._process.write(text)

    def _send_next(self) -> None:
        """The next job to the worker, if it has none."""
        if self._running is not None or not self._waiting:
            return
        self.hello()
        if self._waiting:  # a process that cannot be started has told them all so already
            self._running = self._waiting.popleft()
            self._write(self._running.line())

    def _take(self, line: str) -> None:
        """A line that the worker wrote."""
        try:
            message = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            message = None
        if not isinstance(message, dict) or "event" not in message:
            self._complain(line)
            return
        self._answered = True
        event = message["event"]
        if event == "hello":
            self.on_message(message)
        elif self._running is not None and message.get("id") == self._running.job:
            if event in ("started", "state"):
                self.on_message(message)
            elif event in ("done", "failed", "cancelled"):
                # Whoever has pressed Cancel is told so, even where the job was about to end anyway.
                self._finish(message if self._deadline is None else {"event": "cancelled"})

    def _complain(self, line: str) -> None:
        if line.strip():
            self._lines.append(line.strip()[:LONGEST_LINE])

    def _finish(self, message: Message) -> None:
        """The running job's last message, and the next job."""
        request, self._running, self._deadline = self._running, None, None
        try:
            if request is not None:
                self.on_message({**message, "id": request.job})
        finally:  # whatever a listener makes of it, those that wait come next
            self._send_next()

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def _ended(self, code: int) -> None:
        """The process is gone though nobody asked it to go."""
        self._process = None
        lines, answered = list(self._lines), self._answered
        if self._deadline is not None:
            self._finish({"event": "cancelled"})
            return
        failed = {"event": "failed", "kind": "worker", "message": died_words(code, lines, answered), "lines": lines,
                  "answered": answered}  # fmt: skip
        if not answered:  # it would die again: whoever waits is told, and the next request tries anew
            for request in self._waiting:
                self.on_message({**failed, "id": request.job})
            self._waiting.clear()
        if self._running is None and not self._waiting:
            self.on_message({**failed, "id": None})
        self._finish(failed)


KILLED = (-9, 9, 137)
"""Exit codes of a process that was killed, as Python, Qt and shells tell it."""


def died_words(code: int, lines: Sequence[str], answered: bool) -> str:
    """What to tell of a worker that is gone: that it is, what it said last, what to do."""
    said = f" It said last: {' / '.join(lines)}" if lines else ""
    if any("No module named" in line for line in lines):
        missing = (
            next(line for line in lines if "No module named" in line).rsplit("No module named", 1)[1].strip(" '\"")
        )
        return f"The fitting process cannot start: the Python package {missing} is missing. Install it, then fit again."
    if not answered:
        return f"The fitting process did not start (exit code {code}).{said}"
    if code in KILLED:
        return f"The fitting process was killed, perhaps for want of memory; the next fit starts a new one.{said}"
    return f"The fitting process ended by itself (exit code {code}); the next fit starts a new one.{said}"
