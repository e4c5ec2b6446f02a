"""A case from images to plan, on one page."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .atlas.files import available_regions, load_model
from .atlas.model import ShapeModel
from .config import Settings
from .fit.calibration import compared, refine
from .fit.confidence import conclude
from .fit.initialise import Starts, initialise
from .fit.judging import mixture_of
from .fit.optimise import fit
from .geometry.consistency import image_consistency
from .geometry.refined import refined_views
from .locating import Located, locate, require_something, start_of
from .plan.planning import plan_vertebra
from .render.device import choose_device
from .resources import shipped_weights
from .similarity.learned.nouns import Learned
from .types import LEVELS, Case, FitState, FittedVertebra, Plan, Refinement, Seed, Status, View

MOST_COMPARED = 5
"""Views whose pictures are compared, every one with every other (a third of a second a pair)."""


def plan_case(
    case: Case,
    settings: Settings,
    levels: Sequence[str] | None = None,
    without: Sequence[str] = (),
    located: Located | None = None,
) -> Generator[FitState, None, tuple[Plan, ...]]:
    """Locate, fit and plan the vertebrae of a case: yields the fit's states, returns one plan a level.

    Where cameras are refined (``settings.refinement``), the plans say how; draw them with ``geometry.refined``.

    Args:
        case: two or more views, with seeds or without.
        settings: of the whole run.
        levels: only these; those that the case names when None, or whatever is found where it names none.
        without: people that the shape models (and the detector, ``locating.locate``) must not have learned from.
        located: where the vertebrae are, where that is known already.

    Returns:
        a plan for every level that was asked for, started or not; of whatever is found, for every level started.
        None at all where nobody asked for a level and nothing was found.

    Raises:
        InputError: a level that the case has no seed for, or nothing to plan, where no detector looked; a detector
            that must be there and is not; no weights of the learned similarity where the settings need them.
    """
    device = choose_device(settings.device)
    learned = load_learned(settings, device)  # before any work: it may not be there
    located = locate(case, settings, levels, without) if located is None else located
    require_something(case, located)
    seeds, wanted = located.seeds, _wanted(case, levels, located)
    if not wanted:
        return ()
    models = load_models(without, _with_neighbours({*wanted, *(seed.level for seed in seeds)}))
    run = _Run(case, seeds, models, settings, device, learned)
    begun = perf_counter()
    fits = yield from _fits(run)
    refinement = None
    if settings.refinement.on and fits.starts.vertebrae:
        fits, refinement = yield from _refined(run, fits)
    seconds = (perf_counter() - begun) / max(len(fits.starts.vertebrae), 1)
    found = {one.level: one for one in fits.results(run, seconds)}
    reasons = {**located.reasons, **fits.starts.reasons}
    contradicted = contradiction(fits.case.views) if found else ""
    fitted = [found.get(level) or _not_started(level, reasons) for level in wanted]
    unclicked = {seed.level for seed in located.seeds if not seed.clicks_px}
    results = (doubted(one, contradicted) for one in beside_doubtful(fitted, unclicked))
    plans = (plan_vertebra(one, models.get(one.level), settings.plan) for one in results)
    return tuple(replace(_remembering(plan, located), refinement=refinement) for plan in plans)


def remembered(located: Located, plans: Sequence[Plan]) -> dict[str, Any]:
    """What ``plan.json`` says of how vertebrae were located, besides what it says of each that was started."""
    lost = {one.fitted.level: one.fitted.reason for one in plans if one.fitted.status is Status.NOT_INITIALISED}
    return {"located": located.words, "detector": located.weights, "not_started": {**located.reasons, **lost}}


def _wanted(case: Case, levels: Sequence[str] | None, located: Located) -> list[str]:
    """The levels to answer for, head to foot."""
    every = levels or [seed.level for seed in case.seeds] or [seed.level for seed in located.seeds]
    return sorted(dict.fromkeys(every), key=LEVELS.index)


def _not_started(level: str, reasons: Mapping[str, str]) -> FittedVertebra:
    why = reasons.get(level, f"{level} was not found. Click its centre in two views.")
    return FittedVertebra(level, Status.NOT_INITIALISED, why)


def _remembering(plan: Plan, located: Located) -> Plan:
    """The plan with what its fit began from, and with the doubt about its level."""
    level = plan.fitted.level
    seed = next((one for one in located.seeds if one.level == level), None)
    if seed is None or plan.fitted.vertebra is None:
        return plan
    return replace(plan, start=start_of(seed), level_note=located.notes.get(level, ""))


def contradiction(views: Sequence[View]) -> str:
    """Why the pictures cannot have been taken by these cameras, a sentence; "" where nothing says so.

    A fit does not tell: one to a mirrored picture may look as good as any.
    """
    if len(views) > MOST_COMPARED:
        return ""
    found = image_consistency(views)
    return found.words if found.consistent == "no" else ""


def beside_doubtful(fitted: Sequence[FittedVertebra], unclicked: Collection[str]) -> list[FittedVertebra]:
    """The same fits, but none that began without a click is trusted beside another such one that is not.

    Detections that were paired wrongly are wrong for the whole column, and one of its vertebrae may look good by
    chance: of 24 fits without clicks, 2 were 3.2 and 3.5 mm off and called good, both beside one of low confidence; no
    other one that was called good was.
    """
    doubtful = {one.level for one in fitted if one.level in unclicked and one.vertebra and not one.status.usable}

    def judged(one: FittedVertebra) -> FittedVertebra:
        beside = [level for level in LEVELS if level in doubtful and _next_to(level, one.level)]
        if one.level not in unclicked or not one.status.usable or not beside:
            return one
        reason = (
            f"It was found without a click, as was {' and '.join(beside)}, whose fit is not to be trusted: the views "
            f"may have been matched wrongly. Click the centre of {one.level} in each view. {one.reason}"
        )
        return replace(one, status=Status.LOW_CONFIDENCE, reason=reason.strip())

    return [judged(one) for one in fitted]


def _next_to(one: str, other: str) -> bool:
    return abs(LEVELS.index(one) - LEVELS.index(other)) == 1


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
    learned: Learned | None


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
    inputs = (run.case.views, starts.vertebrae, run.models, run.settings, run.device, run.seeds)
    for state in fit(*inputs, starts.covariances, run.learned):
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


def load_models(without: Sequence[str] = (), levels: Sequence[str] = LEVELS) -> dict[str, ShapeModel]:
    """Level to shape model, of every region of the installed atlas that knows any of ``levels``."""
    models: dict[str, ShapeModel] = {}
    for region, known in available_regions().items():
        if set(known) & set(levels):
            models |= dict.fromkeys(known, load_model(region, without))
    return models


def _with_neighbours(levels: Collection[str]) -> tuple[str, ...]:
    """The levels, those between them and the next on either side: all that takes part in their fit."""
    numbers = [LEVELS.index(level) for level in levels]
    return LEVELS[max(min(numbers) - 1, 0) : max(numbers) + 2]


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
