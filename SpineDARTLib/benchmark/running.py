"""Every case by every method: what is there already is read, the rest is done, wherever there are workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..config import BenchmarkSettings
from .measuring import run_case
from .nouns import CaseResult, Method, keep, kept, maker, result_file
from .work import Lost, Task, Workplace


def run_all(
    cases: Sequence[Path], methods: Sequence[Method], out: Path, settings: BenchmarkSettings, place: Workplace
) -> Iterator[CaseResult]:
    """Results as they are done, one kept file each; those of an earlier run first."""
    waiting = []
    for case, method in ((case, method) for case in cases for method in methods):
        earlier = kept(result_file(out, case, method.name), maker(method, case))
        if earlier is not None:
            yield earlier
        else:
            waiting.append((case, method))
    tasks = [Task(run_case, (case, method, out, settings), method.accelerated) for case, method in waiting]
    for index, result in place.do(tasks):
        case, method = waiting[index]
        if isinstance(result, Lost):
            result = keep(
                CaseResult(case.name, method.name, error=result.reason, made_by=maker(method, case)),
                result_file(out, case, method.name),
            )
        yield result
