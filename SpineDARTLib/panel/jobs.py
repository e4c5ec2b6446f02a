"""How a fit stands, from what the worker tells of it."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..types import Plan
from .state import Job
from .words import progress_words, seconds_words
from .worker_client import Message

SOON = 0.03
"""Share of a fit before which nobody can say how long it takes."""

LOST = "not fitted: the fitting process gave no plan of it; fit it again"

NO_SPACE_LEFT = f"[Errno {errno.ENOSPC}]"
"""How Python says of a worker's disk that it is full."""

FULL = "The disk is full: the fitting process could not write its plan. Free some space, then fit again."
INSIDE = "The fitting process failed inside ({}). Fit again; if that fails too, save the scene and report it."


def progressed(job: Job, message: Message) -> Job:
    """A job after one more of the worker's "state" messages; before the fit these name the view that is looked at."""
    if "vertebrae" not in message:
        return replace(job, state="running", words=f"looking at {message['stage']}")
    share = message["step"] / max(message["total_steps"], 1)
    seconds = float(message["seconds"])
    left = seconds * (1 - share) / share if share >= SOON else float("nan")
    loss = sum(value for value in message["losses"].values() if value is not None)
    return replace(
        job,
        state="running",
        stage=message["stage"],
        share=share,
        seconds=seconds,
        seconds_left=left,
        words=progress_words(share, left),
        losses=(*job.losses, (int(message["step"]), float(loss))),
    )


def outcomes(job: Job, plans: Mapping[str, Plan], seconds: float) -> dict[str, Job]:
    """Level to how a job that ended went for it: each has its own luck."""
    ended = {level: replace(job, state="failed", words=LOST) for level in job.levels if level not in plans}
    for level, plan in plans.items():
        good = plan.fitted.vertebra is not None
        words = f"done in {seconds_words(seconds)}" if good else f"not fitted: {plan.fitted.reason}"
        ended[level] = replace(job, state="done" if good else "failed", words=words, seconds=seconds)
    return ended


def standing(jobs: Mapping[str, Job], running: Mapping[int, Job]) -> dict[str, Job]:
    """Level to its job: of several that are open the first, which runs; else the last that ended."""
    found = dict(jobs)
    for number in sorted(running, reverse=True):
        found.update(dict.fromkeys(running[number].levels, running[number]))
    return found


def failed_words(message: Message, work: Path) -> str:
    """Why a job failed, for the user, from the worker's "failed"; where the worker read is nobody's business."""
    words = str(message["message"]).replace(f"{work}/", "")
    if message.get("kind") != "internal":
        return words
    return FULL if NO_SPACE_LEFT in words else INSIDE.format(words)


def worth_another_try(message: Message, job: Job) -> bool:
    """Whether a crash may be due to one of a job's levels alone: then the others need not go without a plan."""
    return message.get("kind") == "worker" and bool(message.get("answered")) and len(job.levels) > 1


def ended_words(job: Job) -> str:
    """That a job brought no plan, and why."""
    names, verb = ", ".join(job.levels), "was" if len(job.levels) == 1 else "were"
    return (
        f"The fit of {names} was cancelled." if job.state == "cancelled" else f"{names} {verb} not fitted. {job.words}"
    )


def unusable_words(plans: Mapping[str, Plan]) -> list[str]:
    """What is wrong with each plan that nobody should use."""
    unusable = [plan.fitted for plan in plans.values() if not plan.fitted.status.usable]
    return [f"{fitted.level}: {fitted.reason or fitted.status.value}" for fitted in unusable]
