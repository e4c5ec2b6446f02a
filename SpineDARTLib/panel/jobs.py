"""How a fit stands, from what the worker tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..types import Plan
from .state import Job
from .words import progress_words, seconds_words
from .worker_client import Message

SOON = 0.03
"""Share of a fit before which nobody can say how long it takes."""

LOST = "not fitted: the fitting process gave no plan of it; fit it again"


def progressed(job: Job, message: Message) -> Job:
    """A job after one more of the worker's "state" messages."""
    share = (message["step"] + 1) / max(message["total_steps"], 1)
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
