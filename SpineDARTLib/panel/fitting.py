"""Fits in the worker: what is asked of it, what it answers, and what becomes of its plan folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..atlas.model import ShapeModel
from ..config import Settings
from ..io.case import write_case
from ..io.fields import Field
from ..io.plan import read_plan
from ..io.settings import changed
from ..types import Case, Plan
from . import jobs as outcome
from .background import Background
from .lacking import NOTHING_LOCATED, what_fit_lacks
from .loading import Loaded, Loader
from .locating import located, proposals, what_seed_lacks
from .measuring import Ready
from .packing import case_to_fit, merged, settings_of_found
from .reviewing import with_plans
from .state import Job, PanelState, Refusal
from .words import plain_words, seconds_words
from .worker_client import Message, WorkerClient

Become = Callable[[PanelState], None]


class Fitting:
    """Runs fits one after the other and puts their plans into the state.

    Args:
        state: gives the present state.
        become: makes another one the present.
        work: a folder that may be written in; ``case-3``, ``fit-3`` come there for job 3.
    """

    def __init__(
        self, state: Callable[[], PanelState], become: Become, client: WorkerClient, background: Background, work: Path
    ) -> None:
        self._state, self._become, self._client, self._background = state, become, client, background
        self.work = Path(work)
        self._open: dict[int, Job] = {}
        self._asked: dict[int, Mapping[str, object]] = {}
        self._cases: dict[int, Path] = {}
        self._latest: dict[int, Message] = {}
        self._loader = Loader()
        self._ready: dict[int, Ready] = {}
        self._number = 0

    def warm(self) -> None:
        """Start the worker and load the atlas, before anybody waits for them."""
        self._client.hello()
        levels = tuple(located(self._state())) or (self._state().level,)
        self._background.submit(lambda: [self._loader.model(level) for level in levels], lambda _: None, lambda _: None)

    def fit(self, levels: Sequence[str] = (), settings: Mapping[str, object] | None = None) -> None:
        """Fit these levels, or all that are clicked or found.

        Raises:
            Refusal: the case or every level lacks something.
            InputError: a setting that there is not.
        """
        state = self._state()
        lack = what_fit_lacks(state)
        wanted = tuple(levels) or tuple(located(state))
        if lack or not wanted:
            raise Refusal(lack or NOTHING_LOCATED)
        changes = merged({"plan": {"gauge": state.gauge}}, settings_of_found(state), state.settings, settings or {})
        changed(Settings(), Field(Path("settings"), "", changes))
        busy = {level for job in self._open.values() for level in job.levels if changes == self._asked[job.number]}
        reasons = {level: what_seed_lacks(state, level) for level in wanted if level not in busy}
        good = tuple(level for level, reason in reasons.items() if not reason)
        failed = {
            level: self._new((level,), "failed", f"not fitted: {reason}") for level, reason in reasons.items() if reason
        }
        if good:
            job = self._new(good, "waiting", "waiting")
            self._open[job.number], self._asked[job.number] = job, changes
            self._write(job, case_to_fit(state, good), None if proposals(state) else state.case_folder)
        words = [f"{level} was {job.words}" for level, job in failed.items()]
        words += [f"{', '.join(sorted(busy & set(wanted)))} is being fitted already."] * bool(busy & set(wanted))
        words += [f"Fitting {', '.join(good)}."] * bool(good)
        self._become(replace(state, jobs=self._with_jobs(failed), message=" ".join(words), attention=bool(failed)))

    def cancel(self, levels: Sequence[str] = ()) -> None:
        """Stop all that waits or runs, or the fits of these levels; nothing half-done is left."""
        for number in sorted(self._open, reverse=True):  # the waiting first, so that none of them starts
            if levels and not set(levels) & set(self._open[number].levels):
                continue
            if number in self._client.jobs:
                self._client.cancel(number)
            else:  # its case is still being written
                self._end(number, "cancelled", "cancelled")

    def forget(self) -> None:
        """The case is gone: stop everything, and no plan is kept ready."""
        self.drop()
        self._ready.clear()

    def drop(self) -> None:
        """Stop everything and hear of nothing any more."""
        numbers, self._open = sorted(self._open, reverse=True), {}
        for number in numbers:
            self._client.cancel(number)
        self._latest.clear()

    def tick(self) -> None:
        """Show the latest of each fit that runs."""
        latest, self._latest = self._latest, {}
        for number, message in latest.items():
            if number in self._open:
                self._progress(self._open[number], message)

    @property
    def tools(self) -> dict[str, Ready]:
        """Level to what measures in the plan that is shown."""
        return self.tools_of(self._state().plans)

    def use(self, number: int, level: str) -> PanelState:
        """The state that shows an earlier fit's plan of a level.

        Raises:
            Refusal: there is no such.
        """
        fits = [fit for fit in self._state().fits if fit.number == number and level in fit.plans]
        if not fits:
            raise Refusal(f"There is no fit {number} of {level}.")
        return self._shown(self._state(), {level: fits[0].plans[level]})

    def model(self, level: str) -> ShapeModel:
        """The shape model of a level's region; it is there already while a fit of it is shown.

        Raises:
            InputError: no such.
        """
        return self._loader.model(level)

    def load(self, number: int, folder: Path, settings: Mapping[str, object]) -> Loaded:
        """Read a plan folder, in the background; an InputError names file and field."""
        return self._loader.load(number, folder, settings)

    def load_of(self, case_id: str, folder: Path) -> Loaded:
        """Read a plan folder that was made elsewhere, as one more fit.

        Raises:
            InputError: names file and field.
            Refusal: it is another case's.
        """
        saved = read_plan(folder)
        if saved.case_id != case_id:
            raise Refusal(f"That is a plan of the case {saved.case_id}; the case {case_id} is open.")
        self._number += 1
        return self._loader.load(self._number, saved.folder, saved.settings)

    def take(self, loaded: Loaded, state: PanelState, show: Sequence[str] | None = None) -> PanelState:
        """The state with a fit that was loaded.

        Args:
            show: levels whose plans are shown; when None all, but a failed one never hides a good one.
        """
        number, plans = loaded.fit.number, loaded.fit.plans
        self._number = max(self._number, number)
        self._ready |= {id(tool.plan): tool for tool in loaded.tools.values()}
        shown = {
            level: plan
            for level, plan in plans.items()
            if (plan.vertices_mm is not None or level not in state.plans if show is None else level in show)
        }
        live = {level: points for level, points in state.live_mm.items() if level not in plans}
        fits = tuple(sorted((*state.fits, loaded.fit), key=lambda fit: fit.number))
        return self._shown(replace(state, fits=fits, live_mm=live), shown)

    def _shown(self, state: PanelState, plans: Mapping[str, Plan]) -> PanelState:
        return with_plans(state, plans, self.tools_of({**state.plans, **plans}))

    def tools_of(self, plans: Mapping[str, Plan]) -> dict[str, Ready]:
        """Level to what measures in these plans, of those that were loaded."""
        return {level: self._ready[id(plan)] for level, plan in plans.items() if id(plan) in self._ready}

    def _new(self, levels: tuple[str, ...], state: str, words: str) -> Job:
        self._number += 1
        return Job(self._number, levels, state, words=words)

    def _write(self, job: Job, case: Case, folder: Path | None) -> None:
        """The case to where the worker can read it, then the request."""
        number, work = job.number, self.work

        def write() -> Path:
            if folder is not None:
                return folder
            write_case(work / f"case-{number}", case)
            return work / f"case-{number}"

        def ask(path: Path) -> None:
            if number in self._open:
                self._cases[number] = path
                self._ask(job)

        self._background.submit(write, ask, lambda error: self._end(number, "failed", plain_words(error)))

    def _ask(self, job: Job) -> None:
        """The request itself."""
        number = job.number
        self._change(replace(job, words="waiting" if self._client.jobs else "starting"))
        self._client.plan(number, self._cases[number], self.work / f"fit-{number}", job.levels, self._asked[number])

    def hear(self, message: Message) -> None:
        """What the worker says of a fit, as it says it: a state is only remembered until the next tick."""
        number, event = message.get("id"), message["event"]
        if number not in self._open:
            if number is None:  # the process died while nothing was asked of it
                self._become(replace(self._state(), message=str(message["message"]), attention=True))
            return
        if event == "state":
            self._latest[number] = message
        elif event == "started":
            self._change(replace(self._open[number], state="running", words="preparing"))
        elif event == "done":
            self._latest.pop(number, None)
            self._change(replace(self._open[number], share=1.0, seconds_left=0.0, words="reading the plan"))
            self._read(number, float(message["seconds"]))
        elif event == "cancelled":
            self._end(number, "cancelled", "cancelled")
        else:
            self._failed(number, message)

    def _failed(self, number: int, message: Message) -> None:
        """A job that ended badly; of several levels that a crash has cost their plans, each is tried once more."""
        words, job = outcome.failed_words(message, self.work), self._open[number]
        self._end(number, "failed", words)
        if not outcome.worth_another_try(message, job):
            return
        again = [self._new((level,), "waiting", "waiting") for level in job.levels]
        for one in again:
            self._open[one.number] = one
            self._asked[one.number], self._cases[one.number] = self._asked[number], self._cases[number]
        said = f"{words} {', '.join(job.levels)} are fitted once more, each alone."
        self._become(replace(self._state(), jobs=self._with_jobs({}), message=said))
        for one in again:
            self._ask(one)

    def _progress(self, job: Job, message: Message) -> None:
        """A state of the fit: how far it is, and where the vertebrae are."""
        live = {
            one["level"]: points
            for one in message.get("vertebrae", ())
            if (points := self._loader.points_mm(one)) is not None
        }
        self._change(outcome.progressed(job, message), live)

    def _change(self, job: Job, live: Mapping[str, np.ndarray] | None = None) -> None:
        self._open[job.number] = job
        state = self._state()
        live_mm = {**state.live_mm, **live} if live else state.live_mm
        self._become(replace(state, jobs=self._with_jobs({}), live_mm=live_mm))

    def _with_jobs(self, ended: Mapping[str, Job]) -> dict[str, Job]:
        return outcome.standing({**self._state().jobs, **ended}, self._open)

    def _end(self, number: int, state: str, words: str) -> None:
        """A job that brought no plan."""
        job = self._open.pop(number, None)
        if job is None:
            return
        self._latest.pop(number, None)
        ended = replace(job, state=state, words=words, seconds_left=float("nan"))
        present = self._state()
        live = {level: points for level, points in present.live_mm.items() if level not in job.levels}
        jobs = self._with_jobs(dict.fromkeys(job.levels, ended))
        said = outcome.ended_words(ended)
        self._become(replace(present, jobs=jobs, live_mm=live, message=said, attention=state == "failed"))

    def _read(self, number: int, seconds: float) -> None:
        folder, settings = self.work / f"fit-{number}", self._asked[number]

        def then(loaded: Loaded) -> None:
            job = self._open.pop(number, None)
            if job is not None:
                self._become(self._done(job, loaded, seconds))

        self._background.submit(
            lambda: self._loader.load(number, folder, settings),
            then,
            lambda error: self._end(number, "failed", plain_words(error)),
        )

    def _done(self, job: Job, loaded: Loaded, seconds: float) -> PanelState:
        """The state after a fit that ended well, though perhaps not for each of its levels."""
        plans = loaded.fit.plans
        remarks = outcome.unusable_words(plans)
        state = self.take(loaded, replace(self._state(), jobs=self._with_jobs(outcome.outcomes(job, plans, seconds))))
        moved = dict.fromkeys(plan.refinement.words for plan in plans.values() if plan.refinement is not None)
        words = " ".join([f"Fitted {', '.join(plans)} in {seconds_words(seconds)}.", *remarks, *moved])
        return replace(state, message=words, attention=bool(remarks))
