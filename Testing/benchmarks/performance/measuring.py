"""A clock that a busy machine does not disturb, a memory meter, and how fast the machine itself is."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

MATRIX = 1024
"""Side of the yardstick's matrices."""
COPIED = 2**24
"""Numbers that the yardstick copies: more than a cache holds."""


@dataclass(frozen=True)
class Clock:
    """Seconds: of this process's processor time with one thread on the CPU, so that other programs do not count; of
    the wall otherwise."""

    device: str
    threads: int

    def __call__(self) -> float:
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.process_time() if self.kind == "processor" else time.perf_counter()

    @property
    def kind(self) -> str:
        return "processor" if self.device == "cpu" and self.threads == 1 else "wall"


def timed(work: Callable[[], object], clock: Clock, repeats: int) -> float:
    """Median seconds after a warm-up."""
    work()
    seconds = []
    for _ in range(repeats):
        begun = clock()
        work()
        seconds.append(clock() - begun)
    return statistics.median(seconds)


def both_ways(picture: Callable[[], tuple[Tensor, list[Tensor]]], clock: Clock, repeats: int) -> dict[str, float]:
    """Median seconds of drawing and of the gradient, and the most memory that was held (MB, NaN where unknown).

    Args:
        picture: draws, and says what the gradient is wanted of.
    """
    forward, backward = [], []

    def once() -> None:
        begun = clock()
        drawn, wanted = picture()
        between = clock()
        torch.autograd.grad(drawn.square().sum(), wanted)
        forward.append(between - begun)
        backward.append(clock() - between)

    memory = most_memory_mb(once, clock.device)  # the warm-up
    del forward[:], backward[:]
    for _ in range(repeats):
        once()
    a, b = statistics.median(forward), statistics.median(backward)
    return {"forward_s": a, "backward_s": b, "total_s": a + b, "memory_mb": memory}


def most_memory_mb(work: Callable[[], object], device: str) -> float:
    """What some work holds at most above what was held before."""
    gc.collect()
    _give_back()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    try:
        Path("/proc/self/clear_refs").write_text("5")  # from now on the highest so far is what is held now
    except OSError:
        work()
        return float("nan")
    before = resident_mb("VmRSS")
    work()
    return resident_mb("VmHWM") - before


def _give_back() -> None:
    """What was freed goes back to the system: otherwise memory held for later use hides what is used next."""
    with contextlib.suppress(OSError, AttributeError):  # glibc alone
        ctypes.CDLL(None).malloc_trim(0)


def resident_mb(what: str, process: int | str = "self") -> float:
    """ "VmRSS" (held now) or "VmHWM" (at most so far) of a process; NaN where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    found = [line.split()[1] for line in lines if line.startswith(what)]
    return int(found[0]) / 1e3 if found else float("nan")


def processor_seconds(process: int) -> float:
    """That a process has used so far; NaN where the system does not say."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def machine(clock: Clock, repeats: int) -> dict[str, float]:
    """How fast the machine is, whatever of ours runs on it: peaks for the roofline, and the yardstick's seconds."""
    device = clock.device
    matrix, numbers = torch.rand(MATRIX, MATRIX, device=device), torch.rand(COPIED, device=device)
    target = torch.empty_like(numbers)
    product = timed(lambda: matrix @ matrix, clock, repeats)
    copy = timed(lambda: target.copy_(numbers), clock, repeats)
    exponential = timed(lambda: torch.exp(numbers, out=target), clock, repeats)
    return {
        "flop_per_s": 2 * MATRIX**3 / product,
        "bytes_per_s": 2 * 4 * COPIED / copy,
        "yardstick_s": product + copy + exponential,
    }
