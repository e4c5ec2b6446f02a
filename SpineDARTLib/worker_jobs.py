"""What the worker is asked to do, and how it is done: planning a case, finding its vertebrae."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from .config import Settings
from .errors import InputError
from .io.fields import Field
from .io.settings import changed
from .types import LEVELS, Case, FitState, Seed

WHERE = Path("request")
"""What complaints about a request call it."""

log = logging.getLogger(__name__)

Message = dict[str, Any]
Step = FitState | Mapping[str, Any]
"""What a job yields: a fit's state, or what is to be told of any other work."""


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


@dataclass(frozen=True)
class FindJob:
    """A case whose vertebrae are to be found.

    Attributes:
        id: of the request: a number or a text.
        clicks: in place of the case's own, None for these; a JSON field, checked when the views are there.
        cancelled: set when nobody wants it any more.
    """

    id: int | str
    case: Path
    clicks: Field | None
    settings: Settings
    cancelled: threading.Event = field(default_factory=threading.Event)


Job = PlanJob | FindJob


@runtime_checkable
class Planner(Protocol):
    """Does a job: yields how it goes, returns what ``done`` tells."""

    def __call__(self, job: Any) -> Generator[Step, None, Message]: ...


def do_job(job: Job) -> Generator[Step, None, Message]:
    """Plan or find."""
    return plan_to_folder(job) if isinstance(job, PlanJob) else find_in_case(job)


def plan_to_folder(job: PlanJob) -> Generator[Step, None, Message]:
    """The whole pipeline, and the plan folder at its end; none where nobody asked for a level and nothing was found."""
    from .commands import check_machine, require_model
    from .inspect.residuals import write_residuals
    from .io.case import read_case
    from .io.plan import check_writable, write_plan
    from .locating import locating
    from .overlay import draw_overlay
    from .pipeline import load_models, plan_case, remembered

    device = check_machine(job.settings)
    case = read_case(job.case)
    require_model(case, job.levels)
    check_writable(job.out)
    located = yield from _told(locating(case, job.settings, job.levels), case)
    plans = yield from plan_case(case, job.settings, job.levels, located=located)
    if not plans:
        return {"vertebrae": [], "words": located.words}
    extra = {"device": device, **remembered(located, plans)}
    write_plan(job.out, case, plans, job.settings, lambda path: draw_overlay(case, plans, path), extra)
    try:
        write_residuals(job.out, case, plans, load_models(), job.settings.render)
    except OSError as error:  # a full disk, say: pictures for whoever inspects are not worth a plan that is written
        log.warning("no residual pictures: %s", error.strerror or error)
    outcomes = [{"level": one.fitted.level, "status": one.fitted.status, "reason": one.fitted.reason} for one in plans]
    return {"out": str(job.out), "vertebrae": outcomes, "words": located.words}


def find_in_case(job: FindJob) -> Generator[Step, None, Message]:
    """What a detector sees in a case, clicks joined in.

    Raises:
        InputError: there is no detector; says what to do instead.
    """
    from .io.case import read_case
    from .located_json import answer
    from .locating import locating

    case = read_case(job.case)
    if job.clicks is not None:
        case = replace(case, seeds=_clicked(job.clicks, case))
    must = replace(job.settings, detector=replace(job.settings.detector, use="on"))
    located = yield from _told(locating(case, must, everything=True), case)
    return answer(case, located)


def _told(steps: Generator[str, None, Any], case: Case) -> Generator[Step, None, Any]:
    """Locating, each of its views told before it is looked at."""
    done = 0
    while True:
        try:
            name = next(steps)
        except StopIteration as end:
            return end.value
        yield {"stage": name, "step": done, "total_steps": len(case.views)}
        done += 1


def _clicked(clicks: Field, case: Case) -> tuple[Seed, ...]:
    """The request's clicks as seeds."""
    from .io.case import read_clicks

    for level, given in clicks.named().items():
        if level not in LEVELS:
            raise InputError(WHERE, given.path, level, f"a level from {LEVELS[0]} to {LEVELS[-1]}")
    return tuple(Seed(level, read_clicks(given, case.views)) for level, given in clicks.named().items())


def read_request(line: str) -> Field:
    """A line's JSON object.

    Raises:
        InputError: it holds none.
    """
    try:
        request = Field(WHERE, "", json.loads(line))
    except (json.JSONDecodeError, RecursionError):
        raise InputError(WHERE, "", line.strip(), "one JSON object a line") from None
    request.members()
    return request


def id_of(request: Field) -> int | str:
    """The request's own number or text."""
    found = request.child("id")
    return found.text() if isinstance(found.value, str) else found.index()


def plan_job(number: int | str, request: Field) -> PlanJob:
    """The same of a case to plan."""
    _refuse_unknown(request, ("id", "do", "case", "out", "levels", "settings"))
    levels, settings = request.optional("levels"), request.optional("settings")
    return PlanJob(
        number,
        Path(request.child("case").text()),
        Path(request.child("out").text()),
        tuple(level.text(LEVELS) for level in levels.items()) if levels else None,
        changed(Settings(), settings) if settings else Settings(),
    )


def find_job(number: int | str, request: Field) -> FindJob:
    """The job that a request asks for.

    Raises:
        InputError: what the request lacks, or has too much of.
    """
    _refuse_unknown(request, ("id", "do", "case", "clicks", "settings"))
    settings = request.optional("settings")
    return FindJob(
        number,
        Path(request.child("case").text()),
        request.optional("clicks"),
        changed(Settings(), settings) if settings else Settings(),
    )


def _refuse_unknown(request: Field, known: tuple[str, ...]) -> None:
    for name in request.unknown(known):
        raise InputError(WHERE, name, request.value[name], f"one of {', '.join(known)}")
