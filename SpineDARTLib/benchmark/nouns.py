"""The words of a benchmark: a method, what it gives, what is measured of it, and the file that keeps that."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from .. import __version__
from ..io.files import write_atomically
from ..io.mesh import Mesh
from ..io.plan import plain
from ..types import Plan


@dataclass(frozen=True)
class Outcome:
    """What a method makes of one case.

    Attributes:
        plans: one a level that it has an answer for.
        starts: level to the surface that a fit began from, where there was one.
        seen: whether anything in use has learned from the case's person.
        note: what a reader of its figures has to know, a sentence; or "".
    """

    plans: tuple[Plan, ...]
    starts: Mapping[str, Mesh] = field(default_factory=dict)
    seen: bool = False
    note: str = ""


@runtime_checkable
class Method(Protocol):
    """A way from X-rays to plans. It is sent to other processes, and its repr says all that its results hang on."""

    @property
    def name(self) -> str:
        """What tables call it; also a folder's name."""
        ...

    @property
    def surfaces(self) -> bool:
        """Whether it gives surfaces; one that only plans counts in no table of surfaces."""
        ...

    @property
    def accelerated(self) -> bool:
        """Whether it is quicker on a worker with a GPU."""
        ...

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        """Plan a case folder by what has not learned from the people ``without``.

        Raises:
            InputError: the case is at fault, not the method.
        """
        ...


@dataclass(frozen=True)
class CaseResult:
    """One case by one method.

    Attributes:
        rows: JSON-ready, one a vertebra (``measuring``).
        error: why the case could not be run, or "".
        made_by: what it depends on (``maker``): a result is only used again by the same.
        seconds: of the method alone, without measuring.
        processor_seconds: of that, what this process computed: on a busy machine the fairer figure.
        measuring_seconds: what measuring computed on top, processor seconds.
        memory_mb: the most that the process has held so far; NaN where nobody says.
    """

    case: str
    method: str
    rows: tuple[Mapping[str, Any], ...] = ()
    error: str = ""
    made_by: str = ""
    seconds: float = float("nan")
    processor_seconds: float = float("nan")
    measuring_seconds: float = float("nan")
    memory_mb: float = float("nan")


def maker(method: Method, case: Path) -> str:
    """What a result depends on: the version, the method, and what the case and its truth say (not their pictures)."""
    told = hashlib.sha256()
    for name in ("case.json", "truth/truth.json"):
        with contextlib.suppress(OSError):
            told.update((case / name).read_bytes())
    return f"{__version__} {method!r} {told.hexdigest()[:12]}"


def result_file(out: Path, case: Path, method: str) -> Path:
    """Where a result is kept."""
    return out / "cases" / method / f"{case.name}.json"


def keep(result: CaseResult, file: Path) -> CaseResult:
    """Write a result, whole or not at all; gives it as a later run will read it."""
    content = plain(result)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, (json.dumps(content) + "\n").encode("utf-8"))
    return _of(content)


def kept(file: Path, made_by: str) -> CaseResult | None:
    """A result of an earlier run that depends on the same, if it is whole and was no error."""
    try:
        result = _of(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if result.error or result.made_by != made_by else result


def _of(content: Mapping[str, Any]) -> CaseResult:
    """JSON has no NaN: a missing number is None."""
    seconds, processor, measuring, memory = (
        float("nan") if content[name] is None else float(content[name])
        for name in ("seconds", "processor_seconds", "measuring_seconds", "memory_mb")
    )
    case, method, error, made_by = (str(content[name]) for name in ("case", "method", "error", "made_by"))
    return CaseResult(case, method, tuple(content["rows"]), error, made_by, seconds, processor, measuring, memory)
