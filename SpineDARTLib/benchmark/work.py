"""The same kind of work on many things, wherever: here, in several processes, or on a cluster.

Whatever is lost with a worker is done again by another; what takes its worker down again and again is given up, alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """A function of a module and its arguments, all of which can be pickled.

    Attributes:
        accelerated: whether it should go to a worker with a GPU, where there are such.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    accelerated: bool = False


@dataclass(frozen=True)
class Lost:
    """A task that came to nothing, and why."""

    reason: str


Done = tuple[int, Any]
"""The task's place among the tasks, and its result or a ``Lost``."""


@dataclass(frozen=True)
class Workplace:
    """Where work is done.

    Attributes:
        workers: processes on this machine; 1 is this process itself.
        scheduler: address of a Dask scheduler, whose workers are taken in place of them; or "".
        gpus: how many this machine has; so many of its workers get one each.
    """

    workers: int = 1
    scheduler: str = ""
    gpus: int = 0

    def do(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Every task's result, as soon as there is one.

        Raises:
            InputError: no scheduler answers, or Dask is not installed.
        """
        if not tasks:
            return iter(())
        if self.scheduler:
            from .cluster import on_cluster

            return on_cluster(tasks, self.scheduler)
        if self.workers == 1:
            return ((index, task.function(*task.arguments)) for index, task in enumerate(tasks))
        from .lanes import in_lanes

        return in_lanes(tasks, self.workers, self.gpus)
