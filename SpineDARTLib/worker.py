"""The process that 3D Slicer talks to: one JSON object a line in, one a line out (``spinedart worker``).

It keeps torch, atlas and weights loaded, so that the second vertebra is answered at once, and runs one job at a time in
a thread of its own, while this one goes on reading: a job is cancelled between two steps, and writes its plan folder
whole at its end or not at all. When its input closes, because Slicer has gone, it stops and leaves nothing behind.

Requests have an ``id`` of the caller's choice, and ``do``:

* ``{"id": 1, "do": "hello"}``: answers ``hello`` with version, format, and the levels that there are shape models of.
* ``{"id": 2, "do": "plan", "case": FOLDER, "out": FOLDER, "levels": ["L3"], "settings": {"plan": {"gauge": 13}}}``:
  answers ``queued`` with how many jobs are before it, ``started``, some ``state`` a second, then ``done``. ``levels``
  and ``settings`` (of ``config.Settings``, whatever part is to differ) may be absent.
* ``{"id": 3, "do": "cancel", "job": 2}``: the job answers ``cancelled``; ``{"id": 4, "do": "quit"}`` ends the process.

Every answer has the request's ``id`` and an ``event``. What goes wrong is ``failed`` with ``kind`` "input" (the message
is for the user) or "internal".
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import IO, Any, Protocol, runtime_checkable

from . import __version__
from .config import Settings
from .errors import InputError
from .io.fields import Field
from .io.plan import plain
from .io.settings import changed
from .types import LEVELS, FitState

FORMAT = "spinedart-worker/1"
INTERVAL_SECONDS = 0.1
"""Between two states that are told: an eye sees no more, and the fit is not held up."""
REQUESTS = ("hello", "plan", "cancel", "quit")
WHERE = Path("request")
"""What complaints about a request call it."""

log = logging.getLogger(__name__)

Answer = Callable[[Mapping[str, Any]], None]
Message = dict[str, Any]


@dataclass(frozen=True)
class PlanJob:
    """A case to plan.

    Attributes:
        id: of the request: a number or a text.
        cancelled: set when nobody wants it any more.
    """

    id: int | str
    case: Path
    out: Path
    levels: tuple[str, ...] | None
    settings: Settings
    cancelled: threading.Event = field(default_factory=threading.Event)


@runtime_checkable
class Planner(Protocol):
    """Plans a job: yields the fit's states, returns what ``done`` tells."""

    def __call__(self, job: PlanJob) -> Generator[FitState, None, Message]: ...


def plan_to_folder(job: PlanJob) -> Generator[FitState, None, Message]:
    """The whole pipeline, and the plan folder at its end."""
    from .commands import check_machine, require_model
    from .inspect.residuals import write_residuals
    from .io.case import read_case
    from .io.plan import check_writable, write_plan
    from .overlay import draw_overlay
    from .pipeline import load_models, plan_case

    device = check_machine(job.settings)
    case = read_case(job.case)
    require_model(case, job.levels)
    check_writable(job.out)
    plans = yield from plan_case(case, job.settings, job.levels)
    write_plan(job.out, case, plans, job.settings, lambda path: draw_overlay(case, plans, path), {"device": device})
    try:
        write_residuals(job.out, case, plans, load_models(), job.settings.render)
    except OSError as error:  # a full disk, say: pictures for whoever inspects are not worth a plan that is written
        log.warning("no residual pictures: %s", error.strerror or error)
    outcomes = [{"level": one.fitted.level, "status": one.fitted.status, "reason": one.fitted.reason} for one in plans]
    return {"out": str(job.out), "vertebrae": outcomes}


class Worker:
    """Reads requests, answers them, and has one thread that plans."""

    def __init__(self, answer: Answer, planner: Planner = plan_to_folder) -> None:
        self._answer, self._planner = answer, planner
        self._jobs: dict[int | str, PlanJob] = {}
        self._queue: SimpleQueue[PlanJob | None] = SimpleQueue()
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
            request = _read(line)
            number = _id_of(request)
            do = request.child("do").text(REQUESTS)
            if do == "hello":
                self._answer({"id": number, "event": "hello", **_about()})
            elif do == "plan":
                self._enqueue(_plan_job(number, request))
            elif do == "cancel":
                self._cancel(number, request.child("job"))
            return do != "quit"
        except InputError as error:
            self._answer({"id": number, "event": "failed", "kind": "input", "message": str(error)})
            return True

    def _enqueue(self, job: PlanJob) -> None:
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

    def _run(self, job: PlanJob) -> Message:
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


def _told(state: FitState) -> Message:
    """A state as the panel shows it; vertices are the caller's own work, from the same atlas."""
    names = ("level", "pose", "scale", "coefficients")
    return {
        "stage": state.stage,
        "step": state.step,
        "total_steps": state.total_steps,
        "losses": state.losses,
        "losses_by_level": state.losses_by_level,
        "vertebrae": [{name: getattr(one, name) for name in names} for one in state.vertebrae],
    }


def _read(line: str) -> Field:
    try:
        request = Field(WHERE, "", json.loads(line))
    except (json.JSONDecodeError, RecursionError):
        raise InputError(WHERE, "", line.strip(), "one JSON object a line") from None
    request.members()
    return request


def _id_of(request: Field) -> int | str:
    found = request.child("id")
    return found.text() if isinstance(found.value, str) else found.index()


def _plan_job(number: int | str, request: Field) -> PlanJob:
    known = ("id", "do", "case", "out", "levels", "settings")
    for name in request.unknown(known):
        raise InputError(WHERE, name, request.value[name], f"one of {', '.join(known)}")
    levels, settings = request.optional("levels"), request.optional("settings")
    return PlanJob(
        number,
        Path(request.child("case").text()),
        Path(request.child("out").text()),
        tuple(level.text(LEVELS) for level in levels.items()) if levels else None,
        changed(Settings(), settings) if settings else Settings(),
    )


def _about() -> Message:
    from .atlas.files import available_levels

    return {"format": FORMAT, "version": __version__, "levels": available_levels()}


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
