"""A case from images to plan, on one page."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter

import numpy as np

from .atlas.files import available_levels, load_model
from .atlas.model import ShapeModel
from .config import Settings
from .errors import InputError
from .fit.calibration import compared, refine
from .fit.confidence import conclude
from .fit.initialise import Starts, initialise
from .fit.judging import mixture_of
from .fit.optimise import fit
from .geometry.consistency import image_consistency
from .geometry.refined import refined_views
from .plan.planning import plan_vertebra
from .render.device import choose_device
from .resources import resource_folder
from .similarity.learned.nouns import Learned
from .types import LEVELS, Case, FitState, FittedVertebra, Plan, Refinement, Seed, Status, View
from .weights import shipped_weights

MOST_COMPARED = 5
"""Views whose pictures are compared, every one with every other (a third of a second a pair)."""


def plan_case(
    case: Case, settings: Settings, levels: Sequence[str] | None = None, without: Sequence[str] = ()
) -> Generator[FitState, None, tuple[Plan, ...]]:
    """Fit and plan the vertebrae of a case: yields the fit's states, returns one plan a level.

    Where cameras are refined (``settings.refinement``), the plans say how; draw them with ``geometry.refined``.

    Args:
        case: two or more views with seeds.
        settings: of the whole run.
        levels: only these; all seeds of the case when None.
        without: people that the shape models must not have learned from.

    Raises:
        InputError: a level that the case has no seed for, or nothing to plan.
    """
    seeds = _chosen(case, levels)
    models = load_models(without)
    run = _Run(case, seeds, models, settings, choose_device(settings.device))
    begun = perf_counter()
    fits = yield from _fits(run)
    refinement = None
    if settings.refinement.on and fits.starts.vertebrae:
        fits, refinement = yield from _refined(run, fits)
    seconds = (perf_counter() - begun) / max(len(fits.starts.vertebrae), 1)
    found = {one.level: one for one in fits.results(run, seconds)}
    failed = {level: FittedVertebra(level, Status.NOT_INITIALISED, why) for level, why in fits.starts.reasons.items()}
    contradicted = contradiction(fits.case.views)
    results = (doubted(found.get(seed.level) or failed[seed.level], contradicted) for seed in seeds)
    plans = (plan_vertebra(one, models.get(one.level), settings.plan) for one in results)
    return tuple(replace(plan, refinement=refinement) for plan in plans)


def contradiction(views: Sequence[View]) -> str:
    """Why the pictures cannot have been taken by these cameras, a sentence; "" where nothing says so.

    A fit does not tell: one to a mirrored picture may look as good as any.
    """
    if len(views) > MOST_COMPARED:
        return ""
    found = image_consistency(views)
    return found.words if found.consistent == "no" else ""


def doubted(one: FittedVertebra, contradicted: str) -> FittedVertebra:
    """A fit that is not to be worked from where the pictures contradict the geometry."""
    if not contradicted or one.vertebra is None:
        return one
    reason = f"The pictures contradict the geometry that is given for them. {contradicted} {one.reason}".strip()
    status = Status.LOW_CONFIDENCE if one.status.usable else one.status
    return replace(one, status=status, reason=reason)


@dataclass(frozen=True)
class _Run:
    """What the fits of one case share."""

    case: Case
    seeds: Sequence[Seed]
    models: Mapping[str, ShapeModel]
    settings: Settings
    device: str


@dataclass(frozen=True)
class _Fits:
    """A finished fit, and the cameras that it was made with."""

    case: Case
    starts: Starts
    history: Sequence[FitState]

    def results(self, run: _Run, seconds: float) -> tuple[FittedVertebra, ...]:
        return conclude(self.case, self.starts, self.history, run.models, run.settings, seconds)

    @property
    def similarity(self) -> float:
        """Mean over vertebrae and views."""
        return float(np.mean([list(one.similarity.values()) for one in self.history[-1].evidence.values()]))


def _fits(run: _Run) -> Generator[FitState, None, _Fits]:
    """Start and fit all vertebrae."""
    starts = initialise(run.seeds, run.case.views, run.models)
    history: list[FitState] = []
    learned = load_learned(run.settings, run.device)
    for state in fit(run.case.views, starts.vertebrae, run.models, run.settings, run.device, run.seeds, learned):
        history.append(state)
        yield state
    return _Fits(run.case, starts, history)


def _refined(run: _Run, first: _Fits) -> Generator[FitState, None, tuple[_Fits, Refinement]]:
    """Seek small errors of the cameras, and fit anew with what was found; the first fit where that is no better."""
    trusted = {one.level: one.vertebra for one in first.results(run, 0.0) if one.vertebra and one.status.usable}
    found = yield from refine(run.case.views, trusted, run.models, run.settings, run.device)
    if not found.accepted:
        return first, found
    moved = replace(run.case, views=refined_views(run.case.views, found))
    second = yield from _fits(replace(run, case=moved))
    all_there = second.starts.vertebrae.keys() == first.starts.vertebrae.keys()
    found = compared(run.case.views, found, first.similarity, second.similarity if all_there else None)
    return (second if found.accepted else first), found


def load_models(without: Sequence[str] = ()) -> dict[str, ShapeModel]:
    """Level to shape model, for every level that the installed atlas knows."""
    return dict(_learned(resource_folder("atlas"), tuple(without)))


def load_learned(settings: Settings, device: str) -> Learned | None:
    """The learned similarity where the settings' similarity needs it.

    Raises:
        InputError: its weights are not there; says what to do instead.
    """
    return _weights(shipped_weights(), device) if mixture_of(settings).learned else None


@lru_cache(maxsize=2)
def _weights(folder: Path, device: str) -> Learned:
    from .similarity.learned.weights import load_similarity  # with timm, which takes seconds to import

    return load_similarity(folder, device)


@lru_cache(maxsize=2)
def _learned(folder: Path, without: tuple[str, ...]) -> Mapping[str, ShapeModel]:
    """The same of one atlas, learned once: that takes seconds, and a worker plans case after case."""
    models: dict[str, ShapeModel] = {}
    for level in available_levels():
        if level not in models:
            model = load_model(level, without)
            models.update(dict.fromkeys(model.levels, model))
    return models


def _chosen(case: Case, levels: Sequence[str] | None) -> tuple[Seed, ...]:
    """The seeds to plan, in the order of the column."""
    where = case.folder / "case.json" if case.folder else case.id
    if not case.seeds:
        raise InputError(where, "vertebrae", "nothing", "a level with a click on its centre in each view")
    by_level = {seed.level: seed for seed in case.seeds}
    missing = [level for level in levels or () if level not in by_level]
    if missing:
        raise InputError("--levels", "", ",".join(missing), f"levels of the case ({', '.join(by_level)})")
    wanted = by_level if not levels else {level: by_level[level] for level in levels}
    return tuple(wanted[level] for level in sorted(wanted, key=LEVELS.index))
