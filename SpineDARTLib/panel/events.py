"""The core of the presenter: the present state, who listens, and what happens to what cannot be done."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from ..review.session import Clock
from .background import Background
from .finding import NO_DETECTOR, Finding
from .fitting import Fitting
from .state import PanelState, Refusal
from .words import plain_words
from .worker_client import Message, WorkerClient

T = TypeVar("T")

Listener = Callable[[PanelState, frozenset[str]], None]


class Events:
    """Abstract: ``presenter.Presenter`` is the whole, and says what the arguments are."""

    def __init__(
        self,
        client: WorkerClient,
        work: Path,
        background: Background | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = PanelState()
        self._client, self._background, self._now = client, background or Background(), now
        self._listeners: list[Listener] = []
        self._news: deque[tuple[PanelState, frozenset[str]]] = deque()
        self._telling = False
        self._case_number = 0
        self._restoring: dict[str, Any] | None = None
        self._fitting = Fitting(lambda: self.state, self._become, client, self._background, work)
        self._finding = Finding(lambda: self.state, self._become, client, self._background, work, now)
        client.on_message = self._hear
        self._clock = Clock(now())
        self._reports = 0
        self._by_shift: dict[int, PanelState] = {}

    def listen(self, listener: Listener) -> None:
        """Tell it of every new state, and of the names of the fields of ``PanelState`` that differ."""
        self._listeners.append(listener)

    def tick(self) -> None:
        """Let time pass: what the worker and the background have to say is shown."""
        self._client.tick()
        self._background.poll()
        self._fitting.tick()
        self._finding.tick()

    def close(self) -> None:
        """The window goes: no process and no listener is left."""
        self._listeners.clear()
        self._fitting.forget()
        self._client.close()
        self._background.close()

    def _become(self, state: PanelState) -> None:
        """Another state is the present one; who listens hears what differs.

        What a listener itself does to the state is told when all have heard of this one, so nobody hears the new before
        the old.
        """
        before, self.state = self.state, state
        names = (field.name for field in fields(PanelState))
        differ = frozenset(name for name in names if getattr(before, name) is not getattr(state, name))
        if differ:
            self._news.append((state, differ))
        if self._telling:
            return
        self._telling = True
        try:
            while self._news:
                news = self._news.popleft()
                for listener in tuple(self._listeners):
                    listener(*news)
        finally:
            self._telling = False

    def _hear(self, message: Message) -> None:
        """What the worker says, to whom it concerns."""
        if message["event"] == "hello":
            lacks = str(message.get("detector", NO_DETECTOR))
            if lacks != self.state.detector_lacks:
                self._become(replace(self.state, detector_lacks=lacks))
        elif not self._finding.hear(message):
            self._fitting.hear(message)

    def _do(self, event: Callable[[], PanelState]) -> bool:
        """Become what an event gives, or say why it cannot be; whether it went well. An old complaint is gone then."""

        def become() -> None:
            state = event()
            stale = state.attention and state.message is self.state.message
            self._become(replace(state, message="", attention=False) if stale else state)

        return self._try(become)

    def _try(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except (Refusal, InputError, OSError) as error:
            self._refuse(plain_words(error))
            return False
        return True

    def _later(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Work in the background; nobody hears of it where another case is open by then."""
        number = self._case_number

        def if_still(heard: Callable[[Any], None]) -> Callable[[Any], None]:
            return lambda value: heard(value) if self._case_number == number else None

        self._background.submit(work, if_still(then), if_still(self._broken))

    def _refuse(self, words: str) -> None:
        self._become(replace(self.state, message=words, attention=True))

    def _broken(self, error: Exception) -> None:
        self._restoring = None
        self._become(replace(self.state, busy="", message=plain_words(error), attention=True))
