"""The methods that come with the project, and what their names mean on the command line."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..atlas.model import ShapeModel
from ..config import BenchmarkSettings, Settings, SimilarityName
from ..errors import InputError
from ..io.case import read_case
from ..io.mesh import Mesh
from ..pipeline import load_models, plan_case
from ..types import FittedVertebra, Plan, Status, Vertebra
from .geoplan import GeoPlan
from .nouns import Method, Outcome
from .outside import is_outside, outside_method

START, ALL = "start", "all"
NOT_FITTED = "Not fitted: the atlas's mean shape where the fit would begin."


@dataclass(frozen=True)
class Fitted:
    """The whole pipeline with one similarity."""

    name: SimilarityName
    settings: Settings
    surfaces: bool = True
    accelerated: bool = True

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        with _one_thread():
            plans = _result(plan_case(read_case(case), replace(self.settings, similarity=self.name), None, without))
        models = load_models(without)
        fitted = [plan.fitted.start for plan in plans if plan.fitted.start is not None]
        starts = {start.level: _placed(start, models[start.level]) for start in fitted}
        return Outcome(plans, starts, _seen(starts, models, without))


@dataclass(frozen=True)
class Started:
    """The atlas's mean where a fit would begin: what the clicks alone give."""

    settings: Settings
    name: str = START
    surfaces: bool = True
    accelerated: bool = False

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        from ..fit.initialise import initialise
        from ..locating import locate
        from ..plan.planning import plan_vertebra

        read, models = read_case(case), load_models(without)
        starts = initialise(locate(read, self.settings, None, without).seeds, read.views, models)
        there = [FittedVertebra(level, Status.STEP_LIMIT, NOT_FITTED, one) for level, one in starts.vertebrae.items()]
        lost = [FittedVertebra(level, Status.NOT_INITIALISED, why) for level, why in starts.reasons.items()]
        plans = tuple(plan_vertebra(one, models.get(one.level), self.settings.plan) for one in (*there, *lost))
        return Outcome(plans, {}, _seen(starts.vertebrae, models, without))


def methods_of(
    names: Sequence[str],
    similarities: Sequence[SimilarityName],
    settings: Settings,
    benchmark: BenchmarkSettings,
    keep: Path | None,
) -> tuple[Method, ...]:
    """The methods that were asked for, in that order, each once.

    Args:
        names: a similarity, "start", "2d-geoplan", "all" (these), or NAME=FOLDER or NAME=MODULE:FUNCTION (``outside``).
        similarities: those that there are.
        keep: folder of what was worked out about true vertebrae.

    Raises:
        InputError: something that is no method, or two of one name.
    """
    ours: tuple[Method, ...] = (
        *(Fitted(name, settings) for name in similarities),
        Started(settings),
        GeoPlan(settings.plan, benchmark, settings.seed, keep),
    )
    known = {method.name: method for method in ours}
    asked = [one for name in names for one in (known if name == ALL else (name,))]
    chosen: dict[str, Method] = {}
    for name in dict.fromkeys(asked):
        method = known[name] if name in known else _outside(name, known)
        if method.name in chosen:
            raise InputError("--methods", "", name, "every name once")
        chosen[method.name] = method
    if not chosen:
        raise InputError("--methods", "", "nothing", f"one or more of {', '.join(known)}")
    return tuple(chosen.values())


def _outside(name: str, known: Mapping[str, Method]) -> Method:
    """Somebody else's, under a name that is none of ours."""
    if not is_outside(name):
        expected = f"{', '.join(known)}, {ALL}, NAME=FOLDER or NAME=MODULE:FUNCTION"
        raise InputError("--methods", "", name, expected)
    method = outside_method(name)
    if method.name in known:
        raise InputError("--methods", "", name, f"a name other than {', '.join(known)}")
    return method


def _result(states: Generator[object, None, tuple[Plan, ...]]) -> tuple[Plan, ...]:
    """What a generator returns once its states have gone by."""
    while True:
        try:
            next(states)
        except StopIteration as end:
            return end.value


def _placed(start: Vertebra, model: ShapeModel) -> Mesh:
    """The surface that a fit started from."""
    return start.place(model.instance(start.level, start.coefficients)), model.faces


def _seen(levels: Mapping[str, object], models: Mapping[str, ShapeModel], without: tuple[str, ...]) -> bool:
    return any(set(models[level].subjects) & set(without) for level in levels)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Sums come out the same however many workers share the machine; processes, not threads, make a benchmark fast."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
