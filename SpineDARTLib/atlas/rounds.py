"""Rounds of correspondence: match all, learn, match again from what the models expect, while that makes models better.

Each person is matched again from a model that has not seen them, so that nobody's mistakes confirm themselves. How near
that model comes to their surface is its generalisation, the measure of whether the round before has helped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .correspondence import Store, Vertebra, expect, key_of, match_again, match_template, target_key
from .files import Region
from .mesh import Template
from .register import Drift, Registered
from .workers import Workers


@dataclass(frozen=True)
class Settings:
    """How correspondences are made.

    Attributes:
        rounds: of matching again, at most.
        enough: share by which a round must improve generalisation for another one to follow.
        groups: people are left out in so many groups at most (each alone, when there are no more of them).
        drift: the first, non-rigid registration.
    """

    rounds: int = 4
    enough: float = 0.02
    groups: int = 20
    drift: Drift = field(default_factory=Drift)


@dataclass(frozen=True)
class Progress:
    """Where a build stands.

    Attributes:
        stage: what is being done, in words.
        done, total: of this stage.
        what: what was done last ("verse005 L3").
        distance_mm: its mean distance from its surface; None where there is no such thing.
    """

    stage: str
    done: int
    total: int
    what: str
    distance_mm: float | None = None


@dataclass(frozen=True)
class Round:
    """What came of a round.

    Attributes:
        number: 0 for the template's own matches.
        errors_mm: region to the mean distance of each of its vertebrae from the shape that a model without the person
            comes nearest with, levels that somebody else shows too; regions that had finished before are not in it.
        surface_mm: region to the mean distance of its own shapes from their surfaces.
        dropped: the regions that went back to the shapes of the round before.
    """

    number: int
    errors_mm: Mapping[str, tuple[float, ...]]
    surface_mm: Mapping[str, float]
    dropped: frozenset[str] = frozenset()

    @property
    def generalisation_mm(self) -> dict[str, float]:
        """Region to its mean error; NaN where no level is shown by two people."""
        return {name: float(np.mean(those)) if those else float("nan") for name, those in self.errors_mm.items()}

    def of_region(self, name: str) -> dict[str, object]:
        """The figures of one region, for its header."""
        error = self.generalisation_mm[name]
        return {
            "round": self.number,
            "generalisation_mm": None if np.isnan(error) else round(error, 3),
            "surface_mm": round(self.surface_mm[name], 3),
            "used": name not in self.dropped,
        }


Shapes = tuple[Registered, ...]
Starts = Mapping[int, np.ndarray]
"""A vertebra's place in the list to the (n, 3) mm vertices that it is matched again from."""


def settle(
    pool: Workers,
    store: Store,
    key: str,
    template: Template,
    vertebrae: Sequence[Vertebra],
    regions: Callable[[Shapes], Sequence[Region]],
    settings: Settings,
) -> Generator[Progress, None, tuple[Shapes, tuple[Round, ...]]]:
    """The shapes after the last round that helped, region by region, and what came of each round.

    Args:
        key: a name for everything that the shapes depend on besides the vertebrae.
        regions: what the regions look like with some shapes.
    """
    keys = [key_of(key, target_key(one.target)) for one in vertebrae]
    tasks = ((template, one, settings.drift, store, name) for one, name in zip(vertebrae, keys, strict=True))
    shapes = yield from _matched(pool, store, "matching", vertebrae, keys, match_template, tasks)
    home = {level: region.name for region in regions(shapes) for level in region.levels}
    starts, first = yield from _learned(pool, regions(shapes), vertebrae, shapes, settings.groups, 0)
    rounds, active = [first], set(home.values())
    last = first.generalisation_mm
    for number in range(1, settings.rounds + 1):
        # A region that cannot be judged goes along while there is one that can.
        if all(np.isnan(last[name]) for name in active):
            break
        starts = {place: start for place, start in starts.items() if home[vertebrae[place].level] in active}
        keys = [key_of(number, *keys, i) for i in range(len(vertebrae))]
        found = yield from _again(pool, store, number, template, vertebrae, shapes, starts, keys)
        changed = [region for region in regions(found) if region.name in active]
        starts, figures = yield from _learned(pool, changed, vertebrae, found, settings.groups, number)
        now = figures.generalisation_mm
        dropped = frozenset(name for name in active if now[name] >= last[name])
        pairs = zip(vertebrae, shapes, found, strict=True)
        shapes = tuple(old if home.get(one.level) in dropped else new for one, old, new in pairs)
        active = {name for name in active if not now[name] > (1 - settings.enough) * last[name]}
        rounds.append(replace(figures, dropped=dropped))
        last = {**last, **now}
    return shapes, tuple(rounds)


