"""Work on a Dask cluster: its workers see the same folders and have SpineDART installed; its scheduler spreads tasks.

A worker that is lost costs nothing but time: Dask gives its tasks to others. A task that takes down
``distributed.scheduler.allowed-failures`` workers (three, unless configured) is given up, alone. Workers that were
started with ``--resources "GPU=1"`` take the accelerated tasks, one at a time each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from ..errors import InputError
from .work import Done, Lost, Task

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE_SECONDS = 60
"""A cluster that is being started may take so long for its first worker."""


def on_cluster(tasks: Sequence[Task], address: str) -> Iterator[Done]:
    """Every task's result as it comes; ``Lost`` for one that came to nothing.

    Args:
        address: of the scheduler, as in "tcp://host:8786".

    Raises:
        InputError: Dask is not installed, no scheduler answers at the address, or it has no workers.
    """
    client = _connect(address)
    with client:
        from distributed import as_completed

        apart = _has_gpus(client)
        places = {_submit(client, task, apart): index for index, task in enumerate(tasks)}
        for future in as_completed(list(places), loop=client.loop):
            yield places.pop(future), _result(future)
            future.release()


def _connect(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--scheduler", "", address, "Dask: pip install 'spinedart[cluster]'") from None
    try:
        client = Client(address, timeout=PATIENCE_SECONDS // 6, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError("--scheduler", "", address, f"a scheduler that answers ({_first_line(error)})") from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE_SECONDS)
    except TimeoutError:
        client.close()
        raise InputError("--scheduler", "", address, "a scheduler that has a worker") from None
    return client


def _has_gpus(client: Client) -> bool:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return any(one.get("resources", {}).get("GPU", 0) for one in workers)


def _submit(client: Client, task: Task, apart: bool) -> Future:
    wanted = {"GPU": 1} if apart and task.accelerated else None
    return client.submit(task.function, *task.arguments, pure=False, resources=wanted)


def _result(future: Future) -> Any:
    """What a task gave. The functions that are sent catch their own errors: what is raised here is the worker's."""
    error = cast("BaseException | None", future.exception())  # a coroutine of asynchronous clients only
    if error is None:
        return future.result()
    if type(error).__name__ == "KilledWorker":
        return Lost("its worker died again and again")
    return Lost(f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
