"""The methods that come with the project, and what their names mean on the command line."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..atlas.model import ShapeModel
from ..config import BenchmarkSettings, Settings, SimilarityName
from ..errors import InputError
from ..io.case import read_case
from ..io.mesh import Mesh
from ..pipeline import load_models, plan_case
from ..types import FittedVertebra, Plan, Status, Vertebra
from .geoplan import GeoPlan
from .networks import check_weights, have_seen, told_apart, weights_of
from .nouns import Method, Outcome
from .outside import is_outside, outside_method

START, ALL = "start", "all"
NOT_FITTED = "Not fitted: the atlas's mean shape where the fit would begin."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """The whole pipeline with the similarity of its settings; ``fitted`` makes one.

    Attributes:
        weights: of the networks that it uses (``networks``): its results hang on them.
    """

    settings: Settings
    weights: str
    surfaces: bool = True
    accelerated: bool = True

    @property
    def name(self) -> str:
        """The similarity's."""
        return self.settings.similarity

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        check_weights(self.settings, self.weights)
        with _one_thread():
            plans = _result(plan_case(read_case(case), self.settings, None, without))
        models = load_models(without)
        begun = [plan.fitted.start for plan in plans if plan.fitted.start is not None]
        starts = {start.level: _placed(start, models[start.level]) for start in begun}
        return Outcome(plans, starts, _seen(starts, models, without) or have_seen(self.settings, without))


@dataclass(frozen=True)
class Started:
    """The atlas's mean where a fit would begin: what the clicks alone give; ``started`` makes one.

    Attributes:
        weights: of the detector, where one looks for the starts.
    """

    settings: Settings
    weights: str
    name: str = START
    surfaces: bool = True
    accelerated: bool = False

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        from ..fit.initialise import initialise
        from ..locating import locate
        from ..plan.planning import plan_vertebra

        check_weights(self.settings, self.weights)
        read, models = read_case(case), load_models(without)
        starts = initialise(locate(read, self.settings, None, without).seeds, read.views, models)
        there = [FittedVertebra(level, Status.STEP_LIMIT, NOT_FITTED, one) for level, one in starts.vertebrae.items()]
        lost = [FittedVertebra(level, Status.NOT_INITIALISED, why) for level, why in starts.reasons.items()]
        plans = tuple(plan_vertebra(one, models.get(one.level), self.settings.plan) for one in (*there, *lost))
        return Outcome(plans, {}, _seen(starts.vertebrae, models, without) or have_seen(self.settings, without))


def fitted(name: SimilarityName, settings: Settings) -> Fitted:
    """The pipeline with a similarity, and with the weights that are there.

    Raises:
        InputError: weights that it needs are not there; says what to do instead.
    """
    chosen = told_apart(replace(settings, similarity=name))
    return Fitted(chosen, weights_of(chosen))


def started(settings: Settings) -> Started:
    """The starts of fits with these settings.

    Raises:
        InputError: as ``fitted``.
    """
    # Nothing is compared, so no similarity's weights count.
    chosen = told_apart(replace(settings, similarity=Settings.similarity))
    return Started(chosen, weights_of(chosen))


def methods_of(
    names: Sequence[str],
    similarities: Sequence[SimilarityName],
    settings: Settings,
    benchmark: BenchmarkSettings,
    keep: Path | None,
) -> tuple[Method, ...]:
    """The methods that were asked for, in that order, each once.

    Args:
        names: a similarity, "start", "2d-geoplan", "all" (these, as far as their weights are there), or NAME=FOLDER or
            NAME=MODULE:FUNCTION (``outside``).
        similarities: those that there are.
        keep: folder of what was worked out about true vertebrae.

    Raises:
        InputError: something that is no method, two of one name, or one whose weights are not there.
    """
    ours: dict[str, Callable[[], Method]] = {
        **{name: partial(fitted, name, settings) for name in similarities},
        START: partial(started, settings),
        GeoPlan.name: partial(GeoPlan, settings.plan, benchmark, settings.seed, keep),
    }
    asked = [one for name in names for one in (_possible(ours) if name == ALL else (name,))]
    chosen: dict[str, Method] = {}
    for name in dict.fromkeys(asked):
        method = ours[name]() if name in ours else _outside(name, ours)
        if method.name in chosen:
            raise InputError("--methods", "", name, "every name once")
        chosen[method.name] = method
    if not chosen:
        raise InputError("--methods", "", "nothing", f"one or more of {', '.join(ours)}")
    return tuple(chosen.values())


def _possible(ours: Mapping[str, Callable[[], Method]]) -> list[str]:
    """The names of those that can be run here; what the others lack is said."""
    found = []
    for name, make in ours.items():
        try:
            make()
        except InputError as error:
            log.warning("%s is left out: %s", name, error)
        else:
            found.append(name)
    return found


def _outside(name: str, ours: Mapping[str, object]) -> Method:
    """Somebody else's, under a name that is none of ours."""
    if not is_outside(name):
        expected = f"{', '.join(ours)}, {ALL}, NAME=FOLDER or NAME=MODULE:FUNCTION"
        raise InputError("--methods", "", name, expected)
    method = outside_method(name)
    if method.name in ours:
        raise InputError("--methods", "", name, f"a name other than {', '.join(ours)}")
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