def _matched(
    pool: Workers,
    store: Store,
    stage: str,
    vertebrae: Sequence[Vertebra],
    keys: Sequence[str],
    function: Callable[..., Registered],
    tasks: Iterator[tuple],
) -> Generator[Progress, None, Shapes]:
    """Every vertebra's shape: what is kept already, and the rest by the pool."""
    kept = [store.read(key) for key in keys]
    missing = (task for task, shape in zip(tasks, kept, strict=True) if shape is None)
    fresh = pool.map(function, missing)
    shapes = []
    for done, (one, old) in enumerate(zip(vertebrae, kept, strict=True), start=1):
        shapes.append(next(fresh) if old is None else old)
        distance = float(shapes[-1].distance_mm[shapes[-1].known].mean())
        yield Progress(stage, done, len(vertebrae), f"{one.subject} {one.level}", distance)
    return tuple(shapes)


def _again(
    pool: Workers,
    store: Store,
    number: int,
    template: Template,
    vertebrae: Sequence[Vertebra],
    before: Shapes,
    starts: Starts,
    keys: Sequence[str],
) -> Generator[Progress, None, Shapes]:
    """Every vertebra that has a start, matched once more; the others as they were."""
    places = sorted(starts)
    tasks = ((template, vertebrae[i], starts[i], store, keys[i]) for i in places)
    chosen, stage = [vertebrae[i] for i in places], f"matching again, round {number}"
    found = yield from _matched(pool, store, stage, chosen, [keys[i] for i in places], match_again, tasks)
    fresh = dict(zip(places, found, strict=True))
    return tuple(fresh.get(i, shape) for i, shape in enumerate(before))


def _learned(
    pool: Workers,
    regions: Sequence[Region],
    vertebrae: Sequence[Vertebra],
    shapes: Shapes,
    groups: int,
    number: int,
) -> Generator[Progress, None, tuple[Starts, Round]]:
    """What models expect of every vertebra, without the person where others show the level, and how well they do."""
    plans = [(region, *plan) for region in regions for plan in _plans(region, vertebrae, groups)]
    tasks = [
        (region, group, [vertebrae[i] for i in places], [shapes[i] for i in places]) for region, group, places in plans
    ]
    starts: dict[int, np.ndarray] = {}
    errors: dict[str, tuple[float, ...]] = {region.name: () for region in regions}
    fits = zip(plans, pool.map(expect, tasks), strict=True)
    for done, ((region, group, places), expected) in enumerate(fits, start=1):
        starts |= {i: one.vertices for i, one in zip(places, expected, strict=True)}
        if group:
            errors[region.name] += tuple(one.distance_mm for one in expected)
        what = f"{region.name} without {group[0]}" if len(group) == 1 else region.name
        yield Progress(f"learning, round {number}", done, len(tasks), what)
    return starts, Round(number, errors, {region.name: _surface_mm(region) for region in regions})


def _plans(region: Region, vertebrae: Sequence[Vertebra], most: int) -> list[tuple[tuple[str, ...], list[int]]]:
    """Whom to leave out, and the places of the vertebrae that are then fitted; () for levels that only one shows."""
    own = [i for i, one in enumerate(vertebrae) if one.level in region.levels]
    people = list(dict.fromkeys(vertebrae[i].subject for i in own))
    groups = [tuple(people[i::most]) for i in range(min(most, len(people)))]
    plans = []
    for group in groups:
        others = {vertebrae[i].level for i in own if vertebrae[i].subject not in group}
        fitted = [i for i in own if vertebrae[i].subject in group and vertebrae[i].level in others]
        plans.append((group, fitted))
    rest = sorted(set(own).difference(*(places for _, places in plans)))
    return [plan for plan in [((), rest), *plans] if plan[1]]


def _surface_mm(region: Region) -> float:
    """Mean distance of a region's own shapes from their surfaces."""
    entries: Sequence[dict] = region.header["samples"]  # pyright: ignore[reportAssignmentType]
    return float(np.mean([entry["distance_mm"] for entry in entries if entry["level"] in region.levels]))
