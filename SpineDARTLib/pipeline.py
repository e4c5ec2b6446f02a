"""A case from images to plan, on one page."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from time import perf_counter

from .atlas.files import available_levels, load_model
from .atlas.model import ShapeModel
from .config import Settings
from .errors import InputError
from .fit.confidence import conclude
from .fit.initialise import initialise
from .fit.optimise import fit
from .plan.planning import plan_vertebra
from .render.device import choose_device
from .resources import resource_folder
from .types import LEVELS, Case, FitState, FittedVertebra, Plan, Seed, Status


def plan_case(
    case: Case, settings: Settings, levels: Sequence[str] | None = None, without: Sequence[str] = ()
) -> Generator[FitState, None, tuple[Plan, ...]]:
    """Fit and plan the vertebrae of a case: yields the fit's states, returns one plan a level.

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
    device = choose_device(settings.device)
    begun = perf_counter()
    starts = initialise(seeds, case.views, models)
    history: list[FitState] = []
    for state in fit(case.views, starts.vertebrae, models, settings, device, seeds):
        history.append(state)
        yield state
    seconds = (perf_counter() - begun) / max(len(starts.vertebrae), 1)
    found = {one.level: one for one in conclude(case, starts, history, models, settings, seconds)}
    return tuple(
        plan_vertebra(
            found.get(seed.level) or FittedVertebra(seed.level, Status.NOT_INITIALISED, starts.reasons[seed.level]),
            models.get(seed.level),
            settings.plan,
        )
        for seed in seeds
    )


def load_models(without: Sequence[str] = ()) -> dict[str, ShapeModel]:
    """Level to shape model, for every level that the installed atlas knows."""
    return dict(_learned(resource_folder("atlas"), tuple(without)))


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
