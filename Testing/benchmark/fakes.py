"""Cases of boxes, and methods that move them: quick, with known figures, and able to go wrong on demand."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineDARTLib.benchmark.nouns import CaseResult, Outcome
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.case import write_case
from SpineDARTLib.io.truth import Truth, read_truth, write_truth
from SpineDARTLib.types import Case, FittedVertebra, Plan, Seed, Status, View
from Testing.shapes import box

SIZES = (20.0, 26.0, 14.0)
LEVELS = {"L2": (-9.5, -12.5, -7.5), "L3": (-8.5, -12.5, -41.5)}
"""Level to its box's corner, in front of the synthetic cameras."""


def write_cases(folder: Path, views: Sequence[View], count: int, people: int = 3) -> list[Path]:
    """Case folders ``case-0``, ...; every other one is of random views."""
    made = []
    for number in range(count):
        path = folder / f"case-{number}"
        clicks = {view.name: (50.0, 40.0) for view in views}
        seeds = tuple(Seed(level, clicks) for level in LEVELS)
        write_case(path, Case(f"case-{number}", tuple(views), seeds))
        truth = Truth(f"person-{number % people}", {level: box(corner, SIZES) for level, corner in LEVELS.items()})
        write_truth(path / "truth", truth, {"kind": ("orthogonal", "random")[number % 2]})
        made.append(path)
    return made


@dataclass(frozen=True)
class Shifted:
    """The true boxes, moved to the right: by twice the case's number on top of ``by_mm``.

    A file ``kill``, ``kill-once``, ``break``, ``nothing`` or ``refuse`` in a case's folder says what happens there.
    """

    name: str = "shifted"
    by_mm: float = 1.0
    seconds: float = 0.0
    surfaces: bool = True
    accelerated: bool = True

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        time.sleep(self.seconds)
        misbehave(case)
        truth = read_truth(case)
        assert without == (truth.subject,)
        shift = np.array([self.by_mm + 2.0 * int(case.name.partition("-")[2]), 0.0, 0.0])
        status = Status.LOW_CONFIDENCE if (case / "refuse").exists() else Status.CONVERGED
        plans = tuple(
            Plan(FittedVertebra(level, status, ""), vertices + shift, faces)
            for level, (vertices, faces) in truth.surfaces.items()
            if not ((case / "nothing").exists() and level == "L3")
        )
        starts = {level: (vertices + 3.0, faces) for level, (vertices, faces) in truth.surfaces.items()}
        return Outcome(plans, starts)


def misbehave(case: Path) -> None:
    """What a case's folder asks for."""
    if (case / "kill-once").exists():
        (case / "kill-once").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if (case / "kill").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if (case / "break").exists():
        raise ZeroDivisionError("of no use")
    if (case / "refuse-input").exists():
        raise InputError(case, "views", 1, "2 or more")


def boxes(case: Path, without: tuple[str, ...]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """An outside method: the truth itself, of one level."""
    return {"L2": read_truth(case).surfaces["L2"]}


def compared(results: Sequence[CaseResult]) -> list[tuple]:
    """What must not hang on who did the work, in one order: everything but seconds and memory."""
    rows = [
        (one.method, one.case, one.error, [{k: v for k, v in row.items() if k != "seconds"} for row in one.rows])
        for one in results
    ]
    return sorted(rows, key=lambda row: row[:2])


def which_gpu(number: int) -> tuple[int, str]:
    """What a worker sees of GPUs and threads."""
    return number, os.environ.get("CUDA_VISIBLE_DEVICES", "-") + os.environ["OMP_NUM_THREADS"]


def number_of(case: Path) -> int:
    """Of a folder called by a number; any other breaks it."""
    return int(case.name)
