"""Work that would hold up the window, in one thread; its results come back on the window's own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep
from typing import Any, TypeVar

T = TypeVar("T")

YIELD_SECONDS = 0.002
"""Given to the thread in each ``poll``: an application that embeds Python may keep the interpreter's lock otherwise."""


class Background:
    """Runs one piece of work after the other."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[Future[Any], Callable[[Any], None], Callable[[Exception], None]]] = []

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def submit(self, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        """Run ``work`` in the thread; ``then`` or ``failed`` is called by a later ``poll``."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "spinedart-panel")
        self._waiting.append((self._pool.submit(work), then, failed))

    def poll(self) -> None:
        """Hand out what is finished, in the order in which it was asked for."""
        while self._waiting and self._waiting[0][0].done():
            future, then, failed = self._waiting.pop(0)
            error = future.exception()
            if error is None:
                then(future.result())
            elif isinstance(error, Exception):
                failed(error)
            else:
                raise error
        if self._waiting:
            sleep(YIELD_SECONDS)

    def close(self) -> None:
        """Forget what waits; what runs ends by itself, and nobody hears of it."""
        self._waiting.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
