"""The process that 3D Slicer talks to: one JSON object a line in, one a line out (``spinedart worker``).

It keeps torch, atlas and weights loaded, so that the second vertebra is answered at once, and runs one job at a time in
a thread of its own, while this one goes on reading: a job is cancelled between two steps, and writes its plan folder
whole at its end or not at all. When its input closes, because Slicer has gone, it stops and leaves nothing behind.

Requests have an ``id`` of the caller's choice, and ``do``:

* ``{"id": 1, "do": "hello"}``: answers ``hello`` with version, format, the levels that there are shape models of,
  and ``detector``: "" where there are weights to find vertebrae with, otherwise the sentence that says what is wrong.
* ``{"id": 2, "do": "plan", "case": FOLDER, "out": FOLDER, "levels": ["L3"], "settings": {"plan": {"gauge": 13}}}``:
  answers ``queued`` with how many jobs are before it, ``started``, some ``state`` a second, then ``done``. ``levels``
  and ``settings`` (of ``config.Settings``, whatever part is to differ) may be absent.
* ``{"id": 5, "do": "find", "case": FOLDER, "clicks": {"L3": {"AP": [u, v]}}, "settings": {"detector": {"shift": 1}}}``:
  the vertebrae that a detector sees, each with a pixel for every view; ``clicks`` (of the pictures as they are read)
  take the place of the case's own and may be of one view. Without weights it is ``failed``, kind "input".
* ``{"id": 3, "do": "cancel", "job": 2}``: the job answers ``cancelled``; ``{"id": 4, "do": "quit"}`` ends the process.

Every answer has the request's ``id`` and an ``event``. What goes wrong is ``failed`` with ``kind`` "input" (the message
is for the user) or "internal".
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from queue import SimpleQueue
from time import perf_counter
from typing import IO, Any

from . import __version__
from .errors import InputError
from .io.fields import Field
from .io.plan import plain
from .types import FitState
from .worker_jobs import WHERE, Job, Message, Planner, Step, do_job, find_job, id_of, plan_job, read_request

FORMAT = "spinedart-worker/1"
INTERVAL_SECONDS = 0.1
"""Between two states that are told: an eye sees no more, and the fit is not held up."""
REQUESTS = ("hello", "plan", "find", "cancel", "quit")

Answer = Callable[[Mapping[str, Any]], None]


class Worker:
    """Reads requests, answers them, and has one thread that does what they ask."""

    def __init__(self, answer: Answer, planner: Planner = do_job) -> None:
        self._answer, self._planner = answer, planner
        self._jobs: dict[int | str, Job] = {}
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="planning", daemon=True)

    def serve(self, lines: Iterable[str]) -> None:
        """Answer requests until one asks to quit or there are no more; then cancel what runs and wait for its end."""
        self._thread.start()
        for line in lines:
            if line.strip() and not self._take(line):
                break
        for job in list(self._jobs.values()):
            job.cancelled.set()
        self._queue.put(None)
        self._thread.join()

    def _take(self, line: str) -> bool:
        """Answer one request; False when it asks to quit."""
        number = None
        try:
            request = read_request(line)
            number = id_of(request)
            do = request.child("do").text(REQUESTS)
            if do == "hello":
                self._answer({"id": number, "event": "hello", **_about()})
            elif do == "plan":
                self._enqueue(plan_job(number, request))
            elif do == "find":
                self._enqueue(find_job(number, request))
            elif do == "cancel":
                self._cancel(number, request.child("job"))
            return do != "quit"
        except InputError as error:
            self._answer({"id": number, "event": "failed", "kind": "input", "message": str(error)})
            return True

    def _enqueue(self, job: Job) -> None:
        if job.id in self._jobs:
            raise InputError(WHERE, "id", job.id, "an id that no waiting or running job has")
        before = len(self._jobs)
        self._jobs[job.id] = job
        self._answer({"id": job.id, "event": "queued", "before": before})
        self._queue.put(job)

    def _cancel(self, number: int | str, asked: Field) -> None:
        job = self._jobs.get(asked.value) if isinstance(asked.value, (int, str)) else None
        if job is None:
            asked.fail(f"a job that waits or runs ({', '.join(map(str, self._jobs)) or 'there is none'})")
        job.cancelled.set()
        self._answer({"id": number, "event": "ok"})

    def _work(self) -> None:
        """The planning thread: one job after the other."""
        while (job := self._queue.get()) is not None:
            try:
                message = self._run(job)
            except InputError as error:
                message = {"event": "failed", "kind": "input", "message": str(error)}
            except Exception as error:  # one broken job never costs the next
                traceback.print_exc()
                what = " ".join(f"{type(error).__name__}: {error}".split())
                message = {"event": "failed", "kind": "internal", "message": what}
            del self._jobs[job.id]
            self._answer({"id": job.id, **message})

    def _run(self, job: Job) -> Message:
        """A job's last message."""
        if job.cancelled.is_set():
            return {"event": "cancelled"}
        self._answer({"id": job.id, "event": "started"})
        begun, told = perf_counter(), -INTERVAL_SECONDS
        states = self._planner(job)
        while True:
            try:
                state = next(states)
            except StopIteration as end:
                return {"event": "done", "seconds": perf_counter() - begun, **end.value}
            seconds = perf_counter() - begun
            if job.cancelled.is_set():
                states.close()
                return {"event": "cancelled"}
            if seconds - told >= INTERVAL_SECONDS:
                told = seconds
                self._answer({"id": job.id, "event": "state", "seconds": seconds, **_told(state)})


def _told(state: Step) -> Message:
    """A state as the panel shows it; vertices are the caller's own work, from the same atlas."""
    if not isinstance(state, FitState):
        return dict(state)
    names = ("level", "pose", "scale", "coefficients")
    return {
        "stage": state.stage,
        "step": state.step,
        "total_steps": state.total_steps,
        "losses": state.losses,
        "losses_by_level": state.losses_by_level,
        "vertebrae": [{name: getattr(one, name) for name in names} for one in state.vertebrae],
    }


def _about() -> Message:
    from .atlas.files import available_levels
    from .config import DetectorSettings
    from .detector_in_use import lacking

    detector = lacking(DetectorSettings())
    return {"format": FORMAT, "version": __version__, "levels": available_levels(), "detector": detector}


def run(requests: IO[str] | None = None) -> int:
    """Serve standard input; whatever else is printed goes to standard error."""
    out, lock = sys.stdout, threading.Lock()

    def answer(message: Mapping[str, Any]) -> None:
        line = json.dumps(plain(message), allow_nan=False)
        with lock:
            try:
                out.write(line + "\n")
                out.flush()
            except (BrokenPipeError, ValueError):
                pass  # nobody listens any more; the end of the input follows

    with redirect_stdout(sys.stderr):
        Worker(answer).serve(requests or sys.stdin)
    return 0
