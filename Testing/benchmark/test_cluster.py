"""A Dask cluster, with a scheduler and workers of its own processes, one of which is killed half-way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from SpineDARTLib.benchmark.running import run_all
from SpineDARTLib.benchmark.work import Lost, Task, Workplace
from SpineDARTLib.config import BenchmarkSettings
from SpineDARTLib.errors import InputError
from Testing.benchmark.fakes import Shifted, compared, number_of, write_cases

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'spinedart[cluster]'")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


class Cluster:
    """A scheduler and two workers, the first of which says that it has a GPU."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = self._said("scheduler", "Scheduler at:").split()[-1]
        self.workers = [
            self._start(name, "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", *more)
            for name, more in (("first", ("--resources", "GPU=1")), ("second", ("--resources", "GPU=1")))
        ]

    def _start(self, name: str, *arguments: str) -> subprocess.Popen:
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        with (self._folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{arguments[0]}", *arguments[1:]],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=environment,
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def _said(self, name: str, words: str) -> str:
        """The first line of a log with some words in it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            lines = (self._folder / f"{name}.log").read_text().splitlines()
            if found := [line for line in lines if words in line]:
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"{name} said nothing of {words}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


def test_a_worker_killed_half_way_gives_the_table_of_a_serial_run(cluster, tmp_path, views):
    cases = write_cases(tmp_path / "cases", views, 6)
    next(cases[4].glob("*.png")).write_bytes(b"no picture")
    methods = (Shifted(seconds=0.3), Shifted("other", 2.0, 0.3, accelerated=False))
    serial = list(run_all(cases, methods, tmp_path / "serial", BenchmarkSettings(), Workplace()))
    place = Workplace(scheduler=cluster.address)
    results = []
    for result in run_all(cases, methods, tmp_path / "spread", BenchmarkSettings(), place):
        results.append(result)
        if len(results) == 3:
            cluster.workers[0].send_signal(signal.SIGKILL)
    assert cluster.workers[0].wait(PATIENCE_SECONDS) == -signal.SIGKILL
    assert compared(results) == compared(serial)
    assert len(list((tmp_path / "spread" / "cases").glob("*/*.json"))) == len(cases) * 2
    # Started again, everything is there.
    assert len(list(run_all(cases[:4], methods, tmp_path / "spread", BenchmarkSettings(), Workplace()))) == 8


def test_what_cannot_be_done_is_lost_alone(cluster, tmp_path):
    found = dict(Workplace(scheduler=cluster.address).do([Task(number_of, (tmp_path / name,)) for name in ("7", "x")]))
    assert found[0] == 7
    assert isinstance(found[1], Lost) and "ValueError: invalid literal" in found[1].reason


def test_no_scheduler():
    with pytest.raises(InputError, match=r"--scheduler: got tcp://127.0.0.1:9; expected a scheduler that answers"):
        list(Workplace(scheduler="tcp://127.0.0.1:9").do([Task(number_of, (Path("1"),))]))
