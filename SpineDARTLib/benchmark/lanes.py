"""Work by several processes of this machine, each of which may die without the others' noticing.

A pool of one process a lane: when a process dies (out of memory, a crash in native code, killed by hand) it is plain
which task it had, and only that one is done again.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from ..atlas.workers import one_thread, start_worker
from .work import Done, Lost, Task

ATTEMPTS = 3
"""So often a task may take its process down before it is given up (as Dask's ``allowed-failures`` has it)."""


@dataclass(frozen=True)
class _Try:
    """A task that waits or runs, and how often it has been tried."""

    index: int
    count: int = 1


class _Lane:
    """One process, made anew when it dies."""

    def __init__(self, gpu: int | None) -> None:
        self.gpu = gpu
        self._pool = self._open()

    def submit(self, task: Task) -> Future[Any]:
        """Start a task; on a new process if the old one died in its sleep."""
        try:
            return self._pool.submit(task.function, *task.arguments)
        except BrokenProcessPool:
            self.renew()
            return self._pool.submit(task.function, *task.arguments)

    def renew(self) -> None:
        self.close()
        self._pool = self._open()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _open(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, get_context("spawn"), _start, (self.gpu,))


def in_lanes(tasks: Sequence[Task], workers: int, gpus: int = 0) -> Iterator[Done]:
    """Every task's result as it comes; ``Lost`` for one whose process died ``ATTEMPTS`` times.

    Args:
        gpus: so many lanes have a GPU of their own and take the accelerated tasks, one at a time each; the other lanes
            take the other tasks.
    """
    count = min(workers, len(tasks))
    with contextlib.ExitStack() as stack:
        stack.enter_context(one_thread())
        idle = [_Lane(number if number < gpus else None) for number in range(count)]
        for lane in idle:
            stack.callback(lane.close)
        waiting = deque(_Try(index) for index in range(len(tasks)))
        running: dict[Future[Any], tuple[_Lane, _Try]] = {}
        while waiting or running:
            _hand_out(tasks, waiting, idle, running, gpus > 0)
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                lane, one = running.pop(future)
                result = _result(future, lane, one)
                idle.append(lane)
                if result is None:
                    waiting.append(_Try(one.index, one.count + 1))
                else:
                    yield one.index, result


def _hand_out(
    tasks: Sequence[Task],
    waiting: deque[_Try],
    idle: list[_Lane],
    running: dict[Future[Any], tuple[_Lane, _Try]],
    apart: bool,
) -> None:
    """A task to every idle lane that may take one; ``apart``: accelerated ones only to lanes with a GPU."""
    for lane in list(idle):
        for one in list(waiting):
            if apart and tasks[one.index].accelerated != (lane.gpu is not None):
                continue
            waiting.remove(one)
            idle.remove(lane)
            running[lane.submit(tasks[one.index])] = (lane, one)
            break
    if not running and waiting:
        # Only lanes of the other kind are there: better slow than never.
        _hand_out(tasks, waiting, idle, running, apart=False)


def _result(future: Future[Any], lane: _Lane, one: _Try) -> Any:
    """What a task gave; None where it is to be tried again, on a process that is new."""
    try:
        return future.result()
    except BrokenProcessPool:
        lane.renew()
        return None if one.count < ATTEMPTS else Lost(f"its worker died {one.count} times")


def _start(gpu: int | None) -> None:
    """With a GPU of one's own, if there is one, before torch looks for it."""
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu)
    start_worker()
