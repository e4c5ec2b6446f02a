"""Finding vertebrae in the worker: what is asked of it, and what becomes of its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ..io.case import write_case
from ..types import View
from .background import Background
from .found import found_of
from .jobs import failed_words
from .lacking import what_fit_lacks
from .locating import clicked_alone, found_in, with_found
from .state import Job, PanelState, Refusal
from .words import plain_words, seconds_words
from .worker_client import Message, WorkerClient

Become = Callable[[PanelState], None]

NO_DETECTOR = "No detector is installed; click each vertebra's centre in every view instead."
CHANGED = "The X-rays were changed while vertebrae were looked for in them. Find again."


def what_find_lacks(state: PanelState) -> str:
    """Why vertebrae cannot be found now, in words with the next thing to do, or ""."""
    return what_fit_lacks(state) or state.detector_lacks


class Finding:
    """Looks for the vertebrae of the case, once at a time, and puts what was found into the state.

    Args:
        state: gives the present state.
        become: makes another one the present.
        work: a folder that may be written in; ``find-2`` comes there for the second set of X-rays.
        now: seconds from any fixed moment.
    """

    def __init__(
        self,
        state: Callable[[], PanelState],
        become: Become,
        client: WorkerClient,
        background: Background,
        work: Path,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state, self._become, self._client, self._background = state, become, client, background
        self._work, self._now = Path(work), now
        self._number = self._cases = 0
        self._written: tuple[tuple[View, ...], Path] | None = None
        self._views: tuple[View, ...] = ()
        self._asked: tuple[int, int] = (0, 0)
        self._begun = 0.0
        self._tried: dict[str, Mapping[str, tuple[float, float]]] = {}

    def find(self, only: tuple[str, ...] = ()) -> None:
        """Look for all vertebrae.

        Args:
            only: levels whose single click is to be completed; nothing else changes then.

        Raises:
            Refusal: the case lacks something, there is no detector, or vertebrae are being looked for already.
        """
        state = self._state()
        lack = what_find_lacks(state)
        if lack or state.case is None:
            raise Refusal(lack)
        if state.finding is not None:
            raise Refusal("Vertebrae are being looked for already.")
        self._number += 1
        found = found_in(state)
        self._views, self._asked, self._begun = (
            state.case.views,
            (found.shift if found else 0, state.shift),
            self._now(),
        )
        job = Job(self._number, only, words="starting")
        words = f"Looking for vertebrae in {', '.join(state.view_names)}."
        self._become(
            replace(state, finding=job) if only else replace(state, finding=job, message=words, attention=False)
        )
        self._write(state)

    def complete(self) -> None:
        """Look in the other views for what was clicked in one only, once for each click; without a detector, or before
        anybody has used it, nothing happens."""
        state = self._state()
        if state.finding is not None or found_in(state) is None or what_find_lacks(state):
            return
        lone = {level: state.seeds[level].clicks_px for level in clicked_alone(state) if level in state.seeds}
        fresh = tuple(level for level, clicks in lone.items() if self._tried.get(level) != clicks)
        self._tried = lone
        if fresh:
            self.find(fresh)

    def cancel(self) -> None:
        """Stop looking, within a second."""
        if self._id in self._client.jobs:
            self._client.cancel(self._id)
        else:  # the case is still being written
            self._end("Nothing is looked for any more.")

    def drop(self) -> None:
        """The case is gone: stop, and hear of nothing any more."""
        number, self._number = self._id, self._number + 1
        self._client.cancel(number)
        self._written, self._tried = None, {}

    def hear(self, message: Message) -> bool:
        """What the worker says; whether it is said of this."""
        if not str(message.get("id", "")).startswith("find "):
            return False
        finding = self._state().finding
        if message["id"] != self._id or finding is None:
            return True
        event = message["event"]
        if event == "started":
            self._become(replace(self._state(), finding=replace(finding, state="running", words="looking")))
        elif event == "state":
            share = message["step"] / max(message["total_steps"], 1)
            self._become(replace(self._state(), finding=replace(finding, share=share)))
        elif event == "done":
            self._done(message, finding.levels)
        elif event == "cancelled":
            self._end("Nothing is looked for any more.")
        elif event == "failed":
            self._end(f"Nothing was found. {failed_words(message, self._work)}", True)
        return True

    def tick(self) -> None:
        """Say how long it takes already, once a second."""
        finding = self._state().finding
        if finding is not None and (seconds := float(int(self._now() - self._begun))) != finding.seconds:
            words = f"{'waiting' if finding.state == 'waiting' else 'looking'}, {seconds_words(seconds)}"
            self._become(replace(self._state(), finding=replace(finding, seconds=seconds, words=words)))

    @property
    def _id(self) -> str:
        return f"find {self._number}"

    def _write(self, state: PanelState) -> None:
        """The case to where the worker can read it, without clicks; then the request, with them."""
        number, known = self._id, self._written

        def write() -> Path:
            assert state.case is not None
            if known is not None and known[0] is state.case.views:
                return known[1]
            self._cases += 1
            folder = self._work / f"find-{self._cases}"
            write_case(folder, replace(state.case, seeds=()))
            return folder

        def ask(folder: Path) -> None:
            if number == self._id and self._state().finding is not None and state.case is not None:
                self._written = state.case.views, folder
                clicks = {level: dict(seed.clicks_px) for level, seed in state.seeds.items() if seed.clicks_px}
                self._client.find(number, folder, clicks, {"detector": {"shift": self._asked[0]}})

        def failed(error: Exception) -> None:
            if number == self._id:
                self._end(plain_words(error), True)

        self._background.submit(write, ask, failed)

    def _done(self, message: Message, only: tuple[str, ...]) -> None:
        """The answer, named as everything is named by now."""
        state, (shift, before) = replace(self._state(), finding=None), self._asked
        found = found_of(message, self._views, shift).shifted(state.shift - before)
        if not found.of_views(state.case.views if state.case else ()):
            self._become(replace(state, message=CHANGED, attention=True))
            return
        state = with_found(state, found, only)
        if only:
            done = [level for level in only if level in found.proposals]
            words = f"{', '.join(done)} found in the other X-ray too." if done else state.message
        else:
            words = found.words or "Vertebrae were found, and are named as you count them."
        self._become(replace(state, message=words))
        self.complete()

    def _end(self, words: str, attention: bool = False) -> None:
        """Nothing came of it."""
        self._number += 1
        self._become(replace(self._state(), finding=None, message=words, attention=attention))
